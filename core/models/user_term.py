"""What the user vector of the recommender adds to a prediction of another model."""

import torch
from torch import Tensor, nn


class UserTerm(nn.Module):
    """A linear map of the standardised user vector, zero at first: it can be added to a model that is trained."""

    def __init__(self, user_width: int, outputs: int):
        super().__init__()
        self.linear = nn.Linear(user_width, outputs, bias=False)
        self.register_buffer("mean", torch.zeros(user_width))
        self.register_buffer("scale", torch.ones(user_width))
        nn.init.zeros_(self.linear.weight)

    def standardise(self, vectors: Tensor) -> None:
        """Take mean and spread of each coordinate from user vectors (N, V)."""
        self.mean.copy_(vectors.mean(dim=0))
        self.scale.copy_(vectors.std(dim=0, correction=0).clamp(min=1e-3))

    def forward(self, vectors: Tensor) -> Tensor:
        """(N, V) -> (N, outputs)."""
        return self.linear((vectors - self.mean) / self.scale)
