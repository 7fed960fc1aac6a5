"""Lists that another system made, brought to the codes of a prepared dataset; what cannot be used is told."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from core.data.dataset import load, table
from core.data.files import read_file
from core.errors import InputError
from core.schema.tables import ITEM, ITEM_ID, RANK, SCORE, USER, USER_ID
from core.store.workspace import Workspace

EXAMPLES = 3  # ids named of each kind of fault


@dataclass(frozen=True)
class OwnLists:
    """Lists of users, by code.

    Attributes:
        lists: `user`, `item`, `rank` (a place, from 1), `score` (as the file has it, comparable within one user only;
            missing where it has none).
        notes: what was left out, and why.
    """

    lists: pd.DataFrame
    notes: tuple[str, ...]


def read_own_lists(workspace: Workspace, dataset_id: str, path: Path) -> OwnLists:
    """The lists of a file; ranks with gaps become places 1, 2, ...

    Left out and told: rows of unknown users and items, ranks that are no whole number from 1 on, and of rows that
    share a place all but the first. Told: ranks with gaps, missing scores, users without a list.

    Args:
        path: CSV or Parquet file with user_id, item_id and rank (1 is the top).

    Raises:
        TableError: the file breaks its contract. InputError: no row can be used. NotFound: no such dataset.
    """
    dataset = load(workspace, dataset_id)
    given = read_file(path, "recommendations")
    rank = given[RANK].to_numpy(float)
    ids = {
        name: table(workspace, dataset, of, [name])[name]
        for name, of in ((USER_ID, "users"), (ITEM_ID, "items"))
    }
    coded = {name: pd.Index(known).get_indexer(given[name]) for name, known in ids.items()}
    good, notes = np.ones(len(given), bool), []
    for fault, bad, named in (
        ("have a user_id that is not in the data", coded[USER_ID] < 0, USER_ID),
        ("have an item_id that is not in the data", coded[ITEM_ID] < 0, ITEM_ID),
        ("have a rank that is no whole number from 1 on", (rank % 1 != 0) | (rank < 1), RANK),
    ):
        found = good & bad
        good &= ~bad
        notes += _left_out(given, found, fault, named)
    shared = given[good].duplicated([USER_ID, RANK]).to_numpy()
    found = np.zeros(len(given), bool)
    found[np.flatnonzero(good)[shared]] = True
    notes += _left_out(
        given, found, "share a place with another item of the same user; the first one counts", RANK
    )
    good &= ~found
    if not good.any():
        raise InputError(" ".join([f"{path.name}: no row can be used.", *notes]))
    score = given[SCORE].to_numpy() if SCORE in given else np.full(len(given), np.nan)
    columns = {USER: coded[USER_ID], ITEM: coded[ITEM_ID], RANK: rank, SCORE: score}
    lists = pd.DataFrame({name: values[good] for name, values in columns.items()})
    places = lists.groupby(USER)[RANK].rank("first").astype("int32")
    notes += _told(lists.assign(place=places), given.loc[good], len(ids[USER_ID]))
    return OwnLists(lists.assign(**{RANK: places}), tuple(notes))


def _left_out(given: pd.DataFrame, found: np.ndarray, fault: str, named: str) -> list[str]:
    """One sentence with the first examples, where there are any."""
    if not found.any():
        return []
    examples = given.loc[found, named].unique()
    shown = ", ".join(f"{example:g}" if named == RANK else example[:40] for example in examples[:EXAMPLES])
    more = ", ..." if len(examples) > EXAMPLES else ""
    return [f"{int(found.sum()):,} of {len(given):,} rows {fault} ({shown}{more}); left out."]


def _told(lists: pd.DataFrame, given: pd.DataFrame, n_users: int) -> list[str]:
    found, users = [], lists[USER].nunique()
    gaps = lists.loc[lists[RANK] != lists["place"], USER].nunique()
    if gaps:
        found.append(f"{gaps:,} users have ranks with gaps; their order counts, not the numbers.")
    if users < n_users:
        found.append(f"{n_users - users:,} of {n_users:,} users have no list.")
    missing = int(given[SCORE].isna().sum()) if SCORE in given else len(given)
    if missing:
        found.append(f"{missing:,} of {len(given):,} rows have no score; no metric here needs one.")
    return found
