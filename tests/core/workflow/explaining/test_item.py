"""Why an item: parts that add up, effects that are the real model's, and nothing of those who may not be told of."""

import numpy as np
import pandas as pd
import pytest
import torch

from core.errors import NotFound
from core.explain.similar import similar_buyers
from core.explain.without import Asked
from core.models.rank import rank
from core.workflow.explaining import item as why
from core.workflow.explaining.asking import Asking
from core.workflow.explaining.item import why_item
from core.workflow.explaining.recommender import read_recommender
from core.workflow.runs import run_table


@pytest.fixture(scope="module")
def asking(shop):
    return Asking(shop.workspace, shop.run)


@pytest.fixture(scope="module")
def lists(shop):
    return run_table(shop.workspace, shop.run, "candidates_test")


@pytest.mark.parametrize("place", [1, 4])
def test_an_entry_of_the_list(asking, lists, place):
    row = lists[(lists["rank"] == place)].iloc[7]
    user, item = int(row["user"]), int(row["item"])
    found = why_item(asking, user, item, k=5)
    assert found.place == place
    assert found.parts["value"].sum() == pytest.approx(found.score, abs=1e-3)
    assert found.title == asking.items["item_id"].iloc[item]
    known = asking.recommender
    asked = Asked(known.model, known.history, known.task, known.demand, user, item, 5)
    first = found.history.iloc[0]
    told = asked.without([frozenset([int(first["item"])])])
    assert first["effect"] == pytest.approx(found.score - told.score[0], abs=1e-3)
    assert first["place"] == told.place[0]
    assert len(found.history) == found.looked_at == found.products == len(asked.products)
    assert found.again == (found.itself is not None) == (item in asked.products)
    if found.removal is not None:
        assert item not in found.removal.parts
        assert asked.without([frozenset(found.removal.parts)]).place[0] > 5
        assert len(found.removed) == len(found.removal.parts)


def test_a_model_that_follows_recent_demand_is_explained_as_it_ranks(shop):
    known = read_recommender(shop.workspace, shop.run)
    assert not known.demand.any()  # the model itself does not follow it
    demand = known.__dict__["demand"] = torch.linspace(-2, 2, known.history.n_items)
    asking = Asking(shop.workspace, shop.run)
    asking.__dict__["recommender"] = known
    history, cpu = known.history, torch.device("cpu")
    buyers = np.flatnonzero(history.tokens > 1)[:40]
    checked = 0
    options = {"task": known.task, "k": 12, "device": cpu, "demand": demand}
    for users, items, scores in rank(known.model, history, buyers, **options):
        for user, own, values in zip(users.tolist(), items, scores, strict=True):
            before = set(history.items[slice(*history.line_offsets[user : user + 2])].tolist())
            new = [place for place, item in enumerate(own) if item not in before and abs(demand[item]) > 0.1]
            if not new or checked == 3:
                continue
            item, score = int(own[new[0]]), float(values[new[0]])
            found = why_item(asking, user, item, k=5)
            assert found.parts["value"].sum() == pytest.approx(score, abs=1e-3)
            asked = Asked(known.model, history, known.task, known.demand, user, item, 5)
            told = asked.without([frozenset(), *(frozenset([int(one)]) for one in found.history["item"])])
            assert told.score[0] == pytest.approx(score, abs=1e-3)
            np.testing.assert_allclose(found.history["effect"], score - told.score[1:], atol=1e-3)
            assert found.history["place"].tolist() == told.place[1:].tolist()
            entry = pd.DataFrame({"user": [user], "item": [item]})
            subject = asking.subject("ranking_new", entry)
            assert subject.function(subject.columns).item() == pytest.approx(score, abs=1e-3)
            checked += 1
    assert checked == 3


def test_what_is_below_the_list_cannot_leave_it(asking, lists):
    row = lists[lists["rank"] == 8].iloc[3]
    assert why_item(asking, int(row["user"]), int(row["item"]), k=5).removal is None


def test_long_histories_are_looked_at_in_part_and_it_says_so(asking, lists, monkeypatch):
    monkeypatch.setattr(why, "LOOKED_AT", 3)
    row = lists[lists["rank"] == 1].iloc[9]
    found = why_item(asking, int(row["user"]), int(row["item"]), k=5)
    assert found.looked_at == len(found.history) == 3 < found.products


def test_similar_customers(asking, lists):
    row = lists[lists["rank"] == 1].iloc[11]
    assert why_item(asking, int(row["user"]), int(row["item"]), k=5).similar is None  # 200 users are too few
    vectors, user = asking.user_vectors, int(row["user"])
    history = asking.recommender.history
    owners = np.repeat(np.arange(history.n_users), np.diff(history.line_offsets))
    bought = np.isin(np.arange(history.n_users), owners[history.items == int(row["item"])])
    told = similar_buyers(vectors, user, bought, known=history.tokens > 0, n=60)
    assert told.n == 60
    assert told.buyers is None or 10 <= told.buyers <= 50


def test_what_there_is_no_reason_for(asking, lists):
    user = int(lists["user"].iloc[0])
    n = int((lists["user"] == user).sum())
    with pytest.raises(NotFound, match=f"none of the user's {n} candidates"):
        why_item(asking, user, 10_000, k=5)
