"""The service-quality model: chosen honestly, calibrated by group, kept and read again."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from core.data.order_context import Context, context_of
from core.data.service import OUTCOMES, rows_of
from core.errors import CorruptArtefact, TrainingError
from core.models.representations import Representations
from core.train import quality
from core.train.service import dump, fit, halves, predict, scale_of, undump
from tests.core.data.made_orders import made_orders

OUTCOME = {outcome.name: outcome for outcome in OUTCOMES}


@pytest.fixture(scope="module", autouse=True)
def few_epochs():
    """Enough for the made shop, and quick."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(quality, "EPOCHS", 20)
        yield


def asked(shop, name="delivery_days", **changes):
    """Rows, context and groups of one outcome of a made shop."""
    rows = rows_of(OUTCOME[name], shop.tables | changes, shop.events, temporal=True)
    labels = shop.users[["region"]].iloc[rows.users].reset_index(drop=True)
    return rows, context_of(rows, shop.users, shop.items), labels


def fitted(rows, context, labels, represented=None, **options):
    return fit(rows, context, represented, labels, **{"seed": 7, "device": "cpu"} | options)


@pytest.fixture(scope="module")
def days():
    rows, context, labels = asked(made_orders(3000))
    trained = fitted(rows, context, labels)
    return rows, context, labels, trained, predict(trained, context, None, labels)


def test_it_finds_what_the_days_depend_on(days):
    rows, _, _, _, said = days
    test = rows.split == 2
    constant = np.abs(np.median(rows.observed[rows.split == 0]) - rows.observed[test]).mean()
    assert np.abs(said.median - rows.observed)[test].mean() < 0.4 * constant


def test_intervals_cover_each_region(days):
    rows, _, labels, trained, said = days
    inside = (said.low <= rows.observed) & (rows.observed <= said.high)
    test = rows.split == 2
    assert inside[test].mean() == pytest.approx(0.9, abs=0.05)
    for region in ("north", "south"):
        assert inside[test & (labels["region"] == region).to_numpy()].mean() == pytest.approx(0.9, abs=0.08)
    assert set(trained.calibration.groups["region"]) >= {"north"}


def test_predictions_are_ordered(days):
    said = days[-1]
    assert (said.low <= said.median).all()
    assert (said.median <= said.high).all()


def test_outcomes_after_the_test_began_change_nothing(days):
    rows, context, labels, trained, _ = days
    observed = rows.observed.copy()
    later = (rows.split == 2) | (rows.split == -1)
    observed[later] = np.random.default_rng(1).permutation(observed[later]) + 100
    again = fitted(replace(rows, observed=observed), context, labels)
    for name, tensor in trained.model.state_dict().items():
        assert torch.equal(tensor, again.model.state_dict()[name])
    assert again.calibration == trained.calibration


def test_no_user_both_tunes_and_calibrates(days):
    rows = days[0]
    doubled = replace(rows, frame=rows.frame.assign(user=rows.users // 3))
    tuning, calibrating = halves(doubled, seed=7)
    assert not set(doubled.users[tuning]) & set(doubled.users[calibrating])
    assert (tuning | calibrating).sum() == (rows.split == 1).sum()


def test_the_calibration_rows_decide_nothing_but_the_width(days):
    rows, context, labels, trained, _ = days
    _, calibrating = halves(rows, seed=7)
    observed = rows.observed.copy()
    observed[calibrating] += np.random.default_rng(0).normal(scale=20, size=calibrating.sum())
    again = fitted(replace(rows, observed=observed), context, labels)
    assert torch.equal(trained.model.head.weight, again.model.head.weight)
    assert again.calibration.everyone > trained.calibration.everyone + 5


def test_stars_are_whole_and_within_their_limits():
    rows, context, labels = asked(made_orders(), "satisfaction_at_review")
    said = predict(trained := fitted(rows, context, labels), context, None, labels)
    for values in (said.low, said.median, said.high):
        assert set(np.unique(values)) <= {1.0, 2.0, 3.0, 4.0, 5.0}
    assert trained.scale.whole
    assert 1 <= said.mean.min() <= said.mean.max() <= 5
    test = rows.split == 2
    assert ((said.low <= rows.observed) & (rows.observed <= said.high))[test].mean() > 0.86


def test_lateness_is_what_tells_satisfaction():
    shop = made_orders(1500)
    errors = {}
    for name in ("satisfaction_at_order", "satisfaction_at_review"):
        rows, context, labels = asked(shop, name)
        blind = Context(context.numbers, context.categories[["item category"]])
        said = predict(fitted(rows, blind, labels), blind, None, labels)
        errors[name] = np.abs(said.median - rows.observed)[rows.split == 2].mean()
    assert errors["satisfaction_at_review"] < 0.8 * errors["satisfaction_at_order"]


def test_vectors_are_read_where_they_help_and_left_out_where_they_are_noise():
    shop = made_orders(1500)
    rows, context, labels = asked(shop)
    nothing = Context(context.numbers[["freight"]], context.categories[["item category"]])
    random = np.random.default_rng(0)
    noise = random.normal(size=(len(rows), 48)).astype(np.float32)
    telling = noise.copy()
    telling[:, 0] = rows.observed - rows.observed.mean()
    scores = np.full(len(rows), -1.0, np.float32)
    useful = fitted(rows, nothing, labels, Representations(telling, telling, scores))
    useless = fitted(rows, context, labels, Representations(noise, noise, scores))
    assert (useful.way.represented, useless.way.represented) == (True, False)
    assert set(useful.tuning) >= {"U, P, R and context", "context alone"}


def test_rows_that_were_not_drawn_at_random_neither_tune_nor_calibrate():
    shop = made_orders(2000)
    fair = np.random.default_rng(0).random(2000) < 0.7
    service = shop.service.assign(in_random_20k=fair)
    rows, context, labels = asked(shop, service=service)
    trained = fitted(rows, context, labels)
    assert trained.calibration_rows < ((rows.split == 1) & rows.unbiased).sum()
    assert set(trained.tuning) >= {"context alone, unbiased rows alone", "context alone, all rows weighted"}
    tuning, calibrating = halves(rows, seed=7)
    assert rows.unbiased[tuning | calibrating].all()


def test_a_kept_model_says_the_same_when_read_again(days):
    _, context, labels, trained, said = days
    tensors, text = dump(trained)
    again = undump({name: tensor.clone() for name, tensor in tensors.items()}, text)
    after = predict(again, context, None, labels)
    for name in ("low", "median", "high", "mean"):
        np.testing.assert_array_equal(getattr(said, name), getattr(after, name))
    assert (again.tuning, again.way, again.scale) == (trained.tuning, trained.way, trained.scale)


def test_what_a_line_explains_is_left_to_it():
    shop = made_orders(1500)
    rows, context, labels = asked(shop)
    steep = replace(rows, observed=(50 * context.numbers["freight"]).to_numpy(np.float32) + rows.observed)
    trained = fitted(steep, context, labels)
    assert trained.way.line
    assert predict(trained, context, None, labels).median[rows.split == 2] == pytest.approx(
        steep.observed[rows.split == 2], abs=15
    )


def test_a_model_that_does_not_fit_its_description_is_refused(days):
    tensors, text = dump(days[3])
    with pytest.raises(CorruptArtefact, match="format"):
        undump(tensors, json.dumps(json.loads(text) | {"format": 99}))
    with pytest.raises(CorruptArtefact, match="does not fit"):
        undump({name: tensor for name, tensor in tensors.items() if name != "head.bias"}, text)


def test_too_few_rows_are_refused_with_their_number():
    rows, context, labels = asked(made_orders(150))
    with pytest.raises(TrainingError, match="Too few rows for a model of days from order to delivery"):
        fitted(rows, context, labels)


def test_new_orders_of_unseen_groups_are_answered(days):
    _, context, _, trained, _ = days
    labels = pd.DataFrame({"region": ["nowhere"] * 3})
    few = Context(context.numbers.head(3), context.categories.head(3).assign(**{"user region": "nowhere"}))
    assert np.isfinite(predict(trained, few, None, labels).high).all()


def test_an_outcome_that_never_varies_has_a_spread_all_the_same():
    scale = scale_of(np.full(10, 5.0, np.float32))
    assert scale.deviation == 1.0
