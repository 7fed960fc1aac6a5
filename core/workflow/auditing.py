"""Audits of a run, or of lists that another system made."""

from dataclasses import replace
from pathlib import Path

import pandas as pd

from core.data.dataset import load, table
from core.data.files import read_file
from core.data.inputs import positives
from core.errors import SettingsError, TableError
from core.fairness.answers import answer
from core.fairness.audit import AuditResult, audit_users
from core.recommend.lists import accuracy
from core.schema.documents import Dataset
from core.schema.settings import AuditSettings, Split
from core.schema.tables import EVENT, ITEM, ITEM_ID, RANK, SPLIT, USER, USER_ID
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


def audit_run(
    workspace: Workspace, run_id: str, settings: AuditSettings, *, split: Split = "test"
) -> AuditResult:
    """Compare the groups of users on one split of a run.

    Raises:
        NotFound: no such run or attribute.
    """
    run = load_run(workspace, run_id)
    dataset = load(workspace, run.dataset)
    lists = run_table(workspace, run, f"candidates_{split}", [USER, ITEM, RANK])
    per_user = run_table(workspace, run, f"per_user_{split}")
    kept = [USER, *(f"{metric}@{settings.k}" for metric in AUDITED)]
    if not set(kept) <= set(per_user):  # a list length that the run did not keep
        per_user = _per_user(workspace, dataset, lists, settings.k, split)
    return _audit(workspace, dataset, per_user[kept], lists, settings)


def audit_recommendations(
    workspace: Workspace, dataset_id: str, path: Path, settings: AuditSettings, *, split: Split = "test"
) -> AuditResult:
    """Compare the groups of users on lists that another system made, without any training here.

    Ranks with gaps count as places: the first k of each list are what a user sees.

    Args:
        path: CSV or Parquet file with user_id, item_id and rank (1 is the top).

    Raises:
        TableError: the file breaks its contract, names unknown users or items, or gives a rank twice to one user.
    """
    dataset = load(workspace, dataset_id)
    lists = _own_lists(workspace, dataset, path)
    per_user = _per_user(workspace, dataset, lists, settings.k, split)
    result = _audit(workspace, dataset, per_user, lists, settings)
    return replace(result, notes=(*result.notes, *_own_notes(dataset, lists, per_user, settings.k)))


def _own_lists(workspace: Workspace, dataset: Dataset, path: Path) -> pd.DataFrame:
    """The lists of a file as `user`, `item`, `rank`; ranks are places, from 1."""
    given = read_file(path, "recommendations")
    lists = pd.DataFrame(index=given.index)
    for code, name, of in ((USER, USER_ID, "users"), (ITEM, ITEM_ID, "items")):
        known = pd.Index(table(workspace, dataset, of, [name])[name])
        lists[code] = known.get_indexer(given[name])
        unknown = (lists[code] < 0).to_numpy().nonzero()[0] + 1
        if len(unknown):
            raise TableError(f"{len(unknown):,} unknown ids", source=path.name, column=name, rows=unknown[:6])
    for problem, bad in (
        ("is no whole number", given[RANK] % 1 != 0),
        ("stands twice for one user", given.duplicated([USER_ID, RANK])),
    ):
        if bad.any():
            rows = bad.to_numpy().nonzero()[0] + 1
            raise TableError(problem, source=path.name, column=RANK, rows=rows[:6])
    return lists.assign(**{RANK: given.groupby(lists[USER])[RANK].rank("first").astype("int32")})


def _own_notes(dataset: Dataset, lists: pd.DataFrame, per_user: pd.DataFrame, k: int) -> list[str]:
    """What weighs on lists that another system made."""
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


def _per_user(
    workspace: Workspace, dataset: Dataset, lists: pd.DataFrame, k: int, split: Split
) -> pd.DataFrame:
    events = table(workspace, dataset, "events", [USER, ITEM, EVENT, SPLIT])
    n_users, n_items = dataset.counts["users"], dataset.counts["catalogue"]
    return accuracy(lists, positives(events, n_items, n_users, split), ks=(k,))


def _audit(
    workspace: Workspace,
    dataset: Dataset,
    per_user: pd.DataFrame,
    lists: pd.DataFrame,
    settings: AuditSettings,
) -> AuditResult:
    users = table(workspace, dataset, "users")
    return audit_users(
        per_user, lists[lists[RANK] <= settings.k], users, dataset.counts["catalogue"], settings
    )


def as_text(result: AuditResult) -> str:
    """An audit for people at a shell: the answer, then the gaps."""
    said = answer(result)
    gaps = result.rows[result.rows["statistic"] == "gap"]
    columns = ["attribute", "group", "metric", "value", "low", "high", "n", "p_adjusted", "verdict"]
    table = gaps[columns].to_string(index=False, float_format="{:.4f}".format, na_rep="")
    return "\n".join([said.summary, *said.sentences.values(), "", table, "", *result.notes])
