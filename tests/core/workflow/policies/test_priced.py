"""Everyone's candidates by relevance plus price, against a loop over users."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from core.recommend.rerank.batch import EMPTY
from core.recommend.rerank.market import Kinds
from core.workflow.policies.engine import priced
from core.workflow.policies.ground import UserGroups
from tests.core.recommend.rerank.greedy_reference import CODES, USERS, batches, drawn

PRICES = st.sampled_from([-1.0, -0.25, 0.0, 0.25, 0.5])


def one_by_one(candidates, kinds, prices, group):
    """Items and relevances of each user, equal ones as they were."""
    items, relevance = candidates.items.copy(), candidates.relevance.copy()
    for user, mine in enumerate(group):
        n = int(candidates.filled[user].sum())
        bonus = np.zeros(n)
        if mine < len(prices):
            bonus = prices[mine] @ kinds.features[:, kinds.codes[items[user, :n]]]
        value = relevance[user, :n] + bonus.astype(np.float32)
        order = np.argsort(-value, kind="stable")
        items[user, :n], relevance[user, :n] = items[user, order], value[order]
    return items, relevance


@given(batches(), st.lists(PRICES, min_size=9, max_size=9), st.data())
def test_with_ties_empty_places_and_users_in_no_group(candidates, prices, data):
    kinds, prices = Kinds(CODES, np.eye(3)), np.array(prices).reshape(3, 3)
    codes = data.draw(st.lists(st.sampled_from([0, 2, 3]), min_size=USERS, max_size=USERS))  # 1 has no users
    users = UserGroups(("a", "b", "c"), np.array(codes, np.int32))
    found = priced(candidates, kinds, prices, users)
    items, relevance = one_by_one(candidates, kinds, prices, users.codes)
    np.testing.assert_array_equal(found.items, items)
    np.testing.assert_array_equal(found.relevance, relevance)
    assert (found.relevance[~found.filled] == EMPTY).all()
    found = priced(candidates, kinds, prices[:1])
    items, relevance = one_by_one(candidates, kinds, prices[:1], np.zeros(USERS, int))
    np.testing.assert_array_equal(found.items, items)
    np.testing.assert_array_equal(found.relevance, relevance)


def test_many_users_and_an_amount_that_is_a_share():
    rng = np.random.default_rng(7)
    candidates = drawn(rng, users=7000)
    kinds, prices = Kinds(rng.integers(0, 51, 100), (np.arange(51) / 50)[None]), rng.normal(size=(5, 1)) / 5
    users = UserGroups(tuple("abcde"), rng.integers(0, 6, 7000).astype(np.int32))
    found = priced(candidates, kinds, prices, users)
    items, relevance = one_by_one(candidates, kinds, prices, users.codes)
    np.testing.assert_array_equal(found.items, items)
    np.testing.assert_array_equal(found.relevance, relevance)
    assert (found.items != candidates.items).any(axis=1).mean() > 0.5


def test_without_prices_nothing_is_made_anew():
    candidates = drawn(np.random.default_rng(1))
    assert priced(candidates, Kinds(np.arange(100) % 3, np.eye(3)), np.zeros((1, 3))) is candidates
