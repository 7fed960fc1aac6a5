"""Everyone's list as a file that a shop can serve from."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from core.data.dataset import load, table
from core.data.files import read_file
from core.errors import NotFound, SettingsError
from core.progress import Progress, quiet
from core.schema.documents import Dataset
from core.schema.policies import PolicySettings
from core.schema.settings import LONGEST_LIST, Moment
from core.schema.tables import ITEM, ITEM_ID, RANK, SCORE, USER, USER_ID
from core.store.trail import PROGRAM, tell
from core.store.workspace import Workspace
from core.workflow.parquet_out import checked_path, write_whole
from core.workflow.policies.rerank import PolicyLists, candidates_of, rerank
from core.workflow.runs import load_run


@dataclass(frozen=True)
class Written:
    """Attributes: rows: of the file. notes: what the steps of the policy say."""

    rows: int
    notes: tuple[str, ...] = ()


def recommend(
    workspace: Workspace,
    run_id: str,
    out: Path,
    *,
    k: int = 20,
    users: Path | None = None,
    policy: PolicySettings | None = None,
    split: Moment = "test",
    who: str = PROGRAM,
    progress: Progress = quiet,
) -> Written:
    """Write the top k of every user (or of the users named in a file) to `out`, as the model or a policy orders them.

    Columns: user_id, item_id (text), rank (int, from 1), score (float, comparable within one user only).

    Args:
        split: what the lists know: for test all but the last window, as they are judged; now: everything.
        who: asked for it, for the audit trail.

    Raises:
        SettingsError: k is out of range, `out` is no Parquet path, or the policy has a step that there is not.
        StoreError: `out` cannot be written; a file that was there stays.
        NotFound: no such run, or a user of the file is not in its dataset.
        InputError: another system made the lists, and those of now are asked for.
    """
    if not 1 <= k <= LONGEST_LIST:
        raise SettingsError(f"k must lie between 1 and {LONGEST_LIST}; it is {k}.")
    checked_path(out)
    run = load_run(workspace, run_id)
    dataset = load(workspace, run.dataset)
    if policy is None:
        made = PolicyLists(candidates_of(workspace, run, dataset, split=split, progress=progress), ())
    else:
        made = rerank(workspace, run_id, policy.model_copy(update={"k": k}), split=split, progress=progress)
    lists = made.lists[made.lists[RANK] <= k]
    if users is not None:
        lists = lists[lists[USER].isin(_codes(users, table(workspace, dataset, "users", [USER_ID])[USER_ID]))]
    about, details = {"dataset": dataset.id, "run": run.id}, {"file": out.name, "rows": len(lists)}
    tell(workspace, "exported", who=who, about=about, details=details)
    write_whole(with_own_ids(workspace, dataset, lists), out)
    return Written(len(lists), made.notes)


def with_own_ids(workspace: Workspace, dataset: Dataset, lists: pd.DataFrame) -> pd.DataFrame:
    """The same rows as `user_id`, `item_id` (the shop's own), `rank`, `score`."""
    user_ids = table(workspace, dataset, "users", [USER_ID])[USER_ID]
    item_ids = table(workspace, dataset, "items", [ITEM_ID])[ITEM_ID]
    return pd.DataFrame(
        {
            USER_ID: user_ids.to_numpy()[lists[USER]],
            ITEM_ID: item_ids.to_numpy()[lists[ITEM]],
            RANK: lists[RANK].to_numpy(),
            SCORE: lists[SCORE].to_numpy(),
        }
    )


def _codes(path: Path, user_ids: pd.Series) -> pd.Index:
    """Codes of the users that a file with a column `user_id` names."""
    wanted = pd.Index(read_file(path, "users")[USER_ID])
    codes = pd.Index(user_ids).get_indexer(wanted)
    unknown = wanted[codes < 0]
    if len(unknown):
        shown = ", ".join(str(user)[:40] for user in unknown[:5])
        raise NotFound(f"{path.name}: {len(unknown):,} unknown user ids ({shown}). Nothing was written.")
    return pd.Index(codes)
