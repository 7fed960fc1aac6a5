"""Which crossing of user attributes is served worst, of all that a dataset has, and could that be chance?"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.data.labels import labels
from core.errors import InputError, SettingsError
from core.fairness.audit import checked_users
from core.fairness.groups import CROSS
from core.fairness.slices import DEPTH, MINIMUM, Slice, SliceSearch, TooManySlices, find_slices
from core.schema.settings import AuditSettings
from core.schema.tables import USER
from core.workflow.audits.shop import Shop, buyers_within


@dataclass(frozen=True)
class SlicesFound:
    """The answer of a search.

    Attributes:
        metric: what was compared, `ndcg@10`. attributes: by which users were divided; up to `depth` at once.
        users: how many. looked_at: crossings compared. beyond: how many of them do worse than chance allows.
        table: one row a crossing, the worst first: `attributes`, `values`, `n`, `mean`, `rest` (mean of all others),
            `gap`, `low`, `high` (intervals that hold for all crossings together), `shrunk_gap`, `p_value`
            (corrected), `detectable_gap`.
    """

    metric: str
    attributes: tuple[str, ...]
    depth: int
    users: int
    looked_at: int
    beyond: int
    table: pd.DataFrame


def slices(shop: Shop, per_user: pd.DataFrame, settings: AuditSettings) -> SlicesFound:
    """Search all crossings of up to three attributes for the one whose users have the lowest NDCG.

    Where there are too many crossings of three, those of two or of one are searched.

    Args:
        per_user: `user` and `ndcg@k`, as the audit of users takes.

    Raises:
        SettingsError: no NDCG at this k. InputError: no user attribute, or no crossing is large enough.
        TableError: an NDCG is missing, or a user is given twice or unknown. NotFound: no such category or store.
    """
    metric, names = f"ndcg@{settings.k}", shop.dataset.attributes
    if metric not in per_user:
        raise SettingsError(f"No NDCG was computed at k={settings.k}.")
    if not names:
        raise InputError("These data name no user attributes, so there is nothing to cross.")
    per_user = per_user[per_user[USER].isin(buyers_within(shop, settings.scope))]
    codes = checked_users(per_user, [metric], n_users=len(shop.users))
    # cut at the quantiles of all users, as the groups of every other page are
    named = pd.DataFrame({name: labels(shop.users[name], bins=settings.bins) for name in names}).iloc[codes]
    depth, found = _deepest(per_user[metric].to_numpy(float), named, settings, min(DEPTH, len(names)))
    return SlicesFound(
        metric=metric,
        attributes=tuple(names),
        depth=depth,
        users=len(codes),
        looked_at=found.looked_at,
        beyond=found.beyond,
        table=pd.DataFrame([_line(one) for one in found.slices]),
    )


def _deepest(
    values: np.ndarray, attributes: pd.DataFrame, settings: AuditSettings, depth: int
) -> tuple[int, SliceSearch]:
    """The search of as many attributes at once as can be looked at."""
    try:
        minimum = max(MINIMUM, settings.minimum_group)
        return depth, find_slices(values, attributes, settings, depth=depth, minimum=minimum)
    except TooManySlices:
        if depth == 1:
            raise
        return _deepest(values, attributes, settings, depth - 1)


def _line(one: Slice) -> dict[str, object]:
    return {
        "attributes": CROSS.join(one.attributes),
        "values": CROSS.join(one.labels),
        "n": one.n,
        "mean": one.mean,
        "rest": one.rest,
        "gap": one.gap,
        "low": one.low,
        "high": one.high,
        "shrunk_gap": one.shrunk - one.rest,
        "p_value": one.p_value,
        "detectable_gap": one.detectable,
    }
