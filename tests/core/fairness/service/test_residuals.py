"""Distances of distributions: against scipy, at their ends, and whether they cry wolf."""

import numpy as np
import pytest
from scipy import stats

from core.fairness.service.residuals import distribution_rows
from core.schema.settings import Statistics
from tests.core.fairness.parts import FAST, part_of, row_of

SHORT = Statistics(draws=100, permutations=199)


def told(values, users, part, settings=FAST):
    rows = distribution_rows(values, users, np.arange(len(part.strata)), part, settings, metric="residual")
    return row_of(rows, "residual_ks_gap", "a"), row_of(rows, "residual_w1_gap", "a")


@pytest.mark.parametrize("reference", [None, 2])
def test_distances_are_scipys(reference):
    rng = np.random.default_rng(1)
    strata = rng.integers(0, 3, 60)
    users = rng.integers(0, 60, 300)
    values = np.round(rng.normal(0, 1, 300) + 0.3 * (strata[users] == 0), 1)  # with ties
    own = values[strata[users] == 0]
    other = values[strata[users] != 0 if reference is None else strata[users] == reference]
    ks, w1 = told(values, users, part_of(strata, reference=reference))
    assert ks.value == pytest.approx(stats.ks_2samp(own, other).statistic, abs=1e-6)
    assert w1.value == pytest.approx(stats.wasserstein_distance(own, other), abs=1e-6)


def test_same_distribution_is_zero_and_disjoint_ones_are_one():
    users = np.arange(40)
    part = part_of(np.repeat([0, 1], 20))
    ks, w1 = told(np.tile(np.arange(20.0), 2), users, part)
    assert ks.value == w1.value == 0
    assert ks.p_value == 1
    ks, w1 = told(np.repeat([0.0, 3.0], 20), users, part)
    assert ks.value == ks.high == 1
    assert w1.value == pytest.approx(3)


def test_a_wider_distribution_with_the_same_mean_is_found():
    rng = np.random.default_rng(2)
    values = rng.normal(0, np.repeat([2.0, 1.0], 150))
    ks, w1 = told(values, np.arange(300), part_of(np.repeat([0, 1], 150)))
    truth = np.sqrt(2 / np.pi)  # W1 of N(0, 2) and N(0, 1)
    assert ks.p_value <= 0.01
    assert w1.low > 0
    assert w1.low <= truth <= w1.high


def test_users_with_many_rows_do_not_cry_wolf():
    rng = np.random.default_rng(3)
    rejected = covered = 0
    part = part_of(np.repeat([0, 1], 40), reference=1)
    for _ in range(60):
        users = np.repeat(np.arange(80), 8)
        values = rng.normal(0, 1, 80)[users] + rng.normal(0, 0.3, 640)
        ks, w1 = told(values, users, part, SHORT)
        rejected += ks.p_value <= 0.05
        covered += w1.low == 0
        assert 0 <= ks.low <= ks.value <= ks.high <= 1
    assert rejected <= 8
    assert covered >= 52


def test_shift_of_unit_and_relabelling():
    rng = np.random.default_rng(4)
    strata, values = np.repeat([0, 1], 30), rng.normal(size=60)
    ks, w1 = told(values, np.arange(60), part_of(strata))
    ks10, w10 = told(10 * values + 3, np.arange(60), part_of(strata))
    assert (ks10.value, w10.value) == pytest.approx((ks.value, 10 * w1.value))
    mirrored = told(-values, np.arange(60), part_of(strata))
    assert (mirrored[0].value, mirrored[1].value) == pytest.approx((ks.value, w1.value))


def test_groups_without_enough_users_with_rows_are_hidden():
    strata = np.repeat([0, 1, 2], 30)
    users = np.concatenate([np.arange(4), np.arange(30, 90)])
    rows = distribution_rows(
        np.zeros(len(users)), users, np.arange(90), part_of(strata), FAST, metric="residual"
    )
    assert sum(row.suppressed for row in rows) == 4
    assert all(row.value is None for row in rows if row.suppressed)
