"""MinDiff: the distribution of scores is the same in every group."""

import torch
from torch import Tensor, nn

from core.train.fairness.step import Step

REMEMBERED = 1024  # latest scores that those of a batch are compared with


class MinDiff(nn.Module):
    """Mean over groups of the squared maximum mean discrepancy (MMD) between a group's scores and everybody else's.

    Scores are the logarithms of the shares that the model gives to what a user took next, so that not only the mean
    quality but its whole distribution is compared. Prost et al., Toward a better trade-off between performance and
    fairness with kernel-based distribution matching, 2019: Gaussian kernel, here as wide as the scores' standard
    deviation. A batch has few users of a small group, so earlier scores are remembered; they get no gradient.
    """

    def __init__(self, groups: int):
        super().__init__()
        self.register_buffer("scores", torch.zeros(REMEMBERED))
        self.register_buffer("codes", torch.zeros(REMEMBERED, dtype=torch.int64))

    def forward(self, step: Step) -> Tensor:
        """In [0, 2]; 0 where fewer than two groups are known."""
        codes = step.moment_groups[step.asked]
        known = codes > 0
        scores, codes = step.scores[known], codes[known]
        groups = torch.cat([self.codes, codes])
        inside = groups > 0
        louder = inside.sum() / max(len(scores), 1)  # the batch stands for all of them
        everything = torch.cat([self.scores, scores.detach() + (scores - scores.detach()) * louder])
        with torch.no_grad():
            self.scores.copy_(everything[-REMEMBERED:])
            self.codes.copy_(groups[-REMEMBERED:])
        return group_mmd(everything[inside], groups[inside]) + step.answer.states.sum() * 0


def group_mmd(scores: Tensor, groups: Tensor) -> Tensor:
    """Mean over groups of MMD^2 between a group's scores (N,) and all others', V-statistic."""
    there = torch.unique(groups)
    if len(there) < 2:
        return scores.sum() * 0
    width = scores.detach().std(correction=0).clamp(min=1e-6)
    kernel = torch.exp(-((scores[:, None] - scores[None, :]) / width).square() / 2)  # (N, N)
    inside = (groups[None, :] == there[:, None]).to(kernel.dtype)  # (G, N)
    signed = inside / inside.sum(dim=1, keepdim=True) - (1 - inside) / (1 - inside).sum(dim=1, keepdim=True)
    return ((signed @ kernel) * signed).sum(dim=1).mean()
