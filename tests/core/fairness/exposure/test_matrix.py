"""Who sees what: the matrix and the joint multisided metrics."""

import numpy as np
import pytest

from core.fairness.exposure.attention import exposure_shares, place_shares, placed_groups, position_weights
from core.fairness.exposure.matrix import JOINT_METRICS, exposure_matrix, joint_exposure
from core.fairness.groups import Groups
from core.fairness.partition import partition
from tests.core.fairness.exposure.made_lists import filled_at_random, groups_of, lists_from

OPTIONS = {"draws": 300, "permutations": 300, "confidence": 0.95}


def users_in(*sizes):
    names = tuple("abcdef"[: len(sizes)])
    return Groups("age", names, np.repeat(np.arange(len(sizes)), sizes).astype(np.int32), (len(sizes),))


def test_a_group_that_sees_more_of_a_brand_is_found_and_the_others_are_not():
    rng, target = np.random.default_rng(0), np.array([0.5, 0.5])
    places = np.vstack([filled_at_random(150, 10, [0.7, 0.3], rng), filled_at_random(300, 10, target, rng)])
    shares = exposure_shares(places, position_weights(10), 2)
    part = partition(users_in(150, 150, 150), np.arange(450), minimum=10)
    found = exposure_matrix(shares, part, groups_of("x", "y"), target, rng=rng, **OPTIONS)
    assert (found.user_groups, found.item_groups) == (("a", "b", "c"), ("x", "y"))
    np.testing.assert_allclose(found.found.mean.value[0], shares[:150].mean(axis=0))
    np.testing.assert_allclose(found.off_target, found.found.mean.value - 0.5)
    assert found.found.mean.low[0, 0] < 0.7 < found.found.mean.high[0, 0]
    assert found.found.p_value[0, 0] < 0.01
    assert found.found.gap.low[0, 0] > 0.1


def test_hidden_user_groups_have_no_row():
    shares = np.random.default_rng(1).dirichlet([1, 1], 60)
    part = partition(users_in(30, 25, 2, 3), np.arange(60), minimum=10)
    found = exposure_matrix(
        shares, part, groups_of("x", "y"), np.array([0.5, 0.5]), rng=np.random.default_rng(0), **OPTIONS
    )
    assert found.user_groups == tuple(part.shown_names)
    assert len(found.found.mean.value) == part.n_shown < 4


def dense(exposure, target, user_groups, item_groups):
    """All six by their formula from full matrices."""
    off, users, items = exposure - target, np.unique(user_groups), np.unique(item_groups)
    return {
        "II-F": (off**2).mean(),
        "IG-F": np.mean([off[:, item_groups == h].mean(axis=1) ** 2 for h in items]),
        "GI-F": np.mean([off[user_groups == g].mean(axis=0) ** 2 for g in users]),
        "GG-F": np.mean(
            [off[np.ix_(user_groups == g, item_groups == h)].mean() ** 2 for g in users for h in items]
        ),
        "AI-F": (off.mean(axis=0) ** 2).mean(),
        "AG-F": np.mean([off[:, item_groups == h].mean() ** 2 for h in items]),
    }


def test_joint_metrics_agree_with_full_matrices():
    rng, groups = np.random.default_rng(2), groups_of("x", "y", "z")
    places = filled_at_random(30, 6, [0.5, 0.3, 0.2], rng)
    items = lists_from(places, rng)["item"].to_numpy().reshape(30, 6)
    amount, target = place_shares(items, position_weights(6)), np.array([0.2, 0.2, 0.6])
    exposure = np.zeros((30, 120))
    np.put_along_axis(exposure, items, amount, axis=1)
    strata = np.arange(30) % 4
    found = joint_exposure(items, amount, strata, groups, target)
    expected = dense(exposure, (target / 40)[groups.codes], strata, groups.codes)
    assert tuple(found) == JOINT_METRICS
    for name in JOINT_METRICS:
        assert found[name] == pytest.approx(expected[name], abs=1e-12, rel=1e-9)
    assert found["II-F"] >= found["GI-F"] >= 0
    assert found["IG-F"] >= found["AG-F"]
    assert found["GG-F"] >= 0


def test_differences_between_groups_that_cancel_are_seen_by_gg_and_not_by_ag():
    # Two users, two items, one place: each is shown the other item.
    groups, items = groups_of("x", "y"), np.array([[0], [40]])
    shares, target = np.ones((2, 1)), np.array([0.5, 0.5])
    found = joint_exposure(items, shares, np.array([0, 1]), groups, target)
    assert found["AG-F"] == pytest.approx(0)
    assert found["GG-F"] == pytest.approx((0.5 / 40) ** 2)
    same = joint_exposure(items, shares, np.array([0, 0]), groups, target)
    assert same["GG-F"] == pytest.approx(0)
    codes = placed_groups(items, groups.codes)
    np.testing.assert_array_equal(codes, [[0], [1]])
