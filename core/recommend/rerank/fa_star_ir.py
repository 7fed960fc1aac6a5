"""FA*IR: every prefix of everyone's list holds the fewest protected items that a fair lottery would.

Source: Zehlike, Bonchi, Castillo, Hajian, Megahed & Baeza-Yates, FA*IR: a fair top-k ranking algorithm, CIKM 2017.
"""

from functools import lru_cache

import numpy as np
from pydantic import Field
from scipy.stats import binom

from core.recommend.rerank.batch import Candidates, in_new_order
from core.schema.settings import Settings

CHUNK = 2048  # users at a time: what is looked up of their candidates stays in the cache
DIGITS = 12  # of cumulative probabilities: equal ones that were summed in another order stay equal


class FaStarIrSettings(Settings):
    """Protected items move up until every prefix of every list passes a test for too few of them.

    It moves how many protected items each user sees, and how early. It cannot show more of them than a user's candidates
    hold, does not look at how attention is split among the protected, and asks the same of every user's list.
    """

    items_by: str = Field("brand", description="Attribute of items that names the protected ones")
    protected: str = Field("Private", description="The group of it whose items are protected")
    share: float = Field(
        0.3,
        ge=0,
        le=1,
        description="Share of protected items that lists should have at least; 0: lists stay as they are",
    )
    alpha: float = Field(
        0.1,
        ge=0.01,
        le=0.5,
        description="How often a list drawn with that very share would fail the test; higher asks for more",
    )


def fa_star_ir(
    candidates: Candidates, protected: np.ndarray, *, k: int, p: float, alpha: float
) -> Candidates:
    """The most relevant lists that pass the test in each of their first k prefixes; all else in its old order.

    No other order with enough protected items in every prefix has a higher sum of relevance in any prefix. Where a user's
    candidates hold too few protected items, all of them come as early as they must.

    Args:
        protected: bool (I,). p: share of protected items, 0 to 1; 0 changes nothing.
        alpha: chance that a list drawn with share p fails, in any prefix.
    """
    width = candidates.items.shape[1]
    counts = fair_counts(min(k, width), p, alpha)
    if not counts.any():
        return candidates
    # The n-th protected item has to stand in the first deadline[n] places
    deadline = np.full(width + 1, width, np.int16)
    deadline[1 : counts[-1] + 1] = np.searchsorted(counts, np.arange(1, counts[-1] + 1))
    known = np.append(protected, False)  # NOTHING is at the end
    places = np.arange(width, dtype=np.int16)
    held = known[candidates.items[:, : len(counts)]].cumsum(axis=1)
    failing = np.flatnonzero((held < counts).any(axis=1))
    items = candidates.items.copy()
    for start in range(0, len(failing), CHUNK):
        rows = failing[start : start + CHUNK]
        some = Candidates(candidates.items[rows], candidates.relevance[rows])
        mine = known[some.items]
        due = deadline[np.cumsum(mine, axis=1, dtype=np.int16)]
        items[rows] = in_new_order(some, _jump(mine & (due < places), due)).items
    return Candidates(items, candidates.relevance)


def _jump(early: np.ndarray, due: np.ndarray) -> np.ndarray:
    """Places in a new order, (U, C): early ones at their due place, the others in their old order around them."""
    users, old = np.nonzero(early)
    taken = np.zeros(early.shape, bool)
    taken[users, due[users, old]] = True
    order = np.empty(early.shape, np.intp)
    # Both sides run along rows, and both hold as many of each row
    order[taken] = old
    order[~taken] = np.nonzero(~early)[1]
    return order


def passes(candidates: Candidates, protected: np.ndarray, *, k: int, p: float, alpha: float) -> np.ndarray:
    """Whose lists hold enough protected items in each of their first k prefixes, bool (U,).

    After `fa_star_ir` those who do not have too few among their candidates. Prefixes longer than a list do not count.
    """
    top = candidates.items[:, :k]
    held = np.append(protected, False)[top].cumsum(axis=1)
    enough = held >= fair_counts(top.shape[1], p, alpha)
    return (enough | ~candidates.filled[:, :k]).all(axis=1)


def fair_counts(k: int, p: float, alpha: float) -> np.ndarray:
    """Fewest protected items in each of k prefixes, (k,), at the corrected alpha.

    Tables are few, and alpha_c jumps from one to the next: now and then a slightly larger p asks for one item less in some
    prefix.
    """
    return minimum_counts(k, p, corrected_alpha(k, p, alpha))


def minimum_counts(k: int, p: float, alpha: float) -> np.ndarray:
    """Fewest protected items in each of k prefixes, int (k,): m_i = F^-1(alpha; i, p), F the binomial distribution.

    The paper's ranked group fairness, without correction for testing k prefixes.
    """
    return (_cumulative(k, p) < alpha).sum(axis=1)


@lru_cache(maxsize=256)
def _cumulative(k: int, p: float) -> np.ndarray:
    """F(m; i, p) for i = 1 .. k (rows) and m = 0 .. k - 1, (k, k)."""
    values = binom.cdf(np.arange(k), np.arange(1, k + 1)[:, None], p).round(DIGITS)
    values.flags.writeable = False
    return values


def failure_probability(k: int, p: float, alpha_c: float) -> float:
    """Chance that a list whose places are protected with chance p each fails in any of k prefixes tested at alpha_c.

    Exact, by the number of protected items of the lists that have not failed so far (the paper's multiple test correction).
    """
    passing = np.zeros(k + 1)  # chance of so many protected items and no failure yet
    passing[0] = 1.0
    for least in minimum_counts(k, p, alpha_c):
        passing[1:] = passing[1:] * (1 - p) + passing[:-1] * p
        passing[0] *= 1 - p
        passing[:least] = 0.0
    return float(1 - passing.sum())


@lru_cache(maxsize=4096)
def corrected_alpha(k: int, p: float, alpha: float) -> float:
    """The alpha_c at which k tests together fail a fair list with chance alpha, or as close to it as there is.

    The minimum counts change only at cumulative probabilities, so that is where alpha_c is looked for, by bisection.
    As in the authors' own library (fairsearchcore) the closest may lie above alpha.
    """
    if failure_probability(k, p, alpha) <= alpha:
        return alpha
    steps = np.unique(_cumulative(k, p))
    steps = np.concatenate([[0.0], steps[(steps > 0) & (steps < alpha)], [alpha]])
    low, high = 0, len(steps) - 1  # fails too rarely there, and too often
    while high - low > 1:
        middle = (low + high) // 2
        if failure_probability(k, p, steps[middle]) <= alpha:
            low = middle
        else:
            high = middle
    return min(steps[low], steps[high], key=lambda step: abs(failure_probability(k, p, step) - alpha)).item()
