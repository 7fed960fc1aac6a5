"""Vectors of short texts from character n-grams and a convolution over words."""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.data.content import NGRAM_BUCKETS
from core.models.bags import BagSums
from core.models.features import standardised

WINDOW = 3  # words that one filter sees
WORD_WIDTH, FILTERS = 32, 32


class TextEncoder(nn.Module):
    """T distinct texts as (T, D): words are means of n-gram vectors, texts are maxima of filters over words.

    A filter looks at WINDOW words (Kim, EMNLP 2014), fewer at a text's end, so that a single word has a window,
    too. A convolution is linear before its maximum, so each distinct word meets each of the filters' WINDOW
    places once, and a window is the sum of WINDOW rows: nothing is padded and no word is computed twice.

    Args:
        lengths: number of texts with 1, 2, ... words; texts are kept in the order of their length.
        words: distinct words; ngrams: n-grams of all of them together.
        sentences: size of the frozen sentence vectors (see core.data.sentences) that are added; 0: none.
    """

    def __init__(self, *, width: int, lengths: Sequence[int], words: int, ngrams: int, sentences: int = 0):
        super().__init__()
        self.lengths = [(number, length) for length, number in enumerate(lengths, start=1) if number]
        places = sum(number * length for number, length in self.lengths)
        entries = sum(number * _windowed(length) for number, length in self.lengths)
        self.ngram = nn.Embedding(NGRAM_BUCKETS, WORD_WIDTH)
        self.word_ngrams = BagSums(entries=ngrams, bags=words, rows=NGRAM_BUCKETS)
        self.filters = nn.Linear(WORD_WIDTH, WINDOW * FILTERS, bias=False)
        self.windows = BagSums(entries=entries, bags=places, rows=words * WINDOW)
        self.floor = nn.Parameter(torch.zeros(FILTERS))
        self.out = nn.Linear(FILTERS, width, bias=False)
        nn.init.zeros_(self.out.weight)  # so that a model starts as the one without texts
        self.register_buffer("sentences", torch.zeros(sum(lengths), sentences))
        self.from_sentences = nn.Parameter(torch.zeros(sentences, width)) if sentences else None

    def plan(
        self,
        texts: np.ndarray,
        ngrams: np.ndarray,
        ngram_offsets: np.ndarray,
        *,
        sentences: np.ndarray | None = None,
    ) -> None:
        """Take over the texts.

        Args:
            texts: (T, W) places of words, -1 behind the last, in the order of their length.
            ngrams, ngram_offsets: the words' n-grams (CSR).
            sentences: (T, sentences), None where the encoder does without.
        """
        if sentences is not None:
            self.sentences.copy_(torch.from_numpy(sentences))
        self.word_ngrams.plan(ngrams, ngram_offsets)
        ahead = np.pad(texts, ((0, 0), (0, WINDOW)), constant_values=-1)
        seen = np.stack([ahead[:, n : n + texts.shape[1]] for n in range(WINDOW)], axis=2)  # (T, W, WINDOW)
        seen = seen[texts >= 0]  # (places, WINDOW)
        sizes = (seen >= 0).sum(axis=1)
        row = seen * WINDOW + np.arange(WINDOW)
        self.windows.plan(row[seen >= 0], np.cumsum([0, *sizes]))

    def forward(self) -> Tensor:
        """(T, D)."""
        words = self.word_ngrams(self.ngram.weight) / self.word_ngrams.sizes[:, None]  # (V, E)
        at_places = self.filters(words).view(-1, FILTERS)  # (V * WINDOW, F)
        windows = self.windows(at_places)  # (places, F)
        pieces = windows.split([number * length for number, length in self.lengths])
        best = [
            piece.view(number, length, FILTERS).amax(dim=1)
            for piece, (number, length) in zip(pieces, self.lengths, strict=True)
        ]
        texts = self.out(standardised(F.relu(torch.cat(best) + self.floor)))
        return (
            texts if self.from_sentences is None else torch.addmm(texts, self.sentences, self.from_sentences)
        )


def _windowed(length: int) -> int:
    """Words in all windows of a text together."""
    return sum(min(WINDOW, length - place) for place in range(length))
