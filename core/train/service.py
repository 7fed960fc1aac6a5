"""The service-quality model of one outcome: chosen among ways to learn it, calibrated, asked, kept."""

import json
import math
from dataclasses import asdict, dataclass, fields, is_dataclass, replace

import numpy as np
import pandas as pd
from torch import Tensor

from core.data.order_context import Coding, Context, coding_of
from core.data.service import Rows
from core.data.splits import TRAIN, VALIDATION
from core.errors import CorruptArtefact, TrainingError
from core.models.bias import line_at
from core.models.representations import Representations
from core.models.service import ServiceModel, ServiceShape
from core.progress import Progress, part_of, quiet
from core.train.conformal import Calibration, calibrate, conformity_scores
from core.train.device import choose_device
from core.train.quality import Inputs, ask
from core.train.ways import Study, Way

FORMAT = 1
FEWEST_TRAINING, FEWEST_HELD_OUT = 200, 50  # rows; of validation in each half
FEWEST_LEVELS = 10  # outcomes with at most so many whole values are whole


@dataclass(frozen=True)
class Scale:
    """The spread by which outcomes are standardised, and which values they can have."""

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
        line: what the network's answers are added to, (F + 1) numbers: the intercept, then one per number of the
            context.
        way: how it learnt. tuning: the loss on the tuning rows of each way tried.
        training_rows, calibration_rows: behind the network, and behind the intervals.
    """

    model: ServiceModel
    coding: Coding
    line: list[float]
    scale: Scale
    calibration: Calibration
    way: Way
    tuning: dict[str, float]
    training_rows: int
    calibration_rows: int


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

    Tried: the unbiased training rows alone or all of them, weighted to look like these; without U, P and R; on top of a
    line through the numbers of the context. Each is compared with the best so far.

    Args:
        context, represented, labels: of each row; `labels` are the groups that intervals hold for.

    Raises:
        TrainingError: too few rows, or the loss is no longer finite. Cancelled: `progress` said so.
    """
    check_rows(rows, seed=seed)
    learnt = (rows.split == TRAIN) & rows.unbiased
    coding, scale = coding_of(context, learnt), scale_of(rows.observed[learnt])
    inputs = Inputs(*coding.arrays(context), represented)
    tuning, calibrating = (np.flatnonzero(half) for half in halves(rows, seed=seed))
    study = Study(rows, inputs, coding, scale.deviation, tuning, choose_device(device), seed)
    way, found = study.choose(part_of(progress, 0.0, 0.8))
    model, line, training_rows = study.again(way, found[way], part_of(progress, 0.8, 1.0))
    trained = TrainedService(
        model=model,
        coding=coding,
        line=line.tolist(),
        scale=scale,
        calibration=Calibration(0.0, {}),
        way=way,
        tuning={str(way): one.error for way, one in found.items()},
        training_rows=training_rows,
        calibration_rows=len(calibrating),
    )
    return replace(trained, calibration=_calibration(trained, inputs, rows, labels, calibrating))


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
    """Spread and possible values of an outcome, as the training rows show them."""
    deviation = float(observed.std())
    values = np.unique(observed)
    whole = len(values) <= FEWEST_LEVELS and bool(np.all(values == np.round(values)))
    limits = (float(values[0]), float(values[-1])) if whole else (-math.inf, math.inf)
    return Scale(deviation if deviation > 0 else 1.0, *limits, whole)


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
    seen = inputs if trained.way.represented else replace(inputs, represented=None)
    start = line_at(np.array(trained.line), inputs.numbers[places])
    answers = ask(trained.model, seen, places) * trained.scale.deviation + start[:, None]
    return Predictions(*answers.T)


def _calibration(
    trained: TrainedService, inputs: Inputs, rows: Rows, labels: pd.DataFrame, places: np.ndarray
) -> Calibration:
    answers = _answers(trained, inputs, places)
    scores = conformity_scores(rows.observed[places], answers.low, answers.high)
    return calibrate(scores, rows.weights[places], labels.iloc[places])


def dump(trained: TrainedService) -> tuple[dict[str, Tensor], str]:
    """The weights, and what rebuilds the model from them as JSON text."""
    plain = {field.name: getattr(trained, field.name) for field in fields(trained) if field.name != "model"}
    described = {name: asdict(value) if is_dataclass(value) else value for name, value in plain.items()}
    if not trained.scale.whole:
        described["scale"] |= {"lowest": None, "highest": None}  # JSON knows no infinity
    described |= {"format": FORMAT, "shape": asdict(trained.model.shape)}
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
    coding, scale = described["coding"], described["scale"]
    coding["numbers"] = {name: tuple(values) for name, values in coding["numbers"].items()}
    if not scale["whole"]:
        scale |= {"lowest": -math.inf, "highest": math.inf}
    parts = {
        "coding": Coding(**coding),
        "scale": Scale(**scale),
        "calibration": Calibration(**described["calibration"]),
        "way": Way(**described["way"]),
    }
    return TrainedService(model=model.eval(), **described | parts)
