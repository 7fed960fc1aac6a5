"""Training of the purchase-intent model and of the logistic regressions beside it, all calibrated on validation."""

import math
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from core.data.behaviour import IntentRows
from core.errors import TrainingError
from core.models.intent import IntentModel, IntentShape
from core.progress import Progress, quiet
from core.train.choosing import clearly_better
from core.train.ridge import fit_ridge
from core.train.step_batches import Vectors

HIDDEN, DROPOUT = 32, 0.1
EPOCHS, RATE, WEIGHT_DECAY, WARM_UP = 8, 4e-3, 1e-2, 0.2
STEPS, SMALLEST_BATCH, LARGEST_BATCH = 100, 64, 1024  # per epoch, unless batches would be smaller or larger
STRENGTHS = (0.01, 0.1, 1.0)  # inverse penalties of the regressions; validation chooses
PENALTIES = (1e-3, 1e-2, 1e-1)  # of the user term, per row; validation chooses, or leaves the term out
RIDGE_ITERATIONS = 50
MOST_WITH_VECTORS = 12_000  # training rows whose user vectors are asked for
UNPENALISED = 1e6


def fit_regression(training: IntentRows, validation: IntentRows, *, features: Sequence[str]) -> IntentModel:
    """Calibrated logistic regression on some of the features."""
    model = IntentModel(IntentShape(tuple(features), hidden=0, dropout=0.0))
    known = _known(model, training)
    model.mean.copy_(known.mean(dim=0))
    model.scale.copy_(known.std(dim=0, correction=0).clamp(min=1e-3))
    x = ((known - model.mean) / model.scale).numpy()
    best = math.inf
    kept = model.state_dict()
    for strength in STRENGTHS:
        found = LogisticRegression(C=strength, max_iter=500).fit(x, training.bought)
        with torch.no_grad():
            model.linear.weight.copy_(torch.from_numpy(found.coef_))
            model.linear.bias.copy_(torch.from_numpy(found.intercept_))
        loss = float(_losses(model, validation).sum())
        if loss < best:
            best, kept = loss, {name: tensor.clone() for name, tensor in model.state_dict().items()}
    model.load_state_dict(kept)
    return calibrate(model, validation)


def fit_intent(
    start: IntentModel,
    training: IntentRows,
    validation: IntentRows,
    *,
    seed: int,
    vectors: Vectors | None = None,
    progress: Progress = quiet,
) -> IntentModel:
    """The network from a logistic regression onwards, on the same features; of the epochs, validation chooses.

    The network stays only if validation is clearly better than with the regression, and so do user vectors, where
    given, which are added at last.

    Raises:
        TrainingError: the loss is no longer finite.
    """
    torch.manual_seed(seed)
    model = IntentModel(IntentShape(start.shape.features, HIDDEN, DROPOUT))
    model.load_state_dict(start.state_dict(), strict=False)
    _train(model, training, validation, np.random.default_rng(seed), progress)
    if vectors is None:
        return calibrate(model, validation)
    later = torch.from_numpy(vectors(validation.users, validation.times))
    model = _with_vectors(model, training, validation, vectors, later, np.random.default_rng(seed))
    return calibrate(model, validation, None if model.user is None else later)


def _train(
    model: IntentModel,
    training: IntentRows,
    validation: IntentRows,
    rng: np.random.Generator,
    progress: Progress,
) -> None:
    x, y = _known(model, training), torch.tensor(training.bought, dtype=torch.float32)
    size = int(np.clip(len(x) // STEPS, SMALLEST_BATCH, LARGEST_BATCH))
    starts = range(0, len(x), size)
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, RATE, total_steps=EPOCHS * len(starts), pct_start=WARM_UP
    )
    start, simple = _copy(model), _losses(model, validation)
    best, kept = np.full(len(simple), math.inf), start
    for epoch in range(EPOCHS):
        progress("Learning intent", epoch / EPOCHS, f"epoch {epoch + 1} of {EPOCHS}")
        model.train()
        order = torch.from_numpy(rng.permutation(len(x)))
        for first in starts:
            here = order[first : first + size]
            loss = F.binary_cross_entropy_with_logits(model(x[here]), y[here])
            optimizer.zero_grad()
            loss.backward()
            if not math.isfinite(loss.item()):
                raise TrainingError("Training of the intent model diverged: the loss is no longer finite.")
            optimizer.step()
            schedule.step()
        values = _losses(model, validation)
        if values.sum() < best.sum():
            best, kept = values, _copy(model)
    model.load_state_dict(kept if clearly_better(simple - best, validation.users) else start)


def _with_vectors(
    model: IntentModel,
    training: IntentRows,
    validation: IntentRows,
    vectors: Vectors,
    later: Tensor,
    rng: np.random.Generator,
) -> IntentModel:
    """The model with a user term, or as it was where the term does not help on validation."""
    some = np.sort(rng.permutation(len(training.users))[:MOST_WITH_VECTORS])
    asked = torch.from_numpy(vectors(training.users[some], training.times[some]))
    longer = IntentModel(IntentShape(model.shape.features, HIDDEN, DROPOUT, user_width=asked.shape[1]))
    longer.load_state_dict(model.state_dict(), strict=False)
    longer.user.standardise(asked)
    with torch.no_grad():
        logits = model.eval()(_known(model, training)[some])
    happened = torch.tensor(training.bought[some], dtype=torch.float32)
    without = _losses(model, validation)
    best, kept = np.full(len(without), math.inf), _copy(longer)
    for penalty in PENALTIES:
        fit_ridge(
            longer.user.linear.weight,
            lambda: F.binary_cross_entropy_with_logits(logits + longer.user(asked).squeeze(-1), happened),
            penalty=penalty,
            iterations=RIDGE_ITERATIONS,
        )
        values = _losses(longer, validation, later)
        if values.sum() < best.sum():
            best, kept = values, _copy(longer)
    if not clearly_better(without - best, validation.users):
        return model
    longer.load_state_dict(kept)
    return longer


def calibrate(model: IntentModel, validation: IntentRows, vectors: Tensor | None = None) -> IntentModel:
    """Platt scaling: slope and shift of the logits that fit the validation rows (Platt, 1999)."""
    logits = _logits(model, validation, vectors)
    scaled = LogisticRegression(C=UNPENALISED).fit(logits.numpy()[:, None], validation.bought)
    model.slope.fill_(float(scaled.coef_[0, 0]))
    model.shift.fill_(float(scaled.intercept_[0]))
    return model.eval()


def probabilities(model: IntentModel, rows: IntentRows, vectors: Vectors | None = None) -> np.ndarray:
    """Calibrated probability that each row's user buys, float64 (N,); asks for vectors only if the model uses them."""
    asked = None
    if model.user is not None and vectors is not None:
        asked = torch.from_numpy(vectors(rows.users, rows.times))
    return model.probabilities(_known(model, rows), asked).double().numpy()


def _known(model: IntentModel, rows: IntentRows) -> Tensor:
    return torch.from_numpy(rows.features[list(model.shape.features)].to_numpy(np.float32, copy=True))


@torch.inference_mode()
def _logits(model: IntentModel, rows: IntentRows, vectors: Tensor | None = None) -> Tensor:
    return model.eval()(_known(model, rows), vectors).double()


def _losses(model: IntentModel, rows: IntentRows, vectors: Tensor | None = None) -> np.ndarray:
    """Log loss of each row, nats, float64 (N,)."""
    happened = torch.tensor(rows.bought, dtype=torch.float64)
    logits = _logits(model, rows, vectors)
    return F.binary_cross_entropy_with_logits(logits, happened, reduction="none").numpy()


def _copy(model: IntentModel) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}
