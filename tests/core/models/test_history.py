"""What was known at a moment, against brute force over plain rows."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from core.data.inputs import SECONDS_PER_DAY
from core.models.batch import REPEAT_FEATURES, collate
from core.models.history import HALF_LIVES, index_history, ranges
from tests.core.models.made import inputs_of, made_inputs, rows_of


@pytest.fixture(scope="module")
def inputs():
    return made_inputs()


def some_moments(inputs, *, n: int = 60, seed: int = 5):
    rng = np.random.default_rng(seed)
    users = np.sort(rng.integers(0, inputs.n_users, n))
    return users, rng.integers(0, inputs.at, n)


def test_known_counts_the_lines_and_baskets_strictly_before(inputs):
    history = index_history(inputs)
    users, times = some_moments(inputs)
    known = history.known(users, times)
    rows = rows_of(inputs)
    for n, (user, time) in enumerate(zip(users, times, strict=True)):
        before = [row for row in rows if row[0] == user and row[2] < time]
        assert known.lines[n] - history.line_offsets[user] == len(before)
        assert known.tokens[n] - history.token_offsets[user] == len({row[3] for row in before})


def test_an_event_at_the_very_moment_is_not_known():
    inputs = inputs_of([(0, 0, 100, 0), (0, 1, 200, 1)], n_users=1, n_items=2, at=300)
    known = index_history(inputs).known(np.array([0, 0, 0]), np.array([100, 200, 201]))
    assert known.lines.tolist() == [0, 1, 2]


def test_a_basket_is_known_whole_or_not_at_all():
    rows = [(0, 0, 100, 0), (0, 1, 160, 0), (0, 2, 500, 1)]
    known = index_history(inputs_of(rows, n_users=1, n_items=3, at=600)).known(
        np.zeros(2, int), np.array([100, 130])
    )
    assert known.lines.tolist() == [0, 2]


def test_repeat_features_agree_with_brute_force(inputs):
    history = index_history(inputs)
    users, times = some_moments(inputs)
    repeats = collate(history, history.known(users, times), length=50, past="features").seen
    rows = rows_of(inputs)
    found = {}
    for moment, item, row in zip(
        repeats.moments.tolist(), repeats.items.tolist(), repeats.features, strict=True
    ):
        found[moment, item] = dict(zip(REPEAT_FEATURES, row.tolist(), strict=True))
    expected = 0
    for n, (user, time) in enumerate(zip(users, times, strict=True)):
        before = [row for row in rows if row[0] == user and row[2] < time]
        for item in {row[1] for row in before}:
            ages = np.array([(time - row[2]) / SECONDS_PER_DAY for row in before if row[1] == item])
            row = found[n, item]
            expected += 1
            assert row["times taken"] == pytest.approx(np.log(len(ages)), abs=1e-5)
            for days in HALF_LIVES:
                decayed = np.exp2(-ages / days).sum()
                assert np.exp(row[f"times taken, half-life {days:g} days"]) == pytest.approx(
                    decayed + 1e-3, rel=1e-3
                )
            assert np.expm1(row["days since taken"]) == pytest.approx(ages.min(), rel=1e-3, abs=1e-3)
            usual = (ages.max() - ages.min()) / (len(ages) - 1) if len(ages) > 1 else 0
            assert np.expm1(row["usual days between"]) == pytest.approx(usual, rel=1e-3, abs=1e-3)
            baskets = len({row[3] for row in before})
            assert np.exp(row["baskets of the user"]) == pytest.approx(baskets, rel=1e-3)
    assert len(found) == expected


def test_what_was_seen_is_every_line_before_the_moment_whatever_is_read(inputs):
    history = index_history(inputs)
    users, times = some_moments(inputs)
    seen = collate(history, history.known(users, times), length=2, past="items").seen
    assert seen.features is None
    rows = rows_of(inputs)
    for n, (user, time) in enumerate(zip(users, times, strict=True)):
        before = [row[1] for row in rows if row[0] == user and row[2] < time]
        assert seen.items[seen.offsets[n] : seen.offsets[n + 1]].tolist() == before
        assert (seen.moments[seen.offsets[n] : seen.offsets[n + 1]] == n).all()


def same(left, right) -> bool:
    """Whether two batches hold the same numbers."""
    pairs = [
        (getattr(left, name), getattr(right, name))
        for name in vars(left)
        if name not in ("seen", "token_kept")
    ]
    pairs += [(getattr(left.seen, name), getattr(right.seen, name)) for name in vars(left.seen)]
    return all(torch.equal(torch.as_tensor(a), torch.as_tensor(b)) for a, b in pairs)


@given(st.integers(0, 1000), st.integers(20, 119))
def test_what_comes_later_changes_nothing_that_a_moment_sees(seed, day):
    """Popularity included: a history cut at the moment gives the very same numbers."""
    inputs = made_inputs(seed=seed)
    moment = day * SECONDS_PER_DAY
    rows = rows_of(inputs)
    cut = [row for row in rows if row[2] < moment]
    other = [(u, (i + 7) % inputs.n_items if t >= moment else i, t, b) for u, i, t, b in rows]
    users = np.arange(inputs.n_users)
    batches = []
    for kept in (rows, cut, other):
        history = index_history(inputs_of(kept, n_users=inputs.n_users, n_items=inputs.n_items, at=inputs.at))
        moments = history.known(users, np.full(len(users), moment))
        batches.append(collate(history, moments, length=50, past="features"))
    assert same(batches[0], batches[1])
    assert same(batches[0], batches[2])


def test_popularity_rows_hold_what_was_known_at_their_time(inputs):
    trends = index_history(inputs).trends
    past = inputs.history
    for time in range(0, inputs.at + 1, 3 * SECONDS_PER_DAY):
        row = int(trends.rows(np.array([time]))[0])
        grid = trends.at - (len(trends.table) - 1 - row) * trends.step
        assert grid <= time or row == 0
        known = past.items[past.times < grid]
        share = (np.bincount(known, minlength=inputs.n_items) + 1) / (len(known) + inputs.n_items)
        np.testing.assert_allclose(trends.table[row, :, 0], np.log(share * inputs.n_items), atol=1e-5)


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 5))))
def test_ranges_concatenate(pairs):
    starts, lengths = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    expected = [value for start, length in pairs for value in range(start, start + length)]
    assert ranges(starts, lengths).tolist() == expected


def test_no_history_at_all():
    inputs = inputs_of([], n_users=3, n_items=4, at=0)
    history = index_history(inputs)
    moments = history.now(np.arange(3), at_last_event=False)
    batch = collate(history, moments, length=8, past="features")
    assert batch.moment_slots.tolist() == [-1, -1, -1]
    assert len(batch.seen.items) == 0
