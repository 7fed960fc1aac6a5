"""Each model as something to be explained: the function says what the model says, and sums come out."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from core.data.behaviour import IntentRows
from core.data.order_context import context_of
from core.data.service import OUTCOMES, rows_of
from core.explain.of_intent import USER_VECTOR, intent_subject
from core.explain.of_ranking import AGAIN, NEW, ranking_subject
from core.explain.of_service import service_subject
from core.explain.pairs import read_pairs
from core.explain.subject import explain
from core.models.history import index_history
from core.models.intent import IntentModel, IntentShape
from core.models.rank import rank
from core.models.recent_demand import recent_demand
from core.models.representations import Representations
from core.models.service import ServiceModel, ServiceShape
from core.train import quality
from core.train.service import fit, predict
from tests.core.data.made_orders import made_orders
from tests.core.models.made import made_inputs
from tests.core.models.test_recommender import KEEP, made_model

CPU = torch.device("cpu")


def shaken(model, spread=0.3, seed=1):
    """A model whose every weight says something."""
    torch.manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(spread * torch.randn_like(parameter))
    return model.eval()


def sums_come_out(subject):
    found = explain(subject, np.arange(len(subject))[-40:], np.arange(len(subject))[:25])
    assert found.complete.all()
    assert np.abs(found.values).sum() > 0
    np.testing.assert_allclose(found.outputs, found.expected + found.values.sum(axis=1), atol=found.allowed)
    return found


def intent_rows(n=200):
    random = np.random.default_rng(2)
    columns = ("days since purchase", "purchases", "active in the last 4 horizons")
    features = pd.DataFrame({name: random.uniform(0, 3, n).astype(np.float32) for name in columns})
    return IntentRows(np.arange(n), np.zeros(n, np.int64), features, random.random(n) < 0.5)


@pytest.mark.parametrize("width", [0, 5])
def test_intent(width):
    rows = intent_rows()
    vectors = np.random.default_rng(1).normal(size=(200, 5)).astype(np.float32) if width else None
    shape = IntentShape(tuple(rows.features), hidden=16, dropout=0.0, user_width=width)
    model = shaken(IntentModel(shape))
    subject = intent_subject(model, rows, vectors, days=7)
    asked = None if vectors is None else torch.tensor(vectors)
    said = model.probabilities(torch.tensor(rows.features.to_numpy()), asked)
    np.testing.assert_allclose(subject.function(subject.columns).detach(), said, atol=1e-6)
    assert (USER_VECTOR in subject.features) == bool(width)
    assert subject.shown["purchases"].to_numpy() == pytest.approx(np.expm1(rows.features["purchases"]))
    assert subject.shown["active in the last 4 horizons"].to_numpy() == pytest.approx(
        rows.features.iloc[:, 2]
    )
    sums_come_out(subject)


@pytest.fixture(scope="module")
def orders():
    shop = made_orders(900)
    outcome = next(each for each in OUTCOMES if each.name == "delivery_days")
    rows = rows_of(outcome, shop.tables, shop.events, temporal=True)
    labels = shop.users[["region"]].iloc[rows.users].reset_index(drop=True)
    context = context_of(rows, shop.users, shop.items)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(quality, "EPOCHS", 5)
        return rows, context, fit(rows, context, None, labels, seed=7, device="cpu"), labels


def test_service_without_vectors(orders):
    rows, context, trained, labels = orders
    subject = service_subject(trained, context, None, rows)
    said = predict(trained, context, None, labels)
    np.testing.assert_allclose(subject.function(subject.columns).detach(), said.mean, atol=1e-3)
    found = sums_come_out(subject)
    largest = [subject.features[place] for place in np.argsort(-np.abs(found.values).mean(axis=0))[:6]]
    assert "user region" in largest  # what the days were made of
    assert {block.attribute for block in subject.blocks} == {None, "region"}


def test_service_with_vectors_and_numbers_that_are_missing(orders):
    rows, context, trained, labels = orders
    numbers = context.numbers.assign(freight=context.numbers["freight"].where(rows.users % 3 > 0))
    context = replace(context, numbers=numbers)
    coding = replace(trained.coding, missing=["freight"])
    shape = ServiceShape(vectors=4, numbers=coding.width, sizes=tuple(coding.sizes))
    model = shaken(ServiceModel(shape))
    random = np.random.default_rng(1)
    vectors = [random.normal(size=(len(rows), 4)).astype(np.float32) for _ in range(2)]
    vectors[0][::5] = 0  # users without history
    represented = Representations(*vectors, -random.random(len(rows)).astype(np.float32))
    line = random.normal(size=coding.width + 1).tolist()
    way = replace(trained.way, represented=True)
    trained = replace(trained, model=model, coding=coding, line=line, way=way)
    subject = service_subject(trained, context, represented, rows)
    said = predict(trained, context, represented, labels)
    np.testing.assert_allclose(subject.function(subject.columns).detach(), said.mean, atol=1e-3)
    sums_come_out(subject)


@pytest.fixture(scope="module")
def shop():
    return made_inputs(n_users=30)


@pytest.mark.parametrize("ranked", [False, True])
@pytest.mark.parametrize("task", [KEEP, replace(KEEP, exclude_seen=True)], ids=["kept", "left out"])
def test_ranking(shop, ranked, task):
    model = made_model(shop)
    model.follow_recent_demand(ranked)
    if ranked:
        model.add_ranker()
        shaken(model.ranker)
    history = index_history(shop)
    users = np.arange(1, shop.n_users)
    lists = list(rank(model, history, users, task=task, k=8, device=CPU))
    asked = np.concatenate([np.repeat(part, items.shape[1]) for part, items, _ in lists])
    items = np.concatenate([items.ravel() for _, items, _ in lists]).astype(np.int64)
    said = np.concatenate([values.ravel() for _, _, values in lists])
    listed = np.isfinite(said)
    demand = recent_demand(model, history, task=task)
    assert bool(demand.any()) == ranked
    pairs = read_pairs(model, history, asked[listed], items[listed], task=task, demand=demand)
    np.testing.assert_allclose(pairs.scores, said[listed], atol=1e-4)
    for kind, which in ((AGAIN, pairs.again), (NEW, ~pairs.again)):
        if not which.any():
            assert (kind, task.exclude_seen) == (AGAIN, True)
            continue
        subject = ranking_subject(model, pairs.at(which), kind)
        np.testing.assert_allclose(subject.function(subject.columns).detach(), pairs.scores[which], atol=1e-4)
        sums_come_out(subject)


def test_what_is_told_of_repeats_can_be_read(shop):
    model, history = made_model(shop), index_history(shop)
    items = history.items[history.line_offsets[5] : history.line_offsets[6]]
    item = int(np.bincount(items).argmax())
    pairs = read_pairs(model, history, np.array([5]), np.array([item]), task=KEEP, demand=torch.zeros(20))
    shown = ranking_subject(model, pairs, AGAIN).shown
    assert shown.loc[0, "times taken"] == pytest.approx((items == item).sum(), rel=1e-5)
    assert shown.loc[0, "baskets of the user"] == pytest.approx(history.tokens[5], rel=1e-5)
