"""Predictions of service by group: planted over-promising, none, numbers by hand, small groups, scopes, bad input."""

import warnings
from datetime import date
from functools import partial

import numpy as np
import pandas as pd
import pytest
from pyfixest import feols
from scipy import stats

from core.data.feedback.joining import FED
from core.data.service import OUTCOMES, VOLUNTEERED
from core.errors import InputError, NotFound
from core.fairness.definitions import definition_of
from core.schema.settings import Scope
from core.workflow.audits.service import (
    prediction_distributions,
    residual_distributions,
    residual_parity,
    service,
)
from tests.core.workflow.audits.served import BY_REGION, SMALL, gap, mean, numbers_of, served

SATISFACTION = OUTCOMES[0]
NAME = SATISFACTION.name
TO_WEST = BY_REGION.model_copy(update={"reference": "west"})


def asked(made, settings=BY_REGION):
    return service(made.shop, made.predictions, SATISFACTION, settings)


def parity(made, predictions=None, settings=BY_REGION):
    given = made.predictions if predictions is None else predictions
    return residual_parity(made.shop, given, made.orders, SATISFACTION, settings)


def spread(made, predictions=None):
    given = made.predictions if predictions is None else predictions
    return prediction_distributions(made.shop, given, SATISFACTION, BY_REGION)


def test_a_region_that_is_promised_too_much_is_found():
    made = served(900, promised_too_much=1.0)
    found = asked(made)
    rows = found.section.rows
    row = gap(rows, f"{NAME}_residual", "south")
    assert row["verdict"] == "unequal"
    assert row["low"] < row["value"] < row["high"] < 0
    assert gap(rows, f"{NAME}_predicted", "south")["verdict"] == "unequal"
    assert gap(rows, f"{NAME}_observed", "south")["verdict"] != "unequal"
    assert found.off_line[0]["south"] < 1e-6
    assert any("is rejected for" in note and "south" in note for note in found.section.notes)
    south = found.bins[0].query("group == 'south'")
    assert (south["high"] < south["predicted"]).sum() >= 3
    whole = residual_distributions(made.shop, made.predictions, SATISFACTION, BY_REGION)
    for metric in ("residual_ks", "residual_w1"):
        assert gap(whole.rows, f"{NAME}_{metric}", "south")["verdict"] == "unequal"


def test_where_predictions_know_nothing_of_regions_and_regions_are_alike_there_is_no_alarm():
    alarms = 0
    for seed in range(10):
        made = served(400, seed=seed)
        rng = np.random.default_rng(100 + seed)
        said = made.predictions["expected"].to_numpy()
        alike = made.predictions.assign(observed=np.clip(np.round(said + rng.normal(0, 0.5, 400)), 1, 5))
        rows = service(made.shop, alike, SATISFACTION, BY_REGION).section.rows
        whole = residual_distributions(made.shop, alike, SATISFACTION, BY_REGION).rows
        alarms += (pd.concat([rows, whole])["verdict"] == "unequal").any()
    assert alarms <= 1


def test_numbers_and_tolerances_by_hand():
    made = served(300)
    rows, given = asked(made).section.rows, made.predictions
    own = (made.shop.users["region"] == "north").to_numpy()
    residual = given["observed"] - given["expected"].astype(float)
    inside = given["observed"].between(given["low"], given["high"])
    wrong = (given["observed"] - given["predicted"]).abs()
    by_hand = {
        "observed": given["observed"],
        "predicted": given["expected"],
        "residual": residual,
        "mae": wrong,
        "coverage": inside.astype(float),
        "width": given["high"] - given["low"],
    }
    for metric, values in by_hand.items():
        assert mean(rows, f"{NAME}_{metric}", "north") == pytest.approx(values[own].mean(), abs=1e-6)
        value = gap(rows, f"{NAME}_{metric}", "north")["value"]
        assert value == pytest.approx(values[own].mean() - values[~own].mean(), abs=1e-6)
    rmse = np.sqrt((residual[own] ** 2).mean())
    assert mean(rows, f"{NAME}_rmse", "north") == pytest.approx(rmse, abs=1e-6)
    size = given["observed"].mean()
    for metric, level in {
        "observed": size,
        "predicted": size,
        "residual": size,
        "calibration_error": size,
        "mae": wrong.mean(),
        "coverage": 0.9,
        "width": 3.0,
    }.items():
        tolerance = gap(rows, f"{NAME}_{metric}", "north")["tolerance"]
        assert tolerance == pytest.approx(0.1 * level, rel=1e-6)
    assert np.isnan(gap(rows, f"{NAME}_calibration_slope", "north")["tolerance"])
    whole = residual_distributions(made.shop, given, SATISFACTION, BY_REGION)
    assert gap(whole.rows, f"{NAME}_residual_ks", "north")["tolerance"] == 0.1
    assert gap(whole.rows, f"{NAME}_residual_w1", "north")["tolerance"] == pytest.approx(0.1 * size)


def test_predictions_of_a_region_that_is_promised_more_are_spread_otherwise_as_scipy_says():
    made = served(600, promised_too_much=1.0)
    rows = spread(made).rows
    said = made.predictions["expected"].to_numpy(float)
    own = (made.shop.users["region"] == "south").to_numpy()
    for metric, distance in (
        ("ks", stats.ks_2samp(said[own], said[~own]).statistic),
        ("w1", stats.wasserstein_distance(said[own], said[~own])),
    ):
        row = gap(rows, f"{NAME}_predicted_{metric}", "south")
        assert row["value"] == pytest.approx(distance, abs=1e-6)
        assert row["verdict"] == "unequal"
        assert row["value"] > row["null_high"]
    size = made.predictions["observed"].mean()
    assert gap(rows, f"{NAME}_predicted_ks", "south")["tolerance"] == 0.1
    assert gap(rows, f"{NAME}_predicted_w1", "south")["tolerance"] == pytest.approx(0.1 * size)


def test_orders_of_one_user_are_not_taken_for_independent():
    made = served(120)
    repeated = made.predictions.loc[np.repeat(np.arange(120), 6)].reset_index(drop=True)
    once, often = spread(made).rows, spread(made, repeated).rows
    pd.testing.assert_frame_equal(once, often, check_exact=False, atol=1e-9)
    one, other = (parity(made, each).rows for each in (made.predictions, repeated))
    numbers = ["value", "low", "high", "p_value"]
    pd.testing.assert_frame_equal(one[numbers], other[numbers], check_exact=False, rtol=0.02)


def test_predictions_that_know_nothing_of_regions_raise_no_alarm():
    alarms = sum((spread(served(400, seed=seed)).rows["verdict"] == "unequal").any() for seed in range(20))
    assert alarms <= 1


def test_a_model_that_forgets_distance_breaks_its_promises_to_the_north_but_not_for_the_same_order():
    alarms = covered = 0
    for seed in range(20):
        made = served(500, seed=seed, promised_too_much=0.8)
        raw = gap(asked(made, TO_WEST).section.rows, f"{NAME}_residual", "north")
        assert raw["high"] < 0
        rows = parity(made, settings=TO_WEST).rows
        north, south = (gap(rows, f"{NAME}_residual_adjusted", group) for group in ("north", "south"))
        alarms += north["verdict"] == "unequal"
        covered += south["low"] <= -0.8 <= south["high"]
    assert alarms <= 1
    assert covered >= 17


def test_residuals_for_the_same_order_are_those_of_a_regression():
    made = served(300)
    given, region = made.predictions, made.shop.users["region"]
    frame = made.orders.assign(
        residual=given["observed"].astype(float) - given["expected"].astype(float),
        region=region,
        month=made.orders["timestamp"].dt.month,
    )
    for name in ("distance_km", "weight_g"):
        frame[f"{name}_tenth"] = pd.qcut(frame[name], 10, labels=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of pandas on pyfixest
        fit = feols(
            "residual ~ i(region, ref='west') + distance_km + weight_g "
            "| seller_state + month + distance_km_tenth + weight_g_tenth",
            frame,
        )
    found = parity(made, settings=TO_WEST)
    for group in ("north", "south"):
        (coefficient,) = (value for name, value in fit.coef().items() if group in name)
        row = gap(found.rows, f"{NAME}_residual_adjusted", group)
        assert row["value"] == pytest.approx(coefficient, abs=1e-6)
        assert row["tolerance"] == pytest.approx(0.1 * given["observed"].mean())
    assert mean(found.rows, f"{NAME}_residual_adjusted", "all") == pytest.approx(frame["residual"].mean())
    assert "Held equal: distance, freight, weight, the seller's state, month of the order." in found.notes
    assert found.notes[0].startswith("300 test rows of 300 users;")


def test_where_nothing_can_be_held_equal_there_is_one_clear_error():
    made = served(100)
    alike = made.orders["timestamp"].min()
    bare = made._replace(
        orders=made.orders[["user", "item", "order_id"]].assign(timestamp=alike),
        predictions=made.predictions.assign(timestamp=alike),
    )
    with pytest.raises(InputError, match="nothing could be held equal"):
        parity(bare)


def test_only_unbiased_test_rows_of_the_outcome_count():
    made = served(400)
    rng, given = np.random.default_rng(2), made.predictions
    part = rng.integers(0, 4, 400)
    mixed = given.assign(
        split=np.where(part == 1, 0, 2),
        unbiased=part != 2,
        outcome=np.where(part == 3, "delivery_days", NAME),
        observed=np.where(part == 0, given["observed"], 99.0),
    )
    found = service(made.shop, mixed, SATISFACTION, BY_REGION)
    kept = service(made.shop, given[part == 0].reset_index(drop=True), SATISFACTION, BY_REGION)
    pd.testing.assert_frame_equal(found.section.rows, kept.section.rows)
    assert found.rows == (part == 0).sum()
    assert f"{found.rows} test rows" in found.section.notes[0]


def test_small_groups_carry_no_number_anywhere():
    made = served(300, small=True)
    found = asked(made)
    whole = residual_distributions(made.shop, made.predictions, SATISFACTION, BY_REGION)
    for section in (found.section, whole, spread(made), parity(made)):
        assert section.rows.loc[section.rows["group"] == SMALL, "suppressed"].all()
        assert numbers_of(section.rows, SMALL).isna().all(axis=None)
        assert not any(SMALL in note for note in section.notes)
    assert SMALL not in found.off_line[0]
    assert SMALL not in set(found.bins[0]["group"])
    assert (found.bins[0]["n"] >= 10).all()


def test_a_scope_cuts_rows_and_an_empty_one_is_an_error():
    made = served(400)
    scope = Scope(categories=("toys",), start=date(2024, 2, 1))
    inside = (made.predictions["item"] % 2 == 0) & (made.predictions["timestamp"] >= "2024-02-01")
    found = asked(made, BY_REGION.model_copy(update={"scope": scope}))
    kept = service(made.shop, made.predictions[inside].reset_index(drop=True), SATISFACTION, BY_REGION)
    pd.testing.assert_frame_equal(found.section.rows, kept.section.rows)
    late = BY_REGION.model_copy(update={"scope": Scope(start=date(2030, 1, 1))})
    odd = BY_REGION.model_copy(update={"scope": Scope(categories=("none",))})
    parted = parity(made, settings=BY_REGION.model_copy(update={"scope": scope}))
    fewer = parity(made, made.predictions[inside].reset_index(drop=True))
    pd.testing.assert_frame_equal(parted.rows, fewer.rows)
    about = (made.shop, made.predictions)
    for ask in (
        partial(service, *about),
        partial(residual_distributions, *about),
        partial(prediction_distributions, *about),
        partial(residual_parity, *about, made.orders),
    ):
        with pytest.raises(InputError, match="No test row of satisfaction lies in this part"):
            ask(SATISFACTION, late)
        with pytest.raises(NotFound, match="no category 'none'"):
            ask(SATISFACTION, odd)


def test_a_group_whose_outcomes_all_lie_in_their_intervals_is_not_taken_to_be_sure_of_it():
    made = served(300)
    region = made.shop.users["region"].to_numpy()
    few = np.flatnonzero(region == "south")[:12]
    made.shop.users.loc[few, "region"] = "east"
    given = made.predictions.copy()
    given.loc[few, ["low", "high"]] = [0.0, 6.0]
    row = gap(asked(made._replace(predictions=given)).section.rows, f"{NAME}_coverage", "east")
    assert row["verdict"] == "not_enough_data"
    assert row["low"] < row["value"] - 3 / 12 + 1e-9


def test_every_metric_has_its_definition():
    made = served(200)
    sections = (
        asked(made).section,
        residual_distributions(made.shop, made.predictions, SATISFACTION, BY_REGION),
        spread(made),
        parity(made),
    )
    for section in sections:
        assert all(definition_of(metric, "service") for metric in section.rows["metric"].unique())


def test_where_all_that_is_judged_was_volunteered_every_part_says_so():
    made = served(300)
    fed = made.predictions.assign(**{FED: True})
    told = service(made.shop, fed, SATISFACTION, BY_REGION)
    assert told.volunteered
    whole = (residual_distributions, prediction_distributions)
    parts = [ask(made.shop, fed, SATISFACTION, BY_REGION) for ask in whole]
    no_orders = made.orders.assign(**{FED: True})
    parts += [told.section, residual_parity(made.shop, fed, no_orders, SATISFACTION, BY_REGION)]
    assert all(VOLUNTEERED in part.notes for part in parts)
    for predictions in (made.predictions, made.predictions.assign(**{FED: False})):
        plain = service(made.shop, predictions, SATISFACTION, BY_REGION)
        assert not plain.volunteered
        assert VOLUNTEERED not in plain.section.notes
        pd.testing.assert_frame_equal(plain.section.rows, told.section.rows)
