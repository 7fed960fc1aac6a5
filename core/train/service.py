"""The service-quality model of one outcome: chosen among ways to learn it, calibrated, asked, kept."""

import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace

import numpy as np
import pandas as pd
from torch import Tensor

from core.data.order_context import Coding, Context, coding_of
from core.data.service import Rows, representative_weights
from core.data.splits import TRAIN, VALIDATION
from core.errors import CorruptArtefact, TrainingError
from core.models.representations import Representations
from core.models.service import ServiceModel, ServiceShape
from core.progress import Progress, part_of, quiet
from core.train.conformal import Calibration, calibrate, conformity_scores
from core.train.device import choose_device
from core.train.quality import Inputs, Learnt, Lesson, ask, train_again, train_network

FORMAT = 1
FEWEST_TRAINING, FEWEST_HELD_OUT = 200, 50  # rows; of validation in each half
FEWEST_LEVELS = 10  # outcomes with at most so many whole values are whole


@dataclass(frozen=True)
class Scale:
    """How outcomes are standardised, and which values they can have."""

    mean: float
    deviation: float
    lowest: float
    highest: float
    whole: bool


@dataclass(frozen=True)
class Predictions:
    """What the model says of N orders, float64 (N,) each: interval, median (least absolute error), mean (least squares)."""

    low: np.ndarray
    median: np.ndarray
    high: np.ndarray
    mean: np.ndarray

    def at(self, chosen: np.ndarray) -> "Predictions":
        """Those of a mask, or at places."""
        return Predictions(self.low[chosen], self.median[chosen], self.high[chosen], self.mean[chosen])


@dataclass(frozen=True)
class TrainedService:
    """A model that can be asked, and how it was chosen.

    Attributes:
        represented: whether it reads [U; P; U*P; R] beside the context.
        all_rows: whether it learnt from rows outside of the unbiased sample too, weighted; None where there were none.
        tuning: error on the tuning half of each way tried. calibration_rows: validation rows behind the intervals.
    """

    model: ServiceModel
    coding: Coding
    scale: Scale
    calibration: Calibration
    represented: bool
    all_rows: bool | None
    tuning: dict[str, float]
    training_rows: int
    calibration_rows: int


@dataclass(frozen=True)
class _Way:
    """One way to learn: with U, P and R or without, from which rows."""

    represented: bool
    all_rows: bool | None

    def __str__(self) -> str:
        rows = {None: "", True: ", all rows weighted", False: ", unbiased rows alone"}[self.all_rows]
        return ("U, P, R and context" if self.represented else "context alone") + rows


def fit(
    rows: Rows,
    context: Context,
    represented: Representations | None,
    labels: pd.DataFrame,
    *,
    seed: int,
    device: str = "auto",
    progress: Progress = quiet,
) -> TrainedService:
    """Choose a way to learn on one half of the validation users, learn from these too, calibrate on the other half.

    Tried: the unbiased training rows alone or all of them, weighted to look like these; then the better of the two
    without U, P and R.

    Args:
        context, represented, labels: of each row; `labels` are the groups that intervals hold for.

    Raises:
        TrainingError: too few rows, or the loss is no longer finite. Cancelled: `progress` said so.
    """
    check_rows(rows, seed=seed)
    train = rows.split == TRAIN
    learnt = train & rows.unbiased
    coding, scale = coding_of(context, learnt), scale_of(rows.observed[learnt])
    inputs = Inputs(*coding.arrays(context), represented)
    tuning, calibrating = (np.flatnonzero(half) for half in halves(rows, seed=seed))
    where = choose_device(device)
    options = {"seed": seed, "device": where}

    def learn(way: _Way, place: int) -> Learnt:
        lesson, part = (
            _lesson(rows, inputs, scale, way, tuning),
            part_of(progress, place / 4, (place + 1) / 4),
        )
        return train_network(lesson, _shape(lesson.inputs, coding), **options, progress=part)

    found = _tried(learn, represented=represented is not None, biased=bool((train & ~learnt).any()))
    best = min(found, key=lambda way: found[way].error)
    lesson, last = _lesson(rows, inputs, scale, best, tuning), part_of(progress, 3 / 4, 1.0)
    trained = TrainedService(
        model=train_again(lesson, found[best], **options, progress=last),
        coding=coding,
        scale=scale,
        calibration=Calibration(0.0, {}),
        represented=best.represented,
        all_rows=best.all_rows,
        tuning={str(way): one.error for way, one in found.items()},
        training_rows=len(lesson.used) + len(tuning),
        calibration_rows=len(calibrating),
    )
    return replace(trained, calibration=_calibration(trained, inputs, rows, labels, calibrating))


def _tried(learn: Callable[[_Way, int], Learnt], *, represented: bool, biased: bool) -> dict[_Way, Learnt]:
    """What each way leads to; `learn` is told the way and how many came before it."""
    choices = (False, True) if biased else (None,)
    found = {}
    for all_rows in choices:
        found[_Way(represented, all_rows)] = learn(_Way(represented, all_rows), len(found))
    if represented:
        best = min(found, key=lambda way: found[way].error)
        without = replace(best, represented=False)
        found[without] = learn(without, len(found))
    return found


def _lesson(rows: Rows, inputs: Inputs, scale: Scale, way: _Way, tuning: np.ndarray) -> Lesson:
    train = rows.split == TRAIN
    weights = representative_weights(rows, train) if way.all_rows else rows.weights
    return Lesson(
        inputs=inputs if way.represented else replace(inputs, represented=None),
        target=((rows.observed - scale.mean) / scale.deviation).astype(np.float32),
        weights=np.where(train, weights, rows.weights).astype(np.float32),
        used=np.flatnonzero(train if way.all_rows else train & rows.unbiased),
        tuning=tuning,
        title=rows.outcome.title,
    )


def _shape(inputs: Inputs, coding: Coding) -> ServiceShape:
    vectors = 0 if inputs.represented is None else inputs.represented.users.shape[1]
    return ServiceShape(vectors=vectors, numbers=coding.width, sizes=tuple(coding.sizes))


def halves(rows: Rows, *, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Unbiased validation rows to tune on and to calibrate with, bool (N,) each; no user is in both."""
    held_out = (rows.split == VALIDATION) & rows.unbiased
    users = np.unique(rows.users[held_out])
    first = np.random.default_rng(seed).permutation(users)[: len(users) // 2]
    tuning = np.isin(rows.users, first)
    return held_out & tuning, held_out & ~tuning


def check_rows(rows: Rows, *, seed: int) -> None:
    """TrainingError where there are too few rows to learn from, to tune on or to calibrate with."""
    tuning, calibrating = halves(rows, seed=seed)
    train = int(((rows.split == TRAIN) & rows.unbiased).sum())
    held_out = int(min(tuning.sum(), calibrating.sum()))
    if train < FEWEST_TRAINING or held_out < FEWEST_HELD_OUT:
        raise TrainingError(
            f"Too few rows for a model of {rows.outcome.title}: {train:,} to learn from (at least {FEWEST_TRAINING}) "
            f"and {held_out:,} in each half of the validation window (at least {FEWEST_HELD_OUT})."
        )


def scale_of(observed: np.ndarray) -> Scale:
    """Centre, spread and possible values of an outcome, as the training rows show them."""
    deviation = float(observed.std())
    values = np.unique(observed)
    whole = len(values) <= FEWEST_LEVELS and bool(np.all(values == np.round(values)))
    limits = (float(values[0]), float(values[-1])) if whole else (-math.inf, math.inf)
    return Scale(float(observed.mean()), deviation if deviation > 0 else 1.0, *limits, whole)


def predict(
    trained: TrainedService, context: Context, represented: Representations | None, labels: pd.DataFrame
) -> Predictions:
    """Median, mean and calibrated interval of each order.

    Whole outcomes (stars) have whole medians and ends: an end moves inwards to the next value that can occur, which
    takes no outcome out of the interval.

    Args:
        context, labels: of N orders. represented: needed where the model reads U, P and R.
    """
    inputs = Inputs(*trained.coding.arrays(context), represented)
    answers = _answers(trained, inputs, np.arange(len(labels)))
    widening = trained.calibration.widening(labels)
    low, high = answers.low - widening, answers.high + widening
    low, high = np.minimum(low, answers.median), np.maximum(high, answers.median)
    limits = (trained.scale.lowest, trained.scale.highest)
    median = answers.median
    if trained.scale.whole:
        median = np.round(np.clip(median, *limits))
        low, high = np.ceil(low - 1e-6), np.floor(high + 1e-6)
        low, high = np.minimum(low, median), np.maximum(high, median)
    return Predictions(*(np.clip(values, *limits) for values in (low, median, high, answers.mean)))


def _answers(trained: TrainedService, inputs: Inputs, places: np.ndarray) -> Predictions:
    """Answers before calibration, in units of the outcome."""
    seen = inputs if trained.represented else replace(inputs, represented=None)
    answers = ask(trained.model, seen, places) * trained.scale.deviation + trained.scale.mean
    return Predictions(*answers.T)


def _calibration(
    trained: TrainedService, inputs: Inputs, rows: Rows, labels: pd.DataFrame, places: np.ndarray
) -> Calibration:
    answers = _answers(trained, inputs, places)
    scores = conformity_scores(rows.observed[places], answers.low, answers.high)
    return calibrate(scores, rows.weights[places], labels.iloc[places])


def dump(trained: TrainedService) -> tuple[dict[str, Tensor], str]:
    """The weights, and what rebuilds the model from them as JSON text."""
    described = {
        "format": FORMAT,
        "shape": asdict(trained.model.shape),
        "coding": asdict(trained.coding),
        "scale": {name: _finite(value) for name, value in asdict(trained.scale).items()},
        "calibration": asdict(trained.calibration),
    } | {
        name: getattr(trained, name)
        for name in ("represented", "all_rows", "tuning", "training_rows", "calibration_rows")
    }
    return trained.model.state_dict(), json.dumps(described, allow_nan=False)


def undump(tensors: dict[str, Tensor], text: str) -> TrainedService:
    """The inverse of `dump`, ready to be asked, on the CPU.

    Raises:
        CorruptArtefact: the text is of another format, or the weights do not fit it.
    """
    described = json.loads(text)
    if described.pop("format", None) != FORMAT:
        raise CorruptArtefact(f"This is no service model of format {FORMAT}. Train again to replace it.")
    shape = described.pop("shape")
    model = ServiceModel(ServiceShape(**shape | {"sizes": tuple(shape["sizes"])}))
    try:
        model.load_state_dict(tensors)
    except RuntimeError as error:
        raise CorruptArtefact(
            "The service model does not fit its description. Train again to replace it."
        ) from error
    coding, scale, calibration = (described.pop(name) for name in ("coding", "scale", "calibration"))
    coding["numbers"] = {name: tuple(values) for name, values in coding["numbers"].items()}
    if not scale["whole"]:
        scale |= {"lowest": -math.inf, "highest": math.inf}
    return TrainedService(
        model=model.eval(),
        coding=Coding(**coding),
        scale=Scale(**scale),
        calibration=Calibration(**calibration),
        **described,
    )


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
