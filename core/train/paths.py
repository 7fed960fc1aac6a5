"""Training of the step model: over everybody's steps, then with the recommender's user vectors if they help."""

import math
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from core.data.splits import TRAIN, VALIDATION
from core.data.steps import Steps
from core.errors import TrainingError
from core.models.next_step import NextStep
from core.models.step_model import StepModel, StepShape
from core.models.step_rules import StepRule
from core.progress import Progress, quiet
from core.train.choosing import clearly_better
from core.train.ridge import fit_ridge
from core.train.step_batches import (
    MOST_USERS,
    USERS_AT_ONCE,
    Asked,
    StepVectors,
    Vectors,
    step_vectors,
    training_batches,
    training_users,
    vectors_between,
)
from core.train.step_scores import LOG_LIKELIHOOD, step_scores, tuning_users

WIDTH, DROPOUT = 64, 0.2
EPOCHS, MOST_EPOCHS, FEWEST_STEPS = 3, 60, 220  # more passes where few users make few steps
VALIDATIONS = 8  # at most, spread over the epochs
RATE, WEIGHT_DECAY, WARM_UP = 6e-3, 0.01, 0.1
OWN_RATE = (
    3.0  # learning rate of how far own counts are trusted, relative to the rest: few weights, many examples
)
GRADIENT_NORM = 1.0
PENALTIES = (1e-4, 1e-3, 1e-2)  # of the user term; validation chooses, or leaves the term out
RIDGE_ITERATIONS = 15
WITH_VECTORS, VECTORS_OF_USER = (
    8_000,
    4,
)  # training steps whose user vectors are asked for, in all and of a user


def fit_steps(
    steps: Steps,
    rules: dict[str, StepRule],
    *,
    seed: int,
    vectors: Vectors | None = None,
    progress: Progress = quiet,
) -> StepModel:
    """Train on the training steps; of the epochs looked at, validation chooses.

    Where validation is not clearly better than with the better one of the rules `own_frequency` and `markov`, the
    model says what that rule says. User vectors, where given, are added at last and stay only if clearly better.

    Raises:
        TrainingError: nobody has two training steps, or the loss is no longer finite.
    """
    rng = np.random.default_rng(seed)
    if not len(training_users(steps)):
        raise TrainingError("No user bought on two occasions before the split, so there is no path to learn.")
    torch.manual_seed(seed)
    model = StepModel(StepShape(len(steps.names), WIDTH, DROPOUT))
    tuning = tuning_users(steps, rng)
    model.shares.copy_(rules["popularity"].shares)
    found = _train(model, steps, tuning, rng, progress)
    if len(tuning):
        simple, rule = _better_rule(rules, steps, tuning)
        if not clearly_better(found - simple, tuning):
            model.say_only(rule)
    if vectors is not None and len(tuning):
        model = _with_vectors(model, steps, vectors, tuning, rng)
    return model.eval()


def _better_rule(rules: dict[str, StepRule], steps: Steps, tuning: np.ndarray) -> tuple[np.ndarray, StepRule]:
    """The rule of own counts or the chain, whichever validation likes better, and its likelihoods, (U,)."""
    found = [(_likelihoods(rules[name], steps, tuning), rules[name]) for name in ("own_frequency", "markov")]
    return max(found, key=lambda pair: pair[0].sum())


def _train(
    model: StepModel, steps: Steps, tuning: np.ndarray, rng: np.random.Generator, progress: Progress
) -> np.ndarray:
    """Leave the model as it was at the epoch that validation likes best; its likelihoods, one per tuning user."""
    users = training_users(steps)
    batches = -(-min(len(users), MOST_USERS) // USERS_AT_ONCE)
    epochs = min(max(EPOCHS, -(-FEWEST_STEPS // batches)), MOST_EPOCHS)
    optimizer, schedule = _optimizer(model, epochs * batches)
    best, kept = np.full(len(tuning), -math.inf), _copy(model)
    for epoch in range(epochs):
        for done, batch in enumerate(training_batches(steps, users, rng)):
            progress("Learning paths", (epoch + done / batches) / epochs, f"epoch {epoch + 1} of {epochs}")
            _step(model.train(), optimizer, batch)
            schedule.step()
        if (epoch + 1) % -(-epochs // VALIDATIONS) == 0 or epoch + 1 == epochs:
            values = _likelihoods(model, steps, tuning)
            if values.sum() > best.sum() or not len(tuning):
                best, kept = values, _copy(model)
    model.load_state_dict(kept)
    return best


def _optimizer(model: StepModel, total: int):
    own = [model.smoothing, *model.trust.parameters()]
    rest = [parameter for parameter in model.parameters() if all(parameter is not one for one in own)]
    optimizer = torch.optim.AdamW([{"params": rest}, {"params": own}], lr=RATE, weight_decay=WEIGHT_DECAY)
    rates = [RATE, RATE * OWN_RATE]
    return optimizer, torch.optim.lr_scheduler.OneCycleLR(
        optimizer, rates, total_steps=total, pct_start=WARM_UP
    )


def _step(model: StepModel, optimizer: torch.optim.Optimizer, batch: Asked) -> None:
    logs = model.log_probabilities(model.states(batch.contents, batch.known))
    off = -(batch.answers * logs).sum(dim=1) * batch.weights.flatten()
    loss = off.sum() / batch.weights.sum()
    optimizer.zero_grad()
    loss.backward()
    norm = torch.nn.utils.clip_grad_norm_(model.parameters(), GRADIENT_NORM)
    if not (math.isfinite(loss.item()) and math.isfinite(norm.item())):
        raise TrainingError("Training of the path model diverged: the loss is no longer finite.")
    optimizer.step()


def _likelihoods(
    model: NextStep, steps: Steps, users: np.ndarray, vectors: StepVectors | None = None
) -> np.ndarray:
    """Of the validation steps of each of `users`, sorted, (U,)."""
    return step_scores(model, steps, VALIDATION, users=users, vectors=vectors)[LOG_LIKELIHOOD].to_numpy()


def _copy(model: StepModel) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def _with_vectors(
    model: StepModel, steps: Steps, vectors: Vectors, tuning: np.ndarray, rng: np.random.Generator
) -> StepModel:
    """The model with a user term, or as it was where the term does not help the tuning users."""
    asked, logits, answers = _sampled(model, steps, vectors, rng)
    later = vectors_between(vectors, steps, tuning, steps.ends(TRAIN), steps.ends(VALIDATION))
    longer = StepModel(StepShape(len(steps.names), WIDTH, DROPOUT, user_width=asked.shape[1]))
    longer.load_state_dict(model.state_dict(), strict=False)
    longer.user.standardise(asked)
    without = _likelihoods(model, steps, tuning)
    best, kept = np.full(len(tuning), -math.inf), _copy(longer)
    for penalty in PENALTIES:
        fit_ridge(
            longer.user.linear.weight,
            lambda: -(answers * (logits + longer.user(asked)).log_softmax(dim=1)).sum(dim=1).mean(),
            penalty=penalty,
            iterations=RIDGE_ITERATIONS,
        )
        values = _likelihoods(longer, steps, tuning, later)
        if values.sum() > best.sum():
            best, kept = values, _copy(longer)
    if not clearly_better(best - without, tuning):
        return model
    longer.load_state_dict(kept)
    return longer


@torch.no_grad()  # not inference mode: a gradient is taken through what comes of it
def _sampled(
    model: StepModel, steps: Steps, vectors: Vectors, rng: np.random.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """User vectors, the model's logits and the answers of some training steps: (N, V), (N, C), (N, C)."""
    users = np.sort(rng.permutation(training_users(steps))[: WITH_VECTORS // VECTORS_OF_USER])
    batches = [
        replace(batch, places=batch.places[:, :VECTORS_OF_USER], known=batch.known[:, :VECTORS_OF_USER])
        for batch in training_batches(steps, users, rng)
    ]
    logits = [model.eval()(batch.states(model)) for batch in batches]
    asked = [(batch.repeated_users, batch.places.ravel()) for batch in batches]
    who, where = (np.concatenate(part) for part in zip(*asked, strict=True))
    found = step_vectors(vectors, steps, who, where).at(who, where)
    return found, torch.cat(logits), torch.cat([batch.answers for batch in batches])
