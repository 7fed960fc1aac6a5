"""Adversarial debiasing: user vectors from which an adversary cannot tell the group."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.train.fairness.step import Step

REMEMBERED = 2048  # latest vectors that the adversary learns from; older ones are of another model
MOST_MOMENTS = 2048  # of a batch
FEWEST = 100  # vectors, before which there is no adversary to speak of
RIDGE = 0.1  # penalty of its weights, inputs having a standard deviation of 1


class _Reversed(torch.autograd.Function):
    """Forward nothing happens; backward the gradient changes sign."""

    @staticmethod
    def forward(ctx, values: Tensor) -> Tensor:
        return values.view_as(values)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        return -gradient


class Adversary(nn.Module):
    """Squared error of the best linear adversary that reads the group from a user's vectors; the model gets its
    gradient reversed.

    Gradient reversal: Ganin & Lempitsky, ICML 2015; against a protected attribute: Zhang, Lemoine & Mitchell, AIES
    2018. The adversary is a ridge regression solved anew at each step on remembered vectors (closed form: Sadeghi, Yu
    & Boddeti, ICCV 2019): one trained along by gradient steps, which sees a handful of users at a time, is outrun by
    the model, and a fresh probe then finds more than before. It reads both vectors of a moment: U, which further
    models use, and the state, which scores the items. Every group counts the same.
    """

    def __init__(self, groups: int, *, width: int):
        super().__init__()
        self.groups = groups
        self.register_buffer("vectors", torch.zeros(REMEMBERED, 2 * width))
        self.register_buffer("codes", torch.zeros(REMEMBERED, dtype=torch.int64))

    def forward(self, step: Step) -> Tensor:
        """Mean over the groups in the batch; 0 while too little is remembered, or nobody's group is known."""
        vectors, codes = self._batch(step)
        known, groups = self._remembered(vectors.detach(), codes)
        if not len(codes) or len(groups) < FEWEST:
            return vectors.sum() * 0
        mean, spread = known.mean(dim=0), known.std(dim=0).clamp(min=1e-3)
        head = ridge((known - mean) / spread, groups - 1, self.groups)
        read = torch.cat([(_Reversed.apply(vectors) - mean) / spread, vectors.new_ones(len(codes), 1)], dim=1)
        error = (read @ head - F.one_hot(codes - 1, self.groups)).square().sum(dim=1)
        return (error * balanced(codes, self.groups)).sum()

    def _batch(self, step: Step) -> tuple[Tensor, Tensor]:
        """Vectors (M, 2 D) and groups of some of the batch's moments with a known group and a history."""
        known = torch.nonzero((step.moment_groups > 0) & (step.example.batch.moment_slots >= 0))[:, 0]
        drawn = torch.from_numpy(step.rng.permutation(len(known))[:MOST_MOMENTS]).to(known.device)
        chosen = known[drawn]
        vectors = torch.cat([step.answer.users[chosen], step.answer.states[chosen]], dim=1)
        return vectors.float(), step.moment_groups[chosen]

    @torch.no_grad()
    def _remembered(self, vectors: Tensor, codes: Tensor) -> tuple[Tensor, Tensor]:
        """What is remembered, the batch included."""
        everything, groups = torch.cat([self.vectors, vectors]), torch.cat([self.codes, codes])
        self.vectors.copy_(everything[-REMEMBERED:])
        self.codes.copy_(groups[-REMEMBERED:])
        inside = groups > 0
        return everything[inside], groups[inside]


def balanced(codes: Tensor, groups: int) -> Tensor:
    """Weights of rows with group codes from 1, by which each group there weighs the same; they sum to 1."""
    sizes = torch.bincount(codes, minlength=groups + 1)
    return 1 / (sizes[codes] * torch.count_nonzero(sizes))


@torch.no_grad()
def ridge(inputs: Tensor, codes: Tensor, groups: int) -> Tensor:
    """Weights (D + 1, groups), the last row being the intercept, of a ridge regression on which group a row is of.

    Args:
        inputs: (N, D), standardised. codes: (N,) from 0.
    """
    weights = balanced(codes + 1, groups)[:, None]
    wanted = F.one_hot(codes, groups).to(inputs.dtype)
    centre, level = (weights * inputs).sum(dim=0), (weights * wanted).sum(dim=0)
    apart = inputs - centre
    penalty = RIDGE * torch.eye(inputs.shape[1], device=inputs.device)
    slopes = torch.linalg.solve(apart.T @ (apart * weights) + penalty, apart.T @ ((wanted - level) * weights))
    return torch.cat([slopes, (level - centre @ slopes)[None]])
