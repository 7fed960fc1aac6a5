"""Lists that tell whose they are: every item of an edition carries its mark, so that a mixture of two is seen."""

import os
import signal
from collections import Counter
from typing import Any

import pandas as pd

from core.schema.documents import DATASETS, POLICIES, RECOMMENDATIONS, RUNS, Policy
from core.store.workspace import Workspace
from core.workflow.policies import published_lists
from core.workflow.policies.publishing import Switched, put_out
from core.workflow.policies.serving import served, servings
from tests.core.workflow.policies.made_line import made_dataset, made_run

DATASET, NEWER, OTHER = "ds-made", "ds-newer", "ds-other"  # the second is of the line of the first
RUN, NEWER_RUN = "run-made", "run-newer"
USERS, K, BATCH = 50, 3, 20
ODD = ("", "..", "$ne", "a\0b", "é", "\U0001f600", "u 1", "x" * 500)  # ids that a shop may have


def made_policy(name: str, *, run: str = RUN) -> Policy:
    return Policy(
        _id=f"policy-{name}-1",
        dataset=DATASET,
        run=run,
        name=name,
        version=1,
        aim="a test",
        author="Ann",
        note="",
        created_at="2024-01-01T00:00:00+00:00",
        settings={"steps": [], "k": K},
        measured=None,
    )


def save_made_policies(workspace: Workspace) -> None:
    """Two policies of a run, with what they are for: a line of two datasets, each with a run, and another dataset."""
    for dataset in (made_dataset(DATASET), made_dataset(NEWER, first=DATASET), made_dataset(OTHER)):
        workspace.documents.insert(DATASETS, dataset.dump())
    for id, dataset in ((RUN, DATASET), (NEWER_RUN, NEWER)):
        workspace.documents.insert(RUNS, made_run(id, dataset).dump())
    for name in ("one", "two"):
        workspace.documents.insert(POLICIES, made_policy(name).dump())


def made_lists(mark: str, users: int = USERS) -> pd.DataFrame:
    ids = [*ODD, *(f"u{number}" for number in range(users - len(ODD)))][:users]
    rows = [
        (user, f"{mark}-{number % 7}-{rank}", rank, 1 / rank + 0.1 * number)
        for number, user in enumerate(ids)
        for rank in range(1, K + 1 - (number == 3))  # one has fewer
    ]
    return pd.DataFrame(rows, columns=["user_id", "item_id", "rank", "score"])


def publish_made(
    workspace: Workspace, mark: str, *, policy: str = "one", run: str = RUN, users: int = USERS, **options
) -> Switched:
    lists = made_lists(mark, users)
    return put_out(workspace, made_policy(policy, run=run), lists, split="test", author="Ann", **options)


def all_served(workspace: Workspace, users: int = USERS) -> dict[str, tuple]:
    """What the shop shows everybody."""
    ids = made_lists("any", users)["user_id"].unique()
    found = {user: served(workspace, DATASET, user) for user in ids}
    return {user: one and (one.item_ids, one.scores) for user, one in found.items()}


def expected(mark: str, users: int = USERS) -> dict[str, tuple]:
    """What it must show everybody under an edition."""
    return {
        user: (tuple(rows["item_id"]), tuple(rows["score"]))
        for user, rows in made_lists(mark, users).groupby("user_id", sort=False)
    }


def rows_by_publication(workspace: Workspace) -> Counter:
    return Counter(
        row["publication"] for row in workspace.documents.find(RECOMMENDATIONS, fields=["publication"])
    )


def rows_of(workspace: Workspace, publication: str) -> dict[str, tuple]:
    """Every row of a publication, in the form of `expected`."""
    rows = workspace.documents.find(RECOMMENDATIONS, field="publication", value=publication)
    return {row["user_id"]: (tuple(row["item_ids"]), tuple(row["scores"])) for row in rows}


def log(workspace: Workspace) -> list[tuple[Any, ...]]:
    """Number, publication and what it replaced, the oldest first; every entry must follow from the one before it."""
    found = servings(workspace, DATASET)[::-1]
    assert [serving.number for serving in found] == list(range(1, len(found) + 1))
    replaced = [None, *(serving.publication for serving in found)]
    assert [serving.replaced for serving in found] == replaced[:-1]
    return [(serving.publication, serving.policy, serving.by) for serving in found]


def publish_and_die(root: str, url: str, mark: str, at: int, lease: float) -> None:
    """Publish in this process, and be killed (-9) just before the write of that number."""
    published_lists.BATCH, published_lists.LEASE_SECONDS = BATCH, lease
    workspace, left = Workspace.open(root, url), at

    def count() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    publish_made(workspace.guarded(count), mark)


def publish_on(root: str, url: str, mark: str, users: int, times: int) -> None:
    """Publish in this process, several times."""
    workspace = Workspace.open(root, url)
    for _ in range(times):
        publish_made(workspace, mark, users=users)
    workspace.close()
