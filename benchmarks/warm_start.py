"""Training that starts from an older model against training anew: validation NDCG@10 after each epoch, and when it was there.

The older model knows the history up to a validation window's length before the validation window. Both then learn from
all of the history before that window, and are asked about it; the test window is not read.

python benchmarks/warm_start.py SOURCE [--path FOLDER] [--rates R ...] [--seeds N] [--set KEY=VALUE ...]
"""

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import yaml
from measure import print_table

from core.data.prepare import prepare
from core.schema.settings import SPLITS, DatasetSettings, TrainSettings, settings_from
from core.schema.tables import SPLIT, TIMESTAMP
from core.store.workspace import Workspace
from core.train.fit import TrainedModel, fit
from core.train.setup import WARM_RATE
from core.train.transfer import transferred
from core.workflow.questions import Material, material_of

TRAIN, VALIDATION = SPLITS.index("train"), SPLITS.index("validation")


def earlier(material: Material) -> Material:
    """The same shop one validation window earlier; items that nobody took by then are unknown to a model of it."""
    events = material.events
    window = events.loc[events[SPLIT] == VALIDATION, TIMESTAMP]
    known = events[events[SPLIT] == TRAIN]
    late = known[TIMESTAMP] >= window.min() - (window.max() - window.min())
    return replace(material, events=known.assign(**{SPLIT: np.where(late, VALIDATION, TRAIN)}))


def rows_of(title: str, trained: TrainedModel, goal: float) -> list[dict]:
    """One row per epoch; `best`: seconds until the goal was reached, in the first epoch that did."""
    seconds = np.cumsum([epoch.seconds for epoch in trained.history])
    reached = [s for s, e in zip(seconds, trained.history, strict=True) if e.validation_ndcg >= goal]
    second = trained.second_stage[1] if trained.second_stage else np.nan
    return [
        {
            "training": title,
            "epoch": epoch.epoch,
            "seconds": spent,
            "ndcg@10": epoch.validation_ndcg,
            "second stage": second if epoch is trained.history[-1] else np.nan,
            "seconds to the best anew": reached[0] if reached and epoch is trained.history[-1] else np.nan,
        }
        for epoch, spent in zip(trained.history, seconds, strict=True)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source")
    parser.add_argument("--path", type=Path)
    parser.add_argument(
        "--rates", type=float, nargs="+", default=[WARM_RATE], help="of the peak learning rate"
    )
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    options = parser.parse_args()
    common = {key: yaml.safe_load(value) for key, value in (pair.split("=", 1) for pair in options.set)}
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace.open(folder)
        dataset = prepare(workspace, options.source, DatasetSettings(), path=options.path)
        base = settings_from(TrainSettings, common)
        material = material_of(workspace, dataset, base)
        past, question = earlier(material).question("validation"), material.question("validation")
        rows = []
        for seed in range(base.seed, base.seed + options.seeds):
            settings = base.model_copy(update={"seed": seed})
            old = fit(past.inputs, past.positives, settings)
            names = {"old": material.vocabulary, "new": material.vocabulary}
            moved = transferred(old.model, old.task, **names, inputs=question.inputs, settings=settings)
            anew = fit(question.inputs, question.positives, settings)
            goal = max(epoch.validation_ndcg for epoch in anew.history)
            rows += rows_of(f"anew, seed {seed}", anew, goal)
            for rate in options.rates:
                gentler = settings.model_copy(
                    update={"learning_rate": settings.learning_rate * rate / WARM_RATE}
                )
                warm = fit(question.inputs, question.positives, gentler, start=moved.model)
                rows += rows_of(f"from the older, rate {rate:g}, seed {seed}", warm, goal)
        print_table(options.source, rows)


if __name__ == "__main__":
    main()
