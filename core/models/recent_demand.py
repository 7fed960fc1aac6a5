"""How much more or less users began to take of each item lately than the model expects."""

import numpy as np
import torch
from scipy.optimize import minimize_scalar
from scipy.special import gammaln
from torch import Tensor

from core.models.batch import collate
from core.models.history import History
from core.models.product import Products
from core.models.recommender import AttentionRecommender
from core.models.scoring import moments_at_once, past_of
from core.models.task import Task

HORIZONS = 2  # of the task, that "lately" is; docs/accuracy.md has others
MOST_USERS = 5_000  # that are counted, drawn
SHAPES = (1.0, 1e6)  # between which that of the prior is sought: a wider one would follow single takes


def recent_demand(model: AttentionRecommender, history: History, *, task: Task) -> Tensor:
    """What to add to the scores of items that a user has not taken yet, float32 (n_items,), on the model's device.

    Of users who were known HORIZONS x `task.horizon` before the end of the history: O_i of them took item i for the
    first time since, and the model, asked then, expects E_i = sum_u n_u p_ui, where n_u is how many items user u
    took for the first time and p_u the model's softmax over those u had not taken. With O_i ~ Poisson(E_i r_i) and
    r_i ~ Gamma(a, a),

        d_i = log E[r_i | O_i] = log((O_i + a) / (E_i + a)),

    a being that of the greatest marginal likelihood. E_i counts only from when item i was first taken by anybody, and
    is brought to the sum of O_i. At most MOST_USERS of these users are counted. So popularity follows what people begin
    to take now, and little where there is little to count. The model itself learns popularity from all of the history
    at once, which early on is about items that everybody takes sooner or later.

    Source: Clayton & Kaldor, Biometrics 1987 (observed and expected deaths in districts).

    Returns:
        zeros for a model that does not follow recent demand, or where nobody took anything new.
    """
    device = model.leave.weight.device
    nothing = torch.zeros(history.n_items, device=device)
    if not model.shape.recent_demand:
        return nothing
    since = history.at - HORIZONS * task.horizon
    users, items = _first_takes(history, since)
    if not len(users):
        return nothing
    observed = np.bincount(items, minlength=history.n_items).astype(float)
    expected = _expected(model, history, users, since, task) * _share_on_offer(history, since)
    expected *= observed.sum() / expected.sum()  # what was not on offer cannot have been taken
    shape = _prior_shape(observed, expected)
    found = np.log((observed + shape) / (expected + shape))
    return torch.from_numpy(found.astype(np.float32)).to(device)


def following(products: Products, demand: Tensor) -> Products:
    """Products whose popularity is corrected by `recent_demand`."""
    return products._replace(bias=products.bias + demand)


def _first_takes(history: History, since: int) -> tuple[np.ndarray, np.ndarray]:
    """Users and items, int64 (L,), of what users known before then had not met before and took since; by user."""
    owners = history.owners
    known = history.known(np.arange(history.n_users), np.full(history.n_users, since)).lines
    known = known > history.line_offsets[:-1]
    new = history.targets & (history.first_times >= since) & known[owners]
    users, items = np.divmod(np.unique(owners[new] * history.n_items + history.items[new]), history.n_items)
    everyone = np.unique(users)
    drawn = np.random.default_rng(len(everyone)).permutation(everyone)[:MOST_USERS]
    counted = np.isin(users, drawn)
    return users[counted], items[counted]


@torch.inference_mode()
def _expected(
    model: AttentionRecommender, history: History, owners: np.ndarray, since: int, task: Task
) -> np.ndarray:
    """Takes of each item that the model lets expect of users `owners` (L,), one line per take; float64 (n_items,)."""
    model.eval()
    device = model.leave.weight.device
    users, takes = np.unique(owners, return_counts=True)
    past = past_of(model, task)
    past = (
        "items" if past == "nothing" else past
    )  # what users took has to be known here, whatever lists may hold
    products, at_once = model.product(), moments_at_once(history.n_items)
    found = torch.zeros(history.n_items, dtype=torch.float64, device=device)
    for start in range(0, len(users), at_once):
        here = users[start : start + at_once]
        moments = history.known(here, np.full(len(here), since))
        batch = collate(history, moments, length=model.shape.length, past=past).to(device)
        dense = torch.nn.functional.linear(model(batch, products).states, *products).float()
        dense[batch.seen.moments, batch.seen.items] = -torch.inf
        weights = torch.from_numpy(takes[start : start + at_once]).to(dense)
        found += weights @ dense.softmax(dim=1)
    return found.cpu().numpy()


def _share_on_offer(history: History, since: int) -> np.ndarray:
    """Share of the time since then in which an item was known to be sold, (n_items,); 0 where nobody took it yet."""
    first = np.full(history.n_items, history.at)
    np.minimum.at(first, history.items, history.times)
    return np.clip((history.at - first) / (history.at - since), 0.0, 1.0)


def _prior_shape(observed: np.ndarray, expected: np.ndarray) -> float:
    """Shape (and rate) of the gamma prior under which the counts, negative binomial then, are the likeliest."""
    there = expected > 0
    counts, means = observed[there], expected[there]

    def loss(log_shape: float) -> float:
        shape = np.exp(log_shape)
        likely = gammaln(counts + shape) - gammaln(shape) + shape * np.log(shape / (shape + means))
        return float(-(likely + counts * np.log(means / (shape + means))).sum())

    return float(np.exp(minimize_scalar(loss, bounds=np.log(SHAPES), method="bounded").x))
