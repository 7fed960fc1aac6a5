"""Further questions to the same vectors: how a user rates an item, reacts to being shown it, and whether the user buys soon."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.schema.settings import LONGEST_LIST


class RatingHead(nn.Module):
    """Expected rating of items by users, from [U; P; U * P], in standard deviations from the data's mean."""

    def __init__(self, width: int):
        super().__init__()
        self.hidden = nn.Linear(3 * width, width)
        self.out = nn.Linear(width, 1)

    def forward(self, users: Tensor, products: Tensor) -> Tensor:
        """(R, D), (R, D) -> (R,)."""
        joint = torch.cat([users, products, users * products], dim=1)
        return self.out(F.gelu(self.hidden(joint))).squeeze(1)


class ReactionHead(nn.Module):
    """Logit of a click on, or purchase of, an item that a list shows to a user, from [U; P; U * P].

    What stands higher is clicked more whatever it is, so the place in the list adds to the logit while training and is left
    out when asked (Zhao et al., Recommending what video to watch next, RecSys 2019; with a factor in place of the
    summand: Guo et al., PAL, RecSys 2019). It begins at the log odds that the data have there, so that the rest learns
    what the place does not explain, and not first of all that most of what is shown is not clicked.
    """

    def __init__(self, width: int):
        super().__init__()
        self.hidden = nn.Linear(3 * width, width)
        self.out = nn.Linear(width, 1)
        self.place = nn.Parameter(torch.zeros(LONGEST_LIST))

    def forward(self, users: Tensor, products: Tensor, ranks: Tensor | None = None) -> Tensor:
        """(R, D), (R, D), int64 (R,) from 1 -> (R,)."""
        joint = torch.cat([users, products, users * products], dim=1)
        logits = self.out(F.gelu(self.hidden(joint))).squeeze(1)
        return logits if ranks is None else logits + self.place[ranks.clamp(1, len(self.place)) - 1]


class IntentHead(nn.Module):
    """Logit of a purchase within the next days, from what the attention knows at the moment and U."""

    def __init__(self, width: int):
        super().__init__()
        self.out = nn.Linear(2 * width, 1)

    def forward(self, states: Tensor, users: Tensor) -> Tensor:
        """(N, D), (N, D) -> (N,)."""
        return self.out(torch.cat([states, users], dim=1)).squeeze(1)
