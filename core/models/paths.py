"""What a user's next step is: a causal model over steps, and the likeliest paths that it foresees."""

from dataclasses import dataclass, replace
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.models.user_term import UserTerm

HALF_LIVES = (1.0, 4.0, 16.0, 64.0, float("inf"))  # steps, of the decayed counts of a user's own steps
FIRST_SMOOTHING = 2.0  # steps of everybody's that are added to a user's own, to begin with
INITIAL_SPREAD = 0.02


@dataclass(frozen=True)
class StepShape:
    """All that is needed to build the module again.

    `steps`: what a step can be; `user_width`: size of the user vectors, 0 to do without.
    """

    steps: int
    width: int
    dropout: float
    user_width: int = 0


@dataclass(frozen=True)
class State:
    """What is known of N users after their steps so far.

    Attributes:
        hidden: (N, W), what the order of the steps left behind. counts: (N, H, C), decayed counts of own steps.
        user: (N, C), what the user vector adds; None without.
    """

    hidden: Tensor
    counts: Tensor
    user: Tensor | None = None

    def take(self, rows: Tensor) -> "State":
        """The states of some rows, possibly repeated."""
        user = None if self.user is None else self.user[rows]
        return State(self.hidden[rows], self.counts[rows], user)


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


class StepModel(nn.Module):
    """Softmax over the next step c of a user:

        s_c = sum_h w_h(z) log share_h(c) + z . e_c + b_c + u_c

    z: GRU over the content of the steps so far (Cho et al., EMNLP 2014). share_h: the user's own steps with weights
    that halve every HALF_LIVES[h] steps, smoothed by everybody's shares; how much to trust each depends on z.
    u: a linear map of the user vector, where there is one. In logarithms the own shares and the sequence
    multiply: the first says what this user takes at all, the second what follows what.
    """

    def __init__(self, shape: StepShape):
        super().__init__()
        self.shape = shape
        kinds, width = len(HALF_LIVES), shape.width
        self.enter = nn.Linear(shape.steps, width, bias=False)
        self.gru = nn.GRU(width, width, batch_first=True)
        self.dropout = nn.Dropout(shape.dropout)
        self.leave = nn.Linear(width, shape.steps)
        self.trust = nn.Linear(width, kinds)
        self.smoothing = nn.Parameter(torch.full((kinds,), FIRST_SMOOTHING).log())
        self.user = UserTerm(shape.user_width, shape.steps) if shape.user_width else None
        self.register_buffer("shares", torch.full((shape.steps,), 1 / shape.steps))
        self.register_buffer("decay", torch.tensor([2 ** (-1 / life) for life in HALF_LIVES]))
        nn.init.normal_(self.leave.weight, std=INITIAL_SPREAD)
        nn.init.zeros_(self.leave.bias)
        nn.init.zeros_(self.trust.weight)
        nn.init.constant_(self.trust.bias, 1 / kinds)

    def read(self, contents: Tensor) -> Tensor:
        """Recurrent state before each step and after the last, (B, T, C) -> (B, T + 1, W)."""
        after = self.gru(self._enter(contents))[0]
        return torch.cat([after.new_zeros(len(after), 1, self.shape.width), after], dim=1)

    def counts(self, contents: Tensor, known: Tensor) -> Tensor:
        """Decayed counts of the first `known` (B, P) steps, (B, T, C) -> (B, P, H, C)."""
        ago = known[:, :, None] - 1 - torch.arange(contents.shape[1], device=contents.device)  # (B, P, T)
        weights = torch.where(ago[:, :, None] >= 0, self.decay[:, None] ** ago.clamp(min=0)[:, :, None], 0.0)
        counted = weights.flatten(1, 2) @ contents  # (B, P H, T) x (B, T, C)
        return counted.unflatten(1, weights.shape[1:3])

    def states(self, contents: Tensor, known: Tensor) -> State:
        """See NextStep; `with_users` adds what the user vectors say."""
        hidden = self.read(contents).take_along_dim(known[:, :, None], dim=1)  # (B, T + 1, W) -> (B, P, W)
        return State(hidden.flatten(0, 1), self.counts(contents, known).flatten(0, 1))

    def with_users(self, state: State, vectors: Tensor) -> State:
        """The same with what user vectors (N, V) add; unchanged where the model does without."""
        return state if self.user is None else replace(state, user=self.user(vectors))

    def forward(self, state: State) -> Tensor:
        """Logits of the next step, (N, C)."""
        smoothing = self.smoothing.exp()[:, None]
        own = state.counts + smoothing * self.shares  # (N, H, C)
        own = own.log() - (state.counts.sum(dim=2, keepdim=True) + smoothing).log()
        hidden = self.dropout(state.hidden)
        logits = (self.trust(hidden)[:, None] @ own).squeeze(1) + self.leave(hidden)
        return logits if state.user is None else logits + state.user

    def log_probabilities(self, state: State) -> Tensor:
        """See NextStep."""
        return self(state).log_softmax(dim=1)

    def advance(self, state: State, step: Tensor) -> State:
        """See NextStep."""
        one = F.one_hot(step, self.shape.steps).to(state.counts.dtype)
        hidden = self.gru(self._enter(one[:, None]), state.hidden[None].contiguous())[0][:, 0]
        return replace(state, hidden=hidden, counts=state.counts * self.decay[:, None] + one[:, None])

    def _enter(self, contents: Tensor) -> Tensor:
        return self.enter(contents) * self.shape.steps**0.5  # (B, T, C) -> (B, T, W)


def likeliest_paths(
    model: NextStep, state: State, *, length: int, k: int, width: int
) -> tuple[Tensor, Tensor]:
    """The k likeliest next `length` steps of each of N users by beam search, with their probabilities.

    The probabilities are exact under the model; the k paths are the likeliest among those whose beginnings are
    among the `width` likeliest of their length.

    Returns:
        paths: int64 (N, k', length). log_probabilities: (N, k'), best first; k' = min(k, beams * C).
    """
    n, before = len(state.hidden), 1
    paths = torch.empty(n, 1, 0, dtype=torch.int64, device=state.hidden.device)
    total = torch.zeros(n, 1, device=state.hidden.device)
    for left in range(length - 1, -1, -1):
        logs = model.log_probabilities(state)  # (N beams, C)
        total = (total[:, :, None] + logs.view(n, before, -1)).flatten(1)  # (N, beams C)
        total, chosen = total.topk(min(width if left else k, total.shape[1]), dim=1)
        beam, step = chosen // logs.shape[1], chosen % logs.shape[1]
        paths = torch.cat([paths.take_along_dim(beam[:, :, None], dim=1), step[:, :, None]], dim=2)
        if left:
            rows = torch.arange(n, device=beam.device)[:, None] * before + beam
            state, before = model.advance(state.take(rows.flatten()), step.flatten()), beam.shape[1]
    return paths, total


def path_log_probabilities(model: NextStep, state: State, paths: Tensor) -> Tensor:
    """How likely each of N users is to go each of the given paths, (M, length) -> (N, M).

    Beginnings that several paths share are computed once.
    """
    n = len(state.hidden)
    behind = torch.zeros(len(paths), dtype=torch.int64, device=paths.device)  # which beginning each path has
    total, before = torch.zeros(n, len(paths), device=paths.device), 1
    for depth in range(paths.shape[1]):
        logs = model.log_probabilities(state).view(n, before, -1)
        total = total + logs[:, behind, paths[:, depth]]
        if depth + 1 < paths.shape[1]:
            begun, place = paths[:, : depth + 1].unique(dim=0, return_inverse=True)
            parent = torch.empty(len(begun), dtype=torch.int64, device=paths.device)
            parent[place] = behind
            rows = torch.arange(n, device=paths.device)[:, None] * before + parent
            state = model.advance(state.take(rows.flatten()), begun[:, -1].repeat(n))
            behind, before = place, len(begun)
    return total
