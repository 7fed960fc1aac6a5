"""Training of purchase intent: better than the regression where there is more to learn, repeatable, and calibrated."""

import numpy as np
import pandas as pd
import pytest
import torch

from core.data.behaviour import IntentRows
from core.errors import TrainingError
from core.models.intent import IntentModel
from core.train import intent
from core.train.intent import fit_intent, fit_regression, probabilities


def made_rows(n: int = 6000, seed: int = 0, hidden: float = 0.0) -> IntentRows:
    """Whoever is at one end of x or the other buys: no line tells. `hidden` of a user counts besides."""
    rng = np.random.default_rng(seed)
    x, user = rng.normal(size=(n, 2)), rng.integers(0, 500, n)
    logit = 2.5 * (np.abs(x[:, 0]) - 0.8) + 0.7 * x[:, 1] + hidden * secret(user)
    features = pd.DataFrame(x.astype(np.float32), columns=["x", "line"])
    return IntentRows(user, np.arange(n), features, rng.random(n) < 1 / (1 + np.exp(-logit)))


def secret(users: np.ndarray) -> np.ndarray:
    return np.random.default_rng(5).normal(size=500)[users]


def loss(model: IntentModel, rows: IntentRows, vectors=None) -> float:
    p = np.clip(probabilities(model, rows, vectors), 1e-9, 1 - 1e-9)
    return float(-np.mean(np.where(rows.bought, np.log(p), np.log(1 - p))))


def fitted(
    vectors=None, *, n: int = 3000, seed: int = 1, hidden: float = 0.0
) -> tuple[IntentModel, IntentModel]:
    training, validation = made_rows(n, hidden=hidden), made_rows(1500, seed=1, hidden=hidden)
    start = fit_regression(training, validation, features=["x", "line"])
    return fit_intent(start, training, validation, seed=seed, vectors=vectors), start


def test_it_learns_what_no_line_can_tell_and_is_calibrated():
    model, regression = fitted()
    test = made_rows(4000, seed=2)
    assert loss(model, test) < loss(regression, test) - 0.05
    assert regression.is_regression
    assert not model.is_regression
    p = probabilities(model, test)
    for low, high in ((0.0, 0.3), (0.3, 0.7), (0.7, 1.0)):
        part = (p >= low) & (p < high)
        assert test.bought[part].mean() == pytest.approx(p[part].mean(), abs=0.05)


def test_the_same_seed_gives_the_same_weights_and_another_others():
    first, again, other = (fitted(n=600, seed=seed)[0].state_dict() for seed in (1, 1, 2))
    for name, tensor in first.items():
        torch.testing.assert_close(again[name], tensor, rtol=0, atol=0, msg=name)
    assert not torch.equal(first["deep.0.weight"], other["deep.0.weight"])


def test_where_validation_is_not_clearly_better_the_regression_stays(monkeypatch):
    monkeypatch.setattr(intent, "clearly_better", lambda gains, users: False)
    model, regression = fitted(n=600)
    test = made_rows(500, seed=2)
    np.testing.assert_allclose(probabilities(model, test), probabilities(regression, test), rtol=1e-5)
    assert model.is_regression


def test_user_vectors_stay_where_they_help():
    def telling(users: np.ndarray, times: np.ndarray) -> np.ndarray:
        return np.stack([secret(users), np.zeros(len(users))], axis=1).astype(np.float32)

    model, _ = fitted(telling, hidden=2.0)
    without, _ = fitted(hidden=2.0)
    test = made_rows(4000, seed=2, hidden=2.0)
    assert model.user is not None
    assert loss(model, test, telling) < loss(without, test) - 0.1


def test_user_vectors_that_mislead_are_left_out():
    training, validation = made_rows(1000), made_rows(700, seed=1)
    truth = dict(zip(zip(training.users, training.times, strict=True), training.bought, strict=True))

    def leaking(users: np.ndarray, times: np.ndarray) -> np.ndarray:
        """Knows the answers of training, and of validation the opposite."""
        if len(users) == len(validation.users):
            return np.where(validation.bought, -1.0, 1.0)[:, None].astype(np.float32)
        known = [truth[pair] for pair in zip(users, times, strict=True)]
        return np.where(known, 1.0, -1.0)[:, None].astype(np.float32)

    start = fit_regression(training, validation, features=["x", "line"])
    assert fit_intent(start, training, validation, seed=1, vectors=leaking).user is None


def test_a_loss_that_is_no_number_stops_training(monkeypatch):
    monkeypatch.setattr(intent, "RATE", 1e38)
    with pytest.raises(TrainingError, match="no longer finite"):
        fitted()


def test_cancelling_stops_between_epochs():
    def stop(stage: str, fraction: float, message: str = "") -> None:
        raise KeyboardInterrupt

    training, validation = made_rows(600), made_rows(300, seed=1)
    start = fit_regression(training, validation, features=["x"])
    with pytest.raises(KeyboardInterrupt):
        fit_intent(start, training, validation, seed=1, progress=stop)
