"""What each step on the way to fair lists closed of a gap, and its price, on the same users: the ledger."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from core.data.inputs import Positives
from core.fairness.compare import BETTER, NO_DIFFERENCE, WORSE
from core.fairness.correction import adjusted_p_values
from core.fairness.disparity import TO_MOVE
from core.fairness.trade_offs import enough_draws
from core.metrics import NOTHING
from core.schema.documents import Run
from core.schema.settings import AuditSettings, Split
from core.store.workspace import Workspace
from core.workflow.audits.shop import Shop, partitions
from core.workflow.policies.chain import Steps
from core.workflow.policies.levels import BETWEEN, Way, levels, measures, way
from core.workflow.policies.rerank import batch_of_run
from core.workflow.policies.yardsticks import NDCG, SPENDING, Yardsticks

RERANKING, WHOLE = "reranking", "whole"
GAP, PRICE = "gap", "price"
CLOSED, WIDENED = "closed", "widened"
PRICES = (NDCG, SPENDING)


@dataclass(frozen=True)
class Ledger:
    """Gaps and prices of W ways to make everybody's lists, each a step further than the one before.

    Attributes:
        levels: a row for each measure and way: `kind, measure, way, value, low, high, null, n`. Gaps, and what noise alone reaches
            (`null`, NaN where that is not known): `ndcg@k_max_min`, `price_percentile@k_max_min`, `deal_exposure@k_max_min`, `attention_to_move@k`.
            Prices: `ndcg@k` and `spending_met@k`.
        changes: a row for each measure and step, and for all steps together where there are more than one: `kind, measure, step`
            (such as `data+training`, or `whole`), `first, second` (ways), `change` (second minus first), `low, high, n,
            p_value, p_adjusted, verdict`. A verdict other than no difference: the interval leaves out zero, and the
            p-value corrected for all rows is at most the false discovery rate. No rows where there is one way.
        users: with a list in every way. left_out: with one in some ways only.
    """

    levels: pd.DataFrame
    changes: pd.DataFrame
    users: int
    left_out: int


def own_lists(workspace: Workspace, run: Run, shop: Shop, *, k: int, split: Split) -> np.ndarray:
    """(U, k) as the run itself ranks."""
    return batch_of_run(workspace, run, shop.dataset, split=split).lists(k)


def ledger(by: Yardsticks, lists: Sequence[np.ndarray], steps: Sequence[Steps]) -> Ledger:
    """Take the way from the first lists to the last apart; every step is judged on the same users with the same draws.

    Args:
        lists: at least one, (U, k) of all users of the shop. steps: what led from each to the next.

    Raises:
        InputError: too few users have lists in every way.
    """
    listed = np.stack([items[by.listed, 0] != NOTHING for items in lists])  # (W, U')
    there = listed.all(axis=0)
    if not there.all():
        by = _among(by, by.listed[there])
    asked = [
        name for name in measures(by) if _is_price(name) or name.endswith(BETWEEN) or name.startswith(TO_MOVE)
    ]
    settings = enough_draws(len(asked) * (len(steps) + (len(steps) > 1)), by.settings)
    ways = _of_same_users([way(by, items) for items in lists])
    told = [levels(by, ways[first:], settings) for first in range(max(len(steps), 1))]
    told = [rows[rows["measure"].isin(asked) & rows["value"].notna()] for rows in told]
    told = [rows.assign(kind=np.where(rows["measure"].map(_is_price), PRICE, GAP)) for rows in told]
    changes = [
        _changes(rows, 1, step, first) for first, (rows, step) in enumerate(zip(told, steps, strict=False))
    ]
    if len(steps) > 1:
        changes.append(_changes(told[0], len(steps), (WHOLE,), 0))
    kept = ["kind", "measure", "way", "value", "low", "high", "null", "n"]
    return Ledger(
        levels=told[0][kept].astype({"n": int}).reset_index(drop=True),
        changes=_judged(pd.concat(changes), settings) if changes else pd.DataFrame(),
        users=len(by.listed),
        left_out=int((~there).sum()),
    )


def _of_same_users(ways: Sequence[Way]) -> list[Way]:
    """Only what is known of a user in every way, so that the steps add up."""
    known = {name: np.isfinite([one.of_lists[name] for one in ways]).all(axis=0) for name in ways[0].of_lists}
    return [
        replace(
            one, of_lists={name: np.where(known[name], found, np.nan) for name, found in one.of_lists.items()}
        )
        for one in ways
    ]


def _is_price(measure: str) -> bool:
    return measure.partition("@")[0] in PRICES and not measure.endswith(BETWEEN)


def _among(by: Yardsticks, users: np.ndarray) -> Yardsticks:
    """The same for some of the users: only their lists count, and only what they took."""
    (part,) = partitions(by.shop.users, users, by.settings)
    count = np.diff(by.wanted.offsets)
    kept = np.isin(np.arange(len(count)), users)
    offsets = np.append(0, np.cumsum(np.where(kept, count, 0)))
    wanted = Positives(offsets, by.wanted.items[np.repeat(kept, count)])
    return replace(by, listed=users, part=part, wanted=wanted)


def _changes(told: pd.DataFrame, way: int, step: Steps, first: int) -> pd.DataFrame:
    """Of a step from the way that `told` begins with."""
    rows = told[told["way"] == way]
    numbers = {"change": "change", "change_low": "low", "change_high": "high", "n": "n", "p_value": "p_value"}
    found = rows[["kind", "measure", *numbers]].rename(columns=numbers).astype({"n": int})
    return found.assign(step="+".join(step), first=first, second=first + way)


def _judged(rows: pd.DataFrame, settings: AuditSettings) -> pd.DataFrame:
    """All steps of one measure after the other, with verdicts."""
    order = list(dict.fromkeys(rows["measure"]))
    rows = rows.sort_values(
        "measure", key=lambda names: names.map(order.index), kind="stable", ignore_index=True
    )
    rows["p_adjusted"] = adjusted_p_values(rows["p_value"].to_numpy(), settings.correction)
    sure, price = rows["p_adjusted"] <= settings.false_discovery_rate, rows["kind"] == PRICE
    down, up = sure & (rows["high"] < 0), sure & (rows["low"] > 0)
    words = [WORSE, BETTER, CLOSED, WIDENED]
    rows["verdict"] = np.select([down & price, up & price, down, up], words, NO_DIFFERENCE)
    return rows
