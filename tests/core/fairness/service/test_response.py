"""Who answers: rates, weighted means that undo selection on what is known, and clipping."""

import numpy as np
import pandas as pd
import pytest

from core.fairness.service.response import answer_means, propensities, response_rate, response_rows
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
    np.testing.assert_allclose(response_rate(np.array([3.0, 2])), [2 / 3])
    np.testing.assert_allclose(answer_means(np.array([2.0, 6, 2 + 4, 2 * 4 + 4 * 2])), [3.0, 16 / 6])
    assert np.isnan([*response_rate(np.zeros(2)), *answer_means(np.zeros(4))]).all()


def test_a_group_with_one_answer_shows_no_mean_of_answers():
    strata = np.repeat([0, 1, 2], 30)
    outcome = np.where(np.arange(90) < 30, np.nan, np.linspace(1, 5, 90))
    outcome[0] = 3.0
    chances = propensities(np.isfinite(outcome), pd.DataFrame({"group": strata}))
    rows = response_rows(outcome, np.arange(90), np.arange(90), chances, part_of(strata), FAST)
    rate = row_of(rows, "response_rate", "a")
    assert (rate.n, rate.value) == (30, pytest.approx(1 / 30))
    for group in (
        "a",
        "b",
    ):  # b goes with it: the other groups and the mean of all would give the answer away
        hidden = row_of(rows, "naive_mean", group)
        assert (hidden.suppressed, hidden.value, hidden.n) == (True, None, "hidden")
    assert row_of(rows, "naive_mean", "c").n == 30
    assert row_of(rows, "naive_mean").n == 61


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
