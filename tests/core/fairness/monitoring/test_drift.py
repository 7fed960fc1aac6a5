"""Drift is found where there is some, noise is not taken for it, and users are the unit."""

import numpy as np
import pytest
from scipy import stats

from core.fairness.monitoring.drift import Window, category_drift, drift_table, number_drift
from core.schema.settings import Statistics
from tests.core.fairness.monitoring.made_windows import grouped, two_groups

FAST = Statistics(draws=200, permutations=400)


def drift_of(rows, measure, group="all"):
    (row,) = [row for row in rows if (row.measure, row.group) == (measure, group)]
    return row


def apart(values, new_values):
    """Other users in the new window, one value each."""
    n, m = len(values), len(new_values)
    return Window(np.arange(n), np.asarray(values)), Window(np.arange(n, n + m), np.asarray(new_values))


def test_ks_is_that_of_scipy():
    rng = np.random.default_rng(1)
    one, other = rng.normal(size=90), rng.normal(0.4, 1, 120)
    found = drift_of(number_drift(*apart(one, other), two_groups(90, 120), FAST), "ks")
    known = stats.ks_2samp(one, other)
    assert found.value == pytest.approx(known.statistic)
    assert found.p_value == pytest.approx(known.pvalue, abs=0.03)
    assert (found.n_reference, found.n) == (90, 120)


def test_ks_of_many_values_is_nearly_that_of_scipy():
    rng = np.random.default_rng(2)
    one, other = rng.normal(size=3000), rng.normal(0.2, 1, 3000)
    found = drift_of(number_drift(*apart(one, other), grouped([0] * 6000), FAST), "ks")
    assert found.value == pytest.approx(stats.ks_2samp(one, other).statistic, abs=1 / 255)


def test_categories_by_hand():
    reference, new = apart(["a"] * 20 + ["b"] * 20, ["a"] * 10 + ["b"] * 20 + ["c"] * 10)
    rows = category_drift(reference, new, grouped([0] * 80), FAST)
    assert drift_of(rows, "total_variation").value == pytest.approx(0.25)
    p, q = np.array([20.5, 20.5, 0.5]) / 41.5, np.array([10.5, 20.5, 10.5]) / 41.5
    assert drift_of(rows, "psi").value == pytest.approx(((q - p) * np.log(q / p)).sum())
    assert drift_of(rows, "psi").p_value < 0.01


def test_noise_alone_is_as_the_scaled_chi_square_has_it():
    rng = np.random.default_rng(3)
    n, m = 400, 250
    found = drift_of(
        number_drift(*apart(rng.normal(size=n), rng.normal(size=m)), grouped([0] * (n + m)), FAST), "psi"
    )
    scale = 1 / n + 1 / m
    assert found.null_mean == pytest.approx(9 * scale, rel=0.1)
    assert found.null_high == pytest.approx(stats.chi2.ppf(0.95, 9) * scale, rel=0.12)
    assert found.null_mean < found.null_high
    assert found.low == 0


def several_rows(rng, users, rows, spread=1.0):
    """Users with values of their own, some rows each."""
    user = np.repeat(users, rows)
    return Window(user, np.repeat(rng.normal(size=len(users)), rows) + spread * rng.normal(size=len(user)))


def rejected(make, repetitions=120):
    rng = np.random.default_rng(4)
    found = [number_drift(*make(rng), grouped([0] * 160), FAST) for _ in range(repetitions)]
    return np.mean([[drift_of(rows, measure).p_value <= 0.05 for measure in ("psi", "ks")] for rows in found])


def test_several_rows_of_a_user_are_one_user():
    def make(rng):
        return (several_rows(rng, users, 20, spread=0.1) for users in (np.arange(80), np.arange(80, 160)))

    assert rejected(make) <= 0.1
    rng = np.random.default_rng(4)
    reference, new = make(rng)
    single = apart(reference.value, new.value)
    rows = number_drift(*single, grouped([0] * 3200), FAST)
    assert (
        drift_of(rows, "psi").null_high
        < 0.2 * drift_of(number_drift(reference, new, grouped([0] * 160), FAST), "psi").null_high
    )


def test_users_of_both_windows_are_compared_with_themselves():
    def make(rng):
        own = rng.normal(size=160)
        return (Window(np.arange(160), own + 0.3 * rng.normal(size=160)) for _ in range(2))

    assert rejected(make) <= 0.1
    rng = np.random.default_rng(5)
    reference, _ = make(rng)
    moved = Window(reference.user, reference.value + 0.25)
    same, others = (
        drift_of(number_drift(reference, new, grouped([0] * 320), FAST), "ks")
        for new in (moved, Window(moved.user + 160, moved.value))
    )
    assert same.value == pytest.approx(others.value)
    assert same.p_value < 0.01 < others.p_value


def test_the_interval_covers_a_known_distance():
    rng = np.random.default_rng(6)
    true = 2 * stats.norm.cdf(0.5 / 2) - 1
    inside = []
    for _ in range(60):
        windows = apart(rng.normal(size=150), rng.normal(0.5, 1, 150))
        found = drift_of(number_drift(*windows, grouped([0] * 300), FAST), "ks")
        inside.append(found.low <= true <= found.high)
        assert found.low <= found.value <= found.high
    assert np.mean(inside) > 0.8


def test_drift_of_one_group_is_told_of_that_group():
    rng = np.random.default_rng(7)
    codes = np.arange(400) % 2
    reference = Window(np.arange(400), rng.normal(size=400))
    new = Window(np.arange(400), rng.normal(size=400) + 0.8 * (codes == 1))
    found = drift_table(number_drift(reference, new, grouped(codes.tolist()), FAST), FAST)
    told = found.set_index(["group", "measure"])["p_adjusted"]
    assert (told["b"] < 0.05).all()
    assert (told["a"] > 0.05).all()
    assert (found["p_adjusted"] >= found["p_value"]).all()
    assert told["all"].max() < 0.05


def test_small_groups_and_those_that_would_give_them_away_are_hidden():
    rng = np.random.default_rng(8)
    groups = grouped([0] * 40 + [1] * 20 + [2] * 12)
    reference = Window(np.arange(72), rng.normal(size=72))
    new = Window(np.arange(64), rng.normal(size=64))  # four of group c are left
    for rows in (
        number_drift(reference, new, groups, FAST),
        category_drift(*(Window(w.user, (w.value > 0).astype(str)) for w in (reference, new)), groups, FAST),
    ):
        by_group = {row.group: row for row in rows}
        assert {name for name, row in by_group.items() if row.suppressed} == {"b", "c"}
        for name in ("b", "c"):
            row = by_group[name]
            assert row.n == row.n_reference == "hidden"
            assert row.value is row.low is row.high is row.p_value is row.null_high is None
        assert by_group["a"].value is not None


def test_a_group_of_which_nobody_is_there_has_no_row_and_too_few_users_nothing():
    groups = grouped([0] * 30 + [2] * 30)
    values = np.arange(60) % 7
    rows = category_drift(Window(np.arange(60), values), Window(np.arange(60), values), groups, FAST)
    assert {row.group for row in rows} == {"all", "a", "c"}
    assert category_drift(Window(np.arange(9), values[:9]), Window(np.arange(60), values), groups, FAST) == []


def test_unknown_values_are_told_and_not_compared_as_numbers():
    rng = np.random.default_rng(9)
    value = rng.normal(size=200)
    lost = np.where(np.arange(200) % 2 == 0, np.nan, value)
    reference, new = Window(np.arange(200), value), Window(np.arange(200), lost)
    rows = number_drift(reference, new, grouped([0] * 200), FAST)
    assert drift_of(rows, "psi").p_value < 0.01
    assert drift_of(rows, "ks").n == 100
    assert drift_of(rows, "ks").p_value > 0.05
    nothing = Window(np.arange(200), np.full(200, np.nan))
    assert number_drift(reference, nothing, grouped([0] * 200), FAST) == []
    gone = category_drift(
        Window(np.arange(200), np.array(["x"] * 200, object)),
        Window(np.arange(200), np.array(["x", None] * 100, object)),
        grouped([0] * 200),
        FAST,
    )
    assert drift_of(gone, "total_variation").value == pytest.approx(0.5)


def test_the_same_window_twice_has_not_drifted():
    value = np.random.default_rng(10).integers(0, 4, 100)
    window = Window(np.arange(100), value.astype(float))
    for row in number_drift(window, window, grouped([0] * 100), FAST):
        assert (row.value, row.low, row.p_value) == (0, 0, 1)


def test_rare_categories_of_very_many_count_as_one():
    common, rare = np.arange(2000) % 200, 200 + np.arange(300)
    reference = Window(np.arange(2300) // 4, np.concatenate([common, rare]).astype(str))
    others = Window(reference.user, np.concatenate([common, rare + 300]).astype(str))
    rows = category_drift(reference, others, grouped([0] * 575), FAST)
    assert drift_of(rows, "total_variation").value == pytest.approx(0, abs=1e-12)
    fewer = Window(reference.user, np.concatenate([common, rare % 200]).astype(str))
    rows = category_drift(reference, fewer, grouped([0] * 575), FAST)
    assert drift_of(rows, "total_variation").value == pytest.approx(300 / 2300, abs=0.01)


def test_a_user_with_a_thousand_rows_weighs_as_much_as_one_with_one():
    user = np.concatenate([np.arange(50), np.full(1000, 49)])
    reference = Window(user, np.where(user == 49, "b", "a"))
    new = Window(np.arange(50, 100), np.array(["a"] * 50))
    rows = category_drift(reference, new, grouped([0] * 100), FAST)
    assert drift_of(rows, "total_variation").value == pytest.approx(1 / 50)
