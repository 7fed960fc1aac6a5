"""The whole audit: how groups are recommended to, who is seen, what is paid, and how people are served."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from core.data.dataset import load
from core.errors import InputError, NotFound
from core.fairness.answers import answer
from core.fairness.audit import AuditResult
from core.fairness.rows import SECTIONS, records
from core.fairness.verdicts import EQUAL, UNDECIDED, UNEQUAL
from core.progress import Progress, quiet
from core.schema.settings import AuditSettings, Split
from core.store.workspace import Workspace
from core.workflow.auditing import audit_lists, audit_run, lists_of_run
from core.workflow.audits import pricing
from core.workflow.audits.exposure import exposure
from core.workflow.audits.section import Section
from core.workflow.audits.shop import Shop, in_scope, read_shop
from core.workflow.own_lists import read_own_lists
from core.workflow.runs import load_run

MOST_LINES = 12  # of one part, in a text


@dataclass(frozen=True)
class WholeAudit:
    """Attributes: users: how well lists serve the groups. parts: by question. absent: why a question has no answer."""

    users: AuditResult
    parts: dict[str, Section]
    absent: dict[str, str]

    def sections(self) -> dict[str, list[dict]]:
        """All rows by section, JSON-ready; a section that could not be audited is empty."""
        rows = pd.concat([self.users.rows, *(part.rows for part in self.parts.values())], ignore_index=True)
        return {name: records(rows[rows["section"] == name]) for name in SECTIONS}


def audit_of_run(
    workspace: Workspace,
    run_id: str,
    settings: AuditSettings,
    *,
    split: Split = "test",
    progress: Progress = quiet,
) -> WholeAudit:
    """The whole audit of a run.

    Raises:
        NotFound: no such run, attribute, group, category or store.
    """
    run = load_run(workspace, run_id)
    users = audit_run(workspace, run_id, settings, split=split)
    shop = read_shop(workspace, load(workspace, run.dataset))
    return _whole(users, _asked(shop, lists_of_run(workspace, run, split), settings, split), progress)


def audit_of_lists(
    workspace: Workspace,
    dataset_id: str,
    path: Path,
    settings: AuditSettings,
    *,
    split: Split = "test",
    progress: Progress = quiet,
) -> WholeAudit:
    """The whole audit of lists that another system made, without any training here.

    Raises:
        TableError: the file breaks its contract. InputError: no row can be used.
        NotFound: no such dataset, attribute, group, category or store.
    """
    own = read_own_lists(workspace, dataset_id, path)
    users = audit_lists(workspace, dataset_id, own, settings, split=split)
    shop = read_shop(workspace, load(workspace, dataset_id))
    return _whole(users, _asked(shop, own.lists, settings, split), progress)


def _asked(
    shop: Shop, lists: pd.DataFrame, settings: AuditSettings, split: Split
) -> dict[str, Callable[[], Section]]:
    """The questions of the audit, in order. NotFound: the scope names what is not there."""
    in_scope(shop.bought, shop, settings.scope)
    return {
        "Who is seen": lambda: exposure(shop, lists, settings, split=split).section,
        "Same product, same time, same store": lambda: pricing.same_product(shop, settings),
        "With more and more held equal": lambda: pricing.price_ladder(shop, settings),
        "Discounts": lambda: pricing.discounts(shop, settings),
        "Why discounts differ": lambda: pricing.why_discounts_differ(shop, settings),
        "Offers": lambda: pricing.offers(shop, settings),
        "Prices in the lists": lambda: pricing.steering(shop, lists, settings, split=split),
    }


def _whole(users: AuditResult, asked: dict[str, Callable[[], Section]], progress: Progress) -> WholeAudit:
    parts, absent = {}, {}
    for number, (name, ask) in enumerate(asked.items()):
        progress("Audit", number / len(asked), name)
        try:
            parts[name] = ask()
        except NotFound:
            raise
        except InputError as lacking:  # these data cannot answer it
            absent[name] = str(lacking)
    return WholeAudit(users, parts, absent)


def as_text(found: WholeAudit) -> str:
    """An audit for people at a shell: the answers, then the gaps that are there, part by part."""
    said = answer(found.users)
    lines = [said.summary, *said.sentences.values(), "", _table(found.users.rows, most=None), ""]
    lines += [*found.users.notes, ""]
    for name, part in found.parts.items():
        lines += [f"{name}: {_counted(part)}", _table(part.rows, most=MOST_LINES), *part.notes, ""]
    return "\n".join([*lines, *(f"{name}: {why}" for name, why in found.absent.items())])


def _counted(part: Section) -> str:
    seen = part.rows["verdict"].value_counts()
    return (
        f"of {part.tests:,} comparisons of {part.users:,} users {seen.get(UNEQUAL, 0):,} are unequal, "
        f"{seen.get(EQUAL, 0):,} equal within tolerance, {seen.get(UNDECIDED, 0):,} lack data."
    )


def _table(rows: pd.DataFrame, *, most: int | None) -> str:
    """The gaps; where there are too many, the unequal ones and the surest of the rest."""
    gaps = rows[(rows["statistic"] == "gap") & rows["verdict"].notna()]
    if most is not None:
        gaps = gaps.sort_values("p_adjusted", kind="stable").head(most)
    columns = ["attribute", "group", "metric", "value", "low", "high", "n", "p_adjusted", "verdict"]
    if gaps.empty:
        return "nothing to compare"
    return gaps[columns].to_string(index=False, float_format="{:.4f}".format, na_rep="")
