"""The purchase-intent model as something to be explained: its calibrated probability, feature by feature."""

import numpy as np
import torch
from torch import Tensor

from core.data.behaviour import IntentRows
from core.explain.subject import Block, Subject
from core.models.intent import IntentModel

USER_VECTOR = "what and when the user bought (vector)"
PLAIN = ("bought again", "irregularity", "overdue", "active in the last")  # not logarithms


def intent_subject(model: IntentModel, rows: IntentRows, vectors: np.ndarray | None, *, days: int) -> Subject:
    """The probability that a user buys within so many days.

    Args:
        vectors: U of each row, float32 (N, V), where the model reads it.
    """
    names = model.shape.features
    blocks = [
        Block(
            name,
            torch.from_numpy(rows.features[[name]].to_numpy(np.float32, copy=True)),
            _as_known(name, rows.features[name].to_numpy(float)),
        )
        for name in names
    ]
    if model.user is not None:
        blocks.append(Block(USER_VECTOR, torch.from_numpy(vectors)))

    def probability(x: Tensor) -> Tensor:
        features, read = x[:, : len(names)], x[:, len(names) :]
        logits = model(features, read if model.user is not None else None)
        return (model.slope * logits + model.shift).sigmoid()

    return Subject(
        name=f"intent_{days}",
        title=f"probability to buy within {days} days",
        unit="probability",
        function=probability,
        users=rows.users,
        blocks=tuple(blocks),
    )


def _as_known(name: str, values: np.ndarray) -> np.ndarray:
    """Days, counts and money in place of their logarithms."""
    return values if name.startswith(PLAIN) else np.expm1(values)
