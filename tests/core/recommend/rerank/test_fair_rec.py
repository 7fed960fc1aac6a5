"""FairRec+: both guarantees by brute force, placing against a maximum flow, and what must not change."""

from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_flow

from core.errors import SettingsError
from core.metrics import NOTHING
from core.recommend.rerank.batch import Candidates
from core.recommend.rerank.fair_rec import FairRecSettings, fair_rec
from core.schema.settings import settings_from
from tests.core.recommend.rerank.greedy_reference import ITEMS, assert_reordered, batch_of, batches, drawn


def everything(seed: int, users: int, items: int) -> Candidates:
    """Users to whom every item is a candidate."""
    return drawn(np.random.default_rng(seed), users=users, width=items, items=items, short=False)


def again(batch, n_items, k, strength):
    return fair_rec(batch, n_items=n_items, k=k, strength=strength, rng=np.random.default_rng(0))


def worth(batch, n_items):
    """(U, I) relevance, 0 of what is no candidate."""
    found = np.zeros((batch.n_users, n_items))
    for row, items, relevance in zip(found, batch.items, batch.relevance, strict=True):
        row[items[items != NOTHING]] = relevance[items != NOTHING]
    return found


def users_who_envy(batch, lists, n_items):
    """Users u for whom there is a v with V_u(A_v - i) > V_u(A_u) whatever item i is taken out (EF1), word for word."""
    value = worth(batch, n_items)
    sets = [[item for item in row if item != NOTHING] for row in lists.tolist()]

    def envies(u, v):
        own = value[u, sets[u]].sum()
        return all(
            value[u, [other for other in sets[v] if other != item]].sum() > own + 1e-5 for item in sets[v]
        )

    n = len(sets)
    return sum(any(len(sets[v]) and envies(u, v) for v in range(n) if v != u) for u in range(n))


def test_by_hand():
    """Both users like item 0 best and item 3 least; at alpha = 1 each of four items is in 2 x 2 / 4 = 1 list."""
    batch = batch_of(
        np.array([[0.9, 0.8, 0.5, 0.1], [0.9, 0.7, 0.4, 0.1]]),
        np.array([4, 4]),
        np.tile(np.arange(4), (2, 1)),
    )
    found = again(batch, 4, 2, 1.0)
    assert found.least == 1
    assert found.shown.tolist() == [1, 1, 1, 1]
    assert len(found.unreachable) == 0
    lists = {tuple(row) for row in found.candidates.lists(2).tolist()}
    assert lists == {(0, 3), (1, 2)}  # who comes second chooses before the one they envy
    assert found.envious == 0


@pytest.mark.parametrize(("users", "items", "k"), [(3, 4, 2), (2, 3, 1), (3, 3, 2), (4, 3, 2)])
def test_no_lists_give_the_worst_shown_item_more(users, items, k):
    """The maximin share of an item, by all lists there are."""
    lists = list(combinations(range(items), k))
    best = max(
        np.bincount(np.concatenate(every), minlength=items).min() for every in product(lists, repeat=users)
    )
    for seed in range(10):
        found = again(everything(seed, users, items), items, k, 1.0)
        assert found.least == best
        assert found.shown.min() == best


def test_both_guarantees_where_everything_is_a_candidate():
    """Every item reaches its least number. EF1 has exceptions, as no item can be twice in a list: at most 1 of 100 users."""
    rng = np.random.default_rng(0)
    envious = asked = 0
    for seed in range(150):
        users, items = int(rng.integers(2, 7)), int(rng.integers(3, 9))
        k, strength = int(rng.integers(1, min(items, 5))), float(rng.choice([0.5, 0.8, 1.0]))
        batch = everything(seed, users, items)
        found = again(batch, items, k, strength)
        assert found.least == int(strength * users * k / items + 1e-9)
        assert found.shown.min() >= found.least
        assert found.envious == users_who_envy(batch, found.candidates.lists(k), items)
        envious, asked = envious + found.envious, asked + users
    assert envious <= 0.01 * asked


@settings(max_examples=60, deadline=None)
@given(batches(), st.sampled_from([0.3, 0.7, 1.0]), st.integers(1, 6))
def test_as_many_copies_are_placed_as_can_be(batch, strength, k):
    found = again(batch, ITEMS, k, strength)
    assert_reordered(found.candidates, batch, k)
    lists = found.candidates.lists(k)
    shown = np.bincount(lists[lists != NOTHING], minlength=ITEMS)
    np.testing.assert_array_equal(found.shown, shown)
    np.testing.assert_array_equal(found.unreachable, np.flatnonzero(shown < found.least))
    assert found.envious == users_who_envy(batch, lists, ITEMS)
    source, sink = 0, 1
    network = np.zeros((2 + ITEMS + batch.n_users,) * 2, np.int32)
    network[source, 2 : 2 + ITEMS] = found.least
    network[2 + ITEMS :, sink] = min(k, batch.items.shape[1])
    users, places = np.nonzero(batch.filled)
    network[2 + batch.items[users, places], 2 + ITEMS + users] = 1
    most = maximum_flow(csr_array(network), source, sink).flow_value
    assert np.minimum(shown, found.least).sum() == most


@given(batches(), st.integers(1, 8))
def test_without_strength_nothing_moves(batch, k):
    found = again(batch, ITEMS, k, 0.0)
    np.testing.assert_array_equal(found.candidates.items, batch.items)
    assert found.least == 0
    assert len(found.unreachable) == 0


def test_lists_are_the_best_first_and_filled():
    batch = drawn(np.random.default_rng(1), users=80)
    found = again(batch, 100, 5, 0.8)
    value = worth(batch, 100)
    for u, row in enumerate(found.candidates.lists(5)):
        items = row[row != NOTHING]
        assert len(items) == min(5, batch.filled[u].sum())
        assert (np.diff(value[u, items]) <= 0).all()


def test_more_strength_shows_the_least_shown_more_and_costs_relevance():
    batch = everything(2, 60, 30)
    value = worth(batch, 30)
    least, relevance = [], []
    for strength in (0.0, 0.3, 0.6, 1.0):
        found = again(batch, 30, 5, strength)
        least.append(found.shown.min())
        relevance.append(np.take_along_axis(value, found.candidates.lists(5), axis=1).sum())
    assert (np.diff(least) > 0).all()
    assert (np.diff(relevance) < 0).all()


def test_items_that_too_few_have_are_told():
    batch = batch_of(np.ones((4, 2)), np.full(4, 2), np.array([[0, 1], [0, 1], [0, 1], [0, 2]]))
    found = again(batch, 4, 2, 1.0)  # least 2; item 2 is one user's candidate, item 3 nobody's
    assert found.least == 2
    assert found.unreachable.tolist() == [2, 3]


def test_the_same_seed_gives_the_same():
    batch = everything(3, 30, 20)
    np.testing.assert_array_equal(
        again(batch, 20, 4, 0.9).candidates.items, again(batch, 20, 4, 0.9).candidates.items
    )


def test_strength_is_a_share():
    with pytest.raises(SettingsError, match="strength"):
        settings_from(FairRecSettings, {"strength": 1.1})
