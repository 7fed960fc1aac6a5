"""Further questions to the same vectors: how a user rates an item, and whether the user buys soon."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


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


class IntentHead(nn.Module):
    """Logit of a purchase within the next days, from what the attention knows at the moment and U."""

    def __init__(self, width: int):
        super().__init__()
        self.out = nn.Linear(2 * width, 1)

    def forward(self, states: Tensor, users: Tensor) -> Tensor:
        """(N, D), (N, D) -> (N,)."""
        return self.out(torch.cat([states, users], dim=1)).squeeze(1)
