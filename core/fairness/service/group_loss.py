"""Bounded group loss: is the model's loss at most zeta for every group, the worst-off one included?"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from core.errors import SettingsError
from core.fairness.group_rows import among, generator
from core.fairness.partition import Partition
from core.fairness.quality.across import worst_interval
from core.fairness.rows import AuditRow
from core.fairness.service.rows import user_sums
from core.fairness.stats import bootstrap
from core.schema.settings import ALL, Statistics
from core.schema.tables import EXPECTED, OBSERVED, PREDICTED, USER

LOSSES = ("absolute_loss", "squared_loss")


def loss_contributions(rows: pd.DataFrame, codes: np.ndarray) -> np.ndarray:
    """What each user adds, (U, 3): rows, |s - median| and (s - s^)^2; NaN for a user without rows.

    Args:
        rows: `user`, `observed`, `predicted` (the median) and, where it is there, `expected` (the mean).
    """
    observed, median = (rows[name].to_numpy(float) for name in (OBSERVED, PREDICTED))
    mean = rows[EXPECTED].to_numpy(float) if EXPECTED in rows else median
    columns = [np.ones(len(rows)), np.abs(observed - median), (observed - mean) ** 2]
    return user_sums(rows[USER].to_numpy(), np.column_stack(columns), codes)


def group_loss_rows(
    rows: pd.DataFrame,
    codes: np.ndarray,
    part: Partition,
    settings: Statistics,
    *,
    zeta: Mapping[str, float],
    prefix: str = "",
) -> list[AuditRow]:
    """The largest mean loss of any shown group, `<prefix>worst_<loss>`, held against the loss that is allowed.

        max_g E[loss | g] <= zeta,   loss = |s - s^| or (s - s^)^2

    Both ends come from intervals that hold for all groups at once (`worst_interval`), so `high` is an upper bound of every
    group's loss. A group's loss is that of its rows; users are the unit, with their influence on it. `reference` names
    the group, `tolerance` is zeta; `bound_kept` reads the row. Users of hidden groups do not count.
    Source: Agarwal, Dudík & Wu, Fair regression, ICML 2019.

    Args:
        rows: of one outcome, as `judged_rows` gives. codes: (U,) audited users, in the order of the partition.
        zeta: by loss (absolute_loss, squared_loss), in its unit; only these are told.

    Raises:
        SettingsError: no such loss, or a zeta that is not above 0.
    """
    for loss, allowed in zeta.items():
        if loss not in LOSSES:
            raise SettingsError(f"There is no loss '{loss}' to bound; there are {', '.join(LOSSES)}.")
        if not 0 < allowed < np.inf:
            raise SettingsError(f"The bound of '{loss}' must be above 0.")
    contributions = loss_contributions(rows, codes)
    there = np.isfinite(contributions[:, 0])
    own = among(part, there, minimum=settings.minimum_group)
    if own is None or not zeta:
        return []
    places = [LOSSES.index(loss) for loss in zeta]
    influences = _influences(contributions[there], own)[:, places]
    moments = bootstrap(
        -influences, own.strata, n_groups=own.n_strata, draws=settings.draws, rng=generator(own, settings)
    )
    shown = np.arange(own.n_shown)
    best = worst_interval(moments, shown, confidence=settings.confidence)  # of the negative losses
    return [
        AuditRow(
            "service",
            own.attribute,
            ALL,
            f"{prefix}worst_{loss}",
            "mean",
            value=-float(best.value[0, k]),
            low=max(-float(best.high[0, k]), 0.0),
            high=-float(best.low[0, k]),
            n=len(own.strata),
            reference=own.shown_names[int(moments.mean[shown, k].argmin())],
            tolerance=float(allowed),
        )
        for k, (loss, allowed) in enumerate(zeta.items())
    ]


def _influences(contributions: np.ndarray, part: Partition) -> np.ndarray:
    """Numbers of each user whose mean in a group is the group's mean loss, with its standard error, (U, 2).

    v_u = L_g + (loss_u - L_g n_u) / mean_g(n)
    """
    found = np.zeros((len(contributions), len(LOSSES)))
    for group in range(part.n_strata):
        inside = part.strata == group
        n, losses = contributions[inside, :1], contributions[inside, 1:]
        level = losses.sum(axis=0) / n.sum()
        found[inside] = level + (losses - level * n) / n.mean()
    return found


def bound_kept(row: AuditRow) -> bool | None:
    """Whether every group's loss is shown to be within the bound, or one's to be above it; None: not enough data."""
    if row.high <= row.tolerance:
        return True
    return False if row.low > row.tolerance else None


def bound_sentence(row: AuditRow) -> str:
    """The worst-off group's loss beside what is allowed, in words; plain text, with the group's name as it came."""
    said = {
        True: "every group keeps to it",
        False: f"{row.reference} does not keep to it",
        None: "not enough data",
    }
    return (
        f"Worst off is {row.reference}: {row.value:.3g} on average; interval for all groups at once {row.low:.3g} to "
        f"{row.high:.3g}; allowed are {row.tolerance:.3g}: {said[bound_kept(row)]}."
    )
