"""The behaviour model U = f(U0, X): a denoising autoencoder over what a user did up to a moment."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.models.batch import Batch

DROPPED = 0.3  # of the baskets, while training: the corruption that the autoencoder has to undo
RECENT_DAYS = 30.0  # time constant of what counts as recent


class BehaviourAutoencoder(nn.Module):
    """A user's vector at every moment, from which all that the user took until then can be told again.

        u = W2 gelu(W1 [m; m'; log n] + sum of embeddings of the user's attributes, or a map of numbers in their place)

    m: mean of the baskets' vectors so far (frequency), m': the same weighted by exp(-age / 30 days) (recency),
    n: their number. Decoded as d = u + V gelu(W u), against the items' vectors in a softmax. Corrupting the
    input is Vincent et al., ICML 2008; as a recommender: Wu et al., Collaborative denoising auto-encoders, WSDM
    2016; multinomial likelihood: Liang et al., WWW 2018. Unlike there, every moment sees its own past alone, so
    that the vector can serve the prediction of what follows.
    """

    def __init__(self, width: int, *, attributes: dict[str, int], dropout: float, features: int = 0):
        super().__init__()
        self.attributes = nn.ModuleList(nn.Embedding(codes, 2 * width) for codes in attributes.values())
        self.enter = nn.Linear(2 * width + 1, 2 * width)
        self.encode = nn.Linear(2 * width, width)
        self.expand = nn.Linear(width, 2 * width)
        self.contract = nn.Linear(2 * width, width)
        self.features = nn.Linear(features, 2 * width, bias=False) if features else None
        self.dropout = nn.Dropout(dropout)

    def forward(self, baskets: Tensor, batch: Batch) -> Tensor:
        """Vectors of the baskets (K, D) -> of the users at each moment (N, D)."""
        seen = (batch.moment_slots >= 0)[:, None]
        place = batch.moment_slots.clamp(min=0)
        means = [self._means(baskets, weight, batch)[place] * seen for weight in self._weights(batch)]
        number = torch.log1p((batch.moment_slots % batch.length + 1).float())[:, None] * seen
        hidden = self.enter(torch.cat([*means, number.to(baskets.dtype)], dim=1))  # (N, 2 D + 1) -> (N, 2 D)
        for embedding, codes in zip(self.attributes, batch.user_attributes.T, strict=True):
            hidden = hidden + embedding(codes)[batch.moment_rows]
        if self.features is not None:
            hidden = hidden + self.features(batch.user_features)[batch.moment_rows]
        return self.encode(self.dropout(F.gelu(hidden)))

    def decode(self, users: Tensor) -> Tensor:
        """(N, D) -> (N, D): what an item's vector must resemble to be told."""
        return users + self.contract(self.dropout(F.gelu(self.expand(users))))

    def _weights(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Of each basket, (K,), in the plain mean and in that of the recent past; 0 for those dropped."""
        kept = torch.ones_like(batch.token_days)
        if self.training:
            kept = (torch.rand_like(kept) >= DROPPED).to(kept.dtype)
        return kept, kept * torch.exp(batch.token_days / RECENT_DAYS)

    def _means(self, baskets: Tensor, weights: Tensor, batch: Batch) -> Tensor:
        """Weighted mean of each user's baskets up to each place of the grid, (B * T, D); float32 inside."""
        width = baskets.shape[1]
        weighted = torch.cat([baskets.float() * weights[:, None], weights[:, None]], dim=1)
        grid = weighted.new_zeros(batch.users * batch.length, width + 1)
        grid = grid.index_copy(0, batch.token_slots, weighted).view(batch.users, batch.length, width + 1)
        sums = grid.cumsum(dim=1).flatten(0, 1)
        means = sums[:, :-1] / sums[:, -1:].clamp(min=torch.finfo(sums.dtype).tiny)
        return means.to(baskets.dtype)
