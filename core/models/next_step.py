"""Whatever says what a user's next step is, and what it knows of the user."""

from dataclasses import dataclass
from typing import Protocol

import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class State:
    """What is known of N users after their steps so far.

    Attributes:
        hidden: (N, W), what the order of the steps left behind; None for a rule without. counts: (N, H, C), decayed
            counts of own steps. last: (N, C), content of the last step, zero without one.
        user: (N, C), what the user vector adds; None without.
    """

    hidden: Tensor | None
    counts: Tensor
    last: Tensor
    user: Tensor | None = None

    def take(self, rows: Tensor) -> "State":
        """The states of some rows, possibly repeated."""
        parts = (self.hidden, self.counts, self.last, self.user)
        return State(*(None if part is None else part[rows] for part in parts))

    def __len__(self) -> int:
        return len(self.counts)


class NextStep(Protocol):
    """Whatever says what comes next: the model and the rules that it has to beat."""

    def states(self, contents: Tensor, known: Tensor) -> State:
        """The states after the first `known` (B, P) steps of B users, N = B P of them in that order.

        Args:
            contents: (B, T, C) share of each category in each step; rows of zeros are padding at the end.
        """

    def log_probabilities(self, state: State) -> Tensor:
        """Of the next step, (N, C)."""

    def advance(self, state: State, step: Tensor) -> State:
        """The state after one more step (N,) that is wholly of one category."""


def last_contents(contents: Tensor, known: Tensor) -> Tensor:
    """Content of the last of the first `known` (B, P) steps, zero where there is none, (B, T, C) -> (B, P, C)."""
    return F.pad(contents, (0, 0, 1, 0)).take_along_dim(known[:, :, None], dim=1)
