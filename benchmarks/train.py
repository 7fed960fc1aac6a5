"""Training speed (sequences per second), time and peak memory on Complete Journey with the default settings.

python benchmarks/train.py [--users N] [--set KEY=VALUE ...]
"""

import argparse
import tempfile

import yaml
from measure import in_own_process, print_table

from core.data.prepare import prepare
from core.schema.settings import DatasetSettings, TrainSettings, settings_from
from core.store.workspace import Workspace
from core.workflow.training import train


def prepared(folder: str, users: int | None) -> str:
    """Prepare into a fresh workspace; the dataset's id."""
    return prepare(Workspace.open(folder), "complete_journey", DatasetSettings(sample_users=users)).id


def trained(folder: str, dataset: str, values: dict) -> dict[str, float]:
    """Train one run; its speed and accuracy beside the best baseline."""
    settings = settings_from(TrainSettings, values)
    run = train(Workspace.open(folder), dataset, settings, run_id="run-benchmark")
    best = max(run.baselines["test"], key=lambda name: run.baselines["test"][name]["ndcg@10"])
    return {
        "epochs": len(run.history),
        "fit seconds": run.seconds,
        "sequences/s": run.sequences_per_second,
        "NDCG@10": run.metrics["test"]["ndcg@10"],
        f"NDCG@10 of {best}": run.baselines["test"][best]["ndcg@10"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--users", type=int, help="take only this many users")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    options = parser.parse_args()
    values = {key: yaml.safe_load(value) for key, value in (pair.split("=", 1) for pair in options.set)}
    with tempfile.TemporaryDirectory() as folder:
        dataset, _, _ = in_own_process(prepared, folder, options.users)
        row, seconds, memory = in_own_process(trained, folder, dataset, values)
    print_table("Train", [{**row, "all seconds": seconds, "peak MB": memory}])


if __name__ == "__main__":
    main()
