"""Bounded group loss: by hand, beside fairlearn, and an upper bound that holds for all groups at once."""

import numpy as np
import pandas as pd
import pytest
from fairlearn.reductions import AbsoluteLoss, BoundedGroupLoss, SquareLoss

from core.errors import SettingsError
from core.fairness.partition import Partition
from core.fairness.service.group_loss import (
    bound_kept,
    bound_sentence,
    group_loss_rows,
    loss_contributions,
)
from core.fairness.suppression import HIDDEN, SHOWN
from tests.core.fairness.parts import FAST, part_of, row_of

ZETA = {"absolute_loss": 1.0, "squared_loss": 1.0}


def orders(strata, spread, rng):
    """One to three orders a user; a prediction is off by a Laplace number of the group's own spread."""
    user = np.repeat(np.arange(len(strata)), rng.integers(1, 4, len(strata)))
    off = rng.laplace(0, np.asarray(spread)[strata[user]])
    return pd.DataFrame({"user": user, "observed": 3 + off, "predicted": 3.0})


def found_in(strata, spread, *, seed=0, zeta=ZETA, **options):
    strata = np.asarray(strata)
    rows = orders(strata, spread, np.random.default_rng(seed))
    return group_loss_rows(rows, np.arange(len(strata)), part_of(strata), FAST, zeta=zeta, **options)


def test_losses_by_hand():
    rows = pd.DataFrame(
        {"user": [7, 7, 5], "observed": [5.0, 1, 4], "predicted": [4.0, 4, 4], "expected": [4.5, 3, 4]}
    )
    found = loss_contributions(rows, np.array([5, 6, 7]))
    np.testing.assert_allclose(found[[0, 2]], [[1, 0, 0], [2, 4, 0.25 + 4]])
    assert np.isnan(found[1]).all()


def test_the_worst_group_is_named_with_the_mean_loss_of_its_rows():
    strata = np.repeat([0, 1], 10)
    users = np.concatenate([np.arange(20), np.arange(10)])  # users of group a have two rows each
    off = np.concatenate([np.full(10, 1.0), np.full(10, 2.0), np.full(10, 4.0)])
    rows = pd.DataFrame({"user": users, "observed": 3 + off, "predicted": 3.0})
    found = group_loss_rows(rows, np.arange(20), part_of(strata), FAST, zeta=ZETA)
    assert [(row.metric, row.reference, row.n) for row in found] == [
        ("worst_absolute_loss", "a", 20),
        ("worst_squared_loss", "a", 20),
    ]
    assert [row.value for row in found] == pytest.approx([(1 + 4) / 2, (1 + 16) / 2])


@pytest.mark.filterwarnings("ignore::DeprecationWarning:fairlearn")
def test_the_losses_are_those_of_fairlearn():
    strata = np.repeat([0, 1, 2], [30, 50, 70])
    rows = orders(strata, [0.5, 0.8, 0.6], np.random.default_rng(1))
    found = group_loss_rows(rows, np.arange(150), part_of(strata), FAST, zeta=ZETA)
    names = np.array(["a", "b", "c"])[strata[rows["user"]]]
    low, high = rows[["observed", "predicted"]].min(axis=None), rows[["observed", "predicted"]].max(axis=None)
    for row, loss in zip(found, (AbsoluteLoss(low, high), SquareLoss(low, high)), strict=True):
        moment = BoundedGroupLoss(loss, upper_bound=1.0)
        moment.load_data(rows[["predicted"]], rows["observed"], sensitive_features=pd.Series(names))
        theirs = moment.gamma(lambda inputs: inputs["predicted"])
        assert row.value == pytest.approx(theirs.max(), abs=1e-6)
        assert row.reference == theirs.idxmax()


@pytest.mark.parametrize("spread", [(0.5, 0.5, 0.5, 0.5), (0.4, 0.5, 0.8, 0.5)])
def test_the_interval_holds_the_largest_true_loss(spread):
    # 200 simulated audits at 95 %; the standard error is 1.5 points; four of them.
    strata = np.repeat([0, 1, 2, 3], [40, 60, 100, 200])
    truth = {"worst_absolute_loss": max(spread), "worst_squared_loss": 2 * max(spread) ** 2}
    held, above = np.zeros((200, 2), bool), np.zeros((200, 2), bool)
    for seed in range(len(held)):
        for k, row in enumerate(found_in(strata, spread, seed=seed)):
            held[seed, k] = row.low <= truth[row.metric] <= row.high
            above[seed, k] = truth[row.metric] <= row.high
    assert (held.mean(axis=0) >= 0.89).all(), held.mean(axis=0)
    assert (above.mean(axis=0) >= 0.915).all(), above.mean(axis=0)


def test_the_bound_is_kept_broken_or_open():
    strata = np.repeat([0, 1], [300, 300])
    said = {True: "every group keeps to it", False: "b does not keep to it", None: "not enough data"}
    for allowed, kept in ((1.0, True), (0.3, False), (0.52, None)):
        row = found_in(strata, [0.3, 0.5], zeta={"absolute_loss": allowed}, prefix="stars_")[0]
        assert (row.metric, row.tolerance, row.p_value) == ("stars_worst_absolute_loss", allowed, None)
        assert bound_kept(row) is kept
        assert bound_sentence(row).startswith(f"Worst off is b: {row.value:.3g} on average")
        assert bound_sentence(row).endswith(f"allowed are {allowed:.3g}: {said[kept]}.")


def test_renaming_groups_changes_the_name_alone():
    strata = np.repeat([0, 1, 2], [40, 60, 100])
    rows = orders(strata, [0.3, 0.5, 0.4], np.random.default_rng(2))
    renamed = np.array([2, 0, 1])[strata]
    one, other = (
        group_loss_rows(rows, np.arange(200), part_of(groups), FAST, zeta={"squared_loss": 1.0})[0]
        for groups in (strata, renamed)
    )
    assert (one.reference, other.reference) == ("b", "a")
    assert one.value == pytest.approx(other.value)
    assert one.high == pytest.approx(other.high, rel=0.1)


def test_without_any_error_there_is_no_loss():
    assert [(row.low, row.value, row.high) for row in found_in(np.repeat([0, 1], 20), [0.0, 0.0])] == [
        (0.0, 0.0, 0.0)
    ] * 2


def test_hidden_groups_are_never_the_worst():
    strata = np.repeat([0, 1, 2], [40, 60, 10])
    part = Partition("kind", ("a", "b", "few"), np.array([SHOWN, SHOWN, HIDDEN]), strata, None)
    rows = orders(strata, [0.3, 0.5, 9.0], np.random.default_rng(3))
    row = row_of(group_loss_rows(rows, np.arange(110), part, FAST, zeta=ZETA), "worst_absolute_loss")
    assert row.reference == "b"
    assert row.high < 1
    nobody = Partition("kind", ("few",), np.array([HIDDEN]), np.zeros(110, int), None)
    assert group_loss_rows(rows, np.arange(110), nobody, FAST, zeta=ZETA) == []


@pytest.mark.parametrize("zeta", [{"absolute_loss": 0.0}, {"absolute_loss": float("nan")}, {"hinge": 1.0}])
def test_a_bound_that_makes_no_sense_is_refused(zeta):
    with pytest.raises(SettingsError):
        found_in(np.repeat([0, 1], 20), [0.3, 0.3], zeta=zeta)
