"""What each augmentation of sequences does to accuracy: NDCG@10 on validation, paired over the same users.

python benchmarks/augmentation.py SOURCE [--path FOLDER] [--seeds N] [--set KEY=VALUE ...]
"""

import argparse
import tempfile
from pathlib import Path

import pandas as pd
import yaml
from measure import print_table

from core.data.prepare import prepare
from core.recommend.candidates import candidates
from core.recommend.lists import accuracy
from core.schema.settings import DatasetSettings, TrainSettings, settings_from
from core.schema.tables import USER
from core.store.workspace import Workspace
from core.train.fit import fit
from core.workflow.evaluation import estimates
from core.workflow.questions import Question, questions

METRIC = "ndcg@10"
VARIANTS = {
    "as it is": {},
    "crop .3": {"crop": 0.3},
    "mask .2": {"mask": 0.2},
    "reorder .3": {"reorder": 0.3},
    "substitute .1": {"substitute": 0.1},
}


def per_user(question: Question, settings: TrainSettings) -> pd.DataFrame:
    """Validation metrics of each user of a model trained with the settings; index: user code."""
    trained = fit(question.inputs, question.positives, settings)
    lists = candidates(trained, question.inputs)
    return accuracy(lists, question.positives, ks=(10,)).set_index(USER)[[METRIC]]


def measured(question: Question, values: dict, seeds: int) -> pd.DataFrame:
    """The mean over seeds of each user."""
    found = [
        per_user(question, settings_from(TrainSettings, {**values, "seed": 7 + n})) for n in range(seeds)
    ]
    return sum(found[1:], found[0]) / seeds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source")
    parser.add_argument("--path", type=Path)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    options = parser.parse_args()
    common = {key: yaml.safe_load(value) for key, value in (pair.split("=", 1) for pair in options.set)}
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace.open(folder)
        dataset = prepare(workspace, options.source, DatasetSettings(), path=options.path)
        question = questions(workspace, dataset, settings_from(TrainSettings, common))["validation"]
        base = None
        for name, changed in VARIANTS.items():
            found = measured(question, {**common, **changed}, options.seeds)
            base = found if base is None else base
            change = estimates(found - base, -1)[METRIC]
            row = {"training": name, "users": len(found), METRIC: found[METRIC].mean()} | {
                f"change, {part}": change[part] for part in ("value", "low", "high")
            }
            print_table(options.source, [row])


if __name__ == "__main__":
    main()
