"""What is settled about items new to a user once the model is trained, and kept only where validation says that it helps."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from scipy.optimize import minimize_scalar

from core.data.inputs import Positives
from core.models.batch import collate
from core.models.recent_demand import following, recent_demand
from core.models.scoring import moments_at_once, past_with_seen, scores_of_new
from core.train.choosing import clearly_better
from core.train.setup import Training
from core.train.validation import new_answers, validate_new

SCALES, PRECISION = (0.1, 2.0), 0.01  # between which, and to which, that of taste is sought
MOST_USERS = 1_000  # whose answers it is sought with


@dataclass(frozen=True)
class NewItems:
    """Validation NDCG@10 of items new to the user: `plain`, as trained; `followed`, with recent demand; `scaled`, with taste
    times `scale` besides. `follows` and `scales`: what of it is kept."""

    plain: float
    followed: float
    scaled: float
    scale: float
    follows: bool
    scales: bool


def settle_new_items(run: Training) -> NewItems | None:
    """Let the trained model follow recent demand, then weigh taste against popularity, each where it is clearly better.

    The weight is the likeliest: one number, as a temperature (Guo et al., ICML 2017). Taste is learnt from all of the
    history and from users whose later purchases training has seen, so it is surer of itself than it should be of what comes.

    Returns:
        None where nothing is asked in days, or nobody who tunes took anything new.
    """
    if run.task.predict != "window" or not run.timed:
        return None
    plain = validate_new(run)
    if plain.empty:
        return None
    run.model.follow_recent_demand(True)
    followed = best = validate_new(run)
    if not (follows := _better(followed, plain)):
        run.model.follow_recent_demand(False)
        best = plain
    scale = _likeliest_scale(run, new_answers(run))
    run.model.scale_taste(scale)
    scaled = validate_new(run)
    if not (scales := _better(scaled, best)):
        run.model.load_state_dict(run.best)
    means = (float(each.mean()) for each in (plain, followed, scaled))
    return NewItems(*means, scale, follows, scales)


def _better(after: pd.Series, before: pd.Series) -> bool:
    return clearly_better((after - before).to_numpy(), after.index.to_numpy())


@torch.inference_mode()
def _likeliest_scale(run: Training, answers: Positives) -> float:
    """The number to multiply taste by under which the answers that are new to their users are the likeliest."""
    model, history, device = run.model, run.history, run.device.torch
    counts = np.diff(answers.offsets)
    users = run.tuning_users[counts[run.tuning_users] > 0]
    users = np.sort(run.rng(len(users)).permutation(users)[:MOST_USERS])
    products = model.product()
    shown = following(products, recent_demand(model, history, task=run.task))
    parts, at_once = [], moments_at_once(history.n_items)
    for start in range(0, len(users), at_once):
        here = users[start : start + at_once]
        moments = history.now(here, at_last_event=run.task.predict == "next")
        batch = collate(history, moments, length=model.shape.length, past=past_with_seen(model)).to(device)
        rows = np.repeat(np.arange(len(here)), counts[here])
        items = np.concatenate(
            [answers.items[answers.offsets[user] : answers.offsets[user + 1]] for user in here]
        )
        asked = torch.from_numpy(rows).to(device), torch.from_numpy(items.astype(np.int64)).to(device)
        parts.append((model(batch, products).states, batch.seen, asked))

    def loss(scale: float) -> float:
        total = 0.0
        for states, seen, asked in parts:
            dense = scores_of_new(scale * states, shown, seen)
            total -= dense.log_softmax(dim=1)[asked].double().sum().item()
        return total

    return float(minimize_scalar(loss, bounds=SCALES, method="bounded", options={"xatol": PRECISION}).x)
