"""The recommender: behaviour, products, attention over baskets and repeat purchases on shared vectors."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.data.inputs import ModelInputs
from core.models.attention import Block, rotation
from core.models.batch import GAP_BUCKETS, SIZE_BUCKETS, Batch
from core.models.behaviour import BehaviourAutoencoder
from core.models.heads import IntentHead, RatingHead, ReactionHead
from core.models.product import ProductEncoder, Products, ProductShape, product_shape
from core.models.ranker import CandidateRanker
from core.models.repeat import RepeatTerm
from core.schema.settings import TrainSettings

INITIAL_SPREAD = 0.02
NEVER = -1e4  # as a logit


@dataclass(frozen=True)
class Shape:
    """All that is needed to build the module again, plain numbers and names.

    `user_attributes`: codes of each user attribute; `user_features`: numbers in their place; `events`: kinds of event;
    `prices`: numbers about a price; `reactions`: whether it learns from reactions to lists; `recent_demand`: whether
    what is new to a user is as popular as what people began to take lately says (see recent_demand.py).
    """

    product: ProductShape
    user_attributes: dict[str, int]
    events: int
    prices: int
    layers: int
    heads: int
    dropout: float
    length: int
    repeat_term: bool
    ranking: bool
    user_features: int = 0
    reactions: bool = False
    recent_demand: bool = False

    @property
    def width(self) -> int:
        """Size of every vector."""
        return self.product.width


def shape_of(inputs: ModelInputs, settings: TrainSettings, *, repeat_term: bool) -> Shape:
    """The shape that fits these inputs and settings."""
    product = product_shape(
        inputs.content, width=settings.width, id_dropout=settings.id_dropout, text=settings.text
    )
    return Shape(
        product=product,
        user_attributes={n: int(codes.max(initial=0)) + 1 for n, codes in inputs.user_attributes.items()},
        events=int(inputs.history.events.max(initial=0)) + 1,
        prices=0 if inputs.content.prices is None else inputs.content.prices.shape[1],
        layers=settings.layers,
        heads=settings.heads,
        dropout=settings.dropout,
        length=settings.history_length,
        repeat_term=repeat_term,
        ranking=False,  # until a second stage is trained
        user_features=0 if inputs.user_features is None else inputs.user_features.shape[1],
        reactions=inputs.reactions is not None and settings.reactions_weight > 0,
    )


@dataclass(frozen=True)
class Answer:
    """What the model says at N moments, in parts, so that (N, n_items) is never held for many moments at once.

    Attributes:
        states: (N, D), the user at each moment.
        products: vectors (n_items, D) and biases (n_items,).
        repeats: (R,) logits of what was taken before, in the order of what the batch has seen; None without the term.
        users: (N, D), the behaviour vector U of the user at each moment.
        tokens: (B * T, D), the padded grid of baskets after attention.
    """

    states: Tensor
    products: Products
    repeats: Tensor | None
    users: Tensor
    tokens: Tensor


class AttentionRecommender(nn.Module):
    """Scores s_i of all items i for a user at a moment; softmax(s) is what is taken next:

        s_i = r_i            if the user took i before (and the repeat term is on)
        s_i = h . e_i + b_i  otherwise

    Where lists never hold what the user took before, that has no part in the softmax, neither in training nor when
    asked.

    e_i, b_i: ProductEncoder. h: causal Transformer over the user's baskets (Kang & McAuley, SASRec, ICDM 2018;
    here a basket is one position, the mean of its items' vectors) plus the behaviour vector u of
    BehaviourAutoencoder. r_i: RepeatTerm. CandidateRanker corrects the best of them. One softmax over both keeps exploring and repeating on one scale.
    Adding or mixing taste into r_i measured worse: taste fits the items that it has seen a user take, and then
    explains away what the counts should learn.
    """

    def __init__(self, shape: Shape):
        super().__init__()
        self.shape = shape
        width = shape.width
        self.product = ProductEncoder(shape.product)
        self.behaviour = BehaviourAutoencoder(
            width,
            attributes=shape.user_attributes,
            dropout=shape.dropout,
            features=shape.user_features,
        )
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
        self.register_buffer("prices", torch.zeros(shape.product.n_items, shape.prices))
        self.from_behaviour = nn.Linear(width, width, bias=False)
        self.repeat = RepeatTerm(width) if shape.repeat_term else None
        self.rating = RatingHead(width)
        self.intent = IntentHead(width)
        self.ranker = CandidateRanker(width, prices=shape.prices) if shape.ranking else None
        self.reaction = ReactionHead(width) if shape.reactions else None
        maps = () if self.behaviour.features is None else (self.behaviour.features,)
        for embedding in (self.event, self.gap, self.size, self.wait, *self.behaviour.attributes, *maps):
            nn.init.normal_(embedding.weight, std=INITIAL_SPREAD)
        nn.init.zeros_(self.from_behaviour.weight)

    @torch.no_grad()
    def learn_scales(
        self,
        inputs: ModelInputs,
        log_counts: np.ndarray,
        sample: Batch | None,
        *,
        known: np.ndarray | None = None,
    ) -> None:
        """Take over what needs no training: item content, popularity as first bias, scale of repeat features, clicks by place.

        Args:
            known: bool (n_items,), the items that training knows; unset: those with counts.
        """
        self.product.learn_scales(
            inputs.content, log_counts, known=log_counts > 0 if known is None else known
        )
        if inputs.content.prices is not None:
            self.prices.copy_(torch.from_numpy(inputs.content.prices))
        if self.repeat is not None and sample is not None:
            self.repeat.standardise(sample.seen.features)
        if self.reaction is not None and inputs.reactions is not None:
            place = self.reaction.place
            place.copy_(torch.from_numpy(inputs.reactions.log_odds(len(place))))

    @torch.no_grad()
    def take_over(self, other: "AttentionRecommender", instead: Mapping[str, Tensor]) -> None:
        """The learnt parameters of another model, as far as both have them.

        Args:
            instead: what to take in place of some of the other's parameters, by name.
        """
        theirs = dict(other.named_parameters()) | dict(instead)
        for name, parameter in self.named_parameters():
            if name in theirs:
                parameter.copy_(theirs[name])
        if self.repeat is not None and other.repeat is not None:  # the scale that its weights are for
            self.repeat.mean.copy_(other.repeat.mean)
            self.repeat.spread.copy_(other.repeat.spread)

    def forward(self, batch: Batch, products: Products | None = None) -> Answer:
        """What is said at each of the batch's N moments.

        Args:
            products: what `self.product()` gave, for many batches of an unchanging model; unset: asked anew.
        """
        products = self.product() if products is None else products
        states, users, tokens = self._read(batch, products)
        repeats = self.repeat(batch.seen, states) if self.repeat is not None else None
        return Answer(states, self._candidates(products), repeats, users, tokens)

    def reactions(
        self, batch: Batch, products: Products, items: Tensor, ranks: Tensor, taken: Tensor
    ) -> Tensor:
        """Logits (N,) of a click on, or purchase of, the item that each moment's list showed: h . e_i and ReactionHead.

        So what is clicked rises in the lists: the head alone would learn to tell clicks from the vectors and leave the
        scores as they are. Where habit scores what the user took before, taste has no part in it here either.

        Args:
            items: (N,); ranks: (N,), places in the list from 1. taken: bool (N,), what the user took before.
        """
        states, users, _ = self._read(batch, products)
        vectors = products.vectors[items]
        taste = (states * vectors).sum(dim=1)
        if self.repeat is not None:
            taste = taste.masked_fill(taken, 0.0)
        return taste + self.reaction(users, vectors, ranks)

    def _read(self, batch: Batch, products: Products) -> tuple[Tensor, Tensor, Tensor]:
        """States (N, D), behaviour vectors U (N, D) and baskets after attention (B * T, D)."""
        baskets = self._baskets(batch, products)
        users = self.behaviour(baskets, batch)
        tokens = self._attended(baskets, batch)
        return self._states(tokens, users, batch), users, tokens

    def _candidates(self, products: Products) -> Products:
        """Training leaves out items that it does not know, or content would learn that they are never taken."""
        if not self.training:
            return products
        return products._replace(bias=products.bias.masked_fill(~self.product.known, NEVER))

    def forget_taste(self) -> None:
        """Score every user by popularity alone: what is left where there was nothing to learn taste from."""
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)
        self.product.forget_content()

    @property
    def knows_popularity_alone(self) -> bool:
        """Whether taste was forgotten."""
        return not bool(self.leave.weight.any())

    def add_ranker(self) -> None:
        """Begin a second stage; ranking stays as it is until that is trained."""
        self.ranker = CandidateRanker(self.shape.width, prices=self.shape.prices)
        self.ranker.to(self.leave.weight.device)
        self.shape = replace(self.shape, ranking=True)

    def drop_ranker(self) -> None:
        """Do without the second stage."""
        self.ranker, self.shape = None, replace(self.shape, ranking=False)

    def follow_recent_demand(self, follow: bool) -> None:
        """Whether popularity is corrected by what people began to take lately, whenever lists are made."""
        self.shape = replace(self.shape, recent_demand=follow)

    def rank_candidates(
        self, answer: Answer, batch: Batch, moments: Tensor, items: Tensor, scores: Tensor
    ) -> Tensor:
        """Second-stage scores (M, C) of candidate items (M, C) at some moments (places in the batch, (M,)).

        A first score of -inf, of what may not be listed, reads like the lowest of the others.
        """
        lowest = scores.masked_fill(scores == -torch.inf, torch.inf).amin(dim=1, keepdim=True)
        scores = torch.maximum(scores, lowest)
        rows, slots = batch.moment_rows[moments], batch.moment_slots[moments]
        place = torch.arange(batch.length, device=slots.device)
        known = (place <= (slots % batch.length)[:, None]) & (slots >= 0)[:, None]  # (M, T)
        tokens = answer.tokens.view(batch.users, batch.length, -1)[rows]  # (M, T, D)
        products, prices = answer.products.vectors[items], self.prices[items]
        return self.ranker(tokens, known, answer.users[moments], products, prices, scores)

    def users(self, batch: Batch, products: Products) -> Tensor:
        """The behaviour vectors U at the batch's moments, (N, D), without the attention."""
        return self.behaviour(self._baskets(batch, products), batch)

    def _baskets(self, batch: Batch, products: Products) -> Tensor:
        """A vector of each basket, (K, D)."""
        basket = F.embedding_bag(batch.line_items, products.vectors, batch.token_starts, mode="mean")
        if self.shape.events > 1:
            basket = basket + F.embedding_bag(
                batch.line_events, self.event.weight, batch.token_starts, mode="mean"
            )
        if batch.token_kept is not None:
            basket = basket * batch.token_kept[:, None]
        basket = basket * self.shape.width**0.5 + self.gap(batch.token_gaps) + self.size(batch.token_sizes)
        return self.enter(basket)

    def _attended(self, baskets: Tensor, batch: Batch) -> Tensor:
        """The padded grid of baskets after attention, (B * T, D)."""
        grid = baskets.new_zeros(batch.users * batch.length, self.shape.width)
        grid = grid.index_copy(0, batch.token_slots, self.dropout(baskets))  # (K, D) -> (B * T, D)
        grid = grid.view(batch.users, batch.length, self.shape.width)
        turn = rotation(batch.length, self.shape.width // self.shape.heads, grid.device)
        for block in self.blocks:
            grid = block(grid, turn)
        return grid.flatten(0, 1)

    def _states(self, tokens: Tensor, users: Tensor, batch: Batch) -> Tensor:
        """Last basket's position, time since and U, (B * T, D) -> (N, D); zero where there is no basket."""
        seen = (batch.moment_slots >= 0)[:, None]
        states = tokens[batch.moment_slots.clamp(min=0)] + self.wait(batch.moment_gaps)
        return self.leave(states + self.from_behaviour(users)) * seen
