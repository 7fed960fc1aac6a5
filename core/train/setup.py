"""What one training run works with: examples, model, optimizer, and who tunes it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from core.data.fair_groups import FairGroups
from core.data.inputs import ModelInputs, Positives
from core.data.reactions import Dismissed
from core.errors import TrainingError
from core.models.batch import Batch
from core.models.history import History, index_history
from core.models.recommender import AttentionRecommender, shape_of
from core.models.scoring import past_of
from core.models.task import Task, resolve_task
from core.schema.documents import Epoch
from core.schema.settings import NARROW, WIDE, TrainSettings
from core.train.checkpoint import fingerprint
from core.train.device import Device
from core.train.examples import Examples, examples_of
from core.train.fairness.objectives import Fairness
from core.train.objectives import RatingExamples, rating_examples
from core.train.reactions import ReactionExamples, reaction_examples

# Interactions an item from which vectors are wide: with 13 (Beauty) wide ones learn by heart, with 290 (MovieLens-1M)
# they win. Where a window is predicted narrow ones are as good, and half the time.
WIDE_FROM = 30
WINDOW_EPOCHS, NEXT_EPOCHS = 3, 16  # a window's moments are drawn anew and many: few passes do
BASKETS_PER_STEP = 4_000  # about so many that one step reads, within these numbers of users
SMALLEST_BATCH, LARGEST_BATCH = 16, 64
VALIDATION_USERS = 5_000  # at most, for early stopping; drawn with the seed
SCALE_USERS = 256  # whose repeat features set the scale
GRADIENT_NORM = 1.0  # to which gradients are cut, in both stages
REPEAT_RATE = 5.0  # learning rate of the repeat term and of places in lists, relative to the rest: few weights, many examples
# Peak learning rate of a training that starts from weights, relative to one that starts anew. The lower, the less of what was
# learnt is undone, and the less is learnt of what is new, such as reactions: a fifth costs neither much (docs/models.md).
WARM_RATE = 0.2
KEPT = ("width", "layers", "heads")  # settings that the weights to start from fix

AfterEpoch = Callable[[Sequence[Epoch]], None]


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
    peak_rate: float
    timed: bool = True
    demand: Tensor | None = None
    reactions: ReactionExamples | None = None
    dismissed: Dismissed | None = None
    fairness: Fairness | None = None
    best: dict[str, Tensor] = field(default_factory=dict)
    after_epoch: AfterEpoch = lambda epochs: None

    def rng(self, *key: int) -> np.random.Generator:
        """The generator of one place in the run: no state to keep between steps."""
        return np.random.default_rng([self.settings.seed, *key])

    @property
    def steps(self) -> int:
        """Optimizer steps of one epoch."""
        return -(-len(self.examples.users) // self.settings.batch_size)


def set_up(
    inputs: ModelInputs,
    validation: Positives,
    settings: TrainSettings,
    device: Device,
    *,
    start: AttentionRecommender | None = None,
) -> Training:
    """Everything in its first state; all randomness follows from the seed.

    Nobody may have come twice: then there is nothing to draw examples from, and the model knows popularity alone.

    Args:
        start: a model of these inputs whose weights to begin with; see `fit`.

    Raises:
        TrainingError: the settings ask for another shape than that of `start`.
    """
    history = index_history(inputs)
    task = resolve_task(history, settings)
    start = None if start is None or start.knows_popularity_alone else start
    settings = settled(settings if start is None else _fitting(settings, start), task, history)
    repeat_term = settings.repeat_term and not task.exclude_seen
    torch.manual_seed(settings.seed)
    shape = shape_of(inputs, settings, repeat_term=repeat_term)
    model = AttentionRecommender(shape if start is None else replace(shape, events=start.shape.events))
    examples = examples_of(
        history,
        task,
        settings,
        past=past_of(model, task),
        timed=inputs.timed,
        groups=inputs.groups,
        attributes=tuple(inputs.user_attributes),
    )
    log_counts, sample = history.trends.log_counts, _sample(examples, settings.seed)
    if start is None:
        model.learn_scales(inputs, log_counts, sample)
    else:
        _begin_with(model, start, inputs, log_counts, sample)
    model.to(device.torch)
    fairness = None
    if settings.fairness_in_training:
        fairness = Fairness(inputs.groups, settings, known=model.product.known).to(device.torch)
    answerable = np.flatnonzero((np.diff(validation.offsets) > 0) & (history.tokens > 0))
    tuning = np.sort(np.random.default_rng(settings.seed).permutation(answerable)[:VALIDATION_USERS])
    past, weights = inputs.history, examples.user_weights
    described = settings.model_dump_json(exclude={"device"})
    return Training(
        settings=settings,
        device=device,
        task=task,
        history=history,
        examples=examples,
        ratings=rating_examples(history, inputs.ratings, settings, user_weights=weights),
        validation=validation,
        tuning_users=tuning,
        model=model,
        optimizer=_optimizer(model, settings),
        of=fingerprint(
            described,
            *(past.offsets, past.items, past.times, validation.offsets, validation.items),
            *_of_groups(inputs.groups),
            *_of_feedback(inputs),
            *([] if start is None else [each.cpu().numpy() for each in start.state_dict().values()]),
        ),
        timed=inputs.timed,
        peak_rate=settings.learning_rate * (1.0 if start is None else WARM_RATE),
        reactions=reaction_examples(history, inputs.reactions, settings, user_weights=weights),
        dismissed=inputs.dismissed,
        fairness=fairness,
    )


def _fitting(settings: TrainSettings, start: AttentionRecommender) -> TrainSettings:
    """The settings with the size of vectors of the model to start from.

    Raises:
        TrainingError: they ask for another shape.
    """
    asked = settings.model_copy(update={"width": settings.width or start.shape.width})
    for name in KEPT:
        there, wanted = getattr(start.shape, name), getattr(asked, name)
        if there != wanted:
            raise TrainingError(
                f"The model to start from has {name} {there}, the settings ask for {wanted}. "
                f"Set {name} to {there}, or train anew."
            )
    return asked


def _begin_with(
    model: AttentionRecommender,
    start: AttentionRecommender,
    inputs: ModelInputs,
    log_counts: np.ndarray,
    sample: Batch | None,
) -> None:
    """Weights of `start` in place of random ones.

    Items that only these inputs know begin with the vector that content gave them until now, and with the bias that their
    popularity has among the items that both know.
    """
    before, here = start.product.known.cpu().numpy(), log_counts > 0
    model.learn_scales(inputs, log_counts, sample, known=before | here)
    items, bias = start.product.item.weight.cpu().clone(), start.product.bias.cpu().clone()
    added, both = torch.from_numpy(here & ~before), torch.from_numpy(here & before)
    items[added] = 0.0
    shift = (bias - model.product.bias)[both].mean() if both.any() else 0.0
    bias[added] = model.product.bias[added] + shift
    model.take_over(start, {"product.item.weight": items, "product.bias": bias})


def settled(settings: TrainSettings, task: Task, history: History) -> TrainSettings:
    """The settings with what they leave to the data filled in.

    No second stage after fairness in training: it is trained for accuracy alone, and would undo what was asked for.
    """
    window = task.predict == "window"
    epochs = settings.epochs or (WINDOW_EPOCHS if window else NEXT_EPOCHS)
    read = np.minimum(history.tokens[history.tokens > 1], settings.history_length)
    fitting = BASKETS_PER_STEP / max(float(read.mean()) if len(read) else 1.0, 1.0)
    automatic = (
        SMALLEST_BATCH
        if window
        else int(np.clip(2 ** round(np.log2(fitting)), SMALLEST_BATCH, LARGEST_BATCH))
    )
    interactions = len(history.items) / max(history.n_items, 1)
    return settings.model_copy(
        update={
            "width": settings.width or (NARROW if window or interactions < WIDE_FROM else WIDE),
            "epochs": epochs,
            "batch_size": settings.batch_size or automatic,
            "dropout": _dropout(interactions) if settings.dropout is None else settings.dropout,
            "ranking": settings.ranking and not settings.fairness_in_training,
        }
    )


def _dropout(interactions: float) -> float:
    """The fewer interactions an item has, the more a model of its width learns by heart.

    The line goes through what measured best on validation: MovieLens-1M (290 interactions an item) .1 to .15,
    Beauty (13) .3 to .5.
    """
    return float(np.clip(round(0.5 - 0.14 * np.log10(max(interactions, 1.0)), 2), 0.1, 0.5))


def _sample(examples: Examples, seed: int) -> Batch | None:
    """A batch of some users that sets scales; None where there are no examples."""
    if not len(examples.users):
        return None
    users = np.sort(np.random.default_rng(seed).permutation(examples.users)[:SCALE_USERS])
    return examples.draw(users, np.random.default_rng(seed)).batch


def _of_groups(groups: FairGroups | None) -> list[np.ndarray]:
    """What a checkpoint depends on besides the data that the model reads."""
    found = () if groups is None else (groups.users, groups.items, groups.categories)
    return [codes for codes in found if codes is not None]


def _of_feedback(inputs: ModelInputs) -> list[np.ndarray]:
    found = (inputs.reactions, inputs.dismissed)
    return [array for each in found if each is not None for array in vars(each).values()]


def _optimizer(model: AttentionRecommender, settings: TrainSettings) -> torch.optim.Optimizer:
    quick = [] if model.repeat is None else list(model.repeat.parameters())
    quick += [] if model.reaction is None else [model.reaction.place]
    ids = {id(parameter) for parameter in quick}
    rest = [parameter for parameter in model.parameters() if id(parameter) not in ids]
    groups = [{"params": rest, "scale": 1.0}, {"params": quick, "scale": REPEAT_RATE}]
    return torch.optim.AdamW(
        [group for group in groups if group["params"]],
        lr=settings.learning_rate,
        weight_decay=settings.weight_decay,
        fused=True,
    )
