"""The models beside the recommender: each a chapter of the run, on its vectors."""

from collections.abc import Callable, Mapping
from functools import partial
from itertools import pairwise

import numpy as np
import torch

from core.data.inputs import ModelInputs
from core.models.history import index_history
from core.models.representations import represent
from core.progress import Progress, part_of
from core.schema.documents import Dataset, ModelReport
from core.store.workspace import Workspace
from core.train.fit import TrainedModel
from core.train.objectives import WEIGHTS
from core.workflow.behaviour import behaviour_chapter
from core.workflow.chapter import Chapter, joined
from core.workflow.evaluating import opinions_chapter
from core.workflow.service import service_chapter

SHARES = {
    "behaviour": 0.6,
    "service": 0.3,
    "opinions": 0.1,
}  # of the time, as measured on Complete Journey and Olist


def further_models(
    workspace: Workspace,
    dataset: Dataset,
    trained: TrainedModel,
    everything: ModelInputs,
    progress: Progress,
) -> Chapter:
    """All further models that the settings ask for and the data allow, joined.

    Args:
        everything: the history to the end of the data; moments see what lies strictly before them.
    """
    representations_of = partial(
        represent,
        trained.model,
        index_history(everything),
        task=trained.task,
        device=torch.device(trained.device),
    )
    chapters: Mapping[str, Callable[..., Chapter | None]] = {
        "behaviour": partial(behaviour_chapter, workspace, dataset, representations_of),
        "service": partial(service_chapter, workspace, dataset, representations_of),
        "opinions": partial(opinions_chapter, workspace, dataset),
    }
    ends = np.cumsum([0, *(SHARES[name] for name in chapters)])
    found = [
        chapters[name](trained.settings, part_of(progress, start, end))
        for name, (start, end) in zip(chapters, pairwise(ends), strict=True)
        if name in trained.settings.models
    ]
    return joined([chapter for chapter in found if chapter is not None])


def recommender_report(trained: TrainedModel) -> ModelReport:
    """What the model card says of the recommender besides its accuracy, which the run holds for every split."""
    settings, notes = trained.settings, []
    if not trained.history:
        notes.append(
            "No user came twice before the split, so nothing personal could be learnt: lists hold what is most popular."
        )
    else:
        weights = ", ".join(
            f"{name} {getattr(settings, field):g}"
            for name, field in WEIGHTS.items()
            if name in trained.history[-1].losses
        )
        notes.append(f"Trained on one objective: {weights} (weights).")
    if trained.recent_demand is not None:
        without, with_it = trained.recent_demand
        kept = "followed" if trained.model.shape.recent_demand else "not followed"
        notes.append(
            f"What people began to buy lately is {kept}: validation NDCG@10 of items new to the user {with_it:.4f} with it, "
            f"{without:.4f} without."
        )
    if trained.second_stage is not None:
        without, with_it = trained.second_stage
        kept = "kept" if with_it > without else "not kept"
        notes.append(f"Second stage {kept}: validation NDCG@10 {with_it:.4f} with it, {without:.4f} without.")
    seen = "were inputs of the model" if settings.protected_inputs else "were not seen by the model"
    notes.append(f"Protected attributes {seen}.")
    return ModelReport(metrics={}, notes=notes)
