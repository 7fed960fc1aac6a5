"""Training of the second stage on frozen vectors, kept only where validation says that it helps."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from core.errors import TrainingError
from core.models.product import Products
from core.models.recommender import NEVER, Answer, AttentionRecommender
from core.models.scoring import CANDIDATES, scores
from core.train.examples import Example
from core.train.setup import GRADIENT_NORM, Training

RANKING = 1_000_003  # marks the random numbers of the second stage
MOMENTS_PER_USER = 2  # ranked of each user of a batch
EPOCHS = 2
LEARNING_RATE = 1e-3
WEIGHT_DECAY = 0.01


def fit_ranking(
    run: Training, validate: Callable[[Training], float], told: Callable[[float, str], None]
) -> tuple[float, float]:
    """Train a second stage on the trained first one; it stays only if it is better on validation.

    Args:
        validate: validation NDCG@10 of the model as it stands.
        told: of each step, the fraction done and what is being done.

    Returns:
        validation NDCG@10 without and with the second stage.

    Raises:
        TrainingError: the loss is no longer finite.
    """
    before = validate(run)
    torch.manual_seed(run.settings.seed)
    run.model.add_ranker()
    with torch.no_grad():
        # The first stage does not change any more. Recent demand is of the end of the history, so no part of earlier moments.
        products = run.model.eval().product()
    optimizer = torch.optim.AdamW(
        run.model.ranker.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY, fused=True
    )
    best, kept = -1.0, {}
    for epoch in range(EPOCHS):
        batches = run.examples.batches(run.settings.batch_size, run.rng(RANKING, epoch))
        for step, users in enumerate(batches):
            rng = run.rng(RANKING, epoch, step)
            _step(run, optimizer, run.examples.draw(users, rng).to(run.device.torch), products, rng)
            told((epoch + step / len(batches)) / EPOCHS, f"second stage, epoch {epoch + 1} of {EPOCHS}")
        after = validate(run)
        if after > best:
            best, kept = after, {n: t.detach().clone() for n, t in run.model.ranker.state_dict().items()}
    run.model.ranker.load_state_dict(kept)
    if best <= before:
        run.model.drop_ranker()
    run.model.eval()
    return before, best


def _step(
    run: Training,
    optimizer: torch.optim.Optimizer,
    example: Example,
    products: Products,
    rng: np.random.Generator,
) -> None:
    with run.device.autocast():
        loss = ranking_loss(run.model, example, products, rng)
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(run.model.ranker.parameters(), GRADIENT_NORM)
    if not loss.isfinite():
        raise TrainingError("Training of the second stage diverged. Set ranking to off and train again.")
    optimizer.step()


def ranking_loss(
    model: AttentionRecommender, example: Example, products: Products, rng: np.random.Generator
) -> Tensor:
    """Cross-entropy of the second stage over the first stage's best and what was taken.

    Moments none of whose targets is among the candidates teach nothing and are left out; the others count by the
    weights of their users and targets. The first stage is asked as it will be, without dropout, and gets no gradient.

    Args:
        products: all items as the first stage sees them.
    """
    model.eval()
    with torch.no_grad():
        answer = model(example.batch, products)
    moments = _chosen(example, rng).to(answer.states.device)
    base, wanted = _candidates(answer, example, moments)
    items, first = base
    hit = wanted.any(dim=1)
    if not hit.any():
        return model.ranker.out.bias.sum() * 0
    model.ranker.train()
    found = model.rank_candidates(answer, example.batch, moments[hit], items[hit], first[hit])
    found = found.float().masked_fill(first[hit] == -torch.inf, NEVER)
    target = wanted[hit].float()
    target = target / target.sum(dim=1, keepdim=True)
    weights = example.targets.moment_weights[moments[hit]]
    if bool((weights == weights[0]).all()):
        return F.cross_entropy(found, target)
    return (F.cross_entropy(found, target, reduction="none") * weights).sum() / weights.sum()


def _chosen(example: Example, rng: np.random.Generator) -> Tensor:
    """Some moments with targets of each user, in order, int64 (M,)."""
    weights = example.targets.moment_weights.cpu().numpy()
    with_targets = rng.permutation(np.flatnonzero(weights > 0))
    users = example.batch.moment_rows.cpu().numpy()[with_targets]
    order = np.argsort(users, kind="stable")
    place = np.arange(len(users)) - np.searchsorted(users[order], users[order])
    return torch.from_numpy(np.sort(with_targets[order[place < MOMENTS_PER_USER]]))


def _candidates(answer: Answer, example: Example, moments: Tensor) -> tuple[tuple[Tensor, Tensor], Tensor]:
    """Items (M, C) and scores (M, C) of the first stage, and which of them are targets, bool (M, C)."""
    part = replace(answer, states=answer.states[moments], repeats=None)
    dense = scores(part, example.batch)  # (M, n_items)
    targets, batch = example.targets, example.batch
    place = torch.full((len(answer.states),), -1, device=moments.device)
    place[moments] = torch.arange(len(moments), device=moments.device)
    if batch.seen is not None:
        rows = place[batch.seen.moments]
        kept = rows >= 0
        ours = -torch.inf if answer.repeats is None else answer.repeats[kept].float()
        dense[rows[kept], batch.seen.items[kept]] = ours
    first, items = dense.topk(min(CANDIDATES, dense.shape[1]), dim=1)
    rows = place[targets.moments]
    kept = rows >= 0
    wanted = torch.zeros_like(dense, dtype=torch.bool)
    wanted[rows[kept], targets.items[kept]] = True
    return (items, first), wanted.gather(1, items) & (first > -torch.inf)
