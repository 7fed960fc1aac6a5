"""xQuAD: lists that cover the topics which their users want."""

import numpy as np
from pydantic import Field

from core.errors import InputError
from core.recommend.rerank.batch import Candidates
from core.recommend.rerank.group_heads import GroupHeads, Queue, by_heads, check_groups
from core.recommend.rerank.item_by_item import TAKEN, item_by_item, worth
from core.schema.settings import Settings

AT_ONCE = 1 << 19  # numbers on several topics an item


class XquadSettings(Settings):
    """Lists that cover more of what their users want.

    Moves how many of the categories that a user buys from are in the list at all. Does not move in what proportion (see
    calibrated lists), nor what providers get over all users.
    """

    strength: float = Field(
        0.5,
        ge=0,
        le=1,
        description="Weight of covering the categories that a user buys from, against relevance; 0 keeps the order. Does "
        "not give small providers their share",
    )


def xquad(
    candidates: Candidates, topics: np.ndarray, wanted: np.ndarray, *, k: int, strength: float
) -> Candidates:
    """Lists built item by item from relevance and the wanted topics that are not yet covered.

        (1 - l) s(u, i) + l sum_c p(c|u) p(i|c) prod_{j in list so far} (1 - p(j|c)),  l = strength

    s: relevance from 1 (the user's best candidate) to 0 (the last). Equal items stay as they were. The objective is
    monotone and submodular, so a list reaches at least 1 - 1/e of the best one's (Nemhauser, Wolsey & Fisher 1978).
    Source: Santos, Macdonald & Ounis, Exploiting query reformulations for web search result diversification, WWW 2010.

    Args:
        topics: (I,) topic of each item, which it covers fully (p(i|c) = 1), or (I, T) p(i|c) from 0 to 1, which
            takes longer the more topics there are.
        wanted: (U, T) p(c|u), such as shares of a user's purchases. NaN where nothing is known: the order stays.

    Raises:
        InputError: the numbers of users or topics do not fit.
    """
    if topics.ndim == 1:
        return _one_topic(candidates, topics, wanted, k, strength)
    return _several_topics(candidates, topics.astype(np.float32), wanted, k, strength)


def _one_topic(
    candidates: Candidates, topics: np.ndarray, wanted: np.ndarray, k: int, strength: float
) -> Candidates:
    check_groups(topics, wanted, candidates.n_users)
    n_topics = wanted.shape[1]

    def choose(heads: GroupHeads, users: slice, places: int) -> np.ndarray:
        queue = Queue(heads, 1 - strength)
        gain = np.float32(strength) * heads.of_each(wanted[users])
        rows = np.arange(gain.shape[1])
        chosen = np.empty((len(rows), places), np.intp)
        for place in range(places):
            topic, chosen[:, place] = queue.take(gain)
            gain[topic, rows] = 0
        return chosen

    return by_heads(candidates, topics, n_topics, k, choose)


def _several_topics(
    candidates: Candidates, topics: np.ndarray, wanted: np.ndarray, k: int, strength: float
) -> Candidates:
    if wanted.shape != (candidates.n_users, topics.shape[1]):
        raise InputError(
            f"Shares of {wanted.shape[1]:,} topics are given for {len(wanted):,} users; there are "
            f"{topics.shape[1]:,} topics and {candidates.n_users:,} users."
        )

    def choose(some: Candidates, users: slice, places: int) -> np.ndarray:
        rows = np.arange(some.n_users)
        theirs = topics[some.items]  # (u, C, T)
        left = worth(some, 1 - strength)
        uncovered = np.float32(strength) * np.nan_to_num(wanted[users]).astype(np.float32)
        chosen = np.empty((some.n_users, places), np.intp)
        for place in range(places):
            best = (left + np.matmul(theirs, uncovered[:, :, None])[:, :, 0]).argmax(axis=1)
            chosen[:, place] = best
            left[rows, best] = TAKEN
            uncovered *= 1 - theirs[rows, best]
        return chosen

    numbers = max(candidates.items.shape[1] * topics.shape[1], 1)
    return item_by_item(candidates, k, choose, at_once=max(AT_ONCE // numbers, 1))
