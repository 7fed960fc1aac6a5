"""Prices as they were paid, without a model of demand: disparity, access, burden and envy by group."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd

from core.data.labels import FEWER, NUMBER
from core.fairness.group_rows import among, compare_totals, rows_of, total_rows, within
from core.fairness.partition import Partition
from core.fairness.pricing.funnel import share_of_totals
from core.fairness.pricing.overlap import influence_intervals
from core.fairness.pricing.purchases import Purchases, codes
from core.fairness.pricing.sides import INTERVAL, SECTION
from core.fairness.rows import AuditRow
from core.fairness.stats import Interval
from core.schema.settings import Statistics
from core.schema.tables import PAID_PRICE, WEEK

DISPARITY, ACCESS, ENVY = "price_disparity", "price_access", "price_envy"
BURDEN_OF_INCOME, BURDEN_OF_SPENDING = "price_burden_of_income", "price_burden_of_spending"
BOUNDS = {
    DISPARITY: (0.0, np.inf),
    ACCESS: (0.0, 1.0),
    ENVY: (0.0, 1.0),
    BURDEN_OF_INCOME: (0.0, np.inf),
    BURDEN_OF_SPENDING: (0.0, 1.0),
}
RATIO = "ratio"
INCOME = "income"
ROUNDING = 1e-9  # prices that differ by more differ
_THOUSANDS = re.compile(r"(?i)\d\s*k\b")


def observed_price_rows(
    purchases: Purchases,
    part: Partition,
    chosen: np.ndarray,
    settings: Statistics,
    *,
    income: np.ndarray | None,
    envied: float,
    tolerance: float,
    price_tolerance: float,
    rng: np.random.Generator,
) -> list[AuditRow]:
    """What each group pays for some products: values and gaps by group, users being what is drawn again.

    - `price_disparity`: mean over lines of the paid price as a share of its mean in the stratum, the finest that the data
      know (product, week and store); strata with one user tell nothing.
    - `price_access`: of the weeks in which a user buys anything, the share in which one of the products is bought: D(p) at
      the prices as they are.
    - `price_burden_of_income`, or `price_burden_of_spending` where no income is known: money spent on the products over
      income, or over all money spent, totals of the group. Spending is that of the whole period, income as the data state it.
    - `price_envy`: of the pairs of lines of two users in one stratum, the first of them the group's, the share in which the
      second paid less by more than `envied`, a share of the stratum's mean price.

    After Kallus & Zhou, Fairness, welfare, and equity in personalized pricing, FAccT 2021, whose metrics need no
    valuations; how each is taken from purchases is ours.

    Args:
        purchases: of products sold by the piece (`sold_by_weight`). part: of their users.
        chosen: bool (N,) lines of the products asked about. income: (U,) of `incomes`, NaN where unknown.
        tolerance: as a share of the metric over all users; `price_tolerance` that of the disparity.
    """
    burden = BURDEN_OF_SPENDING if income is None else BURDEN_OF_INCOME
    ratios = {
        DISPARITY: paid_in_strata(purchases, chosen),
        ACCESS: weeks_bought(purchases, chosen),
        burden: spending_shares(purchases, chosen, income),
    }
    rows: list[AuditRow] = []
    for name, totals in ratios.items():
        there = np.where(totals[:, 1:] > 0, totals, np.nan)
        judged = _judged(name, totals, price_tolerance if name == DISPARITY else tolerance)
        options = {"section": SECTION, "bounds": BOUNDS, "tolerances": judged}
        rows += total_rows(there, share_of_totals, [name], part, settings, **options)
    rows += envy_rows(purchases, part, chosen, settings, envied=envied, tolerance=tolerance, rng=rng)
    return [row for row in rows if row.statistic != RATIO]


def _judged(name: str, totals: np.ndarray, tolerance: float) -> dict[str, float]:
    above, below = totals.sum(axis=0)
    return {name: tolerance * above / below} if above > 0 else {}


def paid_in_strata(purchases: Purchases, chosen: np.ndarray) -> np.ndarray:
    """(U, 2): each user's sum of paid prices as shares of their stratum's mean, and lines, in strata of several users."""
    user, _, price = _shared(purchases, chosen)
    n_users = len(purchases.users)
    return np.column_stack([np.bincount(user, price, n_users), np.bincount(user, minlength=n_users)])


def weeks_bought(purchases: Purchases, chosen: np.ndarray) -> np.ndarray:
    """(U, 2): weeks in which the user bought a chosen product, and in which anything; without weeks, of one period."""
    week = purchases.lines[WEEK].to_numpy() if WEEK in purchases.lines else np.zeros(len(chosen), int)
    week = np.unique(week, return_inverse=True)[1]
    shape = len(purchases.users), int(week.max(initial=0)) + 1
    bought, active = np.zeros(shape, bool), np.zeros(shape, bool)
    active[purchases.place, week] = True
    bought[purchases.place[chosen], week[chosen]] = True
    return np.column_stack([bought.sum(axis=1), active.sum(axis=1)]).astype(float)


def spending_shares(purchases: Purchases, chosen: np.ndarray, income: np.ndarray | None) -> np.ndarray:
    """(U, 2): money spent on chosen products, and income, or all money spent where there is none; 0 of unknown income."""
    n_users = len(purchases.users)
    money = np.bincount(purchases.place[chosen], purchases.revenue[chosen], n_users)
    if income is None:
        return np.column_stack([money, np.bincount(purchases.place, purchases.revenue, n_users)])
    known = np.isfinite(income)
    return np.column_stack([np.where(known, money, 0.0), np.where(known, income, 0.0)])


def incomes(users: pd.DataFrame) -> np.ndarray | None:
    """Each user's income as far as an attribute of that name tells it, NaN where unknown; None if there is none.

    Bands count as their middle, an open one as half of its end or, upwards, as its beginning; K means thousands.

    Args:
        users: row r is user code r; an attribute with "income" in its name, of numbers or of labels like `35-49K`.
    """
    column = next((name for name in users if INCOME in str(name).lower()), None)
    if column is None:
        return None
    labels = users[column].astype("str")
    found = labels.map({label: _income(label) for label in labels.unique()}).to_numpy(float)
    return found if np.isfinite(found).any() else None


def _income(label: str) -> float:
    ends = [float(number.replace(",", "")) for number in NUMBER.findall(label)]
    if not 1 <= len(ends) <= 2:
        return np.nan
    middle = sum(ends) / (2 if len(ends) == 2 or FEWER.search(label) else 1)
    return middle * (1000 if _THOUSANDS.search(label) else 1)


def envy_rows(
    purchases: Purchases,
    part: Partition,
    chosen: np.ndarray,
    settings: Statistics,
    *,
    envied: float,
    tolerance: float,
    rng: np.random.Generator,
) -> list[AuditRow]:
    """`price_envy` by group, over the users who have somebody to compare with.

    Intervals count what a user paid and what others see the user having paid; p-values shuffle labels of users.
    """
    user, stratum, price = _shared(purchases, chosen)
    there = np.bincount(user, minlength=len(part.strata)) > 0
    own = among(part, there, minimum=settings.minimum_group)
    if own is None:
        return []
    place = (np.cumsum(there) - 1)[user]
    pairs, seen = _pairs(place, stratum, price, own.strata, own.n_strata, envied)
    found = compare_totals(pairs, share_of_totals, own, settings)
    sides = [own.strata == group for group in range(own.n_shown)]
    means = np.stack([_influence(pairs, seen, own.strata, side) for side in [*sides, there[there]]], axis=1)
    against = [own.sides(group)[1] for group in own.compared]
    others = [_influence(pairs, seen, own.strata, side) for side in against]
    gaps = [means[:, group] - other for group, other in zip(own.compared, others, strict=True)]

    def redone(one: Interval, influence: np.ndarray) -> Interval:
        value = one.value[:, 0]
        together = np.zeros(len(influence), int)
        ends = influence_intervals(value, influence, together, settings=settings, rng=rng)
        return Interval(*(getattr(ends, name)[:, None] for name in INTERVAL))

    found = replace(
        found,
        mean=redone(found.mean, means[:, :-1]),
        overall=redone(found.overall, means[:, -1:]),
        gap=redone(found.gap, np.stack(gaps, axis=1)) if gaps else found.gap,
    )
    found = within(found, [ENVY], BOUNDS)
    tolerances = _judged(ENVY, pairs, tolerance)
    rows = rows_of(found, [ENVY], own, settings, section=SECTION, tolerances=tolerances)
    return [row for row in rows if row.statistic != RATIO]


def _shared(purchases: Purchases, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """User, stratum and paid price as a share of the stratum's mean, of the chosen lines in strata of two users or more."""
    user, price = purchases.place[chosen], purchases.lines[PAID_PRICE].to_numpy()[chosen]
    stratum = codes([purchases.stratum(purchases.finest)[chosen]])
    cell = np.unique(stratum * len(purchases.users) + user)
    users = np.bincount(cell // len(purchases.users))
    mean = np.bincount(stratum, price) / np.bincount(stratum)
    kept = ((users > 1) & (mean > 0))[stratum]
    return user[kept], stratum[kept], price[kept] / mean[stratum[kept]]


def _pairs(
    user: np.ndarray, stratum: np.ndarray, price: np.ndarray, group: np.ndarray, n_groups: int, envied: float
) -> tuple[np.ndarray, np.ndarray]:
    """Ordered pairs of lines of two users in a stratum: those in which the second paid less by more than `envied`, and all.

    Counted from sorted prices, as there may be too many pairs to list.

    Args:
        user, stratum, price: (N,) of lines. group: (U,).

    Returns:
        by the first line's user, (U, 2), and by the second line's user and the first one's group, (U, G, 2).
    """
    bound = price - envied - ROUNDING
    known = np.unique(np.concatenate([price, bound]))
    paid, bound = np.searchsorted(known, price), np.searchsorted(known, bound)
    width, same = len(known) + 1, codes([stratum, user])

    def below(block: np.ndarray, points: np.ndarray, of: np.ndarray, at: np.ndarray) -> np.ndarray:
        """How many points of each line's block lie below it."""
        keys = np.sort(block * width + points)
        return np.searchsorted(keys, of * width + at) - np.searchsorted(keys, of * width)

    def added(envious: np.ndarray, all_pairs: np.ndarray) -> np.ndarray:
        return np.stack([np.bincount(user, counts, len(group)) for counts in (envious, all_pairs)], axis=1)

    n, n_own = np.bincount(stratum)[stratum], np.bincount(same)[same]
    first = below(stratum, paid, stratum, bound) - below(same, paid, same, bound)
    seen_by_own = n_own - below(same, bound, same, paid + 1)
    seen = []
    for number in range(n_groups):
        of = group[user] == number
        n_group = np.bincount(stratum[of], minlength=stratum.max(initial=0) + 1)[stratum]
        second = n_group - below(stratum[of], bound[of], stratum, paid + 1) - of * seen_by_own
        seen.append(added(second, n_group - of * n_own))
    return added(first, n - n_own), np.stack(seen, axis=1)


def _influence(pairs: np.ndarray, seen: np.ndarray, group: np.ndarray, side: np.ndarray) -> np.ndarray:
    """(U,) what each user adds to the error of a side's share of envious pairs, as the first and as the second of them.

    Args:
        pairs: (U, 2). seen: (U, G, 2). side: bool (U,), whole groups.
    """
    above, below = pairs[side].sum(axis=0)
    each = side[:, None] * pairs + seen[:, np.unique(group[side])].sum(axis=1)
    return (each[:, 0] - above / below * each[:, 1]) / below
