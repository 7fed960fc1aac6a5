"""Gaps given the circumstances: against brute force, planted confounding, and whether they cry wolf."""

import numpy as np
import pandas as pd
import pytest

from core.fairness.service.adjusted import adjusted_rows, design, least_squares
from tests.core.fairness.parts import FAST, part_of, row_of


def deliveries(n_users, rng, *, gap=0.0, per_user=2):
    """Group a lives further away, which makes it wait; `gap` is what it waits besides."""
    strata = np.repeat([0, 1], [n_users // 3, n_users - n_users // 3])
    user = rng.integers(0, n_users, n_users * per_user)
    far = strata[user] == 0
    around = pd.DataFrame(
        {
            "distance": rng.gamma(2, 200, len(user)) + 400 * far,
            "seller_state": rng.choice(["SP", "RJ", "MG"], len(user), p=[0.6, 0.3, 0.1]),
            "weight_g": rng.gamma(1, 900, len(user)),
        }
    )
    around.loc[::17, "weight_g"] = np.nan
    street = rng.normal(0, 2, n_users)
    days = (
        0.01 * around["distance"]
        + 3 * (around["seller_state"] == "RJ")
        + gap * far
        + street[user]
        + rng.normal(0, 2, len(user))
    )
    return days.to_numpy(), user, around, strata


def run(days, user, around, strata, *, reference=None, **more):
    part = part_of(strata, reference=reference)
    return adjusted_rows(
        days, user, np.arange(len(strata)), part, FAST, metric="delay", circumstances=around, **more
    )


def test_without_circumstances_it_is_the_gap_of_means():
    days, user, _, strata = deliveries(90, np.random.default_rng(1))
    rows = run(days, user, None, strata)
    own, rest = days[strata[user] == 0].mean(), days[strata[user] == 1].mean()
    assert row_of(rows, "delay", "a").value == pytest.approx(own)
    assert row_of(rows, "delay_gap", "a").value == pytest.approx(own - rest)
    assert row_of(rows, "delay").value == pytest.approx(days.mean())


def test_adjusted_gap_is_the_coefficient_of_a_regression_written_by_hand():
    days, user, around, strata = deliveries(120, np.random.default_rng(2))
    missing = around["weight_g"].isna()
    x = np.column_stack(
        [
            np.ones(len(days)),
            strata[user] == 0,
            around["distance"],
            around["weight_g"].fillna(0),
            missing,
            around["seller_state"] == "RJ",
            around["seller_state"] == "MG",
        ]
    ).astype(float)
    beta = np.linalg.lstsq(x, days, rcond=None)[0]
    rows = run(days, user, around, strata)
    assert row_of(rows, "delay_gap", "a").value == pytest.approx(beta[1], abs=1e-6)
    assert row_of(rows, "delay_gap", "b").value == pytest.approx(-beta[1], abs=1e-6)
    assert row_of(rows, "delay").value == pytest.approx(days.mean())


def test_covariance_is_that_of_fitting_again_without_each_user():
    rng = np.random.default_rng(3)
    clusters = rng.permutation(np.repeat(np.arange(20), rng.integers(1, 4, 20)))
    x = np.column_stack([np.ones(len(clusters)), rng.normal(size=(len(clusters), 2))])
    y = x @ [1.0, 2.0, 3.0] + rng.normal(size=len(clusters))
    fit = least_squares(y, x, clusters)
    without = [np.linalg.lstsq(x[clusters != j], y[clusters != j], rcond=None)[0] for j in range(20)]
    off = np.array(without) - np.linalg.lstsq(x, y, rcond=None)[0]
    np.testing.assert_allclose(fit.covariance, off.T @ off * 19 / 20, rtol=1e-8)


def test_what_the_circumstances_explain_is_no_gap_and_a_planted_one_is_covered():
    covered = alarms = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        days, user, around, strata = deliveries(120, rng)
        raw = row_of(run(days, user, None, strata), "delay_gap", "a")
        adjusted = row_of(run(days, user, around, strata), "delay_gap", "a")
        assert raw.value > 2
        alarms += adjusted.p_value <= 0.05
        days, user, around, strata = deliveries(120, rng, gap=1.5)
        row = row_of(run(days, user, around, strata, reference=1), "delay_gap", "a")
        covered += row.low <= 1.5 <= row.high
    assert alarms <= 8
    assert covered >= 52


def test_what_cannot_be_told_apart_has_no_row():
    days, user, around, strata = deliveries(90, np.random.default_rng(4))
    rows = run(days, user, around.assign(home=np.where(strata[user] == 0, "far", "near")), strata)
    assert not [row for row in rows if row.metric == "delay_gap"]
    assert row_of(rows, "delay").value == pytest.approx(days.mean())


def test_order_names_and_units_of_the_circumstances_do_not_matter():
    days, user, around, strata = deliveries(90, np.random.default_rng(5))
    turned = around[["weight_g", "seller_state", "distance"]].assign(
        distance=lambda t: 1000 * t["distance"] + 5,
        seller_state=lambda t: t["seller_state"].map({"SP": "z", "RJ": "y", "MG": "x"}),
    )
    one, other = (row_of(run(days, user, table, strata), "delay_gap", "a") for table in (around, turned))
    assert other.value == pytest.approx(one.value)
    assert other.high == pytest.approx(one.high)


def test_design_keeps_independent_columns_and_lumps_rare_labels():
    table = pd.DataFrame(
        {
            "x": np.arange(40.0),
            "same": 2 * np.arange(40.0) + 1,
            "constant": 1.0,
            "kind": ["a"] * 18 + ["b"] * 12 + list("cdefghijkl"),
            "flag": pd.array([True, None] * 20, dtype="boolean"),
        }
    )
    columns = design(table)
    assert columns.shape == (40, 4)  # x, two of a, b and the others, flag
    np.testing.assert_allclose(columns.mean(axis=0), 0, atol=1e-12)
    assert design(table[["constant"]]).shape == (40, 0)


def test_lateness_that_nobody_has_is_not_judged():
    days, user, around, strata = deliveries(60, np.random.default_rng(6))
    rows = run(np.zeros_like(days), user, around, strata, tolerance=0.05)
    row = row_of(rows, "delay_gap", "a")
    assert (row.value, row.p_value, row.tolerance) == (pytest.approx(0), None, None)


def test_missing_outcomes_and_strangers_do_not_count():
    days, user, around, strata = deliveries(60, np.random.default_rng(7))
    more_days = np.concatenate([days, [np.nan, 5.0]])
    more_users = np.concatenate([user, [0, 999]])
    table = pd.concat([around, around[:2]], ignore_index=True)
    assert run(more_days, more_users, table, strata) == run(days, user, around, strata)


@pytest.mark.parametrize("amounts", [False, True])
@pytest.mark.parametrize("known", [False, True])
def test_a_few_users_who_never_waited_are_no_finding(amounts, known):
    """A dozen of whom none was late at a rate of 5 % had an error of nothing, and so a finding in every second audit."""
    rng, alarms = np.random.default_rng(7), 0
    strata = np.repeat([0, 1], [12, 400])
    part, users = part_of(strata), np.arange(412)
    for _ in range(100):
        outcome = np.where(rng.random(412) < 0.05, rng.gamma(2, 2, 412) if amounts else 1.0, 0.0)
        around = pd.DataFrame({"x": rng.normal(size=412)}) if known else None
        rows = adjusted_rows(outcome, users, users, part, FAST, metric="late", circumstances=around)
        alarms += row_of(rows, "late_gap", "a").p_value <= 0.05
    assert alarms <= 10
