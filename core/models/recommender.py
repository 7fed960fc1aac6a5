"""The attention recommender: taste from a causal Transformer over baskets, and a repeat-purchase term."""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.data.inputs import ModelInputs
from core.models.attention import Block, rotation
from core.models.batch import GAP_BUCKETS, SIZE_BUCKETS, Batch
from core.models.repeat import RepeatTerm
from core.schema.settings import TrainSettings

INITIAL_SPREAD = 0.02


@dataclass(frozen=True)
class Shape:
    """All that is needed to build the module again, plain numbers and names.

    `attributes`: codes of each item attribute; `events`: kinds of event.
    """

    n_items: int
    attributes: dict[str, int]
    events: int
    width: int
    layers: int
    heads: int
    dropout: float
    length: int
    repeat_term: bool


def shape_of(inputs: ModelInputs, settings: TrainSettings, *, repeat_term: bool) -> Shape:
    """The shape that fits these inputs and settings."""
    return Shape(
        n_items=inputs.n_items,
        attributes={name: int(codes.max(initial=0)) + 1 for name, codes in inputs.item_attributes.items()},
        events=int(inputs.history.events.max(initial=0)) + 1,
        width=settings.width,
        layers=settings.layers,
        heads=settings.heads,
        dropout=settings.dropout,
        length=settings.history_length,
        repeat_term=repeat_term,
    )


@dataclass(frozen=True)
class Answer:
    """What the model says at N moments, in parts, so that (N, n_items) is never held for many moments at once.

    Attributes:
        states: (N, D), the user at each moment; items: (n_items, D); bias: (n_items,).
        repeats: (R,) logits of what was taken before, in the order of the batch's repeats; None without the term.
    """

    states: Tensor
    items: Tensor
    bias: Tensor
    repeats: Tensor | None


class AttentionRecommender(nn.Module):
    """Scores s_i of all items i for a user at a moment; softmax(s) is what is taken next:

        s_i = r_i            if the user took i before (and the repeat term is on)
        s_i = h . e_i + b_i  otherwise

    h: causal Transformer over the user's baskets (Kang & McAuley, SASRec, ICDM 2018; here a basket is one
    position, the mean of its items' vectors). e_i: item vector, the sum of an embedding of the item and of each
    attribute. r_i: RepeatTerm. One softmax over both keeps exploring and repeating on one scale. Adding or mixing
    taste into r_i measured worse: taste fits the items that it has seen a user take, and then explains away
    what the counts should learn.
    """

    def __init__(self, shape: Shape):
        super().__init__()
        self.shape = shape
        width = shape.width
        self.item = nn.Embedding(shape.n_items, width)
        self.attributes = nn.ModuleList(nn.Embedding(codes, width) for codes in shape.attributes.values())
        codes = torch.zeros(len(shape.attributes), shape.n_items, dtype=torch.int32)
        self.register_buffer("attribute_codes", codes)
        self.bias = nn.Parameter(torch.zeros(shape.n_items))
        self.event = nn.Embedding(shape.events, width)
        self.gap = nn.Embedding(GAP_BUCKETS, width)  # time since the basket before
        self.size = nn.Embedding(SIZE_BUCKETS, width)
        self.wait = nn.Embedding(GAP_BUCKETS, width)  # time from the last basket to the moment
        self.enter = nn.LayerNorm(width)
        self.dropout = nn.Dropout(shape.dropout)
        self.blocks = nn.ModuleList(
            Block(width, heads=shape.heads, dropout=shape.dropout) for _ in range(shape.layers)
        )
        self.leave = nn.LayerNorm(width)
        self.repeat = RepeatTerm(width) if shape.repeat_term else None
        for module in self.modules():
            if isinstance(module, nn.Embedding):
                nn.init.normal_(module.weight, std=INITIAL_SPREAD)

    def learn_scales(self, inputs: ModelInputs, log_counts: np.ndarray, sample: Batch) -> None:
        """Take over what needs no training: attribute codes, popularity as first bias, scale of repeat features."""
        for row, codes in zip(self.attribute_codes, inputs.item_attributes.values(), strict=True):
            row.copy_(torch.from_numpy(codes))
        popularity = torch.from_numpy(log_counts)
        with torch.no_grad():
            self.bias.copy_(popularity - popularity.mean())
        if self.repeat is not None and sample.repeats is not None:
            self.repeat.standardise(sample.repeats.features)

    def item_vectors(self) -> Tensor:
        """(n_items, D): the item's own embedding plus one of each attribute."""
        vectors = self.item.weight
        for embedding, codes in zip(self.attributes, self.attribute_codes, strict=True):
            vectors = vectors + embedding(codes)
        return vectors

    def forward(self, batch: Batch) -> Answer:
        """What is said at each of the batch's N moments."""
        items = self.item_vectors()
        states = self._states(self._tokens(batch, items), batch)
        repeats = self.repeat(batch.repeats, states) if self.repeat is not None else None
        return Answer(states, items, self.bias, repeats)

    def _tokens(self, batch: Batch, items: Tensor) -> Tensor:
        """The padded grid of baskets after attention, (B * T, D)."""
        basket = F.embedding_bag(batch.line_items, items, batch.token_starts, mode="mean")  # (L,) -> (K, D)
        if self.shape.events > 1:
            basket = basket + F.embedding_bag(
                batch.line_events, self.event.weight, batch.token_starts, mode="mean"
            )
        basket = basket * self.shape.width**0.5 + self.gap(batch.token_gaps) + self.size(batch.token_sizes)
        basket = self.dropout(self.enter(basket))
        grid = basket.new_zeros(batch.users * batch.length, self.shape.width)
        grid = grid.index_copy(0, batch.token_slots, basket)  # (K, D) -> (B * T, D)
        grid = grid.view(batch.users, batch.length, self.shape.width)
        turn = rotation(batch.length, self.shape.width // self.shape.heads, grid.device)
        for block in self.blocks:
            grid = block(grid, turn)
        return grid.flatten(0, 1)

    def _states(self, tokens: Tensor, batch: Batch) -> Tensor:
        """The last basket's position and the time since, (B * T, D) -> (N, D); zero where there is no basket."""
        seen = (batch.moment_slots >= 0)[:, None]
        states = self.leave(tokens[batch.moment_slots.clamp(min=0)] + self.wait(batch.moment_gaps))
        return states * seen
