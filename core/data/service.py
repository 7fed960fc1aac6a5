"""Orders and reviews with what came of them, and what each may be used for.

An outcome is predicted at a stated moment. A row trains only if its outcome was known when the next split began: an
order that is placed before the split and delivered, or reviewed, after it would tell of the future.

What customers volunteer in feedback is of no order: those who speak up are not those who were asked. Such rows may teach,
weighted to look like orders, but nothing is tuned, calibrated or judged by them, unless nothing else tells of an outcome.
"""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from core.data.feedback.joining import FED
from core.data.inputs import SECONDS_PER_DAY
from core.data.splits import TEST, TRAIN, VALIDATION
from core.schema.tables import (
    DELIVERED_AT,
    FREIGHT,
    IN_RANDOM_5K,
    IN_RANDOM_20K,
    ITEM,
    ORDER_ID,
    PAID_PRICE,
    PROMISED_AT,
    QUANTITY,
    RATING,
    REVIEWED_AT,
    SATISFACTION,
    SPLIT,
    TIMESTAMP,
    USER,
)

UNUSED = -1  # the outcome came to be known only after the next split had begun
NEVER = np.iinfo(np.int64).max
LARGEST_WEIGHT = 5.0
# names of what an order's context holds besides the columns of the tables
LINES, VALUE, PROMISED_DAYS = "lines", "value", "promised days"
ARRIVED, DAYS_LATE, DAYS_TAKEN = "arrived", "days late so far", "days taken so far"


@dataclass(frozen=True)
class Outcome:
    """What is predicted, and when.

    Attributes:
        name: of its report. title: for people. moment: when the prediction is made, in words.
        unit: of errors. table: where it is recorded. unbiased: the flag of rows that rates may be told from.
        informed: predicted when it is known whether the order has arrived, and how late.
    """

    name: str
    title: str
    moment: str
    unit: str
    table: str
    unbiased: str | None = None
    informed: bool = False


AT_ORDER = "when the order is placed"
VOLUNTEERED = (
    "No order and no review tells of this: every row is a rating or a complaint that a customer volunteered in feedback. They "
    "say what those think who speak up, not what customers in general think, and are predicted when they are told."
)
OUTCOMES = (
    Outcome("satisfaction_at_order", "satisfaction", AT_ORDER, "points", "service", IN_RANDOM_5K),
    Outcome(
        "satisfaction_at_review",
        "satisfaction",
        "when the review is written, so that it is known whether the order has arrived, and how late",
        "points",
        "service",
        IN_RANDOM_5K,
        informed=True,
    ),
    Outcome("delivery_delay", "days after the promised day", AT_ORDER, "days", "service", IN_RANDOM_20K),
    Outcome("delivery_days", "days from order to delivery", AT_ORDER, "days", "service", IN_RANDOM_20K),
    Outcome("rating", "rating", "before the review is written", "points", "reviews"),
)


@dataclass(frozen=True)
class Rows:
    """Orders or reviews whose outcome is recorded, in time order.

    Attributes:
        outcome: what `observed` holds.
        frame: `user`, `item` (-1 if none), `timestamp`, `order_id` if there is one, and what the order's context needs.
        times, known: int64 (N,), seconds since 1970: of the order, and from when on the outcome was known.
        observed: float32 (N,). split: int8 (N,), 0 train, 1 validation, 2 test, -1 UNUSED.
        unbiased: bool (N,), rows that rates may be told from: drawn at random, and not volunteered unless all are.
        weights: float32 (N,), above 1 for outcomes that take long, of which those near a split's end are missing.
    """

    outcome: Outcome
    frame: pd.DataFrame
    times: np.ndarray
    known: np.ndarray
    observed: np.ndarray
    split: np.ndarray
    unbiased: np.ndarray
    weights: np.ndarray

    def __len__(self) -> int:
        return len(self.observed)

    @property
    def users(self) -> np.ndarray:
        """The user of each row, int64 (N,)."""
        return self.frame[USER].to_numpy(np.int64)

    @property
    def items(self) -> np.ndarray:
        """The item of each row, int64 (N,); -1 for none."""
        return self.frame[ITEM].to_numpy(np.int64)

    @property
    def volunteered(self) -> np.ndarray:
        """Whether each row came in feedback, of no order, bool (N,)."""
        return volunteered(self.frame)

    def at(self, chosen: np.ndarray) -> "Rows":
        """The rows of a mask, or at places."""
        arrays = ("times", "known", "observed", "split", "unbiased", "weights")
        frame = self.frame.iloc[np.arange(len(self))[chosen]].reset_index(drop=True)
        return replace(self, frame=frame, **{name: getattr(self, name)[chosen] for name in arrays})


def rows_of(
    outcome: Outcome,
    tables: dict[str, pd.DataFrame],
    events: pd.DataFrame,
    *,
    temporal: bool,
) -> Rows | None:
    """The rows of one outcome; None where no row has it, or only volunteered ones and it rests on what came of an order.

    Args:
        tables: `service` and `reviews` of a prepared dataset, where there are.
        events: `user`, `timestamp`, `split`, and `quantity` and `paid_price` where there are.
        temporal: the splits are windows of the calendar, the same for all users.
    """
    if outcome.table not in tables:
        return None
    table = tables[outcome.table]
    frame = _orders(table, events) if outcome.table == "service" else table.reset_index(drop=True)
    observed, known = _observed(outcome, frame)
    there, fed = np.isfinite(observed), volunteered(frame)
    alone = bool(fed[there].all())  # no order tells of it
    if not there.any() or (alone and outcome.informed):
        return None
    frame = _so_far(frame, known) if outcome.informed else frame
    times = _seconds(frame[TIMESTAMP])
    starts = split_starts(events, frame[USER].to_numpy(), temporal=temporal)
    split = (times[:, None] >= starts).sum(axis=1).astype(np.int8)
    ends = np.column_stack([starts, np.full(len(frame), NEVER)])[np.arange(len(frame)), split]
    weights = np.ones(len(frame))
    weights[~fed] = waiting_weights(times[~fed], known[~fed], ends[~fed], split[~fed])
    rows = Rows(
        outcome=outcome,
        frame=frame,
        times=times,
        known=known,
        observed=observed.astype(np.float32),
        split=np.where(known < ends, split, UNUSED).astype(np.int8),
        unbiased=fed if alone else _flag(frame, outcome.unbiased) & ~fed,
        weights=weights.astype(np.float32),
    )
    return rows.at(np.flatnonzero(there)[np.argsort(times[there], kind="stable")])


def volunteered(service: pd.DataFrame) -> np.ndarray:
    """Which rows are ratings and complaints that customers volunteered in feedback, bool (N,); a shop's own are not."""
    if FED not in service or not pd.api.types.is_bool_dtype(service[FED].dtype):
        return np.zeros(len(service), bool)
    return service[FED].fillna(False).to_numpy(bool)


def split_starts(events: pd.DataFrame, users: np.ndarray, *, temporal: bool) -> np.ndarray:
    """From when on each row's user is in validation and in test, int64 (N, 2) seconds; NEVER where not.

    Args:
        users: int (N,). temporal: one moment for all; else each user's own.
    """
    starts = np.full((len(users), 2), NEVER)
    for column, split in enumerate((VALIDATION, TEST)):
        held_out = events[events[SPLIT] >= split]
        if temporal and len(held_out):
            starts[:, column] = _seconds(held_out[TIMESTAMP]).min()
        elif len(held_out):
            first = held_out.groupby(USER)[TIMESTAMP].min()
            found = first.index.get_indexer(users)
            starts[:, column] = np.where(found >= 0, _seconds(first)[found], NEVER)
    return starts


def waiting_weights(times: np.ndarray, known: np.ndarray, ends: np.ndarray, split: np.ndarray) -> np.ndarray:
    """Inverse probability that an outcome which takes so long is known by the end of its split, (N,).

    Of outcomes that take w days only those of orders at least w days before the end are known; each of these stands
    for the others too: 1 / (share of the split's orders that are so old), at most LARGEST_WEIGHT (inverse probability
    of censoring weights; Robins & Rotnitzky 1992).

    Args:
        known: from when on the outcome is known; NEVER where it never was. ends: of each row's split, or NEVER.
    """
    weights = np.ones(len(times))
    for part in (TRAIN, VALIDATION):
        rows = np.flatnonzero((split == part) & (ends < NEVER))
        if not len(rows):
            continue
        ages = np.sort(ends[rows] - times[rows])
        waits = np.minimum(known[rows], ends[rows]) - times[rows]
        older = 1 - np.searchsorted(ages, waits, side="right") / len(ages)
        weights[rows] = 1 / np.maximum(older, 1 / LARGEST_WEIGHT)
    return weights


def representative_weights(rows: Rows, train: np.ndarray) -> np.ndarray:
    """Weights with which all training rows show outcomes as often as the unbiased ones do, float32 (N,).

    Weights within cells of the outcome (post-stratification; for outcome-dependent samples King & Zeng, Political
    Analysis 9, 2001): share of the cell among unbiased rows / its share among all rows.

    Args:
        train: bool (N,), the rows whose shares count; all others keep weight 1.
    """
    unbiased = train & rows.unbiased
    edges = np.unique(np.quantile(rows.observed[unbiased], np.linspace(0, 1, 11)[1:-1]))
    cells = np.searchsorted(edges, rows.observed, side="right")
    shares = [np.bincount(cells[chosen], minlength=len(edges) + 1) for chosen in (unbiased, train)]
    factor = (shares[0] / shares[0].sum()) / np.maximum(shares[1] / shares[1].sum(), 1e-9)
    return np.where(train, factor[cells], 1.0).astype(np.float32) * rows.weights


def _orders(service: pd.DataFrame, events: pd.DataFrame) -> pd.DataFrame:
    """One row per order, with its number of lines and their worth where the events tell; what was volunteered stands alone."""
    service = service if ITEM in service else service.assign(**{ITEM: -1})
    if ORDER_ID in service:
        ids = service[ORDER_ID].mask(volunteered(service))  # feedback may name an order, and is no line of it
        totals = service.groupby(ids)[[FREIGHT]].sum(min_count=1) if FREIGHT in service else None
        service = service[ids.isna() | ~ids.duplicated()]
        if totals is not None:
            summed = ids[service.index].map(totals[FREIGHT])
            service = service.assign(**{FREIGHT: summed.fillna(service[FREIGHT])})
    orders = service.merge(_baskets(events), on=[USER, TIMESTAMP], how="left")
    if PROMISED_AT in orders:
        orders[PROMISED_DAYS] = _days(orders[PROMISED_AT], orders[TIMESTAMP])
    return orders


def _baskets(events: pd.DataFrame) -> pd.DataFrame:
    """Lines and worth of what each user bought at each moment."""
    quantity = events[QUANTITY].fillna(1) if QUANTITY in events else pd.Series(1.0, events.index)
    counted = events[[USER, TIMESTAMP]].assign(**{LINES: quantity})
    if PAID_PRICE in events:
        counted[VALUE] = quantity * events[PAID_PRICE]
    return counted.groupby([USER, TIMESTAMP], as_index=False).sum(min_count=1)


def _observed(outcome: Outcome, frame: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """The outcome, float64 (N,) with NaN where there is none, and when it was known, int64 (N,) with NEVER."""
    delivered, promised, reviewed = (_times(frame, name) for name in (DELIVERED_AT, PROMISED_AT, REVIEWED_AT))
    times = _seconds(frame[TIMESTAMP])
    if outcome.name in ("delivery_delay", "delivery_days"):
        since = promised if outcome.name == "delivery_delay" else frame[TIMESTAMP]
        return _days(delivered, since).to_numpy(float), np.maximum(_seconds(delivered), times)
    if outcome.table == "reviews":
        return frame[RATING].to_numpy(float), times
    reviewed = reviewed.fillna(delivered).fillna(promised).fillna(frame[TIMESTAMP])
    known = np.maximum(_seconds(reviewed), times)
    return frame.get(SATISFACTION, pd.Series(np.nan, frame.index)).to_numpy(float), known


def _so_far(frame: pd.DataFrame, known: np.ndarray) -> pd.DataFrame:
    """What has come of each order by the moment `known`, (N,) seconds: arrived, and the days until then or now; NaN of
    what was volunteered, which is of none."""
    delivered, promised = _times(frame, DELIVERED_AT), _times(frame, PROMISED_AT)
    now = pd.Series(known.astype("datetime64[s]"), frame.index)
    arrived = delivered <= now
    until = delivered.where(arrived, now)
    told = {
        ARRIVED: arrived.astype(float),
        DAYS_LATE: _days(until, promised),
        DAYS_TAKEN: _days(until, frame[TIMESTAMP]),
    }
    return frame.assign(**{name: values.mask(volunteered(frame)) for name, values in told.items()})


def _times(frame: pd.DataFrame, name: str) -> pd.Series:
    """A column of times; NaT throughout where there is none."""
    return frame[name] if name in frame else pd.Series(pd.NaT, frame.index, dtype="datetime64[us]")


def _flag(frame: pd.DataFrame, name: str | None) -> np.ndarray:
    """A yes-or-no column as bool (N,); all rows where there is no such column."""
    if name is None or name not in frame:
        return np.ones(len(frame), bool)
    return frame[name].astype("boolean").fillna(False).to_numpy(bool)


def _seconds(times: pd.Series) -> np.ndarray:
    """Seconds since 1970, int64 (N,); NEVER where the time is missing."""
    known = times.notna().to_numpy()
    seconds = times.to_numpy("datetime64[s]").astype(np.int64)
    return np.where(known, seconds, NEVER)


def _days(later: pd.Series, earlier: pd.Series) -> pd.Series:
    return (later - earlier).dt.total_seconds() / SECONDS_PER_DAY
