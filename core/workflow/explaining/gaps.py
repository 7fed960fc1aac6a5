"""Why a group's lists are better or worse: what activity, history, taste, cold start and new products make of the gap."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.data.dataset import load, table, users_with_numbers
from core.data.inputs import SECONDS_PER_DAY
from core.data.purchases import purchases
from core.data.splits import TEST
from core.data.support import TIMING
from core.errors import InputError
from core.explain.gap import decompose_gap, gap_table
from core.fairness.rows import tidy
from core.schema.settings import AuditSettings
from core.schema.tables import BASKET, CATEGORY, EVENT, ITEM, SPLIT, TIMESTAMP, USER
from core.store.workspace import Workspace
from core.workflow.auditing import AUDITED, per_user_of_run
from core.workflow.audits.shop import partitions
from core.workflow.runs import load_run

ACTIVITY, HISTORY, TASTE, COLD, NEW = (
    "activity",
    "history length",
    "taste",
    "cold start",
    "products new to the user",
)
ABOUT = {
    ACTIVITY: "how many products the user bought in the test window, and baskets in the 28 days before it",
    HISTORY: "baskets before the test window, and days since the first",
    TASTE: "shares of the most bought categories in what the user had bought",
    COLD: "whether the user had fewer than five baskets",
    NEW: "share of what the user bought in the test window that the user had never bought before",
}
LATELY, FEW_BASKETS, MOST_CATEGORIES = 28 * SECONDS_PER_DAY, 5, 12
CAUTION = (
    "A cause is no excuse: short histories or few new products may be what worse lists have led to. Activity and new "
    "products are told from the test window itself, so nobody could have known them before."
)


@dataclass(frozen=True)
class WhyGap:
    """Parts of the gaps of a metric by groups.

    Attributes:
        rows: audit rows; metric `<metric>: <part>`. effective: by shown group, the users that the other side is worth
            after reweighting; NaN where it cannot be made alike. about: the causes in words. causes: their names, in order.
        users: compared.
    """

    metric: str
    rows: pd.DataFrame
    effective: dict[str, float]
    causes: tuple[str, ...]
    users: int
    notes: tuple[str, ...]


def why_gap(workspace: Workspace, run_id: str, settings: AuditSettings, *, measure: str = "ndcg") -> WhyGap:
    """Take the gaps of `<measure>@k` on the test split apart, by the first grouping of the settings.

    Needs lists and purchases alone, so it holds for lists of another system too.

    Raises:
        NotFound: no such run or attribute. InputError: an unknown measure, too few users, or a single group.
    """
    if measure not in AUDITED:
        raise InputError(f"'{measure[:40]}' cannot be taken apart; there are: {', '.join(AUDITED)}.")
    run = load_run(workspace, run_id)
    dataset, metric = load(workspace, run.dataset), f"{measure}@{settings.k}"
    per_user = per_user_of_run(workspace, run, settings.k, "test")
    codes, values = per_user[USER].to_numpy(np.int64), per_user[metric].to_numpy(float)
    (part,) = partitions(
        users_with_numbers(workspace, dataset), codes, settings.model_copy(update={"by": settings.by[:1]})
    )
    causes = causes_of(workspace, run.dataset, codes)
    found = decompose_gap(values, causes, part, settings)
    tolerance = settings.tolerances.get(measure, settings.tolerance) * float(values.mean())
    rows = gap_table(found, part, metric, tolerance=tolerance, settings=settings)
    names = [part.shown_names[group] for group in part.compared]
    return WhyGap(
        metric=metric,
        rows=tidy(rows),
        effective=dict(zip(names, found.effective.tolist(), strict=True)),
        causes=tuple(causes),
        users=found.users,
        notes=(*_left_out(names, found.left_out), CAUTION),
    )


def _left_out(groups: list[str], causes: tuple[tuple[str, ...], ...]) -> list[str]:
    """What groups could not be made alike in."""
    return [
        f"{group}: among the others there is nobody to stand for it in {' and '.join(out)}; what would remain is told "
        "without that."
        for group, out in zip(groups, causes, strict=True)
        if out
    ]


def causes_of(workspace: Workspace, dataset_id: str, codes: np.ndarray) -> dict[str, np.ndarray]:
    """What is compared by: numbers (U, d) of each of the users (codes), by cause; see ABOUT."""
    dataset = load(workspace, dataset_id)
    events = table(workspace, dataset, "events", [USER, ITEM, BASKET, TIMESTAMP, EVENT, SPLIT])
    events = events[purchases(events).to_numpy()]
    timed = TIMING not in dataset.missing
    before, test = events[events[SPLIT] < TEST], events[events[SPLIT] == TEST]
    baskets = before.groupby(USER)[BASKET].nunique().reindex(codes, fill_value=0).to_numpy(float)
    products = test[[USER, ITEM]].drop_duplicates()
    number = products.groupby(USER).size().reindex(codes, fill_value=0).to_numpy(float)
    known = pd.MultiIndex.from_frame(before[[USER, ITEM]].drop_duplicates())
    new = pd.Series(~pd.MultiIndex.from_frame(products).isin(known), index=products[USER].to_numpy())
    new = new.groupby(level=0).mean().reindex(codes, fill_value=0).to_numpy(float)
    activity, history = [np.log1p(number)], [np.log1p(baskets)]
    if timed and len(test):
        times = before[TIMESTAMP].to_numpy("datetime64[s]").astype(np.int64)
        start = int(test[TIMESTAMP].to_numpy("datetime64[s]").astype(np.int64).min())
        lately = before[times >= start - LATELY]
        recent = lately.groupby(USER)[BASKET].nunique().reindex(codes, fill_value=0).to_numpy(float)
        first = pd.Series(times).groupby(before[USER].to_numpy()).min().reindex(codes, fill_value=start)
        activity.append(np.log1p(recent))
        history.append(np.log1p(np.maximum(start - first.to_numpy(float), 0) / SECONDS_PER_DAY))
    found = {ACTIVITY: np.column_stack(activity), HISTORY: np.column_stack(history)}
    items = table(workspace, dataset, "items")
    if CATEGORY in items:
        found[TASTE] = _mix(before, items[CATEGORY].cat.codes.to_numpy(), codes)
    return found | {COLD: (baskets < FEW_BASKETS)[:, None].astype(float), NEW: new[:, None]}


def _mix(before: pd.DataFrame, category: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Shares of the most bought categories, (U, d); zeros for who bought nothing before.

    One category less than there are, where there are few: all shares together would tell nothing more.
    """
    own = category[before[ITEM].to_numpy()]
    ordered = pd.Series(own[own >= 0]).value_counts().index
    kept = ordered[: min(MOST_CATEGORIES, max(len(ordered) - 1, 0))]
    counts = pd.crosstab(before[USER].to_numpy(), own).reindex(codes, fill_value=0)
    total = np.maximum(counts.sum(axis=1).to_numpy(float), 1.0)
    return counts.reindex(columns=kept, fill_value=0).to_numpy(float) / total[:, None]
