"""Top-200 candidates for everybody: users per second and peak memory, as the number of users grows.

    python benchmarks/candidates.py [--copies 1 4 16]

Complete Journey's real histories, repeated under new user codes; an untrained model (speed does not depend on the
weights). Peer: the same scores by the textbook way, all users x all items in one matrix, then sorted.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from measure import in_own_process, print_table

from core.data.dataset import load, table
from core.data.inputs import ModelInputs, Sequences, model_inputs
from core.data.prepare import prepare
from core.models.history import index_history
from core.models.recommender import AttentionRecommender, shape_of
from core.models.task import resolve_task
from core.recommend.candidates import candidates
from core.schema.settings import LONGEST_LIST, DatasetSettings, TrainSettings
from core.store.workspace import Workspace
from core.train.fit import TrainedModel


def prepared(folder: str) -> str:
    """Prepare into a fresh workspace; the dataset's id."""
    return prepare(Workspace.open(folder), "complete_journey", DatasetSettings()).id


def repeated(inputs: ModelInputs, copies: int) -> ModelInputs:
    """The same histories under `copies` times as many users."""
    past = inputs.history
    starts = np.arange(copies)[:, None] * len(past.items)
    offsets = np.append((past.offsets[:-1] + starts).ravel(), copies * len(past.items))
    lines = {name: np.tile(getattr(past, name), copies) for name in ("items", "times", "baskets", "events")}
    return replace(inputs, n_users=inputs.n_users * copies, history=Sequences(offsets=offsets, **lines))


def asked(folder: str, dataset_id: str, copies: int) -> tuple[ModelInputs, TrainedModel]:
    """Inputs for that many copies, and an untrained model that fits them."""
    workspace = Workspace.open(folder)
    dataset = load(workspace, dataset_id)
    events, items = (table(workspace, dataset, name) for name in ("events", "items"))
    inputs = model_inputs(events, items, n_users=dataset.counts["users"], until="validation")
    settings = TrainSettings()
    model = AttentionRecommender(shape_of(inputs, settings, repeat_term=True)).eval()
    task = resolve_task(index_history(inputs), settings)
    trained = TrainedModel(model, task, settings, "cpu", "", [], 0.0, 0.0)
    return repeated(inputs, copies), trained


def batched(folder: str, dataset_id: str, copies: int) -> float:
    """Seconds of writing everybody's candidates."""
    inputs, trained = asked(folder, dataset_id, copies)
    return timed(lambda: candidates(trained, inputs))


def dense(folder: str, dataset_id: str, copies: int) -> float:
    """Seconds of one matrix product over all users and items and a full sort; no history is read at all."""
    inputs, trained = asked(folder, dataset_id, copies)
    with torch.inference_mode():
        users = torch.randn(inputs.n_users, trained.settings.width)
        items = trained.model.item_vectors()
        return timed(lambda: (users @ items.T).argsort(dim=1, descending=True)[:, :LONGEST_LIST])


def timed(function: Callable[[], object]) -> float:
    """Wall seconds of one call."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--copies", type=int, nargs="+", default=[1, 4])
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        dataset, _, _ = in_own_process(prepared, folder)
        counts = load(Workspace.open(folder), dataset).counts
        for copies in options.copies:
            for way in (batched, dense):
                seconds, _, memory = in_own_process(way, folder, dataset, copies)
                users = counts["users"] * copies
                rows.append(
                    {
                        "way": way.__name__,
                        "users": users,
                        "items": counts["catalogue"],
                        "seconds": seconds,
                        "users/s": users / seconds,
                        "peak MB": memory,
                    }
                )
    print_table("Candidates (top 200 of everybody)", rows)


if __name__ == "__main__":
    main()
