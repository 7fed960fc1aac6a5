"""Calibrated intervals: coverage overall and by group, weights, small groups."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.train.conformal import COVERAGE, TOGETHER, calibrate, conformal_quantile, conformity_scores

EQUAL = np.ones


def test_scores_are_positive_outside_and_negative_inside():
    scores = conformity_scores(
        np.array([0.0, 3.0, 9.0]), np.array([1.0, 1.0, 1.0]), np.array([5.0, 5.0, 5.0])
    )
    assert scores.tolist() == [1.0, -2.0, 4.0]


def test_the_quantile_counts_the_new_row():
    assert conformal_quantile(np.arange(1.0, 10.0), EQUAL(9)) == 9.0  # ceil(10 * 0.9) = 9th of 9
    assert conformal_quantile(np.arange(1.0, 20.0), EQUAL(19)) == 18.0  # ceil(20 * 0.9) = 18th of 19
    assert conformal_quantile(np.arange(1.0, 6.0), EQUAL(5)) == 5.0  # not enough rows: the largest


@given(counts=st.lists(st.integers(1, 5), min_size=12, max_size=40))
def test_a_weight_is_worth_as_many_copies(counts):
    scores, counts = np.arange(len(counts), dtype=float), np.array(counts)
    repeated = np.repeat(scores, counts)
    weighted = conformal_quantile(scores, counts.astype(float))
    plain = np.sort(repeated)
    needed = COVERAGE * (counts.sum() + counts.mean())
    assert weighted == plain[min(int(np.ceil(needed - 1e-9)), len(plain)) - 1]


def test_coverage_holds_on_average_over_draws():
    random = np.random.default_rng(0)
    covered = []
    for _ in range(400):
        widening = conformal_quantile(random.normal(size=60), EQUAL(60))
        covered.append((random.normal(size=200) <= widening).mean())
    assert np.mean(covered) == pytest.approx(0.9, abs=0.02)
    assert np.mean(covered) >= 0.89


def test_each_group_is_covered_although_one_is_harder():
    random = np.random.default_rng(1)
    hard = random.random(6000) < 0.2
    scores = np.abs(random.normal(size=6000)) * np.where(hard, 5.0, 1.0)
    labels = pd.DataFrame({"sex": np.where(hard, "f", "m")})
    half = np.arange(6000) < 3000
    found = calibrate(scores[half], EQUAL(3000), labels[half])
    for group in ("f", "m"):
        rows = ~half & (labels["sex"] == group).to_numpy()
        assert (scores[rows] <= found.widening(labels[rows])).mean() == pytest.approx(0.9, abs=0.03)
        assert (scores[rows] <= found.everyone).mean() != pytest.approx(0.9, abs=0.04)


def test_small_groups_share_a_widening_and_unseen_ones_get_it():
    random = np.random.default_rng(2)
    labels = pd.DataFrame({"town": ["big"] * 400 + [f"t{place}" for place in range(150)]})
    found = calibrate(random.random(550), EQUAL(550), labels)
    assert set(found.groups["town"]) == {"big", TOGETHER}
    new = pd.DataFrame({"town": ["big", "t3", "never seen"]})
    shared = found.groups["town"][TOGETHER]
    assert found.widening(new).tolist() == [found.groups["town"]["big"], shared, shared]


def test_a_row_takes_the_widest_of_its_groups():
    scores = np.concatenate([np.full(200, 1.0), np.full(200, 3.0)])
    labels = pd.DataFrame({"a": ["x"] * 200 + ["y"] * 200, "b": ["p", "q"] * 200})
    found = calibrate(scores, EQUAL(400), labels)
    assert found.widening(labels.iloc[[0]]).tolist() == [max(found.groups["a"]["x"], found.groups["b"]["p"])]


def test_without_groups_everyone_has_the_same():
    found = calibrate(np.arange(50.0), EQUAL(50), pd.DataFrame(index=range(50)))
    assert found.widening(pd.DataFrame(index=range(3))).tolist() == [found.everyone] * 3
