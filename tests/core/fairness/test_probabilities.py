"""How good probabilities are: against a well-kept library, and users, not rows, as the unit of the intervals."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

from core.fairness.probabilities import bins_of, difference, measured, reliability, score_all
from core.schema.settings import Statistics

QUICK = Statistics(draws=200)


def made(n: int = 400, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """True probabilities, what happened, and users with about four rows each."""
    rng = np.random.default_rng(seed)
    p = rng.beta(1, 1.5, n)
    return p, rng.random(n) < p, rng.integers(0, n // 4, n)


def one(predicted, happened, users, settings=QUICK):
    scores = score_all({"one": predicted}, happened, users, settings=settings)["one"]
    return measured(scores, n=len(np.unique(users)), settings=settings)


@given(st.integers(0, 10_000), st.integers(1, 3))
def test_values_are_those_of_scikit_learn_with_and_without_ties(seed, digits):
    p, happened, users = made(60, seed)
    happened[:2] = [True, False]
    p = np.clip(np.round(p, digits), 0.001, 0.999)
    found = one(p, happened, users, Statistics(draws=100))
    assert found["auc"].value == pytest.approx(roc_auc_score(happened, p), abs=1e-6)
    assert found["brier"].value == pytest.approx(brier_score_loss(happened, p), abs=1e-5)
    assert found["log_loss"].value == pytest.approx(log_loss(happened, p), abs=1e-5)
    assert all(number.low <= number.value <= number.high for number in found.values())


def test_calibration_error_is_small_for_true_probabilities_and_their_distance_for_shifted_ones():
    p, happened, users = made(20_000)
    assert one(p, happened, users)["ece"].value < 0.02
    shifted = np.clip(p + 0.2, 0, 1)
    expected = np.mean(shifted - p)
    assert one(shifted, happened, users)["ece"].value == pytest.approx(expected, abs=0.02)


def test_repeating_every_row_of_a_user_narrows_nothing_and_more_users_do():
    p, happened, users = made()
    width = spread(one(p, happened, users)["brier"])
    again = spread(one(np.tile(p, 4), np.tile(happened, 4), np.tile(users, 4))["brier"])
    others = np.concatenate([users + 1000 * number for number in range(4)])
    more = spread(one(np.tile(p, 4), np.tile(happened, 4), others)["brier"])
    assert again == pytest.approx(width, rel=0.15)
    assert more == pytest.approx(width / 2, rel=0.25)


def spread(number) -> float:
    return number.high - number.low


def test_a_predictor_less_itself_is_zero_and_pairing_beats_separate_intervals():
    p, happened, users = made()
    near = np.clip(p + 0.02 * np.sin(np.arange(len(p))), 0.001, 0.999)
    scores = score_all({"a": p, "b": near, "c": p}, happened, users, settings=QUICK)
    same = difference(scores["a"], scores["c"], "auc", n=100, settings=QUICK)
    assert (same.value, same.low, same.high) == (0, 0, 0)
    paired = difference(scores["a"], scores["b"], "auc", n=100, settings=QUICK)
    alone = measured(scores["a"], n=100, settings=QUICK)["auc"]
    assert spread(paired) < spread(alone) / 3


def test_intervals_hold_the_truth_about_as_often_as_they_say():
    true = one(*made(60_000, seed=99), Statistics(draws=100))["auc"].value
    found = [one(*made(300, seed=seed), Statistics(draws=100))["auc"] for seed in range(120)]
    assert np.mean([number.low <= true <= number.high for number in found]) > 0.88


def test_bins_hold_about_equally_many_and_equal_predictions_share_one():
    p, _, _ = made(1000)
    assert np.bincount(bins_of(p)).tolist() == pytest.approx([100] * 10, abs=3)
    assert set(bins_of(np.full(50, 0.3))) == {0}
    few = np.repeat([0.1, 0.5, 0.9], 30)
    assert len(set(zip(few, bins_of(few), strict=True))) == 3


def test_the_reliability_table_adds_up_and_never_shows_certainty():
    p, happened, users = made(2000)
    rows = reliability(p, happened, users, settings=QUICK)
    assert rows["n"].sum() == 2000
    assert np.average(rows["observed"], weights=rows["n"]) == pytest.approx(happened.mean())
    assert np.average(rows["predicted"], weights=rows["n"]) == pytest.approx(p.mean())
    always = reliability(p, np.ones(2000, bool), users, settings=QUICK)
    assert (always["low"] < 1).all()
