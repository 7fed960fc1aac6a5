"""Baselines against brute force on a small shop."""

from dataclasses import replace

import numpy as np
import pytest

from core.data.content import item_content
from core.data.inputs import ModelInputs, Sequences
from core.models.baselines import BASELINES, NEIGHBOURS, baseline_candidates
from tests.core.models.made import item_table

N_USERS, N_ITEMS = 7, 12


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
    counts = np.zeros((N_USERS, N_ITEMS))
    np.add.at(counts, (inputs.history.users, inputs.history.items), 1)
    norms = np.linalg.norm(counts, axis=0)
    cosine = counts.T @ counts / np.maximum(np.outer(norms, norms), 1e-12)
    for item in range(N_ITEMS):
        cosine[item, np.argsort(-cosine[item], kind="stable")[NEIGHBOURS:]] = 0
    expected = counts @ cosine.T
    found = BASELINES["item_knn"](inputs)(np.arange(N_USERS))
    np.testing.assert_allclose(found, expected, atol=1e-5)


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
