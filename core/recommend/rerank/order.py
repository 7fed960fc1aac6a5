"""The order of everyone's candidates, equal ones as they were: a stable sort several times as fast as NumPy's."""

import numpy as np

AT_ONCE = 4096  # users: what is sorted of them stays in the cache


def best_first(relevance: np.ndarray) -> np.ndarray:
    """Places of each row from the highest relevance to the lowest, int (U, C); the same as a stable `argsort` of -relevance.

    A float32 of either sign becomes a whole number that rises with it, with the place below it, so that no two are equal
    and the fast unstable sort of whole numbers is stable.

    Args:
        relevance: float32 (U, C), no NaN.
    """
    n_users, width = relevance.shape
    bits = max(width - 1, 1).bit_length()
    place = np.arange(width, dtype=np.int64)
    order = np.empty((n_users, width), np.intp)
    for start in range(0, n_users, AT_ONCE):
        here = slice(start, start + AT_ONCE)
        raw = (np.float32(0) - relevance[here]).view(np.int32)  # 0 - x, so that 0 and -0 are one
        keys = (raw ^ ((raw >> 31) & 0x7FFFFFFF)).astype(np.int64)
        keys <<= bits
        keys |= place
        keys.sort(axis=1)
        np.bitwise_and(keys, (1 << bits) - 1, out=order[here])
    return order
