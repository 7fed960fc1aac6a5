"""A made shop of any size with a run whose candidates are made as well: to measure pages where no data set is so large.

    python benchmarks/made_run.py WORKSPACE --users 100000

Prints the id of the run. What it recommends means nothing; how long pages take with it does.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from core.data.prepare import prepare
from core.recommend.lists import accuracy
from core.schema.documents import RUNS, Run, now
from core.schema.settings import DatasetSettings
from core.store.workspace import Workspace
from core.workflow.auditing import positives_of
from core.workflow.keeping import KS, means, written

N_ITEMS, PER_USER, CANDIDATES = 4000, 25, 200


def write_tables(folder: Path, n_users: int, rng: np.random.Generator) -> None:
    """Users of six ages, products of eight brands, forty sellers and twelve categories, a year of purchases."""
    popularity = rng.zipf(1.3, N_ITEMS).clip(1, 3000) / 1.0
    user = np.repeat(np.arange(n_users), PER_USER)
    item = rng.choice(N_ITEMS, len(user), p=popularity / popularity.sum())
    price = np.round(rng.lognormal(1.2, 0.6, N_ITEMS), 2)
    off = np.where(rng.random(len(user)) < 0.2, 0.9, 1.0)
    pd.DataFrame(
        {
            "user_id": user.astype(str),
            "item_id": item.astype(str),
            "timestamp": pd.Timestamp("2025-01-01") + pd.to_timedelta(rng.integers(0, 365, len(user)), "D"),
            "list_price": price[item],
            "paid_price": price[item] * off,
        }
    ).to_parquet(folder / "events.parquet")
    ages = np.array(["18-24", "25-34", "35-44", "45-54", "55-64", "65+"])
    pd.DataFrame(
        {"user_id": np.arange(n_users).astype(str), "age": ages[rng.integers(0, 6, n_users)]}
    ).to_parquet(folder / "users.parquet")
    pd.DataFrame(
        {
            "item_id": np.arange(N_ITEMS).astype(str),
            "brand": [f"brand {n % 8}" for n in range(N_ITEMS)],
            "provider_id": [f"seller {n % 40}" for n in range(N_ITEMS)],
            "category": [f"kind {n % 12}" for n in range(N_ITEMS)],
            "list_price": price,
        }
    ).to_parquet(folder / "items.parquet")


def made_candidates(n_users: int, n_items: int, rng: np.random.Generator) -> pd.DataFrame:
    """The best of each user by a score of how popular an item is and chance."""
    weight = rng.gumbel(size=n_items).astype(np.float32)
    parts = []
    for start in range(0, n_users, 5000):
        rows = min(5000, n_users - start)
        score = weight + rng.gumbel(size=(rows, n_items)).astype(np.float32)
        best = np.argpartition(-score, CANDIDATES, axis=1)[:, :CANDIDATES]
        best = np.take_along_axis(best, np.argsort(-np.take_along_axis(score, best, axis=1), axis=1), axis=1)
        parts.append(
            pd.DataFrame(
                {
                    "user": np.repeat(np.arange(start, start + rows, dtype=np.int32), CANDIDATES),
                    "item": best.ravel().astype(np.int32),
                    "rank": np.tile(np.arange(1, CANDIDATES + 1, dtype=np.int16), rows),
                    "score": np.take_along_axis(score, best, axis=1).ravel(),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def main() -> None:
    """Prepare the shop, and commit the run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workspace", type=Path)
    parser.add_argument("--users", type=int, default=100_000)
    options = parser.parse_args()
    rng = np.random.default_rng(7)
    workspace = Workspace.open(options.workspace)
    with tempfile.TemporaryDirectory() as folder:
        write_tables(Path(folder), options.users, rng)
        dataset = prepare(workspace, "tables", DatasetSettings(protected=("age",)), path=Path(folder))
    tables = {}
    for split in ("validation", "test"):
        lists = made_candidates(dataset.counts["users"], dataset.counts["catalogue"], rng)
        tables[f"candidates_{split}"] = lists
        tables[f"per_user_{split}"] = accuracy(lists, positives_of(workspace, dataset, split), ks=KS)
    run = Run(
        _id=f"run-made{options.users}",
        dataset=dataset.id,
        name=f"made, {options.users:,} users",
        settings={},
        created_at=now(),
        device="none",
        device_reason="made candidates",
        seconds=0,
        sequences_per_second=0,
        history=[],
        metrics={split: means(tables[f"per_user_{split}"]) for split in ("validation", "test")},
        baselines={},
        artefacts=written(workspace, f"run-made{options.users}", tables, {}),
    )
    workspace.documents.put(RUNS, run.dump())
    print(run.id)


if __name__ == "__main__":
    main()
