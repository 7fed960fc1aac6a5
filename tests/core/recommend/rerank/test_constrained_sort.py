"""DetConstSort for everybody at once against a plain transcription for one user, and what it promises."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import InputError, SettingsError
from core.metrics import NOTHING
from core.recommend.rerank.batch import EMPTY, Candidates
from core.recommend.rerank.constrained_sort import ConstrainedSortSettings, constrained_sort, least_counts
from core.schema.settings import settings_from

WIDTH, N_ITEMS = 12, 40
TARGETS = ([1.0], [0.5, 0.5], [0.2, 0.8], [0.1, 0.3, 0.6], [1 / 3, 1 / 3, 1 / 3], [0.0, 0.25, 0.05, 0.7])


def drawn(seed: int, n_groups: int, *, n_users: int = 10) -> tuple[Candidates, np.ndarray]:
    """Lists of any length from none to WIDTH, and the groups of the items."""
    rng = np.random.default_rng(seed)
    items = np.argsort(rng.random((n_users, N_ITEMS)), axis=1)[:, :WIDTH].astype(np.int32)
    relevance = -np.sort(-rng.random((n_users, WIDTH)).astype(np.float32), axis=1)
    there = np.arange(WIDTH) < rng.integers(0, WIDTH + 1, n_users)[:, None]
    groups = rng.choice(n_groups, N_ITEMS, p=rng.dirichlet(np.ones(n_groups)))
    return Candidates(np.where(there, items, NOTHING), np.where(there, relevance, EMPTY)), groups


def one_list(codes: list[int], k: int, target: list[float], strength: float) -> list[int]:
    """Algorithm 3 of the paper for one user, line by line, places counted from one; old places in their new order."""
    n_groups = len(target)
    k = min(k, len(codes))
    queues = [[place for place, code in enumerate(codes) if code == group] for group in range(n_groups)]
    counts, least = [0] * n_groups, [0] * n_groups
    ranked, latest = [], []
    n = 0
    while len(ranked) < k and n < 1000:
        n += 1
        own = [codes[: min(n, k)].count(group) for group in range(n_groups)]
        now = [
            int((1 - strength) * own[group] + strength * n * target[group] + 1e-9)
            for group in range(n_groups)
        ]
        changed = [g for g in range(n_groups) if now[g] > least[g] and counts[g] < len(queues[g])]
        for group in sorted(changed, key=lambda g: queues[g][counts[g]]):
            if len(ranked) == k:
                break
            ranked.append(queues[group][counts[group]])
            latest.append(n)
            start = len(ranked)  # place of the last, counted from one
            while start > 1 and latest[start - 2] >= start and ranked[start - 2] > ranked[start - 1]:
                for row in (ranked, latest):
                    row[start - 2], row[start - 1] = row[start - 1], row[start - 2]
                start -= 1
            counts[group] += 1
        least = now
    # What is never due fills the list, the best first; it climbs as all do
    for place in [place for place in range(len(codes)) if place not in ranked][: k - len(ranked)]:
        ranked.append(place)
        latest.append(n + 1)
        start = len(ranked)
        while start > 1 and latest[start - 2] >= start and ranked[start - 2] > ranked[start - 1]:
            for row in (ranked, latest):
                row[start - 2], row[start - 1] = row[start - 1], row[start - 2]
            start -= 1
    return ranked + [place for place in range(len(codes)) if place not in ranked]


@settings(max_examples=150, deadline=None)
@given(
    st.integers(0, 10_000),
    st.sampled_from(TARGETS),
    st.integers(1, 15),
    st.sampled_from([0.0, 0.25, 0.5, 0.9, 1.0]),
)
def test_all_at_once_is_one_by_one(seed, target, k, strength):
    candidates, groups = drawn(seed, len(target))
    found = constrained_sort(candidates, groups, k=k, target=np.array(target), strength=strength)
    for items, row in zip(candidates.items, found.items, strict=True):
        there = items[items != NOTHING]
        order = one_list(groups[there].tolist(), k, target, strength)
        assert row.tolist() == [*there[order], *[NOTHING] * (WIDTH - len(there))]
    np.testing.assert_array_equal(found.relevance, candidates.relevance)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(TARGETS), st.integers(1, 15), st.floats(0, 1))
def test_every_prefix_holds_the_least_of_each_group(seed, target, k, strength):
    candidates, groups = drawn(seed, len(target))
    target = np.array(target)
    found = constrained_sort(candidates, groups, k=k, target=target, strength=strength)
    np.testing.assert_array_equal(np.sort(found.items), np.sort(candidates.items))
    np.testing.assert_array_equal(found.filled, candidates.filled)
    before, after = (
        (np.where(batch.filled, groups[batch.items], len(target))[:, :, None] == np.arange(len(target)))
        for batch in (candidates, found)
    )
    for n in range(1, min(k, WIDTH) + 1):
        least = least_counts(before[:, :n].sum(axis=1), n, target, strength)
        if strength == 1:
            assert (least == np.floor(n * target + 1e-9)).all()
        assert (after[:, :n].sum(axis=1) >= np.minimum(least, before.sum(axis=1))).all()
    for row in range(len(found.items)):
        rest = found.items[row, min(k, WIDTH) :].tolist()
        places = [candidates.items[row].tolist().index(item) for item in rest if item != NOTHING]
        assert places == sorted(places)
        for group in range(len(target)):  # nobody overtakes their own group
            np.testing.assert_array_equal(
                found.items[row][after[row, :, group]], candidates.items[row][before[row, :, group]]
            )


@given(st.integers(0, 10_000), st.sampled_from(TARGETS), st.integers(1, 15))
def test_no_strength_changes_nothing(seed, target, k):
    candidates, groups = drawn(seed, len(target))
    found = constrained_sort(candidates, groups, k=k, target=np.array(target), strength=0)
    np.testing.assert_array_equal(found.items, candidates.items)
    np.testing.assert_array_equal(found.relevance, candidates.relevance)


def ordered(codes: list[int], k: int, target: list[float]) -> list[int]:
    """Old places of one user's candidates of these groups in their new order."""
    falling = np.linspace(1, 0, len(codes), dtype=np.float32)[None]
    candidates = Candidates(np.arange(len(codes), dtype=np.int32)[None], falling)
    return constrained_sort(candidates, np.array(codes), k=k, target=np.array(target)).items[0].tolist()


def test_by_hand():
    # Round 2: 0, 3 (both due 2); round 4: 1, 4. 1 is better than 3, but 3 cannot wait until place 3
    assert ordered([0, 0, 0, 1, 1], 4, [0.5, 0.5]) == [0, 3, 1, 4, 2]
    # Round 2: 2 (due 2); round 3: 0 climbs past it, which may wait until place 2, then 3 (due 3)
    assert ordered([0, 0, 1, 1, 1], 3, [1 / 3, 2 / 3]) == [0, 2, 3, 1, 4]


def test_groups_without_items_are_passed_over():
    assert ordered([0, 0, 0, 0], 4, [0.25, 0.75]) == [0, 1, 2, 3]
    assert ordered([0, 1, 0, 0, 0], 5, [0.2, 0.8]) == [0, 1, 2, 3, 4]


def test_more_strength_brings_the_shares_nearer_to_the_target():
    rng = np.random.default_rng(4)
    items = np.argsort(rng.random((300, N_ITEMS)), axis=1)[:, :20].astype(np.int32)
    candidates = Candidates(items, np.tile(np.linspace(1, 0, 20, dtype=np.float32), (300, 1)))
    groups, target, k = rng.choice(3, N_ITEMS), np.array([0.1, 0.2, 0.7]), 10
    gaps = []
    for strength in (0, 0.25, 0.5, 0.75, 1):
        top = constrained_sort(candidates, groups, k=k, target=target, strength=strength).items[:, :k]
        gaps.append(np.abs(np.bincount(groups[top.ravel()]) / top.size - target).sum())
    assert (np.diff(gaps) < 0).all()
    assert gaps[-1] < 0.2 * gaps[0]


def test_more_users_than_one_chunk_holds():
    candidates, groups = drawn(2, 3, n_users=9000)
    target = np.array([0.2, 0.3, 0.5])
    found = constrained_sort(candidates, groups, k=5, target=target)
    some = Candidates(candidates.items[8500:8600], candidates.relevance[8500:8600])
    np.testing.assert_array_equal(
        found.items[8500:8600], constrained_sort(some, groups, k=5, target=target).items
    )


def test_nobody_and_nothing():
    empty = Candidates(np.empty((0, 5), np.int32), np.empty((0, 5), np.float32))
    assert constrained_sort(empty, np.zeros(3, int), k=3, target=np.ones(1)).items.shape == (0, 5)
    blank = Candidates(np.full((2, 3), NOTHING, np.int32), np.full((2, 3), EMPTY, np.float32))
    assert (constrained_sort(blank, np.zeros(3, int), k=3, target=np.ones(1)).items == NOTHING).all()


@pytest.mark.parametrize("target", [[0.5, 0.4], [1.5, -0.5], [1.0]])
def test_targets_that_are_none(target):
    candidates, _ = drawn(0, 2)
    with pytest.raises(InputError, match="shares"):
        constrained_sort(candidates, np.arange(N_ITEMS) % 2, k=3, target=np.array(target))


def test_settings_out_of_bounds():
    with pytest.raises(SettingsError, match="strength"):
        settings_from(ConstrainedSortSettings, {"strength": 1.5})
