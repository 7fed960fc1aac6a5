"""Saved models: weights as safetensors, and beside them all that is needed to build the model again."""

import json
from dataclasses import asdict

import torch

from core.errors import CorruptArtefact
from core.models.product import ProductShape
from core.models.recommender import AttentionRecommender, Shape
from core.models.task import Task
from core.schema.documents import Artefact
from core.store.artefacts import ArtefactStore
from core.train.fit import TrainedModel

FORMAT = 3


def save(artefacts: ArtefactStore, run_id: str, trained: TrainedModel) -> Artefact:
    """Keep a trained model under `runs/<run_id>/`."""
    description = {"format": FORMAT, "shape": asdict(trained.model.shape), "task": asdict(trained.task)}
    return artefacts.write_tensors(
        f"runs/{run_id}/weights.safetensors", trained.model.state_dict(), {"model": json.dumps(description)}
    )


def load(
    artefacts: ArtefactStore, artefact: Artefact, *, device: torch.device | None = None
) -> tuple[AttentionRecommender, Task]:
    """The saved model, ready to be asked, and the task that it was trained on.

    Raises:
        CorruptArtefact: the file is missing, damaged or of a format that this version cannot read.
    """
    tensors = artefacts.read_tensors(artefact)
    description = json.loads(artefacts.read_metadata(artefact).get("model", "{}"))
    if description.get("format") != FORMAT:
        raise CorruptArtefact(
            f"{artefact.path} holds no model of format {FORMAT}. Train again to replace it."
        )
    model = AttentionRecommender(_shape(description["shape"]))
    try:
        model.load_state_dict(tensors)
    except RuntimeError as error:
        raise CorruptArtefact(
            f"{artefact.path} does not fit its description. Train again to replace it."
        ) from error
    return model.to(device or torch.device("cpu")).eval(), Task(**description["task"])


def _shape(description: dict) -> Shape:
    product = description["product"]
    product = ProductShape(**product | {"text_lengths": tuple(product["text_lengths"])})
    return Shape(**description | {"product": product})
