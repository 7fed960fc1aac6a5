"""A plan of offers from a shell: who gets a coupon, as JSON, as text, and as a file that a shop can serve from."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from core.data.dataset import load, table
from core.errors import NotFound
from core.fairness.rows import records
from core.figures.offer_plan import WITH, WITHOUT, fit_sentence, plan_answer, plan_table, value_form
from core.figures.text import unmarked
from core.recommend.offers import OfferSettings
from core.schema.documents import Dataset
from core.schema.settings import AuditSettings
from core.schema.tables import USER_ID
from core.store.trail import PROGRAM, tell
from core.store.workspace import Workspace
from core.workflow.audits.shop import read_shop
from core.workflow.parquet_out import checked_path, write_whole
from core.workflow.policies.offers import OfferPlan, offer_plan, redemption_of, worth_of
from core.workflow.policies.redemption import Redemption
from core.workflow.runs import load_run


@dataclass(frozen=True)
class OfferReport:
    """A plan with what it rests on."""

    dataset: Dataset
    plan: OfferPlan
    expected: Redemption
    by: tuple[str, ...]

    def record(self) -> dict[str, Any]:
        """JSON-ready."""
        fit, lost = self.expected.fit, self.plan.lost
        answer: dict[str, Any] = {
            "dataset": self.dataset.id,
            "by": list(self.by),
            "day": self.expected.day.isoformat(),
            "settings": self.plan.settings.model_dump(mode="json"),
            "learnt_from": len(self.expected.past.users),
        }
        for name, one in self._plans().items():
            answer[name] = {
                "offers": int(one.offered.sum()),
                "value": one.allocation.value,
                "rows": records(one.section.rows),
            }
        if lost is not None:
            answer["lost"] = {"value": lost.at(0), "share": lost.at(1)}
        answer["fit"] = None
        if fit is not None:
            answer["fit"] = {
                "offers": fit.offers,
                "redeemed": fit.redeemed,
                "expected": fit.expected,
                "observed": fit.observed,
                "saving_expected": _known(fit.saving_expected),
                "saving_observed": _known(fit.saving_observed),
                "scores": {
                    name: {metric: value.model_dump() for metric, value in own.items()}
                    for name, own in fit.scores.items()
                },
                "lead": fit.lead.model_dump(),
            }
        return answer

    def _plans(self) -> dict:
        plans = {WITHOUT: self.plan.free, WITH: self.plan.even}
        return {name: one for name, one in plans.items() if one is not None}

    def as_text(self) -> str:
        """For people: the answer first, then the groups, then how far the forecasts can be trusted."""
        settings, plan = self.plan.settings, self.plan
        known = self.expected.saving is not None
        money = value_form(self.dataset.settings["currency"] if known else None)
        rows = {name: one.section.rows for name, one in self._plans().items()}
        said = plan_answer(
            rows,
            by=self.by,
            coupons=int(plan.free.offered.sum()),
            value=plan.free.allocation.value,
            parity=settings.parity,
            gap=settings.gap,
            lost=plan.lost,
            money=money,
        )
        trust = fit_sentence(self.expected.fit, day=f"{self.expected.day:%-d %B %Y}", money=money)
        shown = plan_table(rows, money=money).to_string(index=False)
        return "\n".join([*map(_bare, said), "", shown, "", _bare(trust)])


def _bare(sentence: str) -> str:
    return unmarked(sentence).replace("*", "")


def _known(number: float) -> float | None:
    return number if math.isfinite(number) else None


def offer_report(
    workspace: Workspace,
    where: str,
    settings: OfferSettings,
    audit: AuditSettings,
    *,
    out: Path | None = None,
    who: str = PROGRAM,
) -> OfferReport:
    """Plan coupons for a dataset, or for that of a run; write everybody's to `out`, if it is given.

    Columns of the file: `user_id`, `offered`, `chance` (to redeem an offer), `expected_value` (of the offer that the user
    gets; 0 without one). Groups are not in it.

    Args:
        where: id of a run or a dataset. audit: its first grouping is that of the plan. who: asked for it, for the audit trail.

    Raises:
        NotFound, SettingsError, InputError: as `offer_plan` and `redemption`, or `out` is no Parquet path.
        StoreError: `out` cannot be written; a file that was there stays.
    """
    if out is not None:
        checked_path(out)
    dataset = dataset_of(workspace, where)
    shop = read_shop(workspace, dataset)
    expected = redemption_of(workspace, dataset, shop, protected_inputs=settings.protected_inputs)
    plan = offer_plan(shop, expected, settings, audit)
    if out is not None:
        ids = table(workspace, dataset, "users", [USER_ID])[USER_ID].to_numpy()[expected.users]
        details = {"file": out.name, "rows": len(ids)}
        tell(workspace, "exported", who=who, about={"dataset": dataset.id}, details=details)
        write_whole(
            pd.DataFrame(
                {
                    USER_ID: ids,
                    "offered": plan.chosen.offered,
                    "chance": expected.chance,
                    "expected_value": worth_of(plan.chosen.allocation, expected),
                }
            ),
            out,
        )
    return OfferReport(dataset, plan, expected, audit.by[0])


def dataset_of(workspace: Workspace, where: str) -> Dataset:
    """That of a run, or itself, by id.

    Raises:
        NotFound: neither a run nor a dataset.
    """
    try:
        return load(workspace, load_run(workspace, where).dataset)
    except NotFound:
        return load(workspace, where)
