"""Where in reviews a customer remarks on an aspect of a product."""

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd

from core.opinions.lexicon import ASPECTS, Aspect
from core.opinions.sentences import Sentences
from core.schema.tables import ASPECT, SENTENCE


def mentions(sentences: Sentences, aspects: Sequence[Aspect] = ASPECTS) -> pd.DataFrame:
    """One row per sentence and aspect that it mentions: `sentence` (place in `sentences`), `aspect` (its name).

    Whole words only: "fitness" is no remark on the fit. Rows are sorted by sentence, then by the order of `aspects`.
    """
    places = {word: place for place, word in enumerate(sentences.words)}
    found = [np.unique(sentences.sentence[_named(sentences, aspect, places)]) for aspect in aspects]
    names = np.repeat(np.arange(len(aspects)), [len(rows) for rows in found])
    rows = np.concatenate([*found, np.empty(0, np.int64)]).astype(np.int32)
    order = np.lexsort([names, rows])
    categories = [aspect.name for aspect in aspects]
    return pd.DataFrame({SENTENCE: rows[order], ASPECT: pd.Categorical.from_codes(names[order], categories)})


def _named(sentences: Sentences, aspect: Aspect, places: dict[str, int]) -> np.ndarray:
    """(T,) bool: the words, or first words of phrases, that name the aspect."""
    pattern = re.compile("|".join(aspect.words) or r"(?!)")
    known = np.array([pattern.fullmatch(word) is not None for word in places], dtype=bool)
    named = known[sentences.word]
    for phrase in aspect.phrases:
        codes = [places.get(word) for word in phrase.split()]
        if None not in codes:
            named |= _phrase(sentences, codes)
    return named


def _phrase(sentences: Sentences, codes: list[int]) -> np.ndarray:
    """(T,) bool: where these words follow each other within a sentence."""
    there = np.zeros(len(sentences.word), dtype=bool)
    n = max(len(there) - len(codes) + 1, 0)
    same = [sentences.word[step : n + step] == code for step, code in enumerate(codes)]
    same.append(sentences.sentence[:n] == sentences.sentence[len(codes) - 1 :])
    there[:n] = np.logical_and.reduce(same)
    return there
