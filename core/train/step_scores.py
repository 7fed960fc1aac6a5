"""How well next steps are foretold, and the simple rules tuned on validation."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from core.data.splits import TEST, TRAIN, VALIDATION
from core.data.steps import Steps
from core.models.next_step import NextStep
from core.models.paths import likeliest_paths
from core.models.step_model import StepModel
from core.models.step_rules import StepRule
from core.progress import Progress, part_of, quiet
from core.schema.tables import USER
from core.train.step_batches import StepVectors, asked_in, asked_when, window

TUNING_USERS, RULE_USERS = 1_000, 400  # of the validation window, at most: for the model, for the rules
SMOOTHINGS = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0)
LOG_LIKELIHOOD, HITS = "log_likelihood", (1, 3)
SCORES = [LOG_LIKELIHOOD, *(f"hit@{k}" for k in HITS)]
BEAM = 20  # beginnings that are followed
AT_ONCE = 8192


@torch.inference_mode()
def step_scores(
    model: NextStep, steps: Steps, split: int, *, users: np.ndarray, vectors: StepVectors | None = None
) -> pd.DataFrame:
    """How well the steps of a split are foretold, each from all before it; mean over the steps of each user.

    Args:
        users: with steps in that split.

    Returns:
        index: user. `log_likelihood`: sum over categories of their share times log p, nats per step; `hit@k`: share
        of the steps that hold one of the k likeliest categories.
    """
    parts = []
    for batch in asked_in(steps, split, users):
        logs = said(model).log_probabilities(batch.states(model, vectors))
        answers = batch.answers
        best = answers.gather(1, logs.topk(min(max(HITS), logs.shape[1]), dim=1).indices) > 0
        values = [(answers * logs).sum(dim=1), *(best[:, :k].any(dim=1).float() for k in HITS)]
        by_user = torch.stack(values).view(len(values), *batch.weights.shape) * batch.weights
        parts.append((batch.users, (by_user.sum(dim=2) / batch.weights.sum(dim=1)).T))
    return _per_user(parts, SCORES)


@torch.inference_mode()
def path_hits(
    model: NextStep,
    steps: Steps,
    *,
    users: np.ndarray,
    length: int,
    ks: tuple[int, ...],
    vectors: StepVectors | None = None,
) -> pd.DataFrame:
    """Whether the next `length` steps of each of `users` in the test window are among the k likeliest paths.

    Args:
        users: with at least `length` test steps.

    Returns:
        index: user; `path_hit@k` for each k, 0.0 or 1.0.
    """
    names, parts, first = [f"path_hit@{k}" for k in ks], [], steps.ends(VALIDATION)
    for batch in asked_when(steps, TEST, users):
        state = batch.states(said(model), vectors)
        paths, _ = likeliest_paths(model, state, length=length, k=max(ks), width=max(BEAM, max(ks)))
        went = torch.from_numpy(steps.main[first[batch.users, None] + np.arange(length)])
        same = (paths == went[:, None]).all(dim=2)  # (B, k)
        parts.append((batch.users, torch.stack([same[:, :k].any(dim=1) for k in ks], dim=1)))
    return _per_user(parts, names)


def said(model: NextStep) -> NextStep:
    """The model, not in training."""
    return model.eval() if isinstance(model, StepModel) else model


def _per_user(parts: list[tuple[np.ndarray, Tensor]], columns: list[str]) -> pd.DataFrame:
    """Users (b,) and their values (b, K), joined; index: user, sorted."""
    nothing = (np.zeros(0, np.int64), torch.zeros(0, len(columns)))
    users, values = zip(*parts or [nothing], strict=True)
    joined = torch.cat(values).double().numpy()
    return pd.DataFrame(
        joined, index=pd.Index(np.concatenate(users), name=USER), columns=columns
    ).sort_index()


def tuning_users(steps: Steps, rng: np.random.Generator, *, most: int = TUNING_USERS) -> np.ndarray:
    """Users with training and validation steps, at most `most`, drawn by `rng`, sorted."""
    trained = steps.ends(TRAIN)
    there = np.flatnonzero((steps.ends(VALIDATION) > trained) & (trained > steps.offsets[:-1]))
    return np.sort(rng.permutation(there)[:most])


def step_shares(steps: Steps) -> Tensor:
    """Everybody's shares of the training steps, half a step added to each, (C,)."""
    training = np.repeat(steps.split == TRAIN, np.diff(steps.content_offsets))
    counts = np.bincount(steps.content[training], steps.shares[training], minlength=len(steps.names)) + 0.5
    return torch.from_numpy(counts / counts.sum()).float()


def step_transitions(steps: Steps) -> Tensor:
    """How often everybody went from row to column within the training steps, (C, C)."""
    users = steps.users
    after = np.flatnonzero((steps.split[1:] == TRAIN) & (users[1:] == users[:-1])) + 1
    counts = torch.zeros(len(steps.names), len(steps.names))
    for start in range(0, len(after), AT_ONCE):
        here = after[start : start + AT_ONCE]
        counts += window(steps, here - 1, here)[:, 0].T @ window(steps, here, here + 1)[:, 0]
    return counts


def step_rules(steps: Steps, *, seed: int, progress: Progress = quiet) -> dict[str, StepRule]:
    """The rules to beat; how much each is smoothed is what validation likes best."""
    users = tuning_users(steps, np.random.default_rng(seed), most=RULE_USERS)
    popular = StepRule(step_shares(steps), math.inf)
    chain = replace(popular, transitions=step_transitions(steps))
    return {
        "markov": _tuned(chain, steps, users, part_of(progress, 0.0, 0.5)),
        "own_frequency": _tuned(popular, steps, users, part_of(progress, 0.5, 1.0)),
        "popularity": popular,
    }


def _tuned(rule: StepRule, steps: Steps, users: np.ndarray, progress: Progress) -> StepRule:
    tried = [replace(rule, smoothing=smoothing) for smoothing in SMOOTHINGS]
    if not len(users):
        return tried[len(tried) // 2]

    def likelihood(number: int) -> float:
        progress("Learning paths", number / len(tried), "simple rules")
        return step_scores(tried[number], steps, VALIDATION, users=users)[LOG_LIKELIHOOD].mean()

    return tried[max(range(len(tried)), key=likelihood)]
