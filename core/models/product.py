"""The product model P: a vector and a bias of every item, from what describes it and from who took it."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.data.content import PRICE_FEATURES, ItemContent
from core.models.bags import BagSums
from core.models.content_popularity import popularity_of_codes
from core.models.features import standardised
from core.models.image import ImageEncoder
from core.models.text import TextEncoder

INITIAL_SPREAD = 0.02
HIDDEN = 16  # of the network over prices


@dataclass(frozen=True)
class ProductShape:
    """All that is needed to build the module again, plain numbers and names.

    Attributes:
        attributes: codes of each item attribute.
        parts: table rows that all items together are sums of.
        prices: distinct prices, as items describe them.
        text_lengths: number of distinct texts with 1, 2, ... words; text_words: distinct words; text_ngrams:
            n-grams of all of them together; sentences: size of frozen sentence vectors, 0 without.
        images: number of distinct images.
        ids: whether items have vectors and biases of their own.
        id_dropout: share of items that do without them at each training step.
    """

    n_items: int
    width: int
    attributes: dict[str, int]
    parts: int
    prices: int
    text_lengths: tuple[int, ...]
    text_words: int
    text_ngrams: int
    sentences: int
    images: int
    ids: bool
    id_dropout: float

    @property
    def texts(self) -> int:
        """Number of distinct texts."""
        return sum(self.text_lengths)


class Products(NamedTuple):
    """Items as a recommender scores them: vectors (n, D) and biases (n,)."""

    vectors: Tensor
    bias: Tensor


def product_shape(
    content: ItemContent, *, width: int, id_dropout: float, ids: bool = True, text: bool = True
) -> ProductShape:
    """The shape that fits this content.

    Args:
        ids, text: without ids only content counts; without text, titles and descriptions are not read.
    """
    texts, text_of_item = _distinct_texts(content.words if text else content.words[:, :0])
    pictured = 0 if content.image is None else int((content.image >= 0).sum())
    prices, price_of_item = _distinct_prices(content)
    told = len(texts) > 0
    return ProductShape(
        n_items=len(content),
        width=width,
        attributes={name: int(codes.max(initial=0)) + 1 for name, codes in content.attributes.items()},
        parts=len(content) * len(content.attributes)
        + int((text_of_item >= 0).sum())
        + pictured
        + len(price_of_item),
        prices=len(prices),
        text_lengths=tuple(np.bincount((texts >= 0).sum(axis=1))[1:].tolist()),
        text_words=len(content.ngram_offsets) - 1 if told else 0,
        text_ngrams=len(content.ngrams) if told else 0,
        sentences=content.sentences.shape[1] if told and content.sentences is not None else 0,
        images=0 if content.images is None else len(content.images),
        ids=ids,
        id_dropout=id_dropout,
    )


class PriceEncoder(nn.Module):
    """Distinct prices as (prices, D), by a small network."""

    def __init__(self, *, width: int, prices: int):
        super().__init__()
        self.register_buffer("features", torch.zeros(prices, PRICE_FEATURES))
        self.hidden = nn.Linear(PRICE_FEATURES, HIDDEN)
        self.out = nn.Linear(HIDDEN, width, bias=False)
        nn.init.zeros_(self.out.weight)  # so that a model starts as the one without prices

    def forward(self) -> Tensor:
        return self.out(standardised(F.gelu(self.hidden(self.features))))


class ProductEncoder(nn.Module):
    """Vectors e_i and biases b_i of all items:

        e_i = c_i + k_i v_i,    b_i = p_i if k_i else w . c_i while training, afterwards q_i

    c_i: sum of an embedding of each attribute, a text encoder, an image encoder, and a network over prices. v_i, p_i: the item's own
    vector and bias. k_i: 1 for items that training knows; while training, each is 0 with the chance `id_dropout`,
    so that content alone must be able to stand for an item (Volkovs et al., DropoutNet, NIPS 2017). q_i: the popularity
    that an item's attributes let expect, from the biases of all known items (`content_popularity.py`); w . c_i where
    there are no attributes. So an item that nobody took yet has a place and a popularity from what describes it. Text,
    image and prices start at zero: at first the items are those of a model without them.
    """

    def __init__(self, shape: ProductShape):
        super().__init__()
        self.shape = shape
        n, width = shape.n_items, shape.width
        codes = sum(shape.attributes.values())
        self.attributes = nn.Embedding(codes, width)
        self.text = _text_encoder(shape) if shape.texts else None
        self.image = ImageEncoder(width=width, images=shape.images) if shape.images else None
        self.parts = BagSums(
            entries=shape.parts, bags=n, rows=codes + shape.texts + shape.images + shape.prices
        )
        self.prices = PriceEncoder(width=width, prices=shape.prices) if shape.prices else None
        self.content_bias = nn.Parameter(torch.randn(width, 1) * width**-0.5)
        self.register_buffer("known", torch.full((n,), shape.ids))
        self.item = nn.Embedding(n, width) if shape.ids else None
        self.bias = nn.Parameter(torch.zeros(n)) if shape.ids else None
        for embedding in filter(None, (self.attributes, self.item)):
            nn.init.normal_(embedding.weight, std=INITIAL_SPREAD)

    def learn_scales(
        self, content: ItemContent, log_counts: np.ndarray, *, known: np.ndarray | None = None
    ) -> None:
        """Take over what needs no training: the items' content, and popularity as first bias.

        Args:
            content: what the shape was made from.
            log_counts: (n_items,) logarithm of how often each item was taken.
            known: bool (n_items,), the items that training knows; unset: all.
        """
        known = np.ones(len(content), bool) if known is None else known
        self._plan(content, known)
        if self.image is not None:
            self.image.take(content.images)
        if self.shape.ids:
            self.known.copy_(torch.from_numpy(known))
            mean = log_counts.mean(where=known) if known.any() else 0.0
            with torch.no_grad():
                self.bias.copy_(torch.from_numpy(np.where(known, log_counts - mean, 0.0)))

    def _plan(self, content: ItemContent, known: np.ndarray) -> None:
        """Which rows of attributes, texts and images each item is the sum of."""
        columns, start = [], 0
        for codes, size in zip(content.attributes.values(), self.shape.attributes.values(), strict=True):
            trained = np.isin(codes, codes[known])  # what only unknown items have could not be learnt
            columns.append(np.where(trained, codes, 0) + start)
            start += size
        if self.text is not None:
            texts, text_of_item = _distinct_texts(content.words)
            columns.append(np.where(text_of_item >= 0, text_of_item + start, -1))
            start += len(texts)
            self.text.plan(
                texts,
                content.ngrams,
                content.ngram_offsets,
                sentences=_of_texts(content.sentences, text_of_item),
            )
        if self.image is not None:
            columns.append(np.where(content.image >= 0, content.image + start, -1))
            start += len(content.images)
        if self.prices is not None:
            prices, price_of_item = _distinct_prices(content)
            columns.append(price_of_item + start)
            self.prices.features.copy_(torch.from_numpy(prices))
        rows = np.stack(columns, axis=1) if columns else np.empty((len(content), 0), int)
        sizes = (rows >= 0).sum(axis=1)
        self.parts.plan(rows[rows >= 0], np.cumsum([0, *sizes]))

    @torch.no_grad()
    def forget_content(self) -> None:
        """Put items that training does not know behind all others, where nothing was learnt of content."""
        if self.shape.ids:
            lowest = self.bias[self.known].min() if self.known.any() else self.bias.new_zeros(())
            self.bias.copy_(torch.where(self.known, self.bias, lowest - 1))
            self.known.fill_(True)

    def forward(self) -> Products:
        """All items, in the order of their codes."""
        content = self.content_vectors()
        if not self.shape.ids:
            return content
        kept = self.known
        if self.training and self.shape.id_dropout:
            kept = kept & (torch.rand_like(self.bias) >= self.shape.id_dropout)
        vectors = torch.addcmul(content.vectors, self.item.weight, kept[:, None].to(self.bias.dtype))
        if self.training:
            return Products(vectors, torch.where(kept, self.bias, content.bias))
        return Products(vectors, self.trained_bias(content.bias))

    def trained_bias(self, otherwise: Tensor) -> Tensor:
        """Biases (n,) after training: own ones of known items, of the others what attributes let expect, or `otherwise`."""
        return torch.where(self.known, self.bias, self._expected_bias(otherwise))

    def _expected_bias(self, otherwise: Tensor) -> Tensor:
        """Biases (n,) that attributes let expect, from the known items'; `otherwise` where there is nothing to ask or learn.

        The exponential of a bias is proportional to how often the item is taken, as far as the softmax follows it.
        """
        known = self.known.cpu().numpy()
        if not self.shape.attributes or known.all() or not known.any():
            return otherwise
        rows = self._attribute_rows()
        odds = self.bias[self.known].detach().double().exp().cpu().numpy()
        constant, added = popularity_of_codes(rows[:, known], sum(self.shape.attributes.values()), odds)
        return torch.from_numpy(constant + added[rows].sum(axis=0)).to(otherwise)

    def _attribute_rows(self) -> np.ndarray:
        """Rows of the table that each item's attributes have, (A, n): the first of those that it is the sum of."""
        index, offsets = (part.cpu().numpy() for part in (self.parts.index, self.parts.offsets))
        return index[offsets[:-1] + np.arange(len(self.shape.attributes))[:, None]]

    def content_vectors(self) -> Products:
        """All items as if nobody had taken them: what describes them. In full precision: sums of few numbers."""
        with torch.autocast(self.content_bias.device.type, enabled=False):
            return self._content()

    def _content(self) -> Products:
        parts = [part() for part in (self.text, self.image, self.prices) if part is not None]
        table = torch.cat([self.attributes.weight, *parts])
        return Products(self.parts(table), self.parts(table @ self.content_bias).squeeze(1))  # (n, D), (n,)


def _text_encoder(shape: ProductShape) -> TextEncoder:
    return TextEncoder(
        width=shape.width,
        lengths=shape.text_lengths,
        words=shape.text_words,
        ngrams=shape.text_ngrams,
        sentences=shape.sentences,
    )


def _of_texts(sentences: np.ndarray | None, text_of_item: np.ndarray) -> np.ndarray | None:
    """(I, K) of items -> (T, K) of texts: that of the first item with each text."""
    if sentences is None:
        return None
    texts, first = np.unique(text_of_item, return_index=True)
    return sentences[first[texts >= 0]]


def _distinct_prices(content: ItemContent) -> tuple[np.ndarray, np.ndarray]:
    """Distinct rows of prices, and which of them each item has; both empty for data without prices."""
    if content.prices is None:
        return np.empty((0, PRICE_FEATURES), np.float32), np.empty(0, int)
    prices, price_of_item = np.unique(content.prices, axis=0, return_inverse=True)
    return prices, price_of_item


def _distinct_texts(words: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distinct texts (T, W) in the order of their length, and the text of each item, (I,), -1 without."""
    if not words.shape[1]:
        return words[:0], np.full(len(words), -1)
    distinct, text = np.unique(words, axis=0, return_inverse=True)
    lengths = (distinct >= 0).sum(axis=1)
    order = np.argsort(lengths, kind="stable")
    empty = int((lengths == 0).sum())  # at most one, and first
    place = np.empty(len(order), int)
    place[order] = np.arange(len(order)) - empty
    return distinct[order[empty:]], place[text]
