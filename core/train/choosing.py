"""When a richer model may take the place of a simpler one."""

import numpy as np


def clearly_better(gains: np.ndarray, users: np.ndarray) -> bool:
    """Whether the mean gain of the richer model on validation exceeds its standard error, users being the unit.

    The one-standard-error rule (Breiman et al., Classification and Regression Trees, 1984): on little data the
    simpler model stays, for a small gain there is mostly luck.

    Args:
        gains: (N,) of the richer model over the simpler one, by row. users: (N,).
    """
    if not len(gains):
        return False
    places = np.unique(users, return_inverse=True)[1]
    off = np.bincount(places, gains - gains.mean())
    return bool(gains.sum() > np.sqrt((off**2).sum()))
