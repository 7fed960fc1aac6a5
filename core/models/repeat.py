"""What a user will take again, from how often and how lately it was taken."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.models.batch import REPEAT_FEATURES, Seen

HIDDEN = 32
SLOWEST_COUNT = REPEAT_FEATURES.index("days since taken") - 1  # the count with the longest half-life
HEAD_START = 5.0  # repeats begin e^5 times likelier than an item of average taste


class RepeatTerm(nn.Module):
    """A logit for each item that a user took before: a small network over counts, recency and item trends.

    Begins as log(decayed count) + HEAD_START, a known strong rule, and learns from there. The user's state
    shifts the hidden layer: whether this user repeats just now.
    """

    def __init__(self, width: int):
        super().__init__()
        features = len(REPEAT_FEATURES)
        self.hidden = nn.Linear(features, HIDDEN)
        self.gate = nn.Linear(width, HIDDEN, bias=False)
        self.out = nn.Linear(HIDDEN, 1)
        self.direct = nn.Linear(features, 1)
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("spread", torch.ones(features))
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)
        self.standardise(torch.zeros(0, features))

    @torch.no_grad()
    def standardise(self, features: Tensor) -> None:
        """Scale features by those of a sample (R, F), and start over from the known rule in that scale."""
        if len(features) > 1:
            self.mean.copy_(features.mean(dim=0))
            self.spread.copy_(features.std(dim=0).clamp(min=0.1))
        nn.init.zeros_(self.direct.weight)
        self.direct.weight[0, SLOWEST_COUNT] = self.spread[SLOWEST_COUNT]
        self.direct.bias.fill_(HEAD_START + self.mean[SLOWEST_COUNT].item())

    def forward(self, seen: Seen, states: Tensor) -> Tensor:
        """States (N, D) of the moments -> logits (R,)."""
        scaled = (seen.features - self.mean) / self.spread
        hidden = self.hidden(scaled) + self.gate(states)[seen.moments]  # (R, HIDDEN)
        return (self.out(F.gelu(hidden)) + self.direct(scaled)).squeeze(-1)
