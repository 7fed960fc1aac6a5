"""What a user's next step is: a causal model over steps."""

import math
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.models.next_step import State, last_contents
from core.models.step_rules import StepRule, chances
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


class StepModel(nn.Module):
    """Softmax over the next step c of a user:

        s_c = sum_h w_h(z) log share_h(c) + z . e_c + b_c + u_c

    z: GRU over the content of the steps so far (Cho et al., EMNLP 2014). share_h: the user's own steps with weights
    that halve every HALF_LIVES[h] steps, smoothed by everybody's shares; how much to trust each depends on z. u: a
    linear map of the user vector, where there is one. In logarithms the own shares and the sequence multiply: what
    this user takes at all, and what follows what.

    Where there is too little to learn from, the model can say what a simple rule says instead (`say_only`).
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
        self.register_buffer("chain", torch.full((shape.steps, shape.steps), 1 / shape.steps))
        self.register_buffer("chain_alone", torch.zeros((), dtype=torch.bool))
        self.register_buffer("decay", torch.tensor([2 ** (-1 / life) for life in HALF_LIVES]))
        nn.init.normal_(self.leave.weight, std=INITIAL_SPREAD)
        nn.init.zeros_(self.leave.bias)
        nn.init.zeros_(self.trust.weight)
        nn.init.constant_(self.trust.bias, 1 / kinds)

    @torch.no_grad()
    def say_only(self, rule: StepRule) -> None:
        """Forget what was learnt and say what a rule says, of own counts or a chain; a user term can still be added."""
        for part in (self.leave, self.trust):
            part.weight.zero_()
            part.bias.zero_()
        if rule.transitions is not None:
            self.chain.copy_(rule.from_each)
            self.chain_alone.fill_(True)
        else:
            self.trust.bias[-1] = 1.0  # the counts that never fade
            self.smoothing[-1] = math.log(rule.smoothing)

    @property
    def says_only_a_rule(self) -> bool:
        """Whether nothing that was learnt is left, see `say_only`."""
        return not (self.leave.weight.any() or self.trust.weight.any())

    def read(self, contents: Tensor) -> Tensor:
        """Recurrent state before each step and after the last, (B, T, C) -> (B, T + 1, W)."""
        after = self.gru(self._enter(contents))[0]
        return torch.cat([after.new_zeros(len(after), 1, self.shape.width), after], dim=1)

    def counts(self, contents: Tensor, known: Tensor) -> Tensor:
        """Decayed counts of the first `known` (B, P) steps, (B, T, C) -> (B, P, H, C)."""
        length = contents.shape[1]
        powers = self.decay[:, None] ** torch.arange(length, device=contents.device)  # (H, T)
        powers = F.pad(powers, (1, 0))  # what is not yet known counts nothing
        ago = known[:, :, None] - 1 - torch.arange(length, device=contents.device)  # (B, P, T)
        weights = powers[:, ago.clamp(min=-1) + 1].movedim(0, 2)  # (H, B, P, T) -> (B, P, H, T)
        counted = weights.flatten(1, 2) @ contents  # (B, P H, T) x (B, T, C)
        return counted.unflatten(1, weights.shape[1:3])

    def states(self, contents: Tensor, known: Tensor) -> State:
        """See NextStep; `with_users` adds what the user vectors say."""
        hidden = self.read(contents).take_along_dim(known[:, :, None], dim=1)  # (B, T + 1, W) -> (B, P, W)
        return State(
            hidden.flatten(0, 1),
            self.counts(contents, known).flatten(0, 1),
            last_contents(contents, known).flatten(0, 1),
        )

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
        if self.chain_alone:
            logits = logits + chances(state.last, self.chain, self.shares).log()
        return logits if state.user is None else logits + state.user

    def log_probabilities(self, state: State) -> Tensor:
        """See NextStep."""
        return self(state).log_softmax(dim=1)

    def advance(self, state: State, step: Tensor) -> State:
        """See NextStep."""
        one = F.one_hot(step, self.shape.steps).to(state.counts.dtype)
        hidden = self.gru(self._enter(one[:, None]), state.hidden[None].contiguous())[0][:, 0]
        counts = state.counts * self.decay[:, None] + one[:, None]
        return replace(state, hidden=hidden, counts=counts, last=one)

    def _enter(self, contents: Tensor) -> Tensor:
        return self.enter(contents) * self.shape.steps**0.5  # (B, T, C) -> (B, T, W)
