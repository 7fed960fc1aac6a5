"""Training of the attention recommender: from model inputs to the weights that did best on validation."""

import math
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch

from core.data.inputs import ModelInputs, Positives
from core.errors import TrainingError
from core.models.recommender import AttentionRecommender
from core.models.task import Task
from core.progress import Progress, quiet
from core.schema.documents import Epoch
from core.schema.settings import TrainSettings
from core.train.checkpoint import Progressed, restore, write
from core.train.device import choose_device, repeatable
from core.train.objectives import losses, total
from core.train.ranking import fit_ranking
from core.train.recent_demand import choose_recent_demand
from core.train.setup import GRADIENT_NORM, AfterEpoch, Training, set_up
from core.train.validation import validate

STAGE = "Training"
TOTAL = "all"  # the weighted sum of the objectives
WARM_UP_STEPS = 20
LAST_RATE = 0.05  # of the peak learning rate, at the end of the cosine
FIRST_STAGE = 0.9  # of the time, where there is a second
CHECKPOINT_SECONDS = 15.0


@dataclass(frozen=True)
class TrainedModel:
    """A model that can be asked, with how it came about.

    `sequences_per_second`: users (one behaviour sequence each) per second of training steps of the first stage.
    `recent_demand`: validation NDCG@10 of items new to the user without and with following it; None where it was not tried.
    `second_stage`: validation NDCG@10 without and with it; None where it was not tried.
    """

    model: AttentionRecommender
    task: Task
    settings: TrainSettings
    device: str
    device_reason: str
    history: list[Epoch]
    seconds: float
    sequences_per_second: float
    recent_demand: tuple[float, float] | None
    second_stage: tuple[float, float] | None


def fit(
    inputs: ModelInputs,
    validation: Positives,
    settings: TrainSettings,
    *,
    progress: Progress = quiet,
    scratch: Path | None = None,
    after_epoch: AfterEpoch | None = None,
    start: AttentionRecommender | None = None,
) -> TrainedModel:
    """Train on the history of `inputs`; `validation` only decides when to stop and which epoch is kept.

    Where nobody came twice before the split the model ranks by popularity, and its `history` is empty.

    Args:
        inputs: history up to the validation window.
        validation: what was taken in the validation window.
        progress: told after every batch; may raise `Cancelled`.
        scratch: folder for checkpoints; training killed there goes on to the same numbers.
        after_epoch: told the finished epochs after each; what it raises ends the training.
        start: a model transferred to these inputs (see core.train.transfer), from whose weights training begins, more
            gently; it is not changed. One that knows popularity alone has nothing to begin from, and is passed over.

    Raises:
        TrainingError: an empty catalogue, no such device, settings that do not fit the model to start from, or the loss
            is no longer finite.
    """
    if not inputs.n_items:
        raise TrainingError(
            "The catalogue is empty: no item was taken by enough users. Lower minimum_item_users."
        )
    device = choose_device(settings.device)
    forked = [torch.cuda.current_device()] if device.torch.type == "cuda" else []
    with torch.random.fork_rng(devices=forked), repeatable(device):
        run = set_up(inputs, validation, settings, device, start=start)
        run.after_epoch = after_epoch or run.after_epoch
        return _train(run, progress, scratch)


def _train(run: Training, progress: Progress, scratch: Path | None) -> TrainedModel:
    if not len(run.examples.users):
        run.model.forget_taste()
        return _trained(run, Progressed(), None, None)
    done = Progressed()
    if scratch is not None:
        done, run.best = restore(scratch, run.of, run.model, run.optimizer, run.fairness)
    started = time.monotonic() - done.seconds
    while done.epoch < run.settings.epochs and not _stalled(done, run.settings):
        _epoch(run, done, progress, scratch, started)
    run.model.load_state_dict(run.best)
    run.model.eval()
    demand, second_stage = None, None
    if run.settings.ranking and len(run.tuning_users):
        told = partial(progress, STAGE)
        told(_late(0), "recent demand")
        demand = choose_recent_demand(run)
        second_stage = fit_ranking(run, validate, lambda done, said: told(_late(done), said))
        without, with_it = second_stage
        progress(STAGE, 1.0, f"second stage: NDCG@10 {with_it:.4f}, without it {without:.4f}")
    done.seconds = time.monotonic() - started
    return _trained(run, done, demand, second_stage)


def _trained(
    run: Training,
    done: Progressed,
    demand: tuple[float, float] | None,
    second_stage: tuple[float, float] | None,
) -> TrainedModel:
    return TrainedModel(
        model=run.model.eval(),
        task=run.task,
        settings=run.settings,
        device=str(run.device.torch),
        device_reason=run.device.reason,
        history=done.history,
        seconds=done.seconds,
        sequences_per_second=done.users / max(done.training_seconds, 1e-9),
        recent_demand=demand,
        second_stage=second_stage,
    )


def _late(share: float) -> float:
    """Fraction of all training when a share of the second stage is done."""
    return FIRST_STAGE + (1 - FIRST_STAGE) * share


def _stalled(done: Progressed, settings: TrainSettings) -> bool:
    return done.epoch - 1 - done.best_epoch >= settings.patience and done.epoch > 0


def _epoch(run: Training, done: Progressed, progress: Progress, scratch: Path | None, started: float) -> None:
    """Finish the epoch that `done` stands in, then validate."""
    batches = run.examples.batches(run.settings.batch_size, run.rng(done.epoch))
    before = sum(epoch.seconds for epoch in done.history)
    run.model.train()
    saved = time.monotonic()
    for users in batches[done.step :]:
        began = time.monotonic()
        for name, loss in _step(run, done, users).items():
            done.loss_sums[name] = done.loss_sums.get(name, 0.0) + loss
        done.step += 1
        done.users += len(users)
        done.training_seconds += time.monotonic() - began
        if scratch is not None and time.monotonic() - saved > CHECKPOINT_SECONDS:
            done.seconds = time.monotonic() - started
            write(scratch, run.of, done, run.model, run.best, run.optimizer, run.fairness)
            saved = time.monotonic()
        progress(STAGE, _fraction(run, done), _message(run, done))
    value = validate(run)
    if value > done.best:
        done.best, done.best_epoch = value, done.epoch
        run.best = {name: tensor.detach().clone() for name, tensor in run.model.state_dict().items()}
    done.seconds = time.monotonic() - started
    means = {name: summed / len(batches) for name, summed in done.loss_sums.items()}
    done.history.append(
        Epoch(
            epoch=done.epoch + 1,
            loss=means.pop(TOTAL),
            losses=means,
            validation_ndcg=value,
            seconds=done.seconds - before,
        )
    )
    run.after_epoch(done.history)
    done.epoch, done.step, done.loss_sums = done.epoch + 1, 0, {}
    if scratch is not None:
        write(scratch, run.of, done, run.model, run.best, run.optimizer, run.fairness)
    progress(STAGE, _fraction(run, done), _message(run, done))


def _step(run: Training, done: Progressed, users: np.ndarray) -> dict[str, float]:
    """One optimizer step on a batch of users; the loss of each objective and of all."""
    rng = run.rng(done.epoch, done.step + 1)
    torch.manual_seed(int(rng.integers(2**62)))  # dropout
    example = run.examples.draw(users, rng).to(run.device.torch)
    with run.device.autocast():
        found = losses(
            run.model, example, run.ratings, rng=rng, reactions=run.reactions, fairness=run.fairness
        )
        loss = total(found, run.settings)
    run.optimizer.zero_grad()
    loss.backward()
    norm = torch.nn.utils.clip_grad_norm_(run.model.parameters(), GRADIENT_NORM)
    value = loss.item()
    if not (math.isfinite(value) and math.isfinite(norm.item())):
        raise TrainingError(
            f"Training diverged in epoch {done.epoch + 1}, step {done.step + 1}: the loss is no longer finite. "
            f"Lower learning_rate (now {run.settings.learning_rate:g}) and train again."
        )
    for group in run.optimizer.param_groups:
        group["lr"] = run.peak_rate * group["scale"] * _rate(run, done)
    run.optimizer.step()
    return {TOTAL: value} | {name: part.item() for name, part in found.items()}


def _rate(run: Training, done: Progressed) -> float:
    """Share of the peak learning rate: linear warm-up, then a cosine down to LAST_RATE."""
    step = done.epoch * run.steps + done.step
    total = run.steps * run.settings.epochs
    cosine = LAST_RATE + (1 - LAST_RATE) * (1 + math.cos(math.pi * step / total)) / 2
    return cosine * min(1.0, (step + 1) / WARM_UP_STEPS)


def _fraction(run: Training, done: Progressed) -> float:
    share = (done.epoch + done.step / run.steps) / run.settings.epochs
    return share * FIRST_STAGE if run.settings.ranking else share


def _message(run: Training, done: Progressed) -> str:
    if done.step:
        loss = f"loss {done.loss_sums[TOTAL] / done.step:.3f}"
        return f"epoch {done.epoch + 1} of {run.settings.epochs}, step {done.step} of {run.steps}, {loss}"
    last = done.history[-1]
    parts = ", ".join(f"{name} {loss:.3f}" for name, loss in last.losses.items())
    said = f"epoch {last.epoch}: loss {last.loss:.3f}, validation NDCG@10 {last.validation_ndcg:.4f}"
    return f"{said} ({parts})" if len(last.losses) > 1 else said
