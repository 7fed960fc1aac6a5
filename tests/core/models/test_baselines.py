"""Baselines against brute force on a small shop."""

import importlib
from dataclasses import replace

import numpy as np
import pytest

from core.data.content import item_content
from core.data.inputs import ModelInputs, Sequences
from core.models.baselines import BASELINES, baseline_candidates
from core.models.baselines.item_knn import NEIGHBOURS
from tests.core.models.made import inputs_of, item_table, made_inputs

N_USERS, N_ITEMS = 7, 12
# The functions have the names of their modules.
ease_module = importlib.import_module("core.models.baselines.ease")
tifu_knn_module = importlib.import_module("core.models.baselines.tifu_knn")


@pytest.fixture(scope="module")
def inputs() -> ModelInputs:
    rng = np.random.default_rng(3)
    lengths = np.array([9, 0, 14, 6, 1, 20, 8])  # user 1 has no history
    items = rng.zipf(1.5, lengths.sum()).clip(max=N_ITEMS) - 1
    times = np.concatenate([np.sort(rng.integers(0, 1000, length)) for length in lengths])
    history = Sequences(
        offsets=np.concatenate([[0], np.cumsum(lengths)]),
        items=items.astype(np.int32),
        times=times.astype(np.int64),
        baskets=np.arange(len(items), dtype=np.int32),
        events=np.zeros(len(items), np.int8),
    )
    return ModelInputs(N_USERS, N_ITEMS, history, item_content(item_table(N_ITEMS)), at=1001)


def user_history(inputs: ModelInputs, user: int) -> list[tuple[int, int]]:
    part = slice(*inputs.history.offsets[user : user + 2])
    return list(zip(inputs.history.items[part].tolist(), inputs.history.times[part].tolist(), strict=True))


def test_p_topfreq_orders_by_count_then_recency_then_popularity(inputs):
    lists = baseline_candidates("p_topfreq", inputs, k=N_ITEMS)
    popular = np.bincount(inputs.history.items, minlength=N_ITEMS)
    for user in range(N_USERS):
        past = user_history(inputs, user)
        key = {
            item: (
                sum(i == item for i, _ in past),
                max((t for i, t in past if i == item), default=-1),
                popular[item],
            )
            for item in range(N_ITEMS)
        }
        listed = lists.loc[lists["user"] == user, "item"].tolist()
        assert [key[item] for item in listed] == sorted(key.values(), reverse=True)


def test_item_knn_agrees_with_a_dense_computation(inputs):
    counts = counts_of(inputs)
    norms = np.linalg.norm(counts, axis=0)
    cosine = counts.T @ counts / np.maximum(np.outer(norms, norms), 1e-12)
    for item in range(N_ITEMS):
        cosine[item, np.argsort(-cosine[item], kind="stable")[NEIGHBOURS:]] = 0
    expected = counts @ cosine.T
    found = BASELINES["item_knn"](inputs)(np.arange(N_USERS))
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_ease_is_ridge_regression_of_each_item_on_all_others(inputs):
    """Column by column by least squares with extra rows, instead of the closed form of the whole."""
    taken = np.log2(1 + counts_of(inputs))
    penalty = np.mean(np.sum(taken**2, axis=0))
    weights = np.zeros((N_ITEMS, N_ITEMS))
    for item in range(N_ITEMS):
        others = np.arange(N_ITEMS) != item
        rows = np.vstack([taken[:, others], np.sqrt(penalty) * np.eye(N_ITEMS - 1)])
        wanted = np.concatenate([taken[:, item], np.zeros(N_ITEMS - 1)])
        weights[others, item] = np.linalg.lstsq(rows, wanted, rcond=None)[0]
    found = BASELINES["ease"](inputs)(np.arange(N_USERS))
    np.testing.assert_allclose(found, taken @ weights, atol=1e-5)


def test_of_a_catalogue_too_large_for_ease_the_rest_comes_last_by_popularity(inputs, monkeypatch):
    monkeypatch.setattr(ease_module, "WHOLE", 5)
    monkeypatch.setattr(ease_module, "MOST_TAKEN", 4)
    takers = np.count_nonzero(counts_of(inputs), axis=0)
    known = set(np.argsort(-takers, kind="stable")[:4].tolist())
    popular = np.bincount(inputs.history.items, minlength=N_ITEMS)
    for _, one in baseline_candidates("ease", inputs, k=N_ITEMS).groupby("user"):
        items = one["item"].tolist()
        assert set(items[:4]) == known
        rest = popular[items[4:]].tolist()
        assert rest == sorted(rest, reverse=True)


@pytest.mark.parametrize("neighbours", [1, 4, 300])
def test_tifu_knn_agrees_with_a_computation_basket_by_basket(monkeypatch, neighbours):
    monkeypatch.setattr(tifu_knn_module, "NEIGHBOURS", neighbours)
    inputs = made_inputs(n_users=14, n_items=9, habit=0.5, seed=4)  # user 0 has no history
    vectors = np.stack([decayed_by_hand(inputs, user) for user in range(14)])
    found = BASELINES["tifu_knn"](inputs)(np.arange(14))
    for user in range(14):
        others = [other for other in range(1, 14) if other != user]
        if user:
            others.sort(key=lambda other: np.sum((vectors[user] - vectors[other]) ** 2))
            others = others[:neighbours]
        expected = 0.7 * vectors[user] + 0.3 * vectors[others].mean(axis=0)
        np.testing.assert_allclose(found[user], expected, atol=1e-5)


def decayed_by_hand(inputs: ModelInputs, user: int) -> np.ndarray:
    """A user's vector as the paper tells it: baskets, then groups, then their decayed mean."""
    part = slice(*inputs.history.offsets[user : user + 2])
    numbers = inputs.history.baskets[part]
    baskets = [set(inputs.history.items[part][numbers == number]) for number in dict.fromkeys(numbers)]
    if not baskets:
        return np.zeros(inputs.n_items)
    groups = [list(group)[::-1] for group in np.array_split(baskets[::-1], min(7, len(baskets)))][::-1]
    total = np.zeros(inputs.n_items)
    for g, group in enumerate(groups, start=1):
        mean = np.zeros(inputs.n_items)
        for j, basket in enumerate(group, start=1):
            mean[list(basket)] += 0.9 ** (len(group) - j) / len(group)
        total += 0.7 ** (len(groups) - g) * mean / len(groups)
    return total


def test_an_item_twice_in_one_basket_counts_once_for_tifu_knn():
    rows = [(0, 0, 10, 0), (0, 1, 10, 0), (1, 1, 20, 0)]
    once = inputs_of(rows, n_users=2, n_items=3, at=100)
    twice = inputs_of([*rows[:1], *rows], n_users=2, n_items=3, at=100)
    vectors = [tifu_knn_module.decayed_frequency(one).toarray() for one in (once, twice)]
    np.testing.assert_array_equal(*vectors)
    np.testing.assert_allclose(vectors[0], [[1, 1, 0], [0, 1, 0]])


def test_tifu_knn_looks_for_neighbours_in_a_pool_and_lists_for_everybody(monkeypatch):
    inputs = made_inputs(n_users=14, n_items=9, seed=4)
    monkeypatch.setattr(tifu_knn_module, "POOL", 5)
    lists = baseline_candidates("tifu_knn", inputs, k=9)
    assert lists["user"].value_counts().eq(9).all()
    pool = np.arange(1, 14)[::3]
    vectors = np.stack([decayed_by_hand(inputs, user) for user in range(14)])
    expected = 0.7 * vectors[2] + 0.3 * vectors[pool].mean(axis=0)  # five are fewer than NEIGHBOURS
    found = BASELINES["tifu_knn"](inputs)(np.array([2]))[0]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def counts_of(inputs: ModelInputs) -> np.ndarray:
    counts = np.zeros((inputs.n_users, inputs.n_items))
    np.add.at(counts, (inputs.history.users, inputs.history.items), 1)
    return counts


def test_popularity_is_the_same_for_everybody(inputs):
    lists = baseline_candidates("popularity", inputs, k=5)
    counts = np.bincount(inputs.history.items, minlength=N_ITEMS)
    for _, one in lists.groupby("user"):
        assert counts[one["item"]].tolist() == sorted(counts, reverse=True)[:5]


@pytest.mark.parametrize("name", BASELINES)
@pytest.mark.parametrize("k", [1, 5, 50])
def test_every_user_gets_a_full_list_without_duplicates(inputs, name, k):
    lists = baseline_candidates(name, inputs, k=k)
    assert lists["user"].value_counts().eq(min(k, N_ITEMS)).all()
    assert lists["user"].nunique() == N_USERS
    assert not lists.duplicated(["user", "item"]).any()
    assert lists["item"].between(0, N_ITEMS - 1).all()
    assert (lists.groupby("user")["score"].diff().dropna() <= 0).all()


@pytest.mark.parametrize("name", BASELINES)
def test_where_nobody_repeats_no_list_holds_what_its_user_had(inputs, name):
    past = inputs.history
    once = np.unique(past.users.astype(np.int64) * N_ITEMS + past.items, return_index=True)[1]
    users = past.users[once]
    history = Sequences(
        offsets=np.searchsorted(users, np.arange(N_USERS + 1)),
        items=past.items[once],
        times=past.times[once],
        baskets=past.baskets[once],
        events=past.events[once],
    )
    lists = baseline_candidates(name, replace(inputs, history=history), k=N_ITEMS)
    had = set(zip(users.tolist(), history.items.tolist(), strict=True))
    listed = set(zip(lists["user"].tolist(), lists["item"].tolist(), strict=True))
    assert not had & listed
    assert len(had | listed) == N_USERS * N_ITEMS


@pytest.mark.parametrize("name", BASELINES)
def test_lists_can_leave_out_what_was_taken_before_and_keep_the_order_of_the_rest(inputs, name):
    everything = baseline_candidates(name, inputs, k=N_ITEMS)
    had = set(zip(inputs.history.users.tolist(), inputs.history.items.tolist(), strict=True))
    kept = [pair not in had for pair in zip(everything["user"], everything["item"], strict=True)]
    new = baseline_candidates(name, inputs, k=N_ITEMS, exclude_seen=True)
    assert new["item"].tolist() == everything.loc[kept, "item"].tolist()
    assert new["user"].tolist() == everything.loc[kept, "user"].tolist()
