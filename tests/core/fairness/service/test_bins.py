"""Points of a calibration plot: by hand, with users of several rows, and never of few users."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from core.fairness.service.bins import calibration_bins
from tests.core.fairness.parts import FAST, part_of


def rows_of(users, said, observed):
    return pd.DataFrame({"user": users, "expected": said, "predicted": 0.0, "observed": observed})


def test_means_and_intervals_by_hand():
    said = np.concatenate([np.arange(40.0), [1.0] * 20])
    observed = np.concatenate([np.arange(40.0) + np.tile([1.0, -1.0], 20), [3.0] * 20])
    rows = rows_of(np.arange(60), said, observed)
    found = calibration_bins(rows, np.arange(60), part_of([0] * 40 + [1] * 20), FAST, bins=4)
    assert found["group"].tolist() == ["a"] * 4 + ["b"]
    assert found["n"].tolist() == [10, 10, 10, 10, 20]
    assert found["predicted"].tolist() == pytest.approx([4.5, 14.5, 24.5, 34.5, 1.0])
    assert found["observed"].tolist() == pytest.approx([4.5, 14.5, 24.5, 34.5, 3.0])
    own = stats.sem(observed[:10]) * stats.t.isf(0.025, 9)
    assert found["high"][0] - found["observed"][0] == pytest.approx(own)
    assert found["low"][4] == found["high"][4] == 3.0


def test_rows_of_one_user_are_no_evidence_of_their_own():
    alone = rows_of(np.arange(30), np.ones(30), np.arange(30.0))
    twice = pd.concat([alone, alone], ignore_index=True)
    one, two = (calibration_bins(rows, np.arange(30), part_of([0] * 30), FAST) for rows in (alone, twice))
    pd.testing.assert_frame_equal(one, two)


@given(st.integers(2, 40), st.integers(1, 9), st.integers(0, 99))
def test_no_point_is_of_few_users_and_points_make_up_their_group(extra, bins, seed):
    rng = np.random.default_rng(seed)
    users = rng.integers(0, 10 + extra, 80)
    strata = np.zeros(10 + extra, int)
    strata[10:] = 1
    rows = rows_of(users, rng.normal(size=80).round(1), rng.normal(size=80))
    found = calibration_bins(rows, np.arange(10 + extra), part_of(strata), FAST, bins=bins)
    assert (found["n"] >= 10).all()
    assert (found.groupby("group").size() <= bins).all()
    assert (found["low"] <= found["observed"]).all()
    swapped = calibration_bins(rows, np.arange(10 + extra), part_of(1 - strata), FAST, bins=bins)
    for group, other in (("a", "b"), ("b", "a")):
        pd.testing.assert_frame_equal(
            swapped[swapped["group"] == group].drop(columns="group").reset_index(drop=True),
            found[found["group"] == other].drop(columns="group").reset_index(drop=True),
        )


def test_users_without_rows_and_strangers_make_no_point():
    rows = rows_of(np.arange(5), np.ones(5), np.ones(5))
    assert calibration_bins(rows, np.arange(60), part_of([0] * 30 + [1] * 30), FAST).empty
    assert calibration_bins(rows.assign(user=99), np.arange(60), part_of([0] * 60), FAST).empty
