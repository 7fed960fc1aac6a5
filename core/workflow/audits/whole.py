"""The whole audit: how groups are recommended to, who is seen, what is paid, and how people are served."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pandas as pd

from core.data.dataset import load
from core.data.inputs import positives
from core.data.service import Outcome
from core.errors import InputError, NotFound
from core.fairness.answers import answer
from core.fairness.audit import AuditResult, audit_users
from core.fairness.rows import SECTIONS, records
from core.fairness.verdicts import EQUAL, UNDECIDED, UNEQUAL
from core.progress import Progress, quiet
from core.recommend.lists import accuracy
from core.schema.documents import Dataset, Run
from core.schema.policies import PolicySettings
from core.schema.settings import AuditSettings, Scope, Split
from core.schema.tables import RANK, USER
from core.store.workspace import Workspace
from core.workflow.auditing import (
    AUDITED,
    lists_of_run,
    notes_on_lists,
    per_user_of_lists,
    per_user_of_run,
)
from core.workflow.audits import pricing
from core.workflow.audits.clicks import clicks, logged_impressions
from core.workflow.audits.exposure import exposure
from core.workflow.audits.orders import answers, delivery, read_orders
from core.workflow.audits.quality import predicted_ratings, quality
from core.workflow.audits.section import Section
from core.workflow.audits.service import (
    prediction_distributions,
    residual_distributions,
    residual_parity,
    service,
)
from core.workflow.audits.shop import Shop, buyers_within, in_scope, lists_within, read_shop
from core.workflow.audits.shown import what_is_shown
from core.workflow.own_lists import read_own_lists
from core.workflow.policies.rerank import rerank_within
from core.workflow.runs import load_run, run_table
from core.workflow.service import PREDICTIONS, outcomes_told

MOST_LINES, LONGEST_NAME = 12, 40  # of one part, and of a group's name, in a text
Ask = Callable[[], Section]


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
    policy: PolicySettings | None = None,
    progress: Progress = quiet,
) -> WholeAudit:
    """The whole audit of a run, or of the lists that a policy makes of it.

    Raises:
        NotFound: no such run, attribute, group, category or store. SettingsError: a step of the policy that there is not.
    """
    run = load_run(workspace, run_id)
    dataset = load(workspace, run.dataset)
    shop = _shop_with(workspace, dataset, settings)
    notes = list(run.reports["recommender"].notes) if run.brought else []
    if policy is None:
        rows, per_user = (
            lists_of_run(workspace, run, split),
            per_user_of_run(workspace, run, settings.k, split),
        )
    else:
        made = rerank_within(workspace, run, shop, policy.model_copy(update={"k": settings.k}), split=split)
        rows, notes = made.lists, [*notes, *made.notes]
        per_user = per_user_of_lists(workspace, dataset, rows, settings.k, split)
    lists = _within(shop, rows, per_user, settings, split)
    users = _audit_of_users(shop, lists, settings, notes)
    asked = {
        **_of_lists(shop, lists, settings, predicted_ratings(workspace, run)),
        **_of_clicks(workspace, dataset, shop, lists, settings),
        **_of_prices(shop, lists, settings),
        **_of_predictions(workspace, run, dataset, shop, settings),
        **_of_orders(workspace, dataset, shop, settings),
    }
    return _whole(users, asked, progress)


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
    dataset = load(workspace, dataset_id)
    shop = _shop_with(workspace, dataset, settings)
    per_user = per_user_of_lists(workspace, dataset, own.lists, settings.k, split)
    lists = _within(shop, own.lists, per_user, settings, split)
    notes = [*own.notes, *notes_on_lists(dataset, lists.rows, lists.per_user, settings.k)]
    users = _audit_of_users(shop, lists, settings, notes)
    asked = {
        **_of_lists(shop, lists, settings, None),
        **_of_clicks(workspace, dataset, shop, lists, settings),
        **_of_prices(shop, lists, settings),
        **_of_orders(workspace, dataset, shop, settings),
    }
    return _whole(users, asked, progress)


@dataclass(frozen=True)
class Lists:
    """Lists of all users for a split, and how good each user's is."""

    rows: pd.DataFrame
    per_user: pd.DataFrame
    split: Split


def _within(
    shop: Shop, rows: pd.DataFrame, per_user: pd.DataFrame, settings: AuditSettings, split: Split
) -> Lists:
    """The lists of the scope: of its buyers, and, where it names categories, judged by what they bought of these."""
    scope = settings.scope
    if scope == Scope():
        return Lists(rows, per_user, split)
    kept = lists_within(rows, shop, scope)
    if scope.categories:
        inside = in_scope(shop.bought, shop, Scope(categories=scope.categories))
        n_items, n_users = shop.dataset.counts["catalogue"], shop.dataset.counts["users"]
        wanted = positives(shop.events[inside], n_items, n_users, split)
        scoped = accuracy(kept, wanted, ks=(settings.k,))
        per_user = scoped[scoped[USER].isin(per_user[USER])]  # who answers at all
    per_user = per_user[per_user[USER].isin(buyers_within(shop, scope))].reset_index(drop=True)
    return Lists(kept, per_user, split)


def _audit_of_users(shop: Shop, lists: Lists, settings: AuditSettings, notes: Sequence[str]) -> AuditResult:
    shown = lists.rows[lists.rows[RANK] <= settings.k]
    metrics = [USER, *(f"{metric}@{settings.k}" for metric in AUDITED)]
    found = audit_users(
        lists.per_user[metrics], shown, shop.users, shop.dataset.counts["catalogue"], settings
    )
    return replace(found, notes=(*found.notes, *notes))


def _shop_with(workspace: Workspace, dataset: Dataset, settings: AuditSettings) -> Shop:
    """The shop, in which the scope exists. NotFound: it names what is not there."""
    shop = read_shop(workspace, dataset)
    in_scope(shop.bought, shop, settings.scope)
    return shop


def _of_lists(
    shop: Shop, lists: Lists, settings: AuditSettings, ratings: pd.DataFrame | None
) -> dict[str, Ask]:
    per_user = lists.per_user
    return {
        "Further measures of lists": lambda: quality(
            shop, lists.rows, per_user, settings, ratings=ratings, split=lists.split
        ),
        "Who is seen": lambda: exposure(shop, lists.rows, settings, split=lists.split).section,
    }


def _of_prices(shop: Shop, lists: Lists, settings: AuditSettings) -> dict[str, Ask]:
    return {
        "Same product, same time, same store": lambda: pricing.same_product(shop, settings),
        "With more and more held equal": lambda: pricing.price_ladder(shop, settings),
        "Discounts": lambda: pricing.discounts(shop, settings),
        "Discounts for the same": lambda: pricing.discounts_for_the_same(shop, settings),
        "Why discounts differ": lambda: pricing.why_discounts_differ(shop, settings),
        "Offers": lambda: pricing.offers(shop, settings),
        "Access, burden and envy": lambda: pricing.observed(shop, settings),
        "Prices in the lists": lambda: pricing.steering(shop, lists.rows, settings, split=lists.split),
    }


def _of_predictions(
    workspace: Workspace, run: Run, dataset: Dataset, shop: Shop, settings: AuditSettings
) -> dict[str, Ask]:
    told = outcomes_told(run)
    if not told:
        return {}
    predictions = run_table(workspace, run, PREDICTIONS)
    orders = read_orders(workspace, dataset) if "service" in dataset.tables else None
    found: dict[str, Ask] = {}
    for outcome in told:
        words = f"{outcome.title}, predicted {outcome.moment}"
        found[words] = partial(_predicted, shop, predictions, outcome, settings)
        found[f"Errors of {words}"] = partial(residual_distributions, shop, predictions, outcome, settings)
        found[f"Spread of {words}"] = partial(prediction_distributions, shop, predictions, outcome, settings)
        if outcome.table == "service":
            found[f"Promises for the same order: {words}"] = partial(
                residual_parity, shop, predictions, orders, outcome, settings
            )
    return found


def _predicted(shop: Shop, predictions: pd.DataFrame, outcome: Outcome, settings: AuditSettings) -> Section:
    return service(shop, predictions, outcome, settings).section


def _of_clicks(
    workspace: Workspace, dataset: Dataset, shop: Shop, lists: Lists, settings: AuditSettings
) -> dict[str, Ask]:
    impressions = logged_impressions(workspace, dataset)
    if impressions is None:
        return {}
    return {
        "What clicks say": lambda: clicks(shop, impressions, lists.rows, settings),
        "Shown, clicked, purchased": lambda: what_is_shown(shop, impressions, settings),
    }


def _of_orders(workspace: Workspace, dataset: Dataset, shop: Shop, settings: AuditSettings) -> dict[str, Ask]:
    if "service" not in dataset.tables:
        return {}
    orders = read_orders(workspace, dataset)
    return {
        "Who waits longer": lambda: delivery(shop, orders, settings),
        "Who answers at all": lambda: answers(shop, orders, settings),
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
    gaps = gaps.assign(group=gaps["group"].str.slice(0, LONGEST_NAME))
    return gaps[columns].to_string(index=False, float_format="{:.4f}".format, na_rep="")
