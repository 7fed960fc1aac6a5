"""Training of one service-quality network: loss, batches, early stopping."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from core.errors import TrainingError
from core.models.representations import Representations
from core.models.service import Quality, ServiceBatch, ServiceModel, ServiceShape
from core.progress import Progress, part_of
from core.train.conformal import COVERAGE
from core.train.device import Device, repeatable

STAGE = "Service quality"
QUANTILES = ((1 - COVERAGE) / 2, 0.5, (1 + COVERAGE) / 2)
EPOCHS, PATIENCE = 60, 6
STEPS = 40  # per epoch, unless batches would be smaller than SMALLEST_BATCH or larger than LARGEST_BATCH
SMALLEST_BATCH, LARGEST_BATCH = 64, 1024
LEARNING_RATE, WEIGHT_DECAY = 2e-3, 0.1
GRADIENT_NORM = 1.0
ASKED_AT_ONCE = 8192


@dataclass(frozen=True)
class Inputs:
    """What the network sees of N orders: numbers float32 (N, F), codes int64 (N, C), and U, P, R if it may."""

    numbers: np.ndarray
    codes: np.ndarray
    represented: Representations | None

    def batch(self, places: np.ndarray, device: torch.device) -> ServiceBatch:
        """The orders at B places."""
        numbers, codes = (
            torch.from_numpy(values[places]).to(device) for values in (self.numbers, self.codes)
        )
        if self.represented is None:
            none = numbers.new_zeros(len(places), 0)
            return ServiceBatch(none, none, numbers.new_zeros(len(places)), numbers, codes)
        vectors = (self.represented.users, self.represented.products, self.represented.scores)
        return ServiceBatch(
            *(torch.from_numpy(values[places]).to(device) for values in vectors), numbers, codes
        )


@dataclass(frozen=True)
class Lesson:
    """What a network learns: standardised outcomes and weights, float32 (N,), of the inputs' orders.

    Attributes:
        used, tuning: places of the rows to learn from, and of those that decide when to stop.
        title: of the outcome, for messages.
    """

    inputs: Inputs
    target: np.ndarray
    weights: np.ndarray
    used: np.ndarray
    tuning: np.ndarray
    title: str

    def loss(self, model: ServiceModel, places: np.ndarray) -> Tensor:
        """The loss of the orders at these places."""
        device = next(model.parameters()).device
        target, weight = (
            torch.from_numpy(values[places]).to(device) for values in (self.target, self.weights)
        )
        return quality_loss(model(self.inputs.batch(places, device)), target, weight)


def quality_loss(answers: Quality, target: Tensor, weight: Tensor) -> Tensor:
    """Weighted mean of the pinball losses of the three quantiles and half the squared error of the mean.

    Pinball: max(q * e, (q - 1) * e) of e = target - quantile (Koenker & Bassett, Econometrica 46, 1978).

    Args:
        target, weight: (B,).
    """
    quantiles = torch.stack([answers.low, answers.median, answers.high])  # (3, B)
    levels = torch.tensor(QUANTILES, device=target.device)[:, None]
    error = target - quantiles
    pinball = torch.maximum(levels * error, (levels - 1) * error).sum(dim=0)
    each = pinball + (target - answers.mean).square() / 2
    return (each * weight).sum() / weight.sum()


@dataclass(frozen=True)
class Learnt:
    """A network with the loss on the tuning rows that it was kept for, and the passes over the data it took."""

    model: ServiceModel
    error: float
    epochs: int


def train_network(
    lesson: Lesson, shape: ServiceShape, *, seed: int, device: Device, progress: Progress
) -> Learnt:
    """The network as it was when the tuning rows' loss was least.

    Raises:
        TrainingError: the loss is no longer finite. Cancelled: `progress` said so.
    """
    with _fresh(shape, seed=seed, device=device) as model:
        optimizer, rng = _optimizer(model), np.random.default_rng(seed)
        best, best_error, best_epoch = model.state_dict(), math.inf, 0
        for epoch in range(EPOCHS):
            if epoch - best_epoch > PATIENCE:
                break
            _epoch(
                model, optimizer, lesson, rng, epoch, part_of(progress, epoch / EPOCHS, (epoch + 1) / EPOCHS)
            )
            error = _error(model, lesson)
            _check_finite(error, error, lesson, epoch)
            if error < best_error:
                best_error, best_epoch = error, epoch
                best = {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}
        model.load_state_dict(best)
    return Learnt(model.eval(), best_error, best_epoch + 1)


def train_again(
    lesson: Lesson, learnt: Learnt, *, seed: int, device: Device, progress: Progress
) -> ServiceModel:
    """A network like the one learnt, after as many passes over the rows that this lesson uses.

    Raises:
        TrainingError: the loss is no longer finite. Cancelled: `progress` said so.
    """
    with _fresh(learnt.model.shape, seed=seed, device=device) as model:
        optimizer, rng = _optimizer(model), np.random.default_rng(seed)
        for epoch in range(learnt.epochs):
            part = part_of(progress, epoch / learnt.epochs, (epoch + 1) / learnt.epochs)
            _epoch(model, optimizer, lesson, rng, epoch, part)
    return model.eval()


@contextmanager
def _fresh(shape: ServiceShape, *, seed: int, device: Device) -> Iterator[ServiceModel]:
    """A new network, and random numbers that follow from the seed while it is trained."""
    forked = [torch.cuda.current_device()] if device.torch.type == "cuda" else []
    with torch.random.fork_rng(devices=forked), repeatable(device):
        torch.manual_seed(seed)
        yield ServiceModel(shape).to(device.torch)


def _optimizer(model: ServiceModel) -> torch.optim.Optimizer:
    return torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY, fused=True)


def _epoch(
    model: ServiceModel,
    optimizer: torch.optim.Optimizer,
    lesson: Lesson,
    rng: np.random.Generator,
    epoch: int,
    progress: Progress,
) -> None:
    """One pass over the rows used, in a new order."""
    size = int(np.clip(len(lesson.used) // STEPS, SMALLEST_BATCH, LARGEST_BATCH))
    batches = np.array_split(rng.permutation(lesson.used), max(1, len(lesson.used) // size))
    model.train()
    for number, places in enumerate(batches):
        _step(model, optimizer, lesson, places, epoch)
        progress(STAGE, number / len(batches), f"{lesson.title}, epoch {epoch + 1}")


def _step(
    model: ServiceModel, optimizer: torch.optim.Optimizer, lesson: Lesson, places: np.ndarray, epoch: int
) -> None:
    loss = lesson.loss(model, places)
    optimizer.zero_grad()
    loss.backward()
    norm = torch.nn.utils.clip_grad_norm_(model.parameters(), GRADIENT_NORM)
    _check_finite(loss.item(), norm.item(), lesson, epoch)
    optimizer.step()


def _check_finite(loss: float, norm: float, lesson: Lesson, epoch: int) -> None:
    if not (math.isfinite(loss) and math.isfinite(norm)):
        raise TrainingError(
            f"Training of the service model ({lesson.title}) diverged in epoch {epoch + 1}: the loss is no longer "
            "finite. Look for extreme values in the service or review table and prepare again."
        )


def _error(model: ServiceModel, lesson: Lesson) -> float:
    model.eval()
    with torch.inference_mode():
        return lesson.loss(model, lesson.tuning).item()


def ask(model: ServiceModel, inputs: Inputs, places: np.ndarray) -> np.ndarray:
    """Low, median, high and mean of the orders at these places, standardised, float64 (N, 4)."""
    device = next(model.parameters()).device
    model.eval()
    parts = [np.zeros((0, 4))]
    with torch.inference_mode():
        for start in range(0, len(places), ASKED_AT_ONCE):
            answers = model(inputs.batch(places[start : start + ASKED_AT_ONCE], device))
            parts.append(torch.stack(list(answers), dim=1).double().cpu().numpy())
    return np.concatenate(parts)
