"""How well the groups of users are recommended to: by a run, or by lists that another system made."""

from dataclasses import replace

import pandas as pd

from core.data.dataset import load, table, users_with_numbers
from core.data.inputs import Positives, positives, without_users
from core.errors import SettingsError
from core.fairness.audit import AuditResult, audit_users
from core.recommend.lists import accuracy
from core.schema.documents import Dataset, Run
from core.schema.settings import AuditSettings, Split
from core.schema.tables import EVENT, ITEM, JUDGEMENTS, RANK, SPLIT, USER
from core.store.workspace import Workspace
from core.workflow.runs import load_run, run_table

AUDITED = ("ndcg", "recall", "mrr")  # coverage is added by the audit itself


def default_by(
    workspace: Workspace, *, run_id: str | None = None, dataset_id: str | None = None
) -> tuple[tuple[str], ...]:
    """Each protected attribute of the dataset alone."""
    dataset = load(workspace, dataset_id if run_id is None else load_run(workspace, run_id).dataset)
    if not dataset.protected:
        known = ", ".join(dataset.attributes) or "none"
        raise SettingsError(f"The dataset names no protected attributes; say --by. User attributes: {known}.")
    return tuple((name,) for name in dataset.protected)


def lists_of_run(workspace: Workspace, run: Run, split: Split) -> pd.DataFrame:
    """Everyone's candidates as `user`, `item`, `rank`."""
    return run_table(workspace, run, f"candidates_{split}", [USER, ITEM, RANK])


def audit_run(
    workspace: Workspace, run_id: str, settings: AuditSettings, *, split: Split = "test"
) -> AuditResult:
    """Compare the groups of users on one split of a run.

    Raises:
        NotFound: no such run or attribute.
    """
    run = load_run(workspace, run_id)
    dataset, lists = load(workspace, run.dataset), lists_of_run(workspace, run, split)
    per_user = per_user_of_run(workspace, run, settings.k, split)
    result = _audit(workspace, dataset, per_user, lists, settings)
    left_out = run.reports["recommender"].notes if run.brought else ()
    return replace(result, notes=(*result.notes, *left_out))


def per_user_of_run(workspace: Workspace, run: Run, k: int, split: Split) -> pd.DataFrame:
    """`user` and the metrics that are audited, at k; counted anew where the run did not keep this length."""
    kept = [USER, *(f"{metric}@{k}" for metric in AUDITED)]
    per_user = run_table(workspace, run, f"per_user_{split}")
    if not set(kept) <= set(per_user):
        lists = lists_of_run(workspace, run, split)
        per_user = per_user_of_lists(workspace, load(workspace, run.dataset), lists, k, split)
    return per_user[kept]


def notes_on_lists(dataset: Dataset, lists: pd.DataFrame, per_user: pd.DataFrame, k: int) -> list[str]:
    """What of the first k places of other systems' lists weighs on how well they are judged."""
    shown = lists[lists[RANK] <= k]
    without = int((~per_user[USER].isin(shown[USER])).sum())
    outside = int((shown[ITEM] >= dataset.counts["catalogue"]).sum())
    found = []
    if without:
        found.append(
            f"{without:,} of {len(per_user):,} users have no list; theirs count as lists without a hit."
        )
    if outside:
        found.append(
            f"{outside:,} of {len(shown):,} places hold items outside of the catalogue (too few buyers before the "
            "split); they can be no hit and cover nothing."
        )
    return found


def per_user_of_lists(
    workspace: Workspace, dataset: Dataset, lists: pd.DataFrame, k: int, split: Split
) -> pd.DataFrame:
    """Metrics at k of each user with purchases in the split."""
    return accuracy(lists, positives_of(workspace, dataset, split), ks=(k,))


def positives_of(workspace: Workspace, dataset: Dataset, split: Split) -> Positives:
    """What each user who answers took of the catalogue in a split."""
    events = table(workspace, dataset, "events", [USER, ITEM, EVENT, SPLIT])
    answers = positives(events, dataset.counts["catalogue"], dataset.counts["users"], split)
    return without_judged(workspace, dataset, answers)


def without_judged(workspace: Workspace, dataset: Dataset, answers: Positives) -> Positives:
    """The same but for users of whom an analyst judged lists, who do not answer (see `Material.question`)."""
    if JUDGEMENTS not in dataset.tables:
        return answers
    return without_users(answers, table(workspace, dataset, JUDGEMENTS, [USER])[USER].unique())


def _audit(
    workspace: Workspace,
    dataset: Dataset,
    per_user: pd.DataFrame,
    lists: pd.DataFrame,
    settings: AuditSettings,
) -> AuditResult:
    users = users_with_numbers(workspace, dataset)
    return audit_users(
        per_user, lists[lists[RANK] <= settings.k], users, dataset.counts["catalogue"], settings
    )
