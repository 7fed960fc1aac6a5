"""What logged clicks say of lists that were not the ones shown."""

from dataclasses import replace

import numpy as np
import pandas as pd

from core.data.dataset import table
from core.fairness.quality.off_policy import OffPolicy, off_policy
from core.fairness.rows import AuditRow
from core.schema.documents import Dataset
from core.schema.settings import ALL, AuditSettings
from core.schema.tables import CLICKED, PURCHASED, USER
from core.store.workspace import Workspace
from core.workflow.audits.section import Section, section, with_permutations
from core.workflow.audits.shop import Shop, lists_within, partitions

LARGEST_WEIGHT = 20.0  # an impression stands for so many at most


def logged_impressions(workspace: Workspace, dataset: Dataset) -> pd.DataFrame | None:
    """What was shown to whom, if it is known what was clicked or purchased of it; None where the data have no such log."""
    if "impressions" not in dataset.tables:
        return None
    found = table(workspace, dataset, "impressions")
    return None if {CLICKED, PURCHASED}.isdisjoint(found) else found


def clicks(shop: Shop, impressions: pd.DataFrame, lists: pd.DataFrame, settings: AuditSettings) -> Section:
    """Clicks (or purchases, where no clicks are logged) per place that each group would have given to the lists.

    Args:
        impressions: of `logged_impressions`. lists: `user`, `item`, `rank`.

    Raises:
        InputError: propensities are missing or impossible, nothing that the lists hold was rewarded, or too few users.
        NotFound: no such group, category or store.
    """
    shown = lists_within(lists, shop, settings.scope)
    codes = np.intersect1d(shown[USER].to_numpy(), impressions[USER].to_numpy())
    parts = partitions(shop.users, codes, settings)
    settings = with_permutations(settings, parts, metrics=3)
    reward = CLICKED if CLICKED in impressions else PURCHASED
    rows: list[AuditRow] = []
    for part in parts:
        options = {"k": settings.k, "clip": LARGEST_WEIGHT, "reward": reward}
        found = off_policy(impressions, shown, codes, part, settings, **options)
        level = next(row.value for row in found.rows if row.group == ALL)
        rows += [_judged_by(row, settings.tolerance * level) for row in found.rows]
    return section(rows, settings, users=len(codes), notes=_notes(found))


def _judged_by(row: AuditRow, tolerance: float) -> AuditRow:
    """With a tolerance, if it is a gap that can be judged."""
    known = None not in (row.low, row.high, row.p_value)
    return replace(row, tolerance=tolerance) if row.statistic == "gap" and known else row


def _notes(found: OffPolicy) -> list[str]:
    all_of_it = found.support.set_index("group").loc[ALL]
    return [
        f"{all_of_it['impressions']:,.0f} logged impressions, {all_of_it['matched']:,.0f} of them show what the audited "
        f"list has at that rank; they tell as much as {all_of_it['effective']:,.0f} of equal weight.",
        f"Weights above {LARGEST_WEIGHT:g} count as that: {all_of_it['clipped']:.1%} of the matched ones, which makes IPS too low. "
        f"The mean weight is {all_of_it['mean_weight']:.2f}; far from 1, the log does not cover these lists.",
    ]
