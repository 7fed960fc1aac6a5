"""Will a user buy soon? A small network with a linear skip, and the logistic regression it has to beat."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from core.models.user_term import UserTerm


@dataclass(frozen=True)
class IntentShape:
    """All that is needed to build the module again.

    Attributes:
        features: names of the behaviour features, in order.
        hidden: width of the layers; 0 leaves the linear part alone, which is a logistic regression.
        user_width: size of the user vectors, 0 to do without.
    """

    features: tuple[str, ...]
    hidden: int
    dropout: float
    user_width: int = 0


class IntentModel(nn.Module):
    """logit p = w . x + b + MLP(x) + v . u, then calibrated: p = sigmoid(slope logit + shift).

    x: standardised behaviour features; u: standardised user vector, where there is one. The linear skip makes the
    logistic regression a special case, from which training starts.
    """

    def __init__(self, shape: IntentShape):
        super().__init__()
        self.shape = shape
        width, hidden = len(shape.features), shape.hidden
        self.linear = nn.Linear(width, 1)
        self.deep = _layers(width, hidden, shape.dropout) if hidden else None
        self.user = UserTerm(shape.user_width, 1) if shape.user_width else None
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("scale", torch.ones(width))
        self.register_buffer("slope", torch.ones(()))
        self.register_buffer("shift", torch.zeros(()))

    @property
    def is_regression(self) -> bool:
        """Whether it says no more than a logistic regression: without layers, or with ones that add nothing."""
        return self.deep is None or not any(part.any() for part in self.deep[-1].parameters())

    def forward(self, features: Tensor, vectors: Tensor | None = None) -> Tensor:
        """Logits before calibration, (N, F) and (N, V) -> (N,)."""
        x = (features - self.mean) / self.scale
        logits = self.linear(x)
        if self.deep is not None:
            logits = logits + self.deep(x)
        if self.user is not None and vectors is not None:
            logits = logits + self.user(vectors)
        return logits.squeeze(-1)

    @torch.inference_mode()
    def probabilities(self, features: Tensor, vectors: Tensor | None = None) -> Tensor:
        """Calibrated probabilities, (N,)."""
        return (self.slope * self.eval()(features, vectors) + self.shift).sigmoid()


def _layers(width: int, hidden: int, dropout: float) -> nn.Sequential:
    """(N, F) -> (N, 1), zero at first."""
    last = nn.Linear(hidden, 1)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    return nn.Sequential(
        nn.Linear(width, hidden),
        nn.GELU(),
        nn.Dropout(dropout),
        nn.Linear(hidden, hidden),
        nn.GELU(),
        nn.Dropout(dropout),
        last,
    )
