"""What similar customers bought: never who they are, and no number of fewer than ten."""

from dataclasses import dataclass

import numpy as np

NEIGHBOURS = 100
FEWEST_BUYERS = 10


@dataclass(frozen=True)
class Similar:
    """How many of the most similar customers bought a product before.

    Attributes:
        n: similar customers looked at. buyers: of them, or None: fewer than FEWEST_BUYERS, and nothing is told.
        others, other_buyers: all other customers with a history, alike.
    """

    n: int
    buyers: int | None
    others: int
    other_buyers: int | None


def similar_buyers(
    vectors: np.ndarray, user: int, bought: np.ndarray, *, known: np.ndarray, n: int = NEIGHBOURS
) -> Similar | None:
    """The n customers whose vectors point most the same way (cosine), and how many of them bought the product.

    Counts are told only where on both sides at least FEWEST_BUYERS bought it and as many did not, or nobody did not: the
    total may be known, so that one count would give the other away. None where there are not n other customers twice over.

    Args:
        vectors: (U, D), U of everybody. user: code. bought: bool (U,). known: bool (U,), customers with a history.
    """
    others = np.flatnonzero(known & (np.arange(len(vectors)) != user))
    if len(others) < 2 * n or not known[user]:
        return None
    lengths = np.linalg.norm(vectors, axis=1)
    likeness = vectors[others] @ vectors[user] / np.maximum(lengths[others] * lengths[user], 1e-9)
    nearest = np.zeros(len(others), bool)
    nearest[np.argsort(-likeness, kind="stable")[:n]] = True
    own, rest = bought[others[nearest]], bought[others[~nearest]]
    counts = _counted(own), _counted(rest)
    return (
        Similar(n, counts[0], len(rest), counts[1])
        if None not in counts
        else Similar(n, None, len(rest), None)
    )


def _counted(bought: np.ndarray) -> int | None:
    count = int(bought.sum())
    enough = count >= FEWEST_BUYERS and (len(bought) - count >= FEWEST_BUYERS or count == len(bought))
    return count if enough else None
