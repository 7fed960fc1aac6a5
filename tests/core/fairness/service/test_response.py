"""Who answers: rates, weighted means that undo selection on what is known, and clipping."""

import numpy as np
import pandas as pd
import pytest

from core.fairness.service.response import propensities, response_measures, response_rows
from core.schema.settings import Statistics
from tests.core.fairness.parts import FAST, part_of, row_of


def answers(n, rng):
    """Late orders are rated worse and, in group a, hardly ever; true means are the same in both groups."""
    strata = np.repeat([0, 1], n // 2)
    late = rng.random(n) < 0.4
    score = 4.5 - 2 * late + rng.normal(0, 0.5, n)
    chance = np.where(strata == 0, np.where(late, 0.2, 0.8), 0.6)
    answered = rng.random(n) < chance
    known = pd.DataFrame({"late_a": late & (strata == 0), "late_b": late & (strata == 1), "group": strata})
    return np.where(answered, score, np.nan), known.astype(float), strata


def test_means_by_hand():
    # two answers, 4 with chance 1/2 and 2 with chance 1/4, and one silence
    totals = np.array([3.0, 2, 6, 2 + 4, 2 * 4 + 4 * 2])
    np.testing.assert_allclose(response_measures(totals), [2 / 3, 3.0, 16 / 6])
    assert np.isnan(response_measures(np.zeros(5))).all()


def test_weighting_undoes_selection_on_what_is_known():
    rng = np.random.default_rng(1)
    outcome, known, strata = answers(3000, rng)
    chances = propensities(np.isfinite(outcome), known)
    rows = response_rows(outcome, np.arange(3000), np.arange(3000), chances, part_of(strata), FAST)
    naive, weighted = (row_of(rows, f"{kind}_mean_gap", "a") for kind in ("naive", "weighted"))
    assert naive.low > 0.2
    assert weighted.low <= 0 <= weighted.high
    rate = row_of(rows, "response_rate", "a")
    assert rate.value == pytest.approx(np.isfinite(outcome[strata == 0]).mean())
    assert row_of(rows, "response_rate_gap", "a").p_value == pytest.approx(
        row_of(rows, "response_rate_gap", "b").p_value
    )


def test_intervals_of_weighted_means_cover():
    covered = 0
    settings = Statistics(draws=200, permutations=100)
    for seed in range(50):
        outcome, known, strata = answers(800, np.random.default_rng(seed))
        chances = propensities(np.isfinite(outcome), known)
        rows = response_rows(outcome, np.arange(800), np.arange(800), chances, part_of(strata), settings)
        row = row_of(rows, "weighted_mean", "a")
        covered += row.low <= 4.5 - 2 * 0.4 <= row.high
    assert covered >= 44


def test_chances_are_those_of_the_cells_and_weigh_up_to_everybody():
    outcome, known, _ = answers(4000, np.random.default_rng(2))
    answered = np.isfinite(outcome)
    chances = propensities(answered, known)
    cell = (known["late_a"] == 1).to_numpy()
    assert chances.values[cell].mean() == pytest.approx(answered[cell].mean(), abs=0.01)
    assert (answered / chances.values).sum() == pytest.approx(4000, rel=0.02)
    assert chances.clipped == 0
    assert 0.5 * answered.sum() < chances.effective < answered.sum()


def test_clipping_bounds_the_weights_and_is_told():
    rng = np.random.default_rng(3)
    x = rng.normal(size=2000)
    answered = rng.random(2000) < 1 / (1 + np.exp(-(3 * x - 2)))
    chances = propensities(answered, pd.DataFrame({"x": x}), clip=0.3)
    assert chances.values.min() == 0.3
    assert chances.clip == 0.3
    assert 0 < chances.clipped < 0.5


def test_nothing_known_or_everybody_answering_makes_both_means_the_same():
    outcome, known, strata = answers(200, np.random.default_rng(4))
    for answered, covariates in ((np.isfinite(outcome), known[[]]), (np.ones(200, bool), known)):
        values = np.where(answered, np.nan_to_num(outcome, nan=3.0), np.nan)
        chances = propensities(answered, covariates)
        assert np.ptp(chances.values) == 0
        rows = response_rows(values, np.arange(200), np.arange(200), chances, part_of(strata), FAST)
        assert row_of(rows, "weighted_mean", "a").value == pytest.approx(
            row_of(rows, "naive_mean", "a").value
        )
