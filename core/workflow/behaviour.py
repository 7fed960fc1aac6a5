"""What users do next: whether they buy, which category, and which way their next steps go."""

import numpy as np
import torch

from core.data.dataset import table
from core.models.representations import Representations
from core.progress import Progress, part_of, quiet
from core.schema.documents import Dataset
from core.schema.settings import TrainSettings
from core.store.workspace import Workspace
from core.train.device import choose_device, repeatable
from core.train.step_batches import Vectors
from core.workflow.behaviour_intent import intent_part
from core.workflow.behaviour_paths import paths_part
from core.workflow.chapter import Chapter, joined
from core.workflow.service import Representing

INTENT_SHARE = 0.4  # of the chapter's time


def behaviour_chapter(
    workspace: Workspace,
    dataset: Dataset,
    representations_of: Representing,
    settings: TrainSettings,
    progress: Progress = quiet,
) -> Chapter | None:
    """Purchase intent, next category and next path, each beside the rules that it has to beat.

    Reports: `intent`, `categories`, `paths`; what the data cannot support has a report that says so. Tables and
    tensors: see core.workflow.behaviour_intent and core.workflow.behaviour_paths. All of it runs on the CPU.

    Args:
        representations_of: U of users at times (seconds), with -1 for items; None where there is none. Asked only
            where the recommender was trained on the same calendar (temporal split).

    Raises:
        TrainingError: a loss is no longer finite. Cancelled: `progress` said so.
    """
    events, items = (table(workspace, dataset, name) for name in ("events", "items"))
    temporal = dataset.settings.get("split") == "temporal"
    vectors = _vectors(representations_of) if temporal else None
    with torch.random.fork_rng(devices=[]), repeatable(choose_device("cpu")):
        intent = intent_part(events, dataset, vectors, settings, part_of(progress, 0.0, INTENT_SHARE))
        paths = paths_part(events, items, dataset, vectors, settings, part_of(progress, INTENT_SHARE, 1.0))
    return joined([intent, paths])


def _vectors(representations_of: Representing) -> Vectors | None:
    """User vectors alone; None where the recommender has none to give."""
    nobody = np.zeros(0, np.int64)
    if representations_of(nobody, nobody, nobody) is None:
        return None

    def vectors(users: np.ndarray, times: np.ndarray) -> np.ndarray:
        found: Representations = representations_of(users, times, np.full(len(users), -1))
        return found.users

    return vectors
