"""What an analyst says of a list: rows of feedback like a customer's, kept apart as instructions."""

from collections.abc import Sequence

import pandas as pd

from core.data.feedback.keeping import LONGEST_NAME, feedback_of, keep, rows_of
from core.data.feedback.rules import IMPRESSIONS, SERVICE
from core.errors import InputError
from core.schema.documents import Dataset, Feedback, now
from core.schema.tables import DISMISSED, ITEM_ID, RANK, REASON, SATISFACTION, TIMESTAMP, USER_ID
from core.store.workspace import Workspace

LONGEST_REASON = 400  # characters


def rate_list(
    workspace: Workspace,
    dataset: Dataset,
    user_id: str,
    item_ids: Sequence[str],
    *,
    rating: int,
    reason: str,
    who: str,
) -> Feedback:
    """Rate a user's list from 1 to 5: each of its products gets the rating, as that user's.

    Raises:
        InputError: no such rating, no reason, or an empty list.
    """
    if not 1 <= rating <= 5:
        raise InputError("A rating lies between 1 and 5.")
    if not len(item_ids):
        raise InputError("The list is empty; there is nothing to rate.")
    told = {USER_ID: user_id, ITEM_ID: list(item_ids), TIMESTAMP: now(), SATISFACTION: float(rating)}
    frame = pd.DataFrame(told | {REASON: _reason(reason)})
    return keep(workspace, dataset, frame, SERVICE, origin="hand", name=_name(user_id), who=who)


def flag_item(
    workspace: Workspace, dataset: Dataset, user_id: str, item_id: str, *, rank: int, reason: str, who: str
) -> Feedback:
    """Flag a product of a user's list: later runs do not recommend it to this user.

    Raises:
        InputError: no reason.
    """
    told = {USER_ID: user_id, ITEM_ID: item_id, RANK: float(rank), TIMESTAMP: now(), DISMISSED: True}
    frame = pd.DataFrame([told | {REASON: _reason(reason)}])
    return keep(workspace, dataset, frame, IMPRESSIONS, origin="hand", name=_name(user_id), who=who)


def judgements_of(workspace: Workspace, dataset: Dataset, user_id: str) -> pd.DataFrame:
    """What analysts said of a user's lists, newest first: `timestamp`, `item_id`, `satisfaction`, `dismissed`, `reason`, `who`."""
    frames = []
    for one in feedback_of(workspace, dataset):
        if one.origin == "hand" and one.name == _name(user_id):
            rows = rows_of(workspace, [one], one.table)
            frames.append(rows[rows[USER_ID] == user_id].assign(who=one.who))
    columns = [TIMESTAMP, ITEM_ID, SATISFACTION, DISMISSED, REASON, "who"]
    if not frames:
        return pd.DataFrame(columns=columns)
    return pd.concat(frames[::-1], ignore_index=True).reindex(columns=columns)


def _name(user_id: str) -> str:
    """What feedback on a user's list is called."""
    return f"list of {user_id}"[:LONGEST_NAME]


def _reason(reason: str) -> str:
    said = " ".join(reason.split())
    if not said:
        raise InputError("Give a reason: whoever looks at this later has to know it.")
    return said[:LONGEST_REASON]
