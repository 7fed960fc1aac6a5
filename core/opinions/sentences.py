"""Reviews cut into sentences and words, all at once, as flat arrays."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from core.opinions.lexicon import NEGATION, TURN
from core.schema.tables import TEXT, TITLE

_STOPS, _PAUSES, _JOINTS = "!?;\n", ",:()–—-", "'’-"
_NEGATION, _TURN = re.compile(NEGATION), re.compile(TURN)


@dataclass(frozen=True)
class Sentences:
    """Words of many texts, in order.

    A sentence here also ends before a word such as "but", so that "lovely colour but scratchy" is two of them.

    Attributes:
        text: (S,) which text each sentence is of; number: (S,) its number within the text, from 0.
        start, end: (S,) its characters within the text, end exclusive.
        first: (S + 1,) its words are `word[first[s]:first[s + 1]]`.
        word: (T,) place in `words`; words: the distinct ones in small letters.
        negated: (T,) bool, whether a negation stands before the word in its clause.
    """

    text: np.ndarray
    number: np.ndarray
    start: np.ndarray
    end: np.ndarray
    first: np.ndarray
    word: np.ndarray
    words: list[str]
    negated: np.ndarray

    def __len__(self) -> int:
        return len(self.text)

    @cached_property
    def sentence(self) -> np.ndarray:
        """(T,) the sentence of each word."""
        return np.repeat(np.arange(len(self)), np.diff(self.first))


def full_texts(reviews: pd.DataFrame) -> list[str]:
    """Title, a line break and text of each review; all character places refer to this."""
    parts = [reviews[name].astype("str").fillna("") for name in (TITLE, TEXT) if name in reviews]
    if len(parts) < 2:
        return parts[0].tolist() if parts else [""] * len(reviews)
    return [f"{title}\n{text}" for title, text in zip(*parts, strict=True)]


def cut(texts: Sequence[str]) -> Sentences:
    """Cut texts into sentences and words; time and memory grow with the number of characters only.

    A word is a run of letters and digits, joined by an apostrophe or hyphen within it. A sentence ends at one of
    `!?;`, a line break, or a point that no letter or digit follows (not that of 5.5 or name@shop.com).
    """
    joined = "\n".join(texts)
    begins = np.cumsum([0, *(len(text) + 1 for text in texts[:-1])])
    letters, stops, pauses = _classes(joined)
    edges = np.flatnonzero(np.diff(letters, prepend=False, append=False))
    start, end = edges[::2], edges[1::2]
    text = np.searchsorted(begins, start, side="right") - 1
    spelled, spellings = pd.factorize(_slices(joined, start, end))
    lowered, words = pd.factorize(np.array([_small(word) for word in spellings], dtype=object))
    word = lowered[spelled]
    turns, negations = (_matching(pattern, words)[word] for pattern in (_TURN, _NEGATION))
    opens = _since_last(stops, start) | turns
    clauses = opens | _since_last(pauses, start)
    first = np.flatnonzero(opens)
    return Sentences(
        text=text[first].astype(np.int32),
        number=_numbers(text[first]),
        start=(start[first] - begins[text[first]]).astype(np.int32),
        end=(end[np.append(first, len(word))[1:] - 1] - begins[text[first]]).astype(np.int32),
        first=np.append(first, len(word)),
        word=word.astype(np.int32),
        words=list(words),
        negated=_after_first(negations, clauses),
    )


def _classes(joined: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(C,) bool of each character: part of a word, end of a sentence, end of a clause."""
    codes = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    table = np.zeros((4, int(codes.max(initial=0)) + 1), dtype=bool)
    for code in np.flatnonzero(np.bincount(codes, minlength=1)):
        sign = chr(code)
        table[:, code] = sign.isalnum(), sign in _STOPS, sign in _PAUSES, sign in _JOINTS
    letters, stops, pauses, joints = table[:, codes]
    following = np.append(letters, False)[1:]
    letters = letters | (joints & following & np.append(False, letters)[: len(letters)])
    return letters, stops | ((codes == ord(".")) & ~following), pauses & ~letters


def _slices(joined: str, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    pairs = zip(start.tolist(), end.tolist(), strict=True)
    return np.array([joined[left:right] for left, right in pairs], dtype=object)


def _small(word: str) -> str:
    return word.lower().replace("’", "'")


def _since_last(marks: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Whether a mark stands between each word and the one before it; the first word counts as marked."""
    count = np.cumsum(marks)[start]
    return np.diff(count, prepend=-1) > 0


def _after_first(flags: np.ndarray, opens: np.ndarray) -> np.ndarray:
    """Whether a flag stands before each place in its run; runs begin where `opens`."""
    before = np.cumsum(flags) - flags
    first = np.flatnonzero(opens)
    return before > np.repeat(before[first], np.diff(np.append(first, len(flags))))


def _matching(pattern: re.Pattern, words: Sequence[str]) -> np.ndarray:
    return np.array([pattern.fullmatch(word) is not None for word in words], dtype=bool)


def _numbers(text: np.ndarray) -> np.ndarray:
    """0, 1, 2, ... within each run of equal values."""
    places = np.arange(len(text))
    begins = np.append(True, text[1:] != text[:-1])[: len(text)]
    return (places - np.maximum.accumulate(np.where(begins, places, 0))).astype(np.int32)
