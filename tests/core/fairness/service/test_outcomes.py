"""Outcomes and predictions by group: by hand, against libraries, with several rows a user."""

import numpy as np
import pandas as pd
import pytest
from fairlearn.metrics import MetricFrame, mean_prediction
from sklearn.linear_model import LinearRegression
from sklearn.metrics import mean_absolute_error, root_mean_squared_error

from core.fairness.service.calibration import (
    calibration_error,
    calibration_line,
    calibration_tests,
    error_contributions,
    line_contributions,
)
from core.fairness.service.outcomes import outcome_contributions, outcome_measures, outcome_rows
from core.fairness.service.rows import judged_rows, user_sums
from core.schema.settings import Statistics
from tests.core.fairness.parts import FAST, part_of, row_of


def orders(n_users, rng, *, per_user=3, promise=0.0):
    """Satisfaction and its prediction; the model says `promise` too much to users of the second half."""
    user = rng.integers(0, n_users, n_users * per_user)
    mood = rng.normal(0, 0.5, n_users)
    expected = rng.normal(4, 0.5, len(user)) + promise * (user >= n_users // 2)
    observed = expected - promise * (user >= n_users // 2) + mood[user] + rng.normal(0, 0.5, len(user))
    return pd.DataFrame(
        {
            "user": user,
            "observed": observed,
            "predicted": expected + 0.1,
            "expected": expected,
            "low": expected - 1,
            "high": expected + 1,
        }
    )


def halves(n_users, **more):
    return part_of(np.repeat([0, 1], [n_users // 2, n_users - n_users // 2]), **more)


def test_metrics_by_hand():
    rows = pd.DataFrame(
        {
            "user": [3, 3, 5],
            "observed": [5.0, 1.0, 4.0],
            "predicted": [4.0, 4.0, 4.0],
            "expected": [4.5, 3.0, 4.0],
            "low": [4.0, 2.0, 3.0],
            "high": [5.0, 5.0, 5.0],
        }
    )
    contributions, names = outcome_contributions(rows, np.array([5, 4, 3]))
    assert np.isnan(contributions[1]).all(), "a user without rows does not count"
    found = dict(zip(names, outcome_measures(contributions[[0, 2]].sum(axis=0)), strict=True))
    assert found == pytest.approx(
        {
            "observed": 10 / 3,
            "predicted": 11.5 / 3,
            "residual": -0.5,
            "mae": 4 / 3,
            "rmse": np.sqrt((0.25 + 4 + 0) / 3),
            "coverage": 2 / 3,
            "width": 2.0,
        }
    )


def test_measures_leave_the_totals_as_they_are_and_know_nothing_of_nobody():
    totals = np.ones((2, 6))
    outcome_measures(totals)
    np.testing.assert_array_equal(totals, 1)
    assert np.isnan(outcome_measures(np.zeros(6))).all()


def test_without_intervals_or_means_the_rest_is_told():
    rows = orders(40, np.random.default_rng(1))[["user", "observed", "predicted"]]
    contributions, names = outcome_contributions(rows, np.arange(40))
    assert names == ("observed", "predicted", "residual", "mae", "rmse")
    totals = np.nansum(contributions, axis=0)
    assert outcome_measures(totals)[1] == pytest.approx(rows["predicted"].mean())


def test_groups_agree_with_fairlearn_and_sklearn():
    rows = orders(60, np.random.default_rng(2)).assign(predicted=lambda r: r["expected"])
    found = outcome_rows(rows, np.arange(60), halves(60), FAST)
    frame = MetricFrame(
        metrics={"mae": mean_absolute_error, "rmse": root_mean_squared_error, "predicted": mean_prediction},
        y_true=rows["observed"],
        y_pred=rows["expected"],
        sensitive_features=(rows["user"] >= 30).map({False: "a", True: "b"}),
    )
    for metric in ("mae", "rmse", "predicted"):
        for group in "ab":
            assert row_of(found, metric, group).value == pytest.approx(
                frame.by_group[metric][group], abs=1e-6
            )
        assert abs(row_of(found, f"{metric}_gap", "a").value) == pytest.approx(frame.difference()[metric])


def test_calibration_line_is_that_of_least_squares():
    rows = orders(60, np.random.default_rng(3))
    totals = np.nansum(line_contributions(rows, np.arange(60)), axis=0)
    line = LinearRegression().fit(rows[["expected"]], rows["observed"])
    np.testing.assert_allclose(calibration_line(totals), [line.intercept_, line.coef_[0]])


def test_no_line_through_a_constant_prediction():
    rows = orders(60, np.random.default_rng(4)).assign(expected=4.0)
    with np.errstate(invalid="ignore"):
        assert np.isnan(calibration_line(np.nansum(line_contributions(rows, np.arange(60)), axis=0))).all()
    found = outcome_rows(rows, np.arange(60), halves(60), FAST)
    assert not [row for row in found if row.metric.startswith("calibration_slope")]


def test_calibration_error_is_the_weighted_gap_of_bins():
    rows = orders(80, np.random.default_rng(5))
    bins = pd.qcut(rows["expected"], 10)
    gaps = (rows["observed"] - rows["expected"]).groupby(bins, observed=True).agg(["mean", "size"])
    expected = (gaps["mean"].abs() * gaps["size"]).sum() / len(rows)
    totals = np.nansum(error_contributions(rows, np.arange(80)), axis=0)
    assert calibration_error(totals)[0] == pytest.approx(expected)
    perfect = rows.assign(observed=rows["expected"])
    assert calibration_error(np.nansum(error_contributions(perfect, np.arange(80)), axis=0))[0] == 0


def test_over_promising_is_found_in_the_residual_and_not_in_what_users_got():
    rows = orders(300, np.random.default_rng(6), promise=0.6)
    found = outcome_rows(rows, np.arange(300), halves(300), FAST, prefix="satisfaction_")
    residual = row_of(found, "satisfaction_residual_gap", "b")
    assert residual.low <= -0.6 <= residual.high < 0
    assert residual.p_value == pytest.approx(1 / 301)
    assert row_of(found, "satisfaction_observed_gap", "b").p_value > 0.05
    assert row_of(found, "satisfaction_predicted_gap", "b").low > 0
    assert residual.section == "service"
    assert residual.n == rows.loc[rows["user"] >= 150, "user"].nunique()


def test_intervals_count_users_not_rows():
    rng = np.random.default_rng(7)
    settings = Statistics(draws=300, permutations=100)
    covered = 0
    for _ in range(50):
        rows = orders(80, rng, per_user=8)
        found = outcome_rows(rows, np.arange(80), halves(80), settings)
        row = row_of(found, "residual_gap", "a")
        covered += row.low <= 0 <= row.high
    assert covered >= 43


def test_only_unbiased_test_rows_of_the_outcome_are_judged():
    table = pd.DataFrame(
        {"outcome": ["a", "a", "b", "a"], "split": [2, 2, 2, 0], "unbiased": [True, False, True, True]}
    )
    assert len(judged_rows(table, "a")) == 1
    assert outcome_rows(judged_rows(table, "c"), np.arange(3), halves(3), FAST) == []


def test_sums_of_users_ignore_strangers():
    sums = user_sums(np.array([1, 9, 1]), np.array([[1.0], [5.0], [2.0]]), np.array([1, 2]))
    np.testing.assert_array_equal(sums, [[3.0], [np.nan]])


def test_intervals_go_no_further_than_metrics_can():
    rows = orders(60, np.random.default_rng(8)).assign(low=-9.0)
    rows.loc[:1, "low"] = 9.0
    found = outcome_rows(rows, np.arange(60), halves(60), FAST, prefix="x_")
    for row in found:
        if row.statistic == "mean" and row.metric in ("x_coverage", "x_calibration_error", "x_mae"):
            assert row.low >= 0
        if row.metric == "x_coverage":
            assert row.high <= 1
        if row.metric == "x_coverage_gap":
            assert -1 <= row.low <= row.high <= 1


def test_calibration_is_tested_at_its_level_and_a_group_promised_too_much_is_found():
    rng = np.random.default_rng(9)
    rejected = 0
    for _ in range(100):
        found = calibration_tests(orders(80, rng), np.arange(80), halves(80), FAST)
        rejected += found["a"] <= 0.05
    assert rejected <= 12
    promised = calibration_tests(orders(200, rng, promise=0.6), np.arange(200), halves(200), FAST)
    assert promised["b"] < 0.001
    flat = orders(80, rng).assign(expected=4.0)
    assert calibration_tests(flat, np.arange(80), halves(80), FAST) == {}
