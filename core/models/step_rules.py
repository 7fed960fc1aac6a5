"""Simple rules for a user's next step, which the step model has to beat."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from core.models.next_step import State, last_contents


@dataclass(frozen=True)
class StepRule:
    """p(c) = (own(c) + smoothing shares(c)) / (own + smoothing), where own are the counts that the rule looks at.

    With `transitions` these are how often everybody went from the user's last step to c (a first-order Markov
    chain; a last step of several categories mixes theirs); without, how often the user took c before. An endless
    smoothing leaves popularity alone.

    Attributes:
        shares: (C,) everybody's shares of the steps. smoothing: how many steps of everybody's are added.
        transitions: (C, C) counts, from row to column.
    """

    shares: Tensor
    smoothing: float
    transitions: Tensor | None = None

    @property
    def from_each(self) -> Tensor:
        """Probabilities of the chain, from row to column, (C, C)."""
        return _smoothed(self.transitions, self.shares, self.smoothing)

    def states(self, contents: Tensor, known: Tensor) -> State:
        """See core.models.next_step.NextStep."""
        padded = F.pad(contents, (0, 0, 1, 0))  # (B, T + 1, C), row p is step p - 1
        so_far = padded.cumsum(dim=1).take_along_dim(known[:, :, None], dim=1)
        return State(None, so_far.flatten(0, 1)[:, None], last_contents(contents, known).flatten(0, 1))

    def log_probabilities(self, state: State) -> Tensor:
        """See core.models.next_step.NextStep."""
        if self.smoothing == float("inf"):
            return self.shares.log().expand(len(state), -1)
        if self.transitions is None:
            return _smoothed(state.counts[:, 0], self.shares, self.smoothing).log()
        return chances(state.last, self.from_each, self.shares).log()

    def advance(self, state: State, step: Tensor) -> State:
        """See core.models.next_step.NextStep."""
        one = F.one_hot(step, len(self.shares)).to(state.counts.dtype)
        return State(None, state.counts + one[:, None], one)


def chances(last: Tensor, chain: Tensor, shares: Tensor) -> Tensor:
    """Where a chain (C, C) goes from the last steps (N, C), (N, C); everybody's shares where there is none."""
    return torch.where(last.sum(dim=1, keepdim=True) > 0, last @ chain, shares)


def _smoothed(counts: Tensor, shares: Tensor, smoothing: float) -> Tensor:
    return (counts + smoothing * shares) / (counts.sum(dim=1, keepdim=True) + smoothing)
