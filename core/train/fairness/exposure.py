"""Objectives on whom the model's attention goes to: groups of items, and categories within one user's attention.

Attention is the model's softmax over the catalogue: the chance that an item stands first in a list drawn by it.
"""

import math

import torch
from torch import Tensor, nn

from core.train.fairness.step import Step, at_running_mean

KEPT = 0.9  # of the running mean of attention at each step


class ExposureLoss(nn.Module):
    """KL(target, attention) over groups of items; the target of a group is its share of the known catalogue.

    Expected exposure under a stochastic ranking: Diaz et al., CIKM 2020; as a term of the loss: Oosterhuis, SIGIR
    2021, has it in general. Items in no group (Unknown) count in neither.
    """

    def __init__(self, groups: int):
        super().__init__()
        self.register_buffer("attention", torch.zeros(groups))
        self.register_buffer("steps", torch.zeros(()))

    def forward(self, step: Step) -> Tensor:
        """At least 0, in nats."""
        given = attention(step.log_shares, step.groups.items, len(self.attention)).mean(dim=0)
        with torch.no_grad():
            self.attention.mul_(KEPT).add_((1 - KEPT) * given)
            self.steps.add_(1)
        share = at_running_mean(given, self.attention / (1 - KEPT**self.steps))[1:]
        share = share / share.sum()
        target = step.groups.shares[1:]
        there = target > 0
        return (target[there] * (target[there] / share[there].clamp(min=1e-9)).log()).sum()


class DiversityLoss(nn.Module):
    """One minus the entropy of a user's attention over categories, as a share of the highest there can be."""

    def __init__(self, categories: int):
        super().__init__()
        self.categories = categories

    def forward(self, step: Step) -> Tensor:
        """In [0, 1], mean over moments; 1 where everybody's attention is on one category."""
        share = attention(step.log_shares, step.groups.categories, self.categories)
        return 1 - (-torch.xlogy(share, share.clamp(min=1e-12)).sum(dim=1)).mean() / math.log(
            max(self.categories, 2)
        )


def attention(log_shares: Tensor, codes: Tensor, groups: int) -> Tensor:
    """Share of each group of items at each moment, (M, n_items) -> (M, groups)."""
    shares = log_shares.exp()
    return shares.new_zeros(len(shares), groups).index_add(1, codes, shares)
