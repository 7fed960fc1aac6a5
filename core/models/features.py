"""Features of all items on one scale."""

import torch
from torch import Tensor


def standardised(features: Tensor) -> Tensor:
    """Each of F features with mean 0 and spread F^-1/2 over the rows, (rows, F) -> (rows, F).

    What all rows share tells none of them apart, but would be in every item's vector and drown the rest: without
    this, recommenders learnt clearly slower with texts than without. At this spread, and under Adam, what is made
    of all features together moves about as fast as an embedding. All rows are there at every step, while training
    and later, so there is no running mean to keep.
    """
    spread = torch.rsqrt(features.var(dim=0, correction=0) + 1e-4)
    return (features - features.mean(dim=0)) * spread * features.shape[1] ** -0.5
