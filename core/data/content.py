"""What is known of items besides who took them: attributes, prices, words of their texts, images."""

import re
import unicodedata
import zlib
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
import pandas as pd

from core.data.images import distinct_images
from core.data.sentences import Encode, sentence_features
from core.schema.tables import CATEGORY, DESCRIPTION, ITEM_ID, LIST_PRICE, POPULARITY_BAND, TITLE, UNKNOWN

NGRAM_BUCKETS = 16_384
SHORTEST_NGRAM, LONGEST_NGRAM = 3, 5  # characters
MOST_WORDS, LONGEST_WORD = 32, 24  # words of an item's text, characters of a word
LONGEST_READ = 4_000  # characters of a text that are looked at
CENT = 0.01
PRICE_FEATURES = 3
PRICE_STEP = 0.125  # standard deviations to which prices are rounded, so that many items share one
# Anything between white space and Latin or general punctuation, so that marks of other scripts and emoji stay
WORD = re.compile(r"[^\s!-/:-@\[-`{-~¡-¿\u2000-\u206f\u3000-\u303f]+")


@dataclass(frozen=True)
class ItemContent:
    """What describes I items; row r is item code r.

    Attributes:
        attributes: by name, int32 (I,) dense codes; 0 is Unknown.
        prices: float32 (I, 3): logarithm of the shelf price, place within the category (both standardised and rounded,
            0 where there is no price), and whether the price is missing; None for data without prices.
        words: int32 (I, W), places in the vocabulary of the words of title and description, -1 behind the last;
            W as long as needed, at most MOST_WORDS, 0 where no item has a text.
        ngram_offsets, ngrams: the vocabulary: word w is the hashed character n-grams
            `ngrams[ngram_offsets[w]:ngram_offsets[w + 1]]`, int32 in [0, NGRAM_BUCKETS); int64 (V + 1,).
        images: uint8 (M, 3, S, S), the distinct images; None for data without.
        image: int32 (I,), row of `images`, -1 for an item without; None for data without.
        sentences: float32 (I, K), frozen vectors of the texts; None where nobody asked for them.
    """

    attributes: dict[str, np.ndarray]
    prices: np.ndarray | None
    words: np.ndarray
    ngram_offsets: np.ndarray
    ngrams: np.ndarray
    images: np.ndarray | None = None
    image: np.ndarray | None = None
    sentences: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.words)

    def first(self, n: int) -> "ItemContent":
        """The content of the first n items, with no word that only others use."""
        used, words = np.unique(self.words[:n], return_inverse=True)
        blanks = int((used < 0).sum())  # the padding, if there is any, is the first of the used
        kept = used[blanks:]
        grams = [
            self.ngrams[start:end]
            for start, end in zip(self.ngram_offsets[kept], self.ngram_offsets[kept + 1], strict=True)
        ]
        return replace(
            self,
            attributes={name: codes[:n] for name, codes in self.attributes.items()},
            **{
                name: None if (rows := getattr(self, name)) is None else rows[:n]
                for name in ("prices", "image", "sentences")
            },
            words=words.reshape(-1, self.words.shape[1]).astype(np.int32) - blanks,
            ngram_offsets=np.cumsum([0, *map(len, grams)], dtype=np.int64),
            ngrams=np.concatenate([*grams, self.ngrams[:0]]),
        )


def item_content(
    items: pd.DataFrame, *, images: pd.DataFrame | None = None, encode: Encode | None = None
) -> ItemContent:
    """What the item table of a prepared dataset says about its items, nothing of their events.

    Only `list_price` and what follows from it was seen in the training window (see core.data.catalogue).

    Args:
        images: `item` and `image` of the items that have one (see core.data.images).
        encode: what makes sentence vectors of the texts (see core.data.sentences); unset: there are none.
    """
    texts = item_texts(items)
    words, vocabulary = _words(texts)
    grams = [_ngrams(word) for word in vocabulary]
    distinct, image = distinct_images(images, len(items))
    return ItemContent(
        attributes=item_attributes(items),
        prices=_prices(items),
        words=words,
        ngram_offsets=np.cumsum([0, *map(len, grams)], dtype=np.int64),
        ngrams=np.fromiter((gram for word in grams for gram in word), np.int32),
        images=distinct,
        image=image,
        sentences=_sentences(words, vocabulary, encode) if encode and vocabulary else None,
    )


def item_attributes(items: pd.DataFrame) -> dict[str, np.ndarray]:
    """Every categorical column but popularity (a model has the events for that), int32 (I,); 0 is Unknown."""
    return {name: category_codes(items[name]) for name in _attribute_names(items)}


def attribute_labels(items: pd.DataFrame) -> dict[str, tuple[str, ...]]:
    """What the codes from 1 upwards of `item_attributes` stand for, by attribute, in the same order."""
    return {name: category_labels(items[name]) for name in _attribute_names(items)}


def _attribute_names(items: pd.DataFrame) -> list[str]:
    return [str(n) for n in items.select_dtypes("category").columns.drop(POPULARITY_BAND, errors="ignore")]


def item_texts(items: pd.DataFrame) -> list[str]:
    """Title and description of each item in small letters; empty where there is neither.

    A title that only repeats the item's id (see core.data.coding) says nothing.
    """
    title = items[TITLE].where(items[TITLE] != items[ITEM_ID])
    parts = [title, items[DESCRIPTION]] if DESCRIPTION in items else [title]
    return [" ".join(map(_plain, row)).strip() for row in zip(*parts, strict=True)]


def _plain(text: str | None) -> str:
    """The same characters for the same letters, however they were typed."""
    return "" if pd.isna(text) else unicodedata.normalize("NFKC", str(text)[:LONGEST_READ]).casefold()


def category_codes(labels: pd.Series) -> np.ndarray:
    """Dense codes from 1 in the order of the categories; missing and Unknown are 0."""
    return (_known(labels).cat.codes + 1).to_numpy(np.int32)


def category_labels(labels: pd.Series) -> tuple[str, ...]:
    """What the codes from 1 upwards of `category_codes` stand for."""
    return tuple(map(str, _known(labels).cat.categories))


def _known(labels: pd.Series) -> pd.Series:
    """Without Unknown, and with the categories that occur."""
    return labels.where(labels != UNKNOWN).cat.remove_unused_categories()


def _words(texts: list[str]) -> tuple[np.ndarray, list[str]]:
    """The padded places (I, W) of each text's words in the vocabulary, and the vocabulary in order."""
    distinct, text = np.unique(np.array(texts, dtype=object), return_inverse=True)
    split = [[word[:LONGEST_WORD] for word in islice(_found(text), MOST_WORDS)] for text in distinct]
    vocabulary = sorted({word for words in split for word in words})
    place = {word: number for number, word in enumerate(vocabulary)}
    padded = np.full((len(split), max(map(len, split), default=0)), -1, np.int32)
    for row, words in enumerate(split):
        padded[row, : len(words)] = [place[word] for word in words]
    return padded[text], vocabulary


def _sentences(words: np.ndarray, vocabulary: list[str], encode: Encode) -> np.ndarray:
    """Of the words, so that items with the same words have the same vector."""
    return sentence_features(
        [" ".join(vocabulary[word] for word in row if word >= 0) for row in words], encode
    )


def _found(text: str):
    return (match.group() for match in WORD.finditer(text))


def _ngrams(word: str) -> list[int]:
    """Hashes of the word and of its character n-grams with marks at both ends; a number is one piece.

    Bojanowski et al., Enriching word vectors with subword information, TACL 2017.
    """
    marked = f"<{word}>"
    pieces = {marked}
    if not word.isdecimal():
        for n in range(SHORTEST_NGRAM, LONGEST_NGRAM + 1):
            pieces.update(marked[start : start + n] for start in range(len(marked) - n + 1))
    hashes = {zlib.crc32(piece.encode()) % NGRAM_BUCKETS for piece in pieces}
    return sorted(hashes)


def _prices(items: pd.DataFrame) -> np.ndarray | None:
    if LIST_PRICE not in items or items[LIST_PRICE].isna().all():
        return None
    price = items[LIST_PRICE].replace(np.inf, np.nan)
    log = np.log(price.clip(lower=CENT))
    group = items[CATEGORY] if CATEGORY in items else pd.Series(UNKNOWN, items.index)
    within = price.groupby(group, observed=True)
    place = (within.rank() - 0.5) / within.transform("count")
    features = [_standardised(log), _standardised(place), price.isna()]
    return np.stack([np.asarray(feature, np.float32) for feature in features], axis=1)


def _standardised(values: pd.Series) -> pd.Series:
    spread = values.std(ddof=0)
    scaled = (values - values.mean()) / (spread if spread > 0 else 1.0)
    return (scaled.fillna(0.0) / PRICE_STEP).round() * PRICE_STEP
