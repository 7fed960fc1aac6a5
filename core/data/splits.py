"""Which events a model may learn from, which tune it, and which judge it."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.errors import SettingsError
from core.schema.settings import DatasetSettings
from core.schema.tables import BASKET, TIMESTAMP, USER

TRAIN, VALIDATION, TEST = 0, 1, 2
SHORTEST_CALENDAR = 3  # times both windows together, so that at least twice as long is left to learn from
HELD_OUT_OCCASIONS = 3  # one to learn from, one for validation, one for the test
HELD_OUT_USERS = 0.1  # share of the users for each of validation and test, split by_user


@dataclass(frozen=True)
class Windows:
    """First instants of the validation and the test window, in UTC; the data end before `end`."""

    validation: pd.Timestamp
    test: pd.Timestamp
    end: pd.Timestamp


def assign_split(
    events: pd.DataFrame, settings: DatasetSettings, *, user_ids: Iterable[str] = ()
) -> np.ndarray:
    """The split of each event: int8 (E,), 0 train, 1 validation, 2 test.

    Depends on users, baskets and times alone, not on the order of rows.

    Args:
        events: `user`, `basket` (codes), `timestamp` (UTC).
        user_ids: the id of each user code, by which `by_user` chooses.

    Raises:
        SettingsError: the calendar is too short for the windows, or nobody has three occasions.
    """
    if settings.split == "leave_one_out":
        return _leave_one_out(events)
    if settings.split == "by_user":
        return _by_user(user_ids)[events[USER]]
    windows = temporal_windows(events[TIMESTAMP], settings)
    starts = np.array([windows.validation, windows.test], dtype="datetime64[us]")
    return np.searchsorted(starts, events[TIMESTAMP].to_numpy("datetime64[us]"), side="right").astype(np.int8)


def temporal_windows(times: pd.Series, settings: DatasetSettings) -> Windows:
    """The last days of the calendar, cut at midnight of the dataset's time zone.

    Raises:
        SettingsError: the calendar is shorter than three times both windows.
    """
    zone = settings.timezone or "UTC"
    first, last = (_local_day(instant, zone) for instant in (times.min(), times.max()))
    days, held_out = (last - first).days + 1, settings.validation_days + settings.test_days
    if days < SHORTEST_CALENDAR * held_out:
        raise SettingsError(
            f"The data cover {days:,} days ({first:%Y-%m-%d} to {last:%Y-%m-%d}), too few for windows of "
            f"{settings.validation_days} + {settings.test_days} days: at least "
            f"{SHORTEST_CALENDAR * held_out:,} are needed. Choose {_shorter(days)}split=leave_one_out."
        )
    end = last + pd.Timedelta(days=1)
    test = end - pd.Timedelta(days=settings.test_days)
    validation = test - pd.Timedelta(days=settings.validation_days)
    return Windows(*(_midnight(day, zone) for day in (validation, test, end)))


def _shorter(days: int) -> str:
    """The longest windows that a calendar allows, in words; nothing where it is too short for any."""
    longest = days // SHORTEST_CALENDAR
    return f"windows of {longest:,} days together, or " if longest >= 2 else ""


def local_dates(times: pd.Series, zone: str) -> pd.Series:
    """Local calendar days (midnight, without zone) of UTC times without zone."""
    return times.dt.tz_localize("UTC").dt.tz_convert(zone).dt.tz_localize(None).dt.normalize()


def _local_day(instant: pd.Timestamp, zone: str) -> pd.Timestamp:
    return instant.tz_localize("UTC").tz_convert(zone).tz_localize(None).normalize()


def _midnight(day: pd.Timestamp, zone: str) -> pd.Timestamp:
    """Where a local day begins, in UTC; clocks that skip or repeat midnight give its first instant."""
    return (
        day.tz_localize(zone, ambiguous=True, nonexistent="shift_forward").tz_convert("UTC").tz_localize(None)
    )


def _by_user(user_ids: Iterable[str]) -> np.ndarray:
    """The split of each user, int8 (U,), by a hash of the id: who else is there changes nothing.

    It is another hash than the one that samples users, lest a sample be all of one split.
    """
    digests = (hashlib.blake2b(id.encode(), digest_size=8, person=b"split").digest() for id in user_ids)
    place = np.array([int.from_bytes(digest) / 2**64 for digest in digests])
    return np.select([place < HELD_OUT_USERS, place < 2 * HELD_OUT_USERS], [TEST, VALIDATION], TRAIN).astype(
        np.int8
    )


def _leave_one_out(events: pd.DataFrame) -> np.ndarray:
    """Each user's last occasion is test, the one before it validation; with fewer than three, all train."""
    if events.empty:
        raise SettingsError("There are no events to split.")
    occasions = _occasions(events)
    last = occasions.groupby(events[USER].to_numpy()).transform("max")
    from_last = (last - occasions).to_numpy()
    held_out = (last >= HELD_OUT_OCCASIONS - 1).to_numpy()
    if not held_out.any():
        raise SettingsError("No user has three baskets at different times, so none can be held out.")
    return np.select(
        [held_out & (from_last == 0), held_out & (from_last == 1)], [TEST, VALIDATION], TRAIN
    ).astype(np.int8)


def _occasions(events: pd.DataFrame) -> pd.Series:
    """Number of the occasion of each event, from 0 per user in time order; index as positions.

    An occasion is a basket; baskets of one user that overlap in time, or share an instant, are one occasion,
    so that cutting between occasions never cuts an instant and keeps every user's order.
    """
    spans = events.groupby([USER, BASKET], sort=False)[TIMESTAMP].agg(["min", "max"]).reset_index()
    spans = spans.sort_values([USER, "min", "max"], ignore_index=True)
    users = spans[USER].to_numpy(np.int64)
    instants = np.unique(spans[["min", "max"]].to_numpy())
    begin, finish = (np.searchsorted(instants, spans[edge].to_numpy()) for edge in ("min", "max"))
    # Latest end so far within the user: times as ranks, shifted per user so that no running maximum crosses.
    shift = users * (len(instants) + 1)
    latest = np.maximum.accumulate(finish + shift) - shift
    first_of_user = np.concatenate([[True], users[1:] != users[:-1]])
    starts = first_of_user | np.concatenate([[True], begin[1:] > latest[:-1]])
    number = np.cumsum(starts)
    spans["occasion"] = number - pd.Series(number).groupby(users).transform("min").to_numpy()
    keys = pd.MultiIndex.from_frame(spans[[USER, BASKET]])
    found = keys.get_indexer(pd.MultiIndex.from_frame(events[[USER, BASKET]]))
    return pd.Series(spans["occasion"].to_numpy()[found])
