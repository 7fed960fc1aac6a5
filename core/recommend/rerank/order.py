"""Orders of everyone's candidates, equal ones as they were: stable sorts several times as fast as NumPy's.

What is sorted by becomes a whole number that rises with it, with the place below it, so that no two are equal and the fast
unstable sort of whole numbers is stable.
"""

from collections.abc import Iterator

import numpy as np

NUMBERS = 1 << 17  # that are worked on at a time: they stay in the cache


def parts(n_users: int, width: int) -> Iterator[slice]:
    """All users, a few at a time."""
    at_once = max(NUMBERS // max(width, 1), 1)
    return (slice(start, start + at_once) for start in range(0, n_users, at_once))


def best_first(relevance: np.ndarray) -> np.ndarray:
    """Places of each row from the highest relevance to the lowest, int (U, C); the same as a stable `argsort` of -relevance.

    Args:
        relevance: float32 (U, C), no NaN.
    """
    width = relevance.shape[1]
    bits, place = _place_bits(width), np.arange(width)
    order = np.empty(relevance.shape, np.intp)
    for here in parts(*relevance.shape):
        raw = (np.float32(0) - relevance[here]).view(np.int32)  # 0 - x, so that 0 and -0 are one
        raw ^= (raw >> 31) & 0x7FFFFFFF  # so that negative numbers rise as well
        keys = raw.astype(np.int64)
        keys <<= bits
        keys |= place
        keys.sort(axis=1)
        np.bitwise_and(keys, (1 << bits) - 1, out=order[here])
    return order


def by_code(codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Codes of few users, each row from the lowest to the highest, and the places that they stood at, int32 (u, C) each.

    Args:
        codes: (u, C) whole numbers from 0, below 2^30 / C.
    """
    bits = _place_bits(codes.shape[1])
    keys = codes.astype(np.int32)
    keys <<= bits
    keys |= np.arange(codes.shape[1], dtype=np.int32)
    keys.sort(axis=1)
    return keys >> bits, keys & ((1 << bits) - 1)


def _place_bits(width: int) -> int:
    return max(width - 1, 1).bit_length()
