"""Rating unfairness: are the ratings of one group predicted worse, too high or too low, item by item?"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from core.fairness.distances import distance_numbers, pair_rows
from core.fairness.group_rows import among, generator
from core.fairness.partition import Partition
from core.fairness.rows import AuditRow
from core.fairness.stats import bootstrap, intervals
from core.schema.settings import Statistics
from core.schema.tables import ITEM, OBSERVED, PREDICTED, USER

RATING_METRICS = ("value_unfairness", "absolute_unfairness", "under_unfairness", "over_unfairness")
FEWEST_RATERS = 2  # of an item on either side
AT_ONCE = 4_000_000  # numbers in one block of permuted sums


@dataclass(frozen=True)
class _Ratings:
    """One row per user and item that was rated: position of the user, item 0..I-1, prediction and rating."""

    users: np.ndarray
    items: np.ndarray
    predicted: np.ndarray
    observed: np.ndarray
    n_users: int
    n_items: int


def unfairness(sums: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The four terms of each item, (4, ...) >= 0, from sums of both sides, (3, ...): raters, predictions, ratings.

    With E the mean over a side's raters of the item, y predictions and r ratings, g the group and h the others:

        value     |(E_g[y] - E_g[r]) - (E_h[y] - E_h[r])|
        absolute  ||E_g[y] - E_g[r]| - |E_h[y] - E_h[r]||
        under     |max(0, E_g[r] - E_g[y]) - max(0, E_h[r] - E_h[y])|
        over      |max(0, E_g[y] - E_g[r]) - max(0, E_h[y] - E_h[r])|

    The metrics are the means over items, in points of the rating. Value unfairness is at least each of the others.
    Example: one item, g predicted 4 and rated 3, h predicted 2 and rated 4: 3, 1, 2 and 1.
    Source: Yao & Huang, Beyond parity, NIPS 2017, eqs. 6 to 10. An item counts only where both sides have enough
    raters; the paper assumes that all have.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        g, h = ((part[1] - part[2]) / part[0] for part in (sums, other))
    return np.stack(
        [
            np.abs(g - h),
            np.abs(np.abs(g) - np.abs(h)),
            np.abs(np.maximum(-g, 0) - np.maximum(-h, 0)),
            np.abs(np.maximum(g, 0) - np.maximum(h, 0)),
        ]
    )


def rating_rows(
    rows: pd.DataFrame,
    codes: np.ndarray,
    part: Partition,
    settings: Statistics,
    *,
    section: str = "users",
    tolerances: Mapping[str, float] | None = None,
) -> list[AuditRow]:
    """Unfairness of each group's predictions against the reference group or everybody else, as `<metric>_gap`.

    Few raters an item make noise, and noise counts as unfairness: read the value beside `null_high`, what it is
    once in twenty times (at 95 %) where labels say nothing. The interval is that of the value at these numbers of
    raters (jackknife over users, then the bootstrap of linear means); it reaches 0 unless the permutation test
    rejects. `n`: users of the group who rated an item that counts; no row with fewer than `minimum_group` of either side.

    Args:
        rows: `user`, `item`, `predicted`, `observed`; a user's ratings of one item are averaged first.
        codes: (U,) audited users, in the order of the partition.
    """
    ratings = _ratings(rows, codes)
    there = np.zeros(len(codes), bool)
    there[ratings.users] = True
    own = among(part, there, minimum=settings.minimum_group)
    if own is None or own.n_strata < 2:
        return []
    ratings = replace(ratings, users=(np.cumsum(there) - 1)[ratings.users], n_users=int(there.sum()))

    def compare(shown: int) -> list[dict[str, float]]:
        return _compare(ratings, own, shown, settings)

    return pair_rows(compare, RATING_METRICS, own, settings, section=section, tolerances=tolerances)


def _ratings(rows: pd.DataFrame, codes: np.ndarray) -> _Ratings:
    rated = rows.dropna(subset=[PREDICTED, OBSERVED])
    rated = rated.groupby([USER, ITEM], as_index=False)[[PREDICTED, OBSERVED]].mean()
    places = pd.Index(codes).get_indexer(rated[USER])
    rated, places = rated[places >= 0], places[places >= 0]
    items, names = pd.factorize(rated[ITEM])
    numbers = (rated[name].to_numpy(float) for name in (PREDICTED, OBSERVED))
    return _Ratings(places, items, *numbers, n_users=len(codes), n_items=len(names))


def _compare(ratings: _Ratings, part: Partition, shown: int, settings: Statistics) -> list[dict[str, float]]:
    """Value, interval, p-value and null of each metric; nothing where too few of either side rated items of both."""
    member, other = part.sides(shown)
    asked = member | other
    value, influences, involved = _with_influences(ratings, member, asked)
    sides = np.bincount(member[involved].astype(int), minlength=2)
    if not np.isfinite(value).all() or sides.min() < settings.minimum_group:
        return []
    rng = generator(part, settings)
    moments = bootstrap(
        influences[involved],
        member[involved].astype(np.int64),
        n_groups=2,
        draws=settings.draws,
        rng=rng,
    )
    around = intervals(moments, np.ones((1, 2)), confidence=settings.confidence)
    null = _null(ratings, member, asked, settings.permutations, rng)  # (B, 4)
    n = int(sides[1])
    numbers = distance_numbers(value, value + around.low[0], value + around.high[0], null, settings)
    return [one | {"n": n, "small": n < settings.small_group} for one in numbers]


def _with_influences(
    ratings: _Ratings, member: np.ndarray, asked: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The four metrics (4,), what each user adds to them (U, 4), centred on each side, and who counts (U,).

    Leaving a user out changes only the items that the user rated: (n - 1) times the change, with sides of n users
    (the jackknife of two samples; Arvesen, Annals of Mathematical Statistics 40, 1969).
    """
    side, kept = member[ratings.users], asked[ratings.users]
    columns = np.stack([np.ones(len(side)), ratings.predicted, ratings.observed])  # (3, N)
    sums = np.stack(
        [
            [
                np.bincount(ratings.items, column * (kept & (side == one)), ratings.n_items)
                for column in columns
            ]
            for one in (True, False)
        ]
    )  # (2, 3, I)
    enough = (sums[:, 0] >= FEWEST_RATERS).all(axis=0)
    terms = unfairness(sums[0], sums[1])
    value = terms[:, enough].mean(axis=1) if enough.any() else np.full(4, np.nan)
    counted = np.flatnonzero(kept & enough[ratings.items])
    items, users = ratings.items[counted], ratings.users[counted]
    in_group = side[counted]
    own = np.where(in_group, sums[0][:, items], sums[1][:, items]) - columns[:, counted]
    other = np.where(in_group, sums[1][:, items], sums[0][:, items])
    change = (unfairness(own, other) - terms[:, items]) / max(
        int(enough.sum()), 1
    )  # (4, N): symmetric in the sides
    lost = np.stack([np.bincount(users, one, ratings.n_users) for one in change], axis=1)  # (U, 4)
    involved = np.zeros(ratings.n_users, bool)
    involved[users] = True
    for one in np.unique(in_group):
        chosen = involved & (member == one)
        lost[chosen] = -(int(chosen.sum()) - 1) * (lost[chosen] - lost[chosen].mean(axis=0))
    return value, lost, involved


def _null(
    ratings: _Ratings, member: np.ndarray, asked: np.ndarray, permutations: int, rng: np.random.Generator
) -> np.ndarray:
    """The four metrics under shuffled labels of the users asked, (B, 4); NaN where no item has enough raters."""
    kept = asked[ratings.users]
    users, places = np.flatnonzero(asked), np.cumsum(asked) - 1
    shape = ratings.n_items, len(users)
    cells = ratings.items[kept], places[ratings.users[kept]]
    columns = (np.ones(int(kept.sum())), ratings.predicted[kept], ratings.observed[kept])
    tables = [csr_array((column, cells), shape=shape) for column in columns]
    totals = np.stack([table.sum(axis=1) for table in tables])[..., None]  # (3, I, 1)
    step = max(1, AT_ONCE // max(shape))
    found = []
    for start in range(0, permutations, step):
        rows = min(step, permutations - start)
        labels = rng.permuted(np.tile(member[users], (rows, 1)), axis=1).T.astype(float)  # (U, b)
        sums = np.stack([table @ labels for table in tables])  # (3, I, b)
        other = totals - sums
        enough = (sums[0] >= FEWEST_RATERS) & (other[0] >= FEWEST_RATERS)
        terms = np.where(enough, unfairness(sums, other), 0.0)
        items = enough.sum(axis=0)
        found.append((terms.sum(axis=1) / np.where(items > 0, items, np.nan)).T)
    return np.concatenate(found)
