"""What a recommender makes of its log of impressions and clicks."""

from dataclasses import dataclass

import numpy as np

FACTORS, SWEEPS = 6, 2  # sweeps go on from the factors of the round before
RIDGE = 2.0  # of factors, in impressions
PRIOR = 1.0  # impressions that a product's own mean starts with


@dataclass
class Log:
    """Of each customer and product so far, (U, I): how often shown, how often clicked, clicks over the chance of being looked at."""

    shown: np.ndarray
    clicked: np.ndarray
    corrected: np.ndarray

    @classmethod
    def empty(cls, n_users: int, n_items: int) -> "Log":
        """Nothing was shown yet."""
        return cls(*(np.zeros((n_users, n_items)) for _ in range(3)))

    def add(self, lists: np.ndarray, clicked: np.ndarray, examined: np.ndarray) -> None:
        """One round. Args: lists, clicked: (U, k). examined: (k,)."""
        users = np.repeat(np.arange(len(lists)), lists.shape[1])
        places = (users, lists.ravel())  # no product twice in a list
        self.shown[places] += 1
        self.clicked[places] += clicked.ravel()
        self.corrected[places] += (clicked / examined).ravel()


def click_rate(log: Log, *, corrected: bool) -> np.ndarray:
    """What each product is worth by the log, (I,), NaN where it was never shown.

    Clicks per impression, or corrected for the place: (1/n) sum c / p, unbiased for the true taste where the chance p of being
    looked at is known (Joachims, Swaminathan & Schnabel, WSDM 2017, eq. 5).
    """
    with np.errstate(invalid="ignore"):
        return (log.corrected if corrected else log.clicked).sum(axis=0) / log.shown.sum(axis=0)


class Factors:
    """Tastes as a product's mean and an inner product, fitted by alternating least squares to what was shown.

    Weighted by impressions, as in Hu, Koren & Volinsky (ICDM 2008); with the corrected log it is MF-IPS of Schnabel et al.
    (ICML 2016) under the position-based model.
    """

    def __init__(self, n_users: int, n_items: int, rng: np.random.Generator):
        self.users = 0.1 * rng.standard_normal((n_users, FACTORS))
        self.items = 0.1 * rng.standard_normal((n_items, FACTORS))

    def learn(self, log: Log, *, corrected: bool) -> np.ndarray:
        """Go on from the last fit; estimated tastes, (U, I) within [0, 1]."""
        weight, total = log.shown, log.corrected if corrected else log.clicked
        overall = total.sum() / max(weight.sum(), 1)
        mean = (total.sum(axis=0) + PRIOR * overall) / (weight.sum(axis=0) + PRIOR)
        rest = total - weight * mean  # weight times what the mean leaves, (U, I)
        for _ in range(SWEEPS):
            self.users = _solved(self.items, weight, rest)
            self.items = _solved(self.users, weight.T, rest.T)
        return np.clip(mean + self.users @ self.items.T, 0, 1)


def _solved(other: np.ndarray, weight: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """Ridge regression of each row on the factors of the other side, (rows, F)."""
    squares = (other[:, :, None] * other[:, None, :]).reshape(len(other), -1)
    gram = (weight @ squares).reshape(-1, FACTORS, FACTORS) + RIDGE * np.eye(FACTORS)
    return np.linalg.solve(gram, (rest @ other)[..., None])[..., 0]
