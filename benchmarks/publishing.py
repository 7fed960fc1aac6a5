"""Publishing everybody's lists, rolling back and reading one list, on an embedded store or on a MongoDB server.

    python benchmarks/publishing.py [--users 100000] [--k 10] [--store mongodb://...]

Made lists, so only writing and reading are measured; documents stay in a server that is given.
"""

import argparse
import secrets
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from measure import print_table

from core.schema.documents import DATASETS, RUNS, Dataset, Policy, Run, now
from core.store.workspace import Workspace
from core.workflow.policies import published_lists
from core.workflow.policies.publishing import put_out, rollback
from core.workflow.policies.serving import served

READ = 1000  # lists


def made_lists(n_users: int, k: int) -> pd.DataFrame:
    """Rows of one user after another."""
    rng = np.random.default_rng(7)
    return pd.DataFrame(
        {
            "user_id": np.repeat([f"user-{number}" for number in range(n_users)], k),
            "item_id": rng.integers(0, 60_000, n_users * k).astype(str),
            "rank": np.tile(np.arange(1, k + 1, dtype=np.int16), n_users),
            "score": rng.random(n_users * k),
        }
    )


def made_policy(workspace: Workspace, k: int) -> Policy:
    """Of a dataset and a run of its own, of which there is nothing but the documents."""
    dataset, run = (f"{kind}-{secrets.token_hex(6)}" for kind in ("ds", "run"))
    about = {"name": "made", "created_at": now(), "settings": {}}
    lists = {name: [] for name in ("quality", "attributes", "protected")}
    maps = {name: {} for name in ("counts", "period", "missing", "tables")}
    made = Dataset(_id=dataset, source="tables", **about, **lists, **maps)
    workspace.documents.insert(DATASETS, made.dump())
    speed = {"device": "cpu", "device_reason": "", "seconds": 0, "sequences_per_second": 0, "history": []}
    maps = {name: {} for name in ("metrics", "baselines", "artefacts")}
    workspace.documents.insert(RUNS, Run(_id=run, dataset=dataset, **about, **speed, **maps).dump())
    told = {
        "dataset": dataset,
        "run": run,
        "name": "made",
        "version": 1,
        "aim": "",
        "author": "",
        "note": "",
    }
    return Policy(_id="policy-made-1", created_at=now(), settings={"k": k}, measured=None, **told)


def timed(what: str, function: Callable[[], object]) -> dict[str, object]:
    """A row of the table."""
    start = time.perf_counter()
    function()
    return {"what": what, "seconds": time.perf_counter() - start}


def measured(workspace: Workspace, n_users: int, k: int) -> list[dict[str, object]]:
    """Every row."""
    lists, policy = made_lists(n_users, k), made_policy(workspace, k)
    ids = np.random.default_rng(8).choice(lists["user_id"].to_numpy(), READ)

    def publish() -> None:
        put_out(workspace, policy, lists, split="test", author="benchmark")

    rows = [timed(f"publish, time {number}", publish) for number in (1, 2, 3)]
    published_lists.LEASE_SECONDS = 0.0  # nobody else writes
    rows.append(timed("publish, and sweep two older ones", publish))
    rows.append(timed("roll back", lambda: rollback(workspace, policy.dataset, author="benchmark")))
    reading = timed("read a list", lambda: [served(workspace, policy.dataset, user) for user in ids])
    return [*rows, reading | {"seconds": reading["seconds"] / READ}]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--users", type=int, default=100_000)
    parser.add_argument("--k", type=int, default=10)
    parser.add_argument("--store", help="default: a new file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace.open(folder, options.store or f"sqlite:///{Path(folder)}/evenhand.db")
        print_table(f"{options.users:,} users", measured(workspace, options.users, options.k))
        workspace.close()


if __name__ == "__main__":
    main()
