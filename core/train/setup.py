"""What one training run works with: examples, model, optimizer, and who tunes it."""

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from core.data.inputs import ModelInputs, Positives
from core.errors import TrainingError
from core.models.history import History, index_history
from core.models.recommender import AttentionRecommender, shape_of
from core.models.task import Task, resolve_task
from core.schema.settings import TrainSettings
from core.train.checkpoint import fingerprint
from core.train.device import Device
from core.train.examples import Examples, examples_of
from core.train.objectives import RatingExamples, rating_examples

VALIDATION_USERS = 2_000  # at most, for early stopping; drawn with the seed
SCALE_USERS = 256  # whose repeat features set the scale
REPEAT_RATE = 5.0  # learning rate of the repeat term relative to the rest: few weights, many examples


@dataclass
class Training:
    """Everything that one training run works with."""

    settings: TrainSettings
    device: Device
    task: Task
    history: History
    examples: Examples
    ratings: RatingExamples | None
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
        """Optimizer steps of one epoch."""
        return -(-len(self.examples.users) // self.settings.batch_size)


def set_up(inputs: ModelInputs, validation: Positives, settings: TrainSettings, device: Device) -> Training:
    """Everything in its first state; all randomness follows from the seed.

    Raises:
        TrainingError: nobody came twice.
    """
    history = index_history(inputs)
    task = resolve_task(history, settings)
    repeat_term = settings.repeat_term and not task.exclude_seen
    examples = examples_of(history, task, settings, with_repeats=repeat_term, timed=inputs.timed)
    if not len(examples.users):
        raise TrainingError(
            "Nothing to learn from: no user has two baskets at different times before the split."
        )
    torch.manual_seed(settings.seed)
    model = AttentionRecommender(shape_of(inputs, settings, repeat_term=repeat_term))
    sample = np.sort(np.random.default_rng(settings.seed).permutation(examples.users)[:SCALE_USERS])
    example = examples.draw(sample, np.random.default_rng(settings.seed))
    model.learn_scales(inputs, history.trends.log_counts, example.batch)
    model.to(device.torch)
    answerable = np.flatnonzero((np.diff(validation.offsets) > 0) & (history.tokens > 0))
    tuning = np.sort(np.random.default_rng(settings.seed).permutation(answerable)[:VALIDATION_USERS])
    past = inputs.history
    described = settings.model_dump_json(exclude={"device"})
    return Training(
        settings=settings,
        device=device,
        task=task,
        history=history,
        examples=examples,
        ratings=rating_examples(history, inputs.ratings, settings),
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
