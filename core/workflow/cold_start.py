"""How well products are recommended that nobody has bought yet: some are held out of training altogether."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd
import torch

from core.data.dataset import load
from core.data.inputs import ModelInputs, Positives, without_items
from core.errors import SettingsError
from core.metrics import per_user_metrics
from core.models.history import index_history
from core.models.rank import ranked_items
from core.progress import Progress, part_of, quiet
from core.schema.documents import Measured, ModelReport
from core.schema.settings import Split, TrainSettings
from core.store.workspace import Workspace
from core.train.fit import TrainedModel, fit
from core.workflow.bench import check_seeds
from core.workflow.evaluation import estimates
from core.workflow.questions import Question, questions

HELD_OUT = 0.1  # of the catalogue
K = 10
METRIC = f"recall@{K}"
MODEL = "model"
RULES = ("category popularity", "own popularity, which a new product does not have")


def cold_start(
    workspace: Workspace,
    dataset_id: str,
    settings: TrainSettings,
    *,
    draws: int = 1,
    progress: Progress = quiet,
) -> ModelReport:
    """Recall@10 among products held out of training, for the test users who bought one of them.

    A tenth of the catalogue, drawn with the seed, is taken out of every history: the model knows of these products
    what describes them and nothing else. Each user's list ranks the held-out products against each other. Beside
    it: chance; the popularity of each product's categories (mean purchases of the other products that share them,
    which a shop knows on the first day); and the product's own popularity, which nobody knows on the first day.

    A few products may be a large part of all purchases, so much depends on whether they are drawn: a user's value is
    the mean over the draws that asked something of the user, and the notes tell the draws apart. The interval is
    over users, given the draws.

    Args:
        draws: how often products are drawn and a model is trained, with seeds one after another.

    Raises:
        NotFound: no such dataset. SettingsError: no such number of draws, or nobody bought any of the held-out products
            in the test window.
    """
    check_seeds(draws)
    dataset = load(workspace, dataset_id)
    asked = questions(workspace, dataset, settings)
    found = [
        _draw(
            asked,
            settings.model_copy(update={"seed": settings.seed + draw}),
            part_of(progress, draw / draws, (draw + 1) / draws),
        )
        for draw in range(draws)
    ]
    measured = {name: _measured([one[name] for one in found]) for name in (MODEL, *RULES)}
    n_items = asked["test"].inputs.n_items
    held = int(_held_out(n_items, settings.seed).sum())
    chance = Measured(value=min(1.0, K / held), n=measured[MODEL].n)
    baselines = {"chance": {METRIC: chance}} | {name: {METRIC: measured[name]} for name in RULES}
    notes = [f"{held:,} of {n_items:,} products were held out of training and ranked against each other."]
    if draws > 1:
        notes += [
            f"By draw, {name}: {', '.join(f'{one[name].mean():.4f}' for one in found)}."
            for name in (MODEL, *RULES)
        ]
    return ModelReport(metrics={METRIC: measured[MODEL]}, baselines=baselines, notes=notes)


def _draw(
    asked: Mapping[Split, Question], settings: TrainSettings, progress: Progress
) -> dict[str, pd.Series]:
    """One draw of held-out products: Recall@10 by user code, of a model trained without them and of each rule."""
    inputs, wanted, tuning = asked["test"].inputs, asked["test"].positives, asked["validation"]
    held = _held_out(inputs.n_items, settings.seed)
    answers = only_items(wanted, held)
    users = np.flatnonzero(np.diff(answers.offsets))
    if not len(users):
        raise SettingsError("Nobody bought any of the held-out products in the test window.")
    trained = fit(
        without_items(tuning.inputs, held), only_items(tuning.positives, ~held), settings, progress=progress
    )
    lists = (
        _model_lists(trained, without_items(inputs, held), users, held),
        _by_score(_category_popularity(inputs, held), held, users),
        _by_score(_counts(inputs), held, users),
    )
    return {
        name: _recall(ranked, answers, users) for name, ranked in zip((MODEL, *RULES), lists, strict=True)
    }


def as_text(report: ModelReport) -> str:
    """The report of `cold_start` for people."""
    rows = {"this model": report.metrics} | report.baselines
    lines = [f"{METRIC}, {' '.join(report.notes)}", ""]
    for name, found in rows.items():
        value = found[METRIC]
        interval = "" if value.low is None else f" [{value.low:.4f}, {value.high:.4f}]"
        lines.append(f"{name:<50} {value.value:.4f}{interval}, n={value.n:,}")
    return "\n".join(lines)


def only_items(positives: Positives, wanted: np.ndarray) -> Positives:
    """Only the answers that are wanted, bool (n_items,)."""
    kept = wanted[positives.items]
    before = np.append(0, np.cumsum(kept))
    return Positives(before[positives.offsets], positives.items[kept])


def _held_out(n_items: int, seed: int) -> np.ndarray:
    held = np.zeros(n_items, bool)
    count = max(1, round(HELD_OUT * n_items))
    held[np.random.default_rng([seed, n_items]).permutation(n_items)[:count]] = True
    return held


def _model_lists(
    trained: TrainedModel, inputs: ModelInputs, users: np.ndarray, held: np.ndarray
) -> np.ndarray:
    """Held-out items in the model's order, int32 (n_users, K)."""
    history = index_history(inputs)
    task = replace(trained.task, exclude_seen=False)  # nobody has seen any of them
    device = torch.device(trained.device)
    return ranked_items(trained.model, history, users, k=K, task=task, device=device, among=held)


def _counts(inputs: ModelInputs) -> np.ndarray:
    return np.bincount(inputs.history.items, minlength=inputs.n_items).astype(float)


def _category_popularity(inputs: ModelInputs, held: np.ndarray) -> np.ndarray:
    """Mean over an item's attributes of the mean purchases of known items that share the attribute, (n_items,)."""
    counts, known = _counts(inputs), ~held
    means = [np.zeros(inputs.n_items)]
    for codes in inputs.content.attributes.values():
        total = np.bincount(codes[known], weights=counts[known], minlength=codes.max() + 1)
        number = np.bincount(codes[known], minlength=codes.max() + 1)
        means.append((total / np.maximum(number, 1))[codes])
    return np.mean(means, axis=0)


def _by_score(score: np.ndarray, held: np.ndarray, users: np.ndarray) -> np.ndarray:
    """The same list for everybody, (n_users, K): held-out items by a score."""
    items = np.flatnonzero(held)
    best = items[np.argsort(-score[items], kind="stable")][:K]
    ranked = np.full((users.max() + 1, K), -1, np.int32)
    ranked[:, : len(best)] = best
    return ranked


def _recall(ranked: np.ndarray, answers: Positives, users: np.ndarray) -> pd.Series:
    padded = np.full((len(answers.offsets) - 1, K), -1, np.int32)
    padded[: len(ranked)] = ranked
    return per_user_metrics(padded, answers.offsets, answers.items, (K,)).loc[users, METRIC]


def _measured(draws: list[pd.Series]) -> Measured:
    """Mean over users of each user's mean over the draws that asked something of the user."""
    values = pd.concat(draws, axis=1).mean(axis=1).to_frame(METRIC)
    return Measured(**estimates(values)[METRIC], n=len(values))
