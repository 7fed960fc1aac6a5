"""Pooled metrics as functions of totals over users, for the bootstrap of totals: (..., 1, C) -> (..., Q)."""

import numpy as np

from core.fairness.exposure.attention import by_group
from core.fairness.exposure.concentration import entropy, gini, lowest_share, min_max
from core.fairness.exposure.divergence import awrf_js
from core.fairness.exposure.measures import Answered, Shown
from core.fairness.totals import Statistic
from core.metrics import NOTHING

LEAST_PLACES = 5  # that a group must expect, for metrics that its luck alone could decide


def seen_groups(lists: Shown) -> np.ndarray:
    """Groups that would have at least 5 of all places if lists were on target, bool (H,)."""
    return lists.target * (lists.groups != NOTHING).sum() >= LEAST_PLACES


def share_statistics(target: np.ndarray, inside: np.ndarray) -> tuple[list[str], Statistic]:
    """Names and values of the metrics of pooled shares (..., 1, H).

    min / max, MMF@r and the Gini index of groups are of share / target, so 1, r / H and 0 are on target. r is a
    quarter of the groups, at least one.

    Args:
        inside: (H,) groups that count in these three; their targets are above 0. With fewer than two, these have no value.
    """
    r = max(1, int(inside.sum()) // 4)

    def values(totals: np.ndarray) -> np.ndarray:
        shares = totals[..., 0, :] / np.maximum(totals[..., 0, :].sum(axis=-1, keepdims=True), 1e-300)
        parts = [awrf_js(shares, target), entropy(np.maximum(shares, 0.0))]
        if inside.sum() > 1:
            relative = shares[..., inside] / target[inside]
            parts += [min_max(relative), lowest_share(relative, r), gini(relative)]
        return np.stack(parts, axis=-1)

    names = ["awrf_js_pooled", "entropy_groups", "min_max", f"mmf_{r}", "gini_groups"]
    return names if inside.sum() > 1 else names[:2], values


def listed_and_could(lists: Shown, could: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Items of each seen group that each list holds, and could hold, (U, H) each: whose spread is RSP."""
    seen = seen_groups(lists)
    return by_group(lists.groups, np.ones(lists.groups.shape), lists.n_groups)[:, seen], could[:, seen]


def hits_and_wanted(truth: Answered) -> tuple[np.ndarray, np.ndarray]:
    """Hits and wanted items, (V, H) each, of groups of which at least 5 items were bought: whose spread is REO."""
    told = truth.wanted.sum(axis=0) >= LEAST_PLACES
    return truth.hits[:, told], truth.wanted[:, told]
