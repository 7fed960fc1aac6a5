"""What users did with the products that lists showed them, and what lists must not show them again."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.schema.tables import CLICKED, DISMISSED, ITEM, PURCHASED, RANK, TIMESTAMP, USER

POSITIVE = (CLICKED, PURCHASED)
FLAGS = (*POSITIVE, DISMISSED)
LEANING = 10  # impressions at the rate of all places that each place is taken to have had besides its own


@dataclass(frozen=True)
class Reactions:
    """Impressions whose outcome is known: int64 (R,) `users`, `items` (catalogue codes), `times` (seconds since 1970),
    `ranks` (place in the list, from 1), and float32 (R,) `values`, 1 for what was clicked or purchased, else 0."""

    users: np.ndarray
    items: np.ndarray
    times: np.ndarray
    ranks: np.ndarray
    values: np.ndarray

    def among(self, kept: np.ndarray) -> "Reactions":
        """Some of them, by a mask (R,)."""
        return Reactions(**{name: values[kept] for name, values in vars(self).items()})

    def log_odds(self, places: int) -> np.ndarray:
        """Log odds of a click or purchase at each of so many places in a list, float32 (places,); later ones count as the last."""
        place = np.clip(self.ranks, 1, places) - 1
        shown, taken = np.bincount(place, minlength=places), np.bincount(place, self.values, places)
        overall = (taken.sum() + 1) / (shown.sum() + 2)
        rate = (taken + LEANING * overall) / (shown + LEANING)
        return np.log(rate / (1 - rate)).astype(np.float32)


@dataclass(frozen=True)
class Dismissed:
    """Pairs that no list may hold: int64 (N,) `users` and `items`, in the order of both, each once."""

    users: np.ndarray
    items: np.ndarray


def reactions(impressions: pd.DataFrame) -> Reactions | None:
    """The impressions that say what came of them; None where none does.

    A flag that is missing counts as no where another of the row is there: a log of clicks that says nothing of
    dismissals. A row without any says nothing at all.

    Args:
        impressions: `user`, `item`, `rank`, `timestamp` and those of the flags that there are.
    """
    flags = [name for name in FLAGS if name in impressions]
    told = impressions[impressions[flags].notna().any(axis=1)] if flags else impressions.iloc[:0]
    if told.empty:
        return None
    return Reactions(
        users=told[USER].to_numpy(np.int64),
        items=told[ITEM].to_numpy(np.int64),
        times=_seconds(told[TIMESTAMP]),
        ranks=told[RANK].to_numpy(np.int64),
        values=np.any([_said(told, name) for name in POSITIVE], axis=0).astype(np.float32),
    )


def dismissed(
    impressions: pd.DataFrame | None,
    purchases: pd.DataFrame,
    judgements: pd.DataFrame | None,
    *,
    n_items: int,
) -> Dismissed | None:
    """What customers dismissed and did not purchase since, and what analysts dismissed for them; None where nothing.

    Args:
        impressions: those known, of the catalogue. purchases: those known: `user`, `item`, `timestamp`.
        judgements: `user`, `item`, `dismissed`, of any item.
    """
    pairs = np.zeros(0, np.int64)
    if impressions is not None:
        last = _last(impressions[_said(impressions, DISMISSED)], n_items)
        since = _last(purchases[purchases[USER].isin(impressions[USER])], n_items).reindex(last.index)
        pairs = last.index[~(since > last).to_numpy()].to_numpy(np.int64)
    if judgements is not None:
        judged = judgements[_said(judgements, DISMISSED) & judgements[ITEM].between(0, n_items - 1)]
        pairs = np.append(pairs, _pairs(judged, n_items))
    if not len(pairs):
        return None
    return Dismissed(*np.divmod(np.unique(pairs), n_items))


def _last(rows: pd.DataFrame, n_items: int) -> pd.Series:
    """When each pair of user and item was last met, seconds."""
    return (
        pd.Series(_seconds(rows[TIMESTAMP]), index=_pairs(rows, n_items), dtype=np.int64)
        .groupby(level=0)
        .max()
    )


def _pairs(rows: pd.DataFrame, n_items: int) -> np.ndarray:
    return rows[USER].to_numpy(np.int64) * n_items + rows[ITEM].to_numpy(np.int64)


def _said(rows: pd.DataFrame, flag: str) -> np.ndarray:
    """Whether each row says yes, bool (rows,); what is missing does not."""
    if flag not in rows:
        return np.zeros(len(rows), bool)
    return rows[flag].astype("boolean").fillna(False).to_numpy(bool)


def _seconds(times: pd.Series) -> np.ndarray:
    return times.to_numpy("datetime64[s]").astype(np.int64)
