"""Training speed beside RecTools' SASRec on MovieLens-1M: sequences per second, ratio and peak memory.

    python benchmarks/peer_training.py --path FOLDER [--rounds 2] [--epochs 1] [--threads 2] [--set KEY=VALUE ...]

Both train on the same sequences (each user's but the last two items) with the same batch, length, width, blocks, dropout
and softmax over all items; they take turns, each in a process of its own, and only the training steps are timed. The
peer lives in an environment of its own under .cache, made on the first call. FOLDER holds MovieLens-1M as the source
`movielens` reads it.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd
import torch
import yaml
from measure import in_own_process, print_table

from core.data.dataset import load, table
from core.data.prepare import prepare
from core.schema.settings import DatasetSettings, TrainSettings, settings_from
from core.schema.tables import ITEM, SPLIT, TIMESTAMP, USER
from core.store.workspace import Workspace
from core.train.fit import fit
from core.workflow.questions import questions

PEER, TORCH = "rectools[torch]==0.19.0", f"torch=={torch.__version__.partition('+')[0]}"
HERE = Path(__file__).resolve().parent
ENVIRONMENT = HERE.parent / ".cache" / "rectools-0.19.0"
SAME = {"width": 64, "layers": 2, "heads": 1, "dropout": 0.2, "history_length": 200, "batch_size": 128}
# What the peer does too: ids only, one objective, one stage, the softmax over all items.
ONE_TASK = {
    "seen_items": "keep",
    "repeat_term": False,
    "text": False,
    "id_dropout": 0,
    "ranking": False,
    "reconstruction_weight": 0,
    "rating_weight": 0,
    "intent_weight": 0,
}


def peer_python() -> Path:
    """The interpreter of the peer's environment, which is made if it is not there."""
    python, complete = ENVIRONMENT / "bin" / "python", ENVIRONMENT / "complete"
    if not complete.exists():
        print(f"Installing {PEER} ...", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", "--clear", ENVIRONMENT], check=True)
        install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", PEER, TORCH]
        subprocess.run([python, *install], check=True)
        complete.touch()
    return python


def prepared(folder: str, path: Path) -> str:
    """Prepare, and leave the training sequences for the peer; the dataset's id."""
    workspace = Workspace.open(folder)
    dataset = prepare(workspace, "movielens", DatasetSettings(), path=path)
    events = table(workspace, dataset, "events", [USER, ITEM, TIMESTAMP, SPLIT])
    events[events[SPLIT] == 0].drop(columns=SPLIT).to_csv(Path(folder) / "sequences.csv", index=False)
    return dataset.id


def ours(folder: str, dataset_id: str, values: dict, epochs: int, threads: int) -> dict[str, float]:
    """Train ours; sequences per second of its training steps."""
    torch.set_num_threads(threads)
    workspace = Workspace.open(folder)
    settings = settings_from(TrainSettings, SAME | {"epochs": epochs, "device": "cpu"} | values)
    asked = questions(workspace, load(workspace, dataset_id), settings)["validation"]
    trained = fit(asked.inputs, asked.positives, settings)
    return {"sequences/s": trained.sequences_per_second, "loss": trained.history[-1].loss}


def peer(folder: str, epochs: int, threads: int) -> dict[str, float]:
    """Train the peer in its own environment; what it measured."""
    arguments = [Path(folder) / "sequences.csv", "--epochs", str(epochs), "--threads", str(threads)]
    done = subprocess.run(
        [peer_python(), HERE / "peer_rectools.py", *arguments], check=True, capture_output=True, text=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def measured(folder: str, dataset: str, options: argparse.Namespace) -> pd.DataFrame:
    """One row per model and round, the models taking turns."""
    chosen = {key: yaml.safe_load(value) for key, value in (pair.split("=", 1) for pair in options.set)}
    ways = {"ours, the same task": ONE_TASK | chosen, "ours, with texts and all objectives": chosen}
    rows = []
    for number in range(options.rounds):
        rows.append({"model": PEER, "round": number} | peer(folder, options.epochs, options.threads))
        for name, values in ways.items():
            row, _, megabytes = in_own_process(ours, folder, dataset, values, options.epochs, options.threads)
            rows.append({"model": name, "round": number, **row, "peak MB": megabytes})
        print(f"round {number + 1} of {options.rounds} done", file=sys.stderr)
    return pd.DataFrame(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--path", type=Path, required=True, help="folder of MovieLens-1M")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    options = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = str(options.threads)
    peer_python()
    with tempfile.TemporaryDirectory() as folder:
        dataset, _, _ = in_own_process(prepared, folder, options.path.resolve())
        rows = measured(folder, dataset, options)
    load_now = os.getloadavg()[0]
    summary = rows.groupby("model", sort=False).agg(
        **{
            "sequences/s, median": ("sequences/s", "median"),
            "lowest": ("sequences/s", "min"),
            "highest": ("sequences/s", "max"),
            "peak MB": ("peak MB", "max"),
        }
    )
    summary["times the peer"] = summary["sequences/s, median"] / summary.loc[PEER, "sequences/s, median"]
    title = f"Training on MovieLens-1M, {options.threads} threads, {options.rounds} rounds of {options.epochs} epochs"
    print_table(f"{title}, load {load_now:.1f}", summary.reset_index().to_dict("records"))


if __name__ == "__main__":
    main()
