"""One group that stands out is told of, by leaving it out; others are left alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.fairness.group_rows import mean_rows
from core.fairness.judging import judged
from core.fairness.partition import Partition
from core.fairness.standing_out import MOSTLY, note_on_one, without
from core.fairness.suppression import HIDDEN, SHOWN
from tests.core.fairness.parts import FAST, part_of

TOLERANCE = 0.1


def gaps_of(values, part):
    rows = mean_rows(values[:, None], ["m"], part, FAST, section="users", tolerances={"m": TOLERANCE})
    return [row for row in rows if row.statistic == "gap"]


def noted(levels, *, seed=0, users=80, reference=None):
    """The note on groups of some users each, whose values scatter around levels."""
    rng = np.random.default_rng(seed)
    part = part_of(np.repeat(np.arange(len(levels)), users), reference=reference)
    values = np.repeat(levels, users) + rng.normal(0, 0.1, users * len(levels))
    told = judged(gaps_of(values, part), FAST)
    return note_on_one(told, part, FAST, lambda left, kept: gaps_of(values[kept], left)), told


@pytest.mark.parametrize("shift", [1.0, -1.0])
def test_one_planted_group_among_five_is_named(shift):
    note, told = noted([2.0, 2.0, 2.0, 2.0 + shift, 2.0])
    assert [row.verdict for row in told] == ["unequal"] * 5
    assert note.startswith(
        f"{MOSTLY} by kind come from d, which is part of everyone else: without it a, b, c"
    )
    assert "and 1 more would not be unequal" in note


def test_without_a_planted_group_there_is_no_note():
    assert not any(noted([2.0] * 5, seed=seed)[0] for seed in range(20))


def test_groups_that_all_differ_are_nobodys_doing():
    assert noted([1.0, 1.5, 2.0, 2.5, 3.0])[0] is None
    note, told = noted([1.0, 1.0, 3.0, 3.0])
    assert {row.verdict for row in told} == {"unequal"}
    assert note is None  # two and two: without one of them, the others differ all the same


def test_only_the_groups_that_owe_their_gap_to_it_are_named():
    note, _ = noted([2.0, 2.0, 2.0, 5.0, 1.85])
    assert "come from d" in note
    assert "without it a, b, c would not be unequal" in note


def test_beside_a_named_group_or_one_other_there_is_nothing_to_tell():
    assert noted([2.0, 2.0, 2.0, 3.0, 2.0], reference=0)[0] is None
    assert noted([2.0, 3.0])[0] is None


def test_hidden_users_stay_among_everyone_else():
    strata = np.repeat([0, 1, 2, 3], [30, 20, 25, 12])
    states = np.array([SHOWN, HIDDEN, SHOWN, SHOWN, HIDDEN])
    part = Partition("age", tuple("abcde"), states, strata, None)
    left, kept = without(part, "c")
    assert (left.names, left.shown_names) == (("a", "b", "d", "e"), ["a", "d"])
    assert kept.sum() == 67
    assert left.n.tolist() == [30, 25, 12]
    assert left.positions() == [("a", 0), ("b", None), ("d", 1), ("e", None)]


@given(st.integers(0, 10_000))
def test_leaving_out_keeps_each_other_user_in_its_group(seed):
    rng = np.random.default_rng(seed)
    strata = np.concatenate([np.arange(4), rng.integers(0, 4, 50)])
    part = part_of(strata)
    name = part.names[rng.integers(0, 4)]
    left, kept = without(part, name)
    groups = np.array(part.names)[strata[kept]]
    assert (np.array(left.names)[left.strata] == groups).all()
    assert name not in groups
