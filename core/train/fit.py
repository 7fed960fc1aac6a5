"""Training of the attention recommender: from model inputs to the weights that did best on validation."""

import math
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from core.data.inputs import ModelInputs, Positives
from core.errors import TrainingError
from core.metrics import NOTHING, per_user_metrics
from core.models.history import History, index_history
from core.models.recommender import AttentionRecommender, shape_of
from core.models.scoring import rank
from core.models.task import Task, resolve_task
from core.progress import Progress, quiet
from core.schema.documents import Epoch
from core.schema.settings import TrainSettings
from core.train.checkpoint import Progressed, fingerprint, restore, write
from core.train.device import Device, choose_device, repeatable
from core.train.examples import Examples, examples_of
from core.train.objective import softmax_loss

STAGE = "Training"
TUNED_ON = "ndcg@10"
VALIDATION_USERS = 2_000  # at most, for early stopping; drawn with the seed
SCALE_USERS = 256  # whose repeat features set the scale
WARM_UP_STEPS = 20
LAST_RATE = 0.05  # of the peak learning rate, at the end of the cosine
REPEAT_RATE = 5.0  # learning rate of the repeat term relative to the rest: few weights, many examples
GRADIENT_NORM = 1.0
CHECKPOINT_SECONDS = 15.0


@dataclass(frozen=True)
class TrainedModel:
    """A model that can be asked, with how it came about.

    `sequences_per_second`: users (one behaviour sequence each) per second of training steps.
    """

    model: AttentionRecommender
    task: Task
    settings: TrainSettings
    device: str
    device_reason: str
    history: list[Epoch]
    seconds: float
    sequences_per_second: float


def fit(
    inputs: ModelInputs,
    validation: Positives,
    settings: TrainSettings,
    *,
    progress: Progress = quiet,
    scratch: Path | None = None,
) -> TrainedModel:
    """Train on the history of `inputs`; `validation` only decides when to stop and which epoch is kept.

    Args:
        inputs: history up to the validation window.
        validation: what was taken in the validation window.
        progress: told after every batch; may raise `Cancelled`.
        scratch: folder for checkpoints; training killed there goes on to the same numbers.

    Raises:
        TrainingError: nothing to learn from, no such device, or the loss is no longer finite.
    """
    if not inputs.n_items:
        raise TrainingError(
            "The catalogue is empty: no item was taken by enough users. Lower minimum_item_users."
        )
    device = choose_device(settings.device)
    forked = [torch.cuda.current_device()] if device.torch.type == "cuda" else []
    with torch.random.fork_rng(devices=forked), repeatable(device):
        run = _prepare(inputs, validation, settings, device)
        return _train(run, progress, scratch)


@dataclass
class _Training:
    """Everything that one training run works with."""

    settings: TrainSettings
    device: Device
    task: Task
    history: History
    examples: Examples
    validation: Positives
    tuning_users: np.ndarray
    model: AttentionRecommender
    optimizer: torch.optim.Optimizer
    of: str
    best: dict[str, Tensor] = field(default_factory=dict)

    def rng(self, *key: int) -> np.random.Generator:
        """The generator of one place in the run: no state to keep between steps."""
        return np.random.default_rng([self.settings.seed, *key])

    @property
    def steps(self) -> int:
        return -(-len(self.examples.users) // self.settings.batch_size)


def _prepare(
    inputs: ModelInputs, validation: Positives, settings: TrainSettings, device: Device
) -> _Training:
    history = index_history(inputs)
    task = resolve_task(history, settings)
    repeat_term = settings.repeat_term and not task.exclude_seen
    examples = examples_of(history, task, length=settings.history_length, with_repeats=repeat_term)
    if not len(examples.users):
        raise TrainingError(
            "Nothing to learn from: no user has two baskets at different times before the split."
        )
    torch.manual_seed(settings.seed)
    model = AttentionRecommender(shape_of(inputs, settings, repeat_term=repeat_term))
    sample = np.sort(np.random.default_rng(settings.seed).permutation(examples.users)[:SCALE_USERS])
    batch, _ = examples.draw(sample, np.random.default_rng(settings.seed))
    model.learn_scales(inputs, history.trends.log_counts, batch)
    model.to(device.torch)
    answerable = np.flatnonzero((np.diff(validation.offsets) > 0) & (history.tokens > 0))
    tuning = np.sort(np.random.default_rng(settings.seed).permutation(answerable)[:VALIDATION_USERS])
    past = inputs.history
    described = settings.model_dump_json(exclude={"device"})
    return _Training(
        settings=settings,
        device=device,
        task=task,
        history=history,
        examples=examples,
        validation=validation,
        tuning_users=tuning,
        model=model,
        optimizer=_optimizer(model, settings),
        of=fingerprint(described, past.offsets, past.items, past.times, validation.offsets, validation.items),
    )


def _optimizer(model: AttentionRecommender, settings: TrainSettings) -> torch.optim.Optimizer:
    repeat = [] if model.repeat is None else list(model.repeat.parameters())
    ids = {id(parameter) for parameter in repeat}
    rest = [parameter for parameter in model.parameters() if id(parameter) not in ids]
    groups = [{"params": rest, "scale": 1.0}, {"params": repeat, "scale": REPEAT_RATE}]
    return torch.optim.AdamW(
        [group for group in groups if group["params"]],
        lr=settings.learning_rate,
        weight_decay=settings.weight_decay,
        fused=True,
    )


def _train(run: _Training, progress: Progress, scratch: Path | None) -> TrainedModel:
    done = Progressed()
    if scratch is not None:
        done, run.best = restore(scratch, run.of, run.model, run.optimizer)
    started = time.monotonic() - done.seconds
    while done.epoch < run.settings.epochs and not _stalled(done, run.settings):
        _epoch(run, done, progress, scratch, started)
    run.model.load_state_dict(run.best)
    run.model.eval()
    done.seconds = time.monotonic() - started
    return TrainedModel(
        model=run.model,
        task=run.task,
        settings=run.settings,
        device=str(run.device.torch),
        device_reason=run.device.reason,
        history=done.history,
        seconds=done.seconds,
        sequences_per_second=done.users / max(done.training_seconds, 1e-9),
    )


def _stalled(done: Progressed, settings: TrainSettings) -> bool:
    return done.epoch - 1 - done.best_epoch >= settings.patience and done.epoch > 0


def _epoch(
    run: _Training, done: Progressed, progress: Progress, scratch: Path | None, started: float
) -> None:
    """Finish the epoch that `done` stands in, then validate."""
    batches = run.examples.batches(run.settings.batch_size, run.rng(done.epoch))
    before = sum(epoch.seconds for epoch in done.history)
    run.model.train()
    saved = time.monotonic()
    for users in batches[done.step :]:
        began = time.monotonic()
        done.loss_sum += _step(run, done, users)
        done.step += 1
        done.users += len(users)
        done.training_seconds += time.monotonic() - began
        if scratch is not None and time.monotonic() - saved > CHECKPOINT_SECONDS:
            done.seconds = time.monotonic() - started
            write(scratch, run.of, done, run.model, run.best, run.optimizer)
            saved = time.monotonic()
        progress(STAGE, _fraction(run, done), _message(run, done))
    value = _validate(run)
    if value > done.best:
        done.best, done.best_epoch = value, done.epoch
        run.best = {name: tensor.detach().clone() for name, tensor in run.model.state_dict().items()}
    done.seconds = time.monotonic() - started
    loss = done.loss_sum / len(batches)
    done.history.append(
        Epoch(epoch=done.epoch + 1, loss=loss, validation_ndcg=value, seconds=done.seconds - before)
    )
    done.epoch, done.step, done.loss_sum = done.epoch + 1, 0, 0.0
    if scratch is not None:
        write(scratch, run.of, done, run.model, run.best, run.optimizer)
    progress(STAGE, _fraction(run, done), _message(run, done))


def _step(run: _Training, done: Progressed, users: np.ndarray) -> float:
    """One optimizer step on a batch of users; its loss."""
    rng = run.rng(done.epoch, done.step + 1)
    torch.manual_seed(int(rng.integers(2**62)))  # dropout
    batch, targets = run.examples.draw(users, rng)
    batch, targets = batch.to(run.device.torch), targets.to(run.device.torch)
    with run.device.autocast():
        loss = softmax_loss(run.model(batch), batch.repeats, targets, rng=rng)
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
        group["lr"] = run.settings.learning_rate * group["scale"] * _rate(run, done)
    run.optimizer.step()
    return value


def _rate(run: _Training, done: Progressed) -> float:
    """Share of the peak learning rate: linear warm-up, then a cosine down to LAST_RATE."""
    step = done.epoch * run.steps + done.step
    total = run.steps * run.settings.epochs
    cosine = LAST_RATE + (1 - LAST_RATE) * (1 + math.cos(math.pi * step / total)) / 2
    return cosine * min(1.0, (step + 1) / WARM_UP_STEPS)


def _validate(run: _Training) -> float:
    """Mean NDCG@10 on the users that tune; 0 where nobody can be asked."""
    if not len(run.tuning_users):
        return 0.0
    k = min(10, run.history.n_items)
    ranked = np.full((run.history.n_users, 10), NOTHING, dtype=np.int32)
    lists = rank(run.model, run.history, run.tuning_users, task=run.task, k=k, device=run.device.torch)
    for users, items, scores in lists:
        ranked[users, :k] = np.where(np.isfinite(scores), items, NOTHING)
    metrics = per_user_metrics(ranked, run.validation.offsets, run.validation.items, (10,))
    return float(metrics.loc[run.tuning_users, TUNED_ON].mean())


def _fraction(run: _Training, done: Progressed) -> float:
    return (done.epoch + done.step / run.steps) / run.settings.epochs


def _message(run: _Training, done: Progressed) -> str:
    if done.step:
        loss = f"loss {done.loss_sum / done.step:.3f}"
        return f"epoch {done.epoch + 1} of {run.settings.epochs}, step {done.step} of {run.steps}, {loss}"
    last = done.history[-1]
    return f"epoch {last.epoch}: loss {last.loss:.3f}, validation NDCG@10 {last.validation_ndcg:.4f}"
