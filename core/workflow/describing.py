"""What a prepared dataset holds, for people who must judge whether it can support a conclusion."""

import numpy as np
import pandas as pd

from core.data.dataset import table, users_with_numbers
from core.data.purchases import purchases
from core.data.splits import TEST
from core.fairness.groups import group_labels
from core.fairness.suppression import EMPTY, SHOWN, group_states
from core.schema.documents import Dataset
from core.schema.settings import SPLITS, Statistics
from core.schema.tables import (
    COUPON_DISCOUNT,
    EVENT,
    ITEM,
    LIST_PRICE,
    LOYALTY_DISCOUNT,
    PAID_PRICE,
    PURCHASE,
    SPLIT,
    TIMESTAMP,
    USER,
)
from core.store.workspace import Workspace

MINIMUM_GROUP = Statistics().minimum_group
PRICES = (LIST_PRICE, PAID_PRICE, LOYALTY_DISCOUNT, COUPON_DISCOUNT)


def calendar(workspace: Workspace, dataset: Dataset) -> pd.DataFrame:
    """Events per week and split: `week` (its Monday), `split` (name), `events`."""
    events = table(workspace, dataset, "events", [TIMESTAMP, SPLIT])
    days = events[TIMESTAMP].to_numpy("datetime64[D]")
    mondays = days - (days.astype(np.int64) + 3) % 7  # day 0, 1 January 1970, was a Thursday
    counts = (
        pd.DataFrame({"week": mondays, "split": events[SPLIT]}).value_counts().rename("events").reset_index()
    )
    counts["split"] = np.array(SPLITS)[counts["split"].to_numpy()]
    return counts.sort_values(["week", "split"], ignore_index=True)


def group_sizes(
    workspace: Workspace, dataset: Dataset, by: tuple[str, ...], *, bins: int | None = None
) -> pd.DataFrame:
    """Users of each group, and those with purchases in the test window (who can be judged).

    Columns `group`, `users`, `test_users`, `suppressed`; hidden groups have no number. Groups known to be empty
    are left out; a hidden one may be empty without saying so.

    Args:
        bins: groups that a number with many values is cut into; None: its bands, as they were prepared.
    """
    if bins is None:
        groups = group_labels(table(workspace, dataset, "users"), by)
    else:
        groups = group_labels(users_with_numbers(workspace, dataset), by, bins=bins)
    everyone = np.bincount(groups.codes, minlength=len(groups.names))
    judged = np.bincount(groups.codes[_test_users(workspace, dataset)], minlength=len(groups.names))
    states = np.stack(
        [group_states(counts.reshape(groups.shape), MINIMUM_GROUP).ravel() for counts in (everyone, judged)]
    )
    hidden = (states != SHOWN).any(axis=0)
    rows = pd.DataFrame(
        {"group": groups.names, "users": everyone, "test_users": judged, "suppressed": hidden}
    )
    rows = rows.astype({"users": "Int64", "test_users": "Int64"})
    rows.loc[hidden, ["users", "test_users"]] = pd.NA
    return rows[states[0] != EMPTY].reset_index(drop=True)


def crossing(workspace: Workspace, dataset: Dataset, by: tuple[str, str]) -> pd.DataFrame:
    """Users in each crossing of two attributes: a table with the first attribute as rows; missing where hidden."""
    users = table(workspace, dataset, "users")
    groups = group_labels(users, by)
    counts = np.bincount(groups.codes, minlength=len(groups.names)).reshape(groups.shape)
    shown = group_states(counts, MINIMUM_GROUP) == SHOWN
    rows, columns = (group_labels(users, (name,)).names for name in by)
    return pd.DataFrame(np.where(shown, counts, np.nan), index=list(rows), columns=list(columns))


def price_coverage(workspace: Workspace, dataset: Dataset) -> pd.DataFrame:
    """Purchase lines that carry each kind of price or discount.

    Columns `column`, `lines`, `share` (lines on which it is known) and `above_zero` (share on which it is not zero).
    """
    events = table(workspace, dataset, "events")
    bought = events[events[EVENT] == PURCHASE]
    of = max(len(bought), 1)
    known = {name: bought[name].dropna() if name in bought else bought.iloc[:0][EVENT] for name in PRICES}
    rows = [
        (name, len(found), len(found) / of, int((found != 0).sum()) / of) for name, found in known.items()
    ]
    return pd.DataFrame(rows, columns=["column", "lines", "share", "above_zero"])


def _test_users(workspace: Workspace, dataset: Dataset) -> np.ndarray:
    """Codes of users who bought something of the catalogue in the test window."""
    events = table(workspace, dataset, "events", [USER, ITEM, EVENT, SPLIT])
    judged = (events[SPLIT] == TEST) & (events[ITEM] < dataset.counts["catalogue"]) & purchases(events)
    return events.loc[judged, USER].unique()
