"""How much of a user's group can be read from vectors: a probe that is trained afresh on what it is shown."""

from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse import csr_matrix
from sklearn.decomposition import TruncatedSVD
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from core.models.batch import collate
from core.models.history import History
from core.models.recommender import AttentionRecommender
from core.models.scoring import moments_at_once, past_of
from core.models.task import Task

FOLDS = 5
NORMAL_95 = 1.959964
ITERATIONS = 300


@dataclass(frozen=True)
class Probed:
    """AUC of the probe, .5 where it can tell nothing, with its 95 % interval over users.

    Attributes:
        influence: float64 (N,), of each user on the AUC; its variance over N is that of the AUC. Differences of two
            probes of the same users have the differences of these.
    """

    auc: float
    low: float
    high: float
    influence: np.ndarray


def probe(vectors: np.ndarray, groups: np.ndarray, *, seed: int) -> Probed:
    """Logistic regression from vectors (N, D) to groups (N,), each user judged by a fit without it.

    With several groups, the mean over groups of the AUC of each against the rest.

    Raises:
        ValueError: fewer than two groups, or one with fewer than FOLDS users.
    """
    names, codes = np.unique(groups, return_inverse=True)
    if len(names) < 2 or np.bincount(codes).min() < FOLDS:
        raise ValueError(f"a probe needs two groups of at least {FOLDS} users each")
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=ITERATIONS, class_weight="balanced"))
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    scores = cross_val_predict(model, vectors, codes, cv=folds, method="predict_proba")
    found = [auc_influence(scores[:, code], codes == code) for code in range(len(names))]
    auc = float(np.mean([value for value, _ in found]))
    influence = np.mean([each for _, each in found], axis=0)
    reach = NORMAL_95 * np.sqrt(np.mean(influence**2) / len(codes))
    return Probed(auc, max(auc - reach, 0.0), min(auc + reach, 1.0), influence)


def auc_influence(scores: np.ndarray, positive: np.ndarray) -> tuple[float, np.ndarray]:
    """AUC and each row's influence on it, (N,) with mean 0 (DeLong, DeLong & Clarke-Pearson, Biometrics 44, 1988).

    Args:
        positive: bool (N,), some of each.
    """
    above, below = np.sort(scores[positive]), np.sort(scores[~positive])
    less = np.searchsorted(below, scores, "left") + np.searchsorted(below, scores, "right")
    beaten = np.searchsorted(above, scores, "left") + np.searchsorted(above, scores, "right")
    placed = np.where(positive, less / (2 * len(below)), 1 - beaten / (2 * len(above)))
    auc = float(placed[positive].mean())
    share = np.where(positive, positive.mean(), 1 - positive.mean())
    return auc, (placed - auc) / share


@torch.inference_mode()
def user_vectors(
    model: AttentionRecommender, history: History, users: np.ndarray, *, task: Task, device: torch.device
) -> tuple[np.ndarray, np.ndarray]:
    """U and state of each user as of the end of the history, float32 (N, D) each."""
    model.eval()
    products, at_once = model.product(), moments_at_once(history.n_items)
    found = [np.zeros((len(users), model.shape.width), np.float32) for _ in range(2)]
    order = np.argsort(users, kind="stable")
    for start in range(0, len(users), at_once):
        rows = order[start : start + at_once]
        moments = history.now(users[rows], at_last_event=task.predict == "next")
        batch = collate(history, moments, length=model.shape.length, past=past_of(model, task)).to(device)
        answer = model(batch, products)
        for part, vectors in zip(found, (answer.users, answer.states), strict=True):
            part[rows] = vectors.float().cpu().numpy()
    return found[0], found[1]


def history_vectors(history: History, users: np.ndarray, *, width: int, seed: int) -> np.ndarray:
    """What users took, without any model: singular vectors of log counts scaled to length one, (N, width)."""
    shape = (history.n_users, history.n_items)
    counts = csr_matrix((np.ones(len(history.items), np.float32), (history.owners, history.items)), shape)
    counts.data = np.log1p(counts.data)
    lengths = np.sqrt(counts.multiply(counts).sum(axis=1)).A1
    rows = csr_matrix(counts.multiply(1 / np.maximum(lengths, 1e-9)[:, None]))[users]
    wide = min(width, min(rows.shape) - 1)
    return TruncatedSVD(wide, random_state=seed).fit_transform(rows)
