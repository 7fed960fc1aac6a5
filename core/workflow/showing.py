"""What groups of users are shown: how the lists divide over categories, prices, brands and popularity."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from core.data.dataset import load, table
from core.data.purchases import purchases
from core.data.splits import TEST
from core.fairness.groups import group_labels
from core.schema.documents import Dataset, Run
from core.schema.tables import (
    BRAND,
    CATEGORY,
    EVENT,
    IN_CATALOGUE,
    ITEM,
    ITEM_ID,
    LIST_PRICE,
    OTHERS,
    POPULARITY_BAND,
    PRICE_BAND,
    RANK,
    SCORE,
    SPLIT,
    TIMESTAMP,
    TITLE,
    UNKNOWN,
    USER,
    USER_ID,
)
from core.store.workspace import Workspace
from core.workflow.runs import run_table
from core.workflow.showing_groups import GroupMeans, group_means

DIMENSIONS = (CATEGORY, PRICE_BAND, BRAND, POPULARITY_BAND)
REPEAT = "bought before"
MOST_VALUES = 8  # of one dimension; the rest is summed up as OTHERS


def shown_to_groups(workspace: Workspace, run: Run, *, by: tuple[str, ...], k: int) -> GroupMeans:
    """Shares of everyone's top k (test lists) by each dimension that the items have, and the repeat share.

    Rows have `dimension` and `value_name` instead of `name`; values are fractions of a list.
    """
    dataset = load(workspace, run.dataset)
    groups = group_labels(table(workspace, dataset, "users"), by)
    lists = run_table(workspace, run, "candidates_test", [USER, ITEM, RANK])
    lists = lists[lists[RANK] <= k]
    members = np.unique(lists[USER].to_numpy())
    shares = _all_shares(lists, members, table(workspace, dataset, "items"), _bought(workspace, dataset))
    found = group_means(shares, groups, within=(0, 1))
    named = pd.DataFrame(found.rows["name"].tolist(), columns=["dimension", "value_name"])
    return replace(found, rows=pd.concat([named, found.rows.drop(columns="name")], axis=1))


def _bought(workspace: Workspace, dataset: Dataset) -> pd.MultiIndex:
    """Pairs of user and item that were bought before the test window."""
    events = table(workspace, dataset, "events", [USER, ITEM, EVENT, SPLIT])
    before = events[(events[SPLIT] < TEST) & purchases(events)]
    return pd.MultiIndex.from_frame(before[[USER, ITEM]].drop_duplicates())


def _all_shares(lists: pd.DataFrame, members: np.ndarray, items: pd.DataFrame, bought) -> pd.DataFrame:
    """One row per user, one column per (dimension, value): that value's share of the user's list."""
    parts = []
    for name in DIMENSIONS:
        if name in items and items.loc[items[IN_CATALOGUE], name].nunique() > 1:
            parts.append(_shares(lists, members, _values(items[name], lists), name))
    again = pd.MultiIndex.from_frame(lists[[USER, ITEM]]).isin(bought)
    repeat = pd.Series(again, index=lists[USER].to_numpy()).groupby(level=0).mean().reindex(members)
    parts.append(repeat.to_frame((REPEAT, REPEAT)))
    shares = pd.concat(parts, axis=1)
    shares.columns = pd.MultiIndex.from_tuples(shares.columns)
    return shares


def _values(column: pd.Series, lists: pd.DataFrame) -> pd.Series:
    """The value of each list entry, the rarer ones as OTHERS; ordered bands keep their order."""
    ordered = isinstance(column.dtype, pd.CategoricalDtype) and column.cat.ordered
    names = column.astype(object).where(column.notna(), UNKNOWN).astype(str)
    entries = names.to_numpy()[lists[ITEM].to_numpy()]
    frequent = pd.Series(entries).value_counts().index[:MOST_VALUES]
    order = (
        [str(name) for name in column.cat.categories if str(name) in set(frequent)]
        if ordered
        else [*frequent]
    )
    order = [*dict.fromkeys(order), *(name for name in frequent if name not in order)]
    kept = np.where(np.isin(entries, frequent), entries, OTHERS)
    return pd.Series(pd.Categorical(kept, [*order, OTHERS] if OTHERS in kept else order))


def _shares(lists: pd.DataFrame, members: np.ndarray, values: pd.Series, dimension: str) -> pd.DataFrame:
    places = np.searchsorted(members, lists[USER].to_numpy())
    width = len(values.cat.categories)
    counts = np.bincount(places * width + values.cat.codes.to_numpy(), minlength=len(members) * width)
    counts = counts.reshape(len(members), width)
    columns = [(dimension, name) for name in values.cat.categories]
    return pd.DataFrame(counts / counts.sum(axis=1, keepdims=True), index=members, columns=columns)


@dataclass(frozen=True)
class OneUser:
    """One user's list beside what that user bought before.

    Attributes:
        attributes: the user's attributes as text.
        shown: the list: rank, title, category, brand, price, score, times bought before; index: item code.
        history: what was bought before the test window, most often first: title, category, times, last time; index:
            item code.
        hits: how many of the list's items the user bought in the test window; None if nothing was bought.
    """

    attributes: dict[str, str]
    shown: pd.DataFrame
    history: pd.DataFrame
    hits: int | None


def user_ids(workspace: Workspace, run: Run) -> Sequence[str]:
    """Ids of all users of the run's data, by user code."""
    return table(workspace, load(workspace, run.dataset), "users", [USER_ID])[USER_ID]


def one_user(workspace: Workspace, run: Run, *, user: int, k: int) -> OneUser:
    """The top k of one user (code) and the user's own history."""
    dataset = load(workspace, run.dataset)
    users, items = table(workspace, dataset, "users"), table(workspace, dataset, "items")
    events = table(workspace, dataset, "events", [USER, ITEM, EVENT, TIMESTAMP, SPLIT])
    events = events[(events[USER] == user) & purchases(events)]
    lists = run_table(workspace, run, "candidates_test", [USER, ITEM, RANK, SCORE])
    shown = lists[(lists[USER] == user) & (lists[RANK] <= k)].sort_values(RANK)
    past = events[events[SPLIT] < TEST].groupby(ITEM)[TIMESTAMP].agg(times="size", last="max")
    next_items = set(events.loc[events[SPLIT] == TEST, ITEM])
    described = [name for name in (ITEM_ID, TITLE, CATEGORY, BRAND, LIST_PRICE) if name in items]
    shown = shown[[RANK, ITEM, SCORE]].join(items[described], on=ITEM)
    shown["times_before"] = past["times"].reindex(shown[ITEM]).fillna(0).astype(int).to_numpy()
    shown["bought_next"] = shown[ITEM].isin(next_items).to_numpy()
    history = past.join(items[described]).sort_values(["times", "last"], ascending=False)
    hits = int(shown["bought_next"].sum()) if next_items else None
    attributes = {name: str(users.at[user, name]) for name in dataset.attributes}
    return OneUser(attributes, shown.set_index(ITEM), history, hits)
