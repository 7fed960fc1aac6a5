"""What the model card says of fairness before and in training: what was done, and what a probe can still tell."""

import numpy as np
import torch

from core.data.fair_groups import SMALLEST_GROUP, FairGroups
from core.data.inputs import ModelInputs
from core.fairness.audit import mean_intervals
from core.figures.text import spoken
from core.models.history import History, index_history
from core.schema.documents import Measured, ModelReport
from core.schema.settings import Statistics, TrainSettings
from core.train.fairness.flipped import flip_change
from core.train.fairness.probe import history_vectors, probe, user_vectors
from core.train.fit import TrainedModel
from core.train.objectives import WEIGHTS

FAIRNESS = "fairness"
HISTORIES, UNCHANGED = "histories", "unchanged"
TOP = 10


def fairness_reports(
    trained: TrainedModel, inputs: ModelInputs, attributes: np.ndarray | None
) -> dict[str, ModelReport]:
    """The report `fairness`; none where nothing of the kind was asked for, or nothing was learnt.

    Args:
        inputs: the history that the probe sees users with. attributes: what decorrelated inputs were made of.
    """
    settings, groups = trained.settings, inputs.groups
    asked = groups is not None or settings.item_weights != "none"
    if not asked or not trained.history:
        return {}
    notes = _done(settings)
    if groups is None or groups.users is None:
        return {FAIRNESS: ModelReport(metrics={}, notes=notes)}
    history = index_history(inputs)
    users = _probed(groups, history)
    notes += _told(groups, len(users))
    if not len(users):
        return {FAIRNESS: ModelReport(metrics={}, notes=notes)}
    codes = groups.users[users]
    shown = dict(zip(("probe_user", "probe_state"), _vectors(trained, history, users), strict=True))
    taken = history_vectors(history, users, width=trained.model.shape.width, seed=settings.seed)
    metrics = {name: _auc(vectors, codes, settings) for name, vectors in shown.items()}
    histories = _auc(taken, codes, settings)
    baselines = {HISTORIES: dict.fromkeys(metrics, histories)}
    if inputs.user_features is not None:
        metrics["probe_inputs"] = _auc(inputs.user_features[users], codes, settings)
        baselines[UNCHANGED] = {"probe_inputs": _auc(attributes[users], codes, settings)}
        notes.append(
            "Of user attributes that are uncorrelated with the group over all users, the rest leans the other way "
            "whenever some are held out: an AUC below 0.5 is then nothing to read either."
        )
    names = list(inputs.user_attributes)
    if groups.attribute in names:
        metrics["flip_change"] = _flipped(trained, history, users, groups, names.index(groups.attribute))
    return {FAIRNESS: ModelReport(metrics=metrics, baselines=baselines, notes=notes)}


def _probed(groups: FairGroups, history: History) -> np.ndarray:
    """Users of groups that are large enough among those with a history; nobody where fewer than two are."""
    codes = np.where(history.tokens > 0, groups.users, 0)
    sizes = np.bincount(codes)
    large = np.flatnonzero(sizes >= SMALLEST_GROUP)
    large = large[large > 0]
    return np.flatnonzero(np.isin(codes, large)) if len(large) > 1 else np.zeros(0, np.int64)


def _vectors(trained: TrainedModel, history: History, users: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    device = torch.device(trained.device)
    return user_vectors(trained.model, history, users, task=trained.task, device=device)


def _auc(vectors: np.ndarray, codes: np.ndarray, settings: TrainSettings) -> Measured:
    found = probe(vectors, codes, seed=settings.seed)
    return Measured(value=found.auc, low=found.low, high=found.high, n=len(codes))


def _flipped(
    trained: TrainedModel, history: History, users: np.ndarray, groups: FairGroups, column: int
) -> Measured:
    changed = flip_change(
        trained.model,
        history,
        users,
        groups=groups,
        column=column,
        task=trained.task,
        device=torch.device(trained.device),
        k=TOP,
        seed=trained.settings.seed,
    )
    found = mean_intervals(changed[:, None], Statistics()).within(0, 1)
    value, low, high = (float(getattr(found, name)[0, 0]) for name in ("value", "low", "high"))
    return Measured(value=value, low=low, high=high, n=len(users))


def _done(settings: TrainSettings) -> list[str]:
    """What was done, before and in training."""
    before = [
        f"{spoken(name)} {getattr(settings, name)}".replace("_", " ")
        for name in ("user_weights", "item_weights")
        if getattr(settings, name) != "none"
    ]
    if settings.decorrelate:
        before.append("user attributes without what is linear in protected ones")
    if settings.counterfactual:
        before.append(f"{settings.counterfactual:.0%} of users read with another group's attribute")
    objectives = {weight: name for name, weight in WEIGHTS.items()}
    within = [f"{objectives[name]} {getattr(settings, name):g}" for name in settings.fairness_in_training]
    notes = [
        f"Before training: {'; '.join(before)}." if before else "Nothing was done before training.",
        f"In training, with weights: {', '.join(within)}."
        if within
        else "No fairness objective in training.",
    ]
    if within:
        notes.append(
            "There is no second ranking, and popularity does not follow what was bought lately: both go by accuracy "
            "alone and would undo this. Which epoch is kept was decided by accuracy."
        )
    return notes


def _told(groups: FairGroups, probed: int) -> list[str]:
    """Whom groups and probe speak of."""
    there = len(np.unique(groups.users[groups.users > 0]))
    smaller = f"; {groups.small} smaller groups count in none" if groups.small else ""
    notes = [
        f"Groups by {spoken(groups.attribute)}: {there}, with {np.count_nonzero(groups.users):,} of "
        f"{len(groups.users):,} users{smaller}."
    ]
    if not probed:
        return [*notes, f"No probe: fewer than two groups have {SMALLEST_GROUP} users with a history."]
    return [
        *notes,
        "The probe is a logistic regression trained afresh on frozen vectors of "
        f"{probed:,} users, each judged by a fit without it; with several groups the mean of each against the rest. "
        "0.5 means that it can tell nothing; probes that are not linear may tell more. For the value before an "
        "intervention train with fair attribute set and nothing else.",
    ]
