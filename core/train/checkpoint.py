"""Checkpoints: training that was killed goes on from the last one to the same numbers."""

import hashlib
import json
import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from core.schema.documents import Epoch

NAME = "training.safetensors"


@dataclass
class Progressed:
    """How far training has come. All random numbers follow from seed, epoch and step, so no generator is kept.

    Attributes:
        epoch, step: the next step to take, both from 0; step counts within the epoch.
        loss_sums: of the steps of this epoch so far, by objective.
        best: highest validation NDCG so far, reached in epoch `best_epoch`.
        seconds, training_seconds: spent so far, all in all and on training steps; users: seen in those.
    """

    epoch: int = 0
    step: int = 0
    loss_sums: dict[str, float] = field(default_factory=dict)
    best: float = -1.0
    best_epoch: int = 0
    seconds: float = 0.0
    training_seconds: float = 0.0
    users: int = 0
    history: list[Epoch] = field(default_factory=list)


def fingerprint(*parts: np.ndarray | str) -> str:
    """A hash of the data and settings that a checkpoint belongs to."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.encode() if isinstance(part, str) else np.ascontiguousarray(part).tobytes())
    return digest.hexdigest()


def write(
    folder: Path,
    of: str,
    progressed: Progressed,
    model: nn.Module,
    best: dict[str, Tensor],
    optimizer: torch.optim.Optimizer,
    beside: nn.Module | None = None,
) -> None:
    """Replace the checkpoint in `folder` at once; a crash leaves the old one.

    Args:
        beside: what is trained with the model and is no part of it.
    """
    tensors = {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
    if beside is not None:
        tensors |= {f"beside.{name}": tensor for name, tensor in beside.state_dict().items()}
    tensors |= {f"best.{name}": tensor for name, tensor in best.items()}
    for number, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{number}.{name}": value for name, value in state.items()}
    plain = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    values = dict(vars(progressed), history=[epoch.model_dump() for epoch in progressed.history])
    unfinished = folder / f"{NAME}.part"
    save_file(plain, unfinished, {"of": of, "progressed": json.dumps(values)})
    with unfinished.open("rb") as file:
        os.fsync(file.fileno())
    os.replace(unfinished, folder / NAME)


def restore(
    folder: Path,
    of: str,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    beside: nn.Module | None = None,
) -> tuple[Progressed, dict[str, Tensor]]:
    """Go on from the checkpoint in `folder`: sets model, optimizer and beside; returns progress and best weights.

    A checkpoint that is missing, damaged or of other data or settings counts as none: a fresh start.
    """
    try:
        with safe_open(folder / NAME, framework="pt") as file:
            metadata = file.metadata()
            if metadata["of"] != of:
                return Progressed(), {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (FileNotFoundError, SafetensorError):
        return Progressed(), {}
    values = json.loads(metadata["progressed"])
    progressed = Progressed(**values | {"history": [Epoch(**epoch) for epoch in values["history"]]})
    model.load_state_dict(_part(tensors, "model."))
    if beside is not None:
        beside.load_state_dict(_part(tensors, "beside."))
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in _part(tensors, "optimizer.").items():
        number, key = name.split(".", 1)
        state.setdefault(int(number), {})[key] = value
    optimizer.load_state_dict(optimizer.state_dict() | {"state": state})
    return progressed, _part(tensors, "best.")


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
