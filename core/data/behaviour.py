"""When users come and buy: occasions, whether one falls into the days after a moment, and what was known before."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from core.data.inputs import SECONDS_PER_DAY
from core.data.purchases import purchases
from core.data.splits import TEST, TRAIN, VALIDATION
from core.schema.tables import BASKET, LIST_PRICE, PAID_PRICE, QUANTITY, TIMESTAMP, USER

HALF_LIVES = (7.0, 28.0, 112.0)  # days, of the decayed counts
WINDOWS = (7.0, 28.0, 91.0)  # days, of the plain counts
LOOKED_BACK = (1, 2, 4, 12)  # horizons before the moment whose share with a purchase is a feature
RECENCY_FREQUENCY = (  # of all features those that a plain recency-frequency-money model has
    "days since purchase",
    "purchases",
    "days known",
    "spend",
    *(f"purchases in {days:g} days" for days in WINDOWS),
)
WEEK = 7 * SECONDS_PER_DAY
MOST_MOMENTS, MOST_TRAINING_MOMENTS = 12, 52
DRAWN_FOR_ONE = 5  # pairs of user and moment looked at for each row wanted: not everybody bought before


@dataclass(frozen=True)
class Occasions:
    """Everybody's baskets (CSR by user, in time order). A basket happens when its last event does.

    So whatever is known "before a moment" rests on events before it alone, and a basket is either known at a
    moment or still to come.

    Attributes:
        offsets: int64 (U+1,). times: int64 (K,), seconds since 1970 in UTC.
        purchased: bool (K,), whether something was bought (not only viewed).
        lines: int64 (K,), events. spend: int64 (K,), hundredths of money; None for data without prices.
    """

    offsets: np.ndarray
    times: np.ndarray
    purchased: np.ndarray
    lines: np.ndarray
    spend: np.ndarray | None

    @property
    def users(self) -> np.ndarray:
        """The user of each occasion, int64 (K,)."""
        return np.repeat(np.arange(len(self.offsets) - 1), np.diff(self.offsets))

    def of_purchase(self) -> "Occasions":
        """Only those on which something was bought."""
        kept = np.flatnonzero(self.purchased)
        return Occasions(
            np.searchsorted(kept, self.offsets).astype(np.int64),
            self.times[kept],
            self.purchased[kept],
            self.lines[kept],
            None if self.spend is None else self.spend[kept],
        )

    def before(self, users: np.ndarray, times: np.ndarray) -> np.ndarray:
        """Place of the first occasion of `users` (N,) at or after `times` (N,) (seconds), int64 (N,)."""
        if not len(self.times):
            return np.zeros(len(users), np.int64)
        first, span = int(self.times.min()), int(np.ptp(self.times)) + 2
        keys = self.users * span + (self.times - first)
        return np.searchsorted(keys, users * span + np.clip(times - first, 0, span - 1))


def occasions(events: pd.DataFrame, *, n_users: int) -> Occasions:
    """The baskets of a prepared dataset's events.

    Args:
        events: `user`, `basket`, `timestamp`, `event` and, where there are any, `quantity` and prices.
    """
    bought = purchases(events)
    columns = {TIMESTAMP: (TIMESTAMP, "max"), "lines": (BASKET, "size"), "bought": ("bought", "max")}
    table = events[[USER, BASKET, TIMESTAMP]].assign(bought=bought)
    price = next((name for name in (PAID_PRICE, LIST_PRICE) if name in events), None)
    if price is not None:
        quantity = events[QUANTITY].fillna(1.0) if QUANTITY in events else 1.0
        table["spend"] = (events[price] * quantity).fillna(0.0) * bought
        columns["spend"] = ("spend", "sum")
    found = table.groupby([USER, BASKET], sort=False).agg(**columns).reset_index()
    found = found.sort_values([USER, TIMESTAMP, BASKET])
    return Occasions(
        offsets=np.searchsorted(found[USER].to_numpy(), np.arange(n_users + 1)).astype(np.int64),
        times=found[TIMESTAMP].to_numpy("datetime64[s]").astype(np.int64),
        purchased=found["bought"].to_numpy(bool),
        lines=found["lines"].to_numpy(np.int64),
        spend=(100 * found["spend"]).round().to_numpy(np.int64) if price is not None else None,
    )


def bought_within(past: Occasions, users: np.ndarray, times: np.ndarray, *, seconds: int) -> np.ndarray:
    """Whether each of `users` (N,) buys something in [time, time + seconds), bool (N,)."""
    bought = past.of_purchase()
    return bought.before(users, times + seconds) > bought.before(users, times)


def behaviour_features(
    past: Occasions, users: np.ndarray, times: np.ndarray, *, seconds: int
) -> pd.DataFrame:
    """What is known of each of `users` (N,) strictly before `times` (N,), float32 (N, F), logarithms mostly.

    Counts and times have no end in themselves: a user who never bought gets zeros and the days known.

    Args:
        seconds: the horizon of the question; activity is also counted in windows of this length.
    """
    bought = past.of_purchase()
    begin, end = bought.offsets[users], bought.before(users, times)
    columns = _recency_frequency(bought, begin, end, times)
    columns |= _decayed_counts(bought, begin, end, times)
    columns |= _regularity(bought, begin, end, times)
    columns |= _active_horizons(bought, users, end, times, seconds)
    if not past.purchased.all():
        columns |= _other_visits(past, users, times)
    return pd.DataFrame(columns).astype(np.float32)


def _days_since(times: np.ndarray, which: np.ndarray, known: np.ndarray, moments: np.ndarray) -> np.ndarray:
    """Days from occasion `which` to each moment where `known`, else 0."""
    if not len(times):
        return np.zeros(len(moments))
    then = times[np.clip(which, 0, len(times) - 1)]
    return np.where(known, (moments - then) / SECONDS_PER_DAY, 0.0)


def _recency_frequency(bought: Occasions, begin, end, times) -> dict[str, np.ndarray]:
    count = end - begin
    columns = {
        "days since purchase": np.log1p(_days_since(bought.times, end - 1, count > 0, times)),
        "purchases": np.log1p(count),
        "days known": np.log1p(_days_since(bought.times, begin, count > 0, times)),
        "lines per purchase": np.log1p(_sums(bought.lines, begin, end) / np.maximum(count, 1)),
    }
    for days in WINDOWS:
        recent = end - np.maximum(_since(bought, begin, end, times, days), begin)
        columns[f"purchases in {days:g} days"] = np.log1p(recent)
    if bought.spend is not None:
        columns["spend"] = np.log1p(_sums(bought.spend, begin, end) / 100 / np.maximum(count, 1))
        month = np.maximum(_since(bought, begin, end, times, WINDOWS[1]), begin)
        columns["spend in the last month"] = np.log1p(_sums(bought.spend, month, end) / 100)
    return columns


def _since(bought: Occasions, begin, end, times, days: float) -> np.ndarray:
    """The first occasion of the last `days` before each moment."""
    owners = np.searchsorted(bought.offsets, begin, side="right") - 1
    return np.clip(bought.before(owners, times - int(days * SECONDS_PER_DAY)), begin, end)


def _sums(values: np.ndarray, begin: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Sums of int64 `values` from `begin` to `end` (N,). Whole numbers: no later event can change a rounding."""
    total = np.concatenate([[0], np.cumsum(values)])
    return total[end] - total[begin]


def _decayed_counts(bought: Occasions, begin, end, times) -> dict[str, np.ndarray]:
    """Purchases, each halved every half-life since."""
    running = _running_counts(bought)
    known, since = end > begin, _days_since(bought.times, end - 1, end > begin, times)
    columns = {}
    for place, days in enumerate(HALF_LIVES):
        last = running[np.maximum(end - 1, 0), place] if len(running) else np.zeros(len(end))
        columns[f"purchases, half-life {days:g} days"] = np.log1p(known * last * np.exp2(-since / days))
    return columns


def _running_counts(bought: Occasions) -> np.ndarray:
    """D_n = 1 + D_(n-1) 2^(-gap / half-life) along each user's purchases, float64 (K, H)."""
    running = np.ones((len(bought.times), len(HALF_LIVES)))
    number = np.arange(len(bought.times)) - np.repeat(bought.offsets[:-1], np.diff(bought.offsets))
    order = np.argsort(number, kind="stable")
    for start, stop in pairwise(np.cumsum(np.bincount(number)) if len(number) else []):
        here = order[start:stop]  # everybody's second purchase, third purchase, ...
        gap = (bought.times[here] - bought.times[here - 1])[:, None] / SECONDS_PER_DAY
        running[here] += running[here - 1] * np.exp2(-gap / np.array(HALF_LIVES))
    return running


def _regularity(bought: Occasions, begin, end, times) -> dict[str, np.ndarray]:
    """How long between purchases, how evenly, and how overdue the next one is."""
    gaps = np.maximum(np.diff(bought.times, prepend=bought.times[:1]), 0)  # seconds
    several = end - begin > 1
    first = np.minimum(begin + 1, end)  # the gap before a user's first purchase is none
    n = np.maximum(end - first, 1)
    mean = _sums(gaps, first, end) / n / SECONDS_PER_DAY
    square = _sums(gaps**2, first, end) / n / SECONDS_PER_DAY**2
    spread = np.sqrt(np.maximum(square - mean**2, 0))
    last = gaps[np.maximum(end - 1, 0)] / SECONDS_PER_DAY if len(gaps) else np.zeros(len(end))
    since = _days_since(bought.times, end - 1, end > begin, times)
    return {
        "bought again": several.astype(float),
        "usual days between": np.log1p(mean) * several,
        "last days between": np.log1p(last) * several,
        "irregularity": np.where(several, spread / (mean + 0.5), 0.0),
        "overdue": np.where(several, np.log1p(since) - np.log1p(mean), 0.0),
    }


def _active_horizons(bought: Occasions, users, end, times, seconds: int) -> dict[str, np.ndarray]:
    """Share of the last horizons with a purchase, and whether there was one in the last."""
    edges = [end, *(bought.before(users, times - back * seconds) for back in range(1, max(LOOKED_BACK) + 1))]
    active = np.stack([later > earlier for later, earlier in pairwise(edges)], axis=1)  # (N, max)
    return {f"active in the last {back} horizons": active[:, :back].mean(axis=1) for back in LOOKED_BACK}


def _other_visits(past: Occasions, users, times) -> dict[str, np.ndarray]:
    """Recency and frequency of all occasions, where users also come without buying."""
    begin, end = past.offsets[users], past.before(users, times)
    columns = {
        "days since visit": np.log1p(_days_since(past.times, end - 1, end > begin, times)),
        "visits": np.log1p(end - begin),
    }
    for days in WINDOWS:
        recent = np.clip(past.before(users, times - int(days * SECONDS_PER_DAY)), begin, end)
        columns[f"visits in {days:g} days"] = np.log1p(end - recent)
    return columns


@dataclass(frozen=True)
class IntentRows:
    """Users at moments, what was known of them then, and whether they bought in the days after.

    Attributes:
        users: int64 (N,). times: int64 (N,), seconds. features: float32 (N, F), named. bought: bool (N,).
    """

    users: np.ndarray
    times: np.ndarray
    features: pd.DataFrame
    bought: np.ndarray


@dataclass(frozen=True)
class Calendar:
    """Seconds at which training, validation and test begin, and the end of the data."""

    start: int
    validation: int
    test: int
    end: int


def intent_moments(calendar: Calendar, *, seconds: int) -> dict[int, np.ndarray]:
    """When users are asked, by split; the horizon after each moment ends within the split's own window.

    Training: back from the validation window by weeks (by horizons where these are shorter), as long as a horizon
    of history lies before. Validation and test: one horizon after another from the window's beginning, at most
    MOST_MOMENTS; an array is empty where a window is shorter than the horizon.
    """
    step = min(seconds, WEEK)
    back = np.arange(calendar.validation - seconds, calendar.start + max(seconds, 4 * WEEK) - 1, -step)
    return {
        TRAIN: np.sort(back[:MOST_TRAINING_MOMENTS]),
        VALIDATION: np.arange(calendar.validation, calendar.test - seconds + 1, seconds)[:MOST_MOMENTS],
        TEST: np.arange(calendar.test, calendar.end - seconds + 1, seconds)[:MOST_MOMENTS],
    }


def intent_rows(
    past: Occasions, moments: np.ndarray, *, seconds: int, most: int, rng: np.random.Generator
) -> IntentRows:
    """All users at all of `moments` (M,) who bought before, at most `most` rows drawn by `rng`; sorted by moment."""
    n_users = len(past.offsets) - 1
    pairs = np.arange(n_users * len(moments))
    if len(pairs) > DRAWN_FOR_ONE * most:
        pairs = np.sort(rng.choice(len(pairs), DRAWN_FOR_ONE * most, replace=False))
    place, users = np.divmod(pairs, max(n_users, 1))
    times = moments[place]
    bought = past.of_purchase()
    known = np.flatnonzero(bought.before(users, times) > bought.offsets[users])
    if len(known) > most:
        known = np.sort(rng.choice(known, most, replace=False))
    users, times = users[known], times[known]
    return IntentRows(
        users,
        times,
        behaviour_features(past, users, times, seconds=seconds),
        bought_within(past, users, times, seconds=seconds),
    )
