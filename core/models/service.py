"""The service-quality model: Q = h(U, P, R), as quantiles that cannot cross and a mean."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class ServiceShape:
    """All that is needed to build the module again.

    Attributes:
        vectors: size of U and of P; 0: the model reads the order's context alone.
        numbers: numeric columns of the context. sizes: codes of each category of the context.
    """

    vectors: int
    numbers: int
    sizes: tuple[int, ...]
    width: int = 64
    dropout: float = 0.2


class ServiceBatch(NamedTuple):
    """B orders: U (B, D), P (B, D), R (B,); context numbers (B, F) and codes (B, C)."""

    users: Tensor
    products: Tensor
    scores: Tensor
    numbers: Tensor
    codes: Tensor


class Read(NamedTuple):
    """B orders as numbers: context (B, F), each embedded category (B, d), U and P (B, D), R and whether there is one (B, 2)."""

    numbers: Tensor
    categories: list[Tensor]
    users: Tensor
    products: Tensor
    scores: Tensor


class Quality(NamedTuple):
    """Standardised answers, (B,) each; low <= median <= high whatever the weights."""

    low: Tensor
    median: Tensor
    high: Tensor
    mean: Tensor


class ServiceModel(nn.Module):
    """Quantiles and mean of an outcome from [U; P; U*P; R] and the order's context.

    Taken literally, h of [U; P; R] would add what the user and what the product say; U*P lets them meet. Both ends
    are the median plus or minus a softplus, so that quantiles never cross.
    """

    def __init__(self, shape: ServiceShape):
        super().__init__()
        self.shape = shape
        width = shape.width
        self.categories = nn.ModuleList(
            nn.Embedding(size, min(16, 2 + size // 4), padding_idx=0) for size in shape.sizes
        )
        embedded = sum(embedding.embedding_dim for embedding in self.categories)
        self.pair = nn.Linear(3 * shape.vectors + 2, width // 2) if shape.vectors else None
        entering = shape.numbers + embedded + (width // 2 if shape.vectors else 0)
        self.body = nn.Sequential(
            nn.Linear(entering, width),
            nn.SiLU(),
            nn.Dropout(shape.dropout),
            nn.Linear(width, width),
            nn.SiLU(),
            nn.Dropout(shape.dropout),
        )
        self.direct = nn.Linear(entering, 4)
        self.head = nn.Linear(width, 4)
        nn.init.zeros_(self.head.weight)
        for embedding in self.categories:
            nn.init.normal_(embedding.weight, std=0.1)

    def forward(self, batch: ServiceBatch) -> Quality:
        """The answers for B orders."""
        return self.answer(self.read(batch))

    def read(self, batch: ServiceBatch) -> Read:
        """What the network works with, as numbers alone; vectors get the length of a standard normal one."""
        embedded = [embed(batch.codes[:, place]) for place, embed in enumerate(self.categories)]
        users, products = (_of_unit_variance(vectors) for vectors in (batch.users, batch.products))
        told = torch.stack([batch.scores / 10, (batch.scores != 0).float()], dim=1)
        return Read(batch.numbers, embedded, users, products, told)

    def answer(self, read: Read) -> Quality:
        """The answers from what was read."""
        parts = [read.numbers, *read.categories]
        if self.pair is not None:
            pairs = torch.cat([read.users, read.products, read.users * read.products, read.scores], dim=1)
            parts.append(F.dropout(F.silu(self.pair(pairs)), self.shape.dropout, self.training))
        entering = torch.cat(parts, dim=1)  # (B, F + C * d + W / 2)
        median, below, above, mean = (self.head(self.body(entering)) + self.direct(entering)).unbind(dim=1)
        return Quality(median - F.softplus(below), median, median + F.softplus(above), mean)


def _of_unit_variance(vectors: Tensor) -> Tensor:
    """Vectors of mean square 1; zeros (no history, not in the catalogue) stay zeros."""
    return F.normalize(vectors, dim=1) * vectors.shape[1] ** 0.5
