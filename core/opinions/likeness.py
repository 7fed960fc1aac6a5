"""Which customers are like one customer, and whether they are enough to speak of."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.schema.tables import UNKNOWN

MINIMUM_GROUP = 10  # users: a smaller group is never spoken of
EVERYONE, TASTE = "everyone", "taste"
NEIGHBOURS = 200  # users of the most similar taste
SHORTEST_HISTORY = 5  # distinct items, below which there is no taste to compare
FEWEST_SHARED = 2  # items that two users of similar taste have in common


@dataclass(frozen=True)
class Population:
    """Customers that a statement is about; never the customer who asks.

    Attributes:
        basis: the attribute that they share with who asks, or TASTE, or EVERYONE.
        words: what a sentence calls them.
        members: (U,) bool over user codes.
    """

    basis: str
    words: str
    members: np.ndarray

    @property
    def n(self) -> int:
        """How many they are."""
        return int(self.members.sum())

    def holds(self, users: pd.Series | np.ndarray) -> np.ndarray:
        """Bool for each user code, whether it belongs; codes that do not exist do not."""
        codes = np.asarray(users)
        known = (codes >= 0) & (codes < len(self.members))
        return known & self.members[np.where(known, codes, 0)]


def everyone(n_users: int, user: int) -> Population:
    """All other customers."""
    return Population(EVERYONE, "customers", np.arange(n_users) != user)


def same_attribute(users: pd.DataFrame, user: int, attribute: str) -> Population | None:
    """Customers with the same value of an attribute; None where it is unknown or they are fewer than ten.

    Args:
        users: row r is user code r; the attribute is a category.
    """
    labels = users[attribute].astype("str").to_numpy()
    label = labels[user]
    members = (labels == label) & (np.arange(len(labels)) != user)
    if label == UNKNOWN or members.sum() < MINIMUM_GROUP:
        return None
    called = "in your age group" if attribute == "age" else f"with your {attribute.replace('_', ' ')}"
    return Population(attribute, f"customers {_printable(called)} ({_printable(label)})", members)


def same_taste(users: np.ndarray, items: np.ndarray, user: int, *, n_users: int) -> Population | None:
    """The customers whose items overlap most with this one's; None without enough history or such customers.

    Similarity is the cosine between sets, |A and B| / sqrt(|A| |B|); equals are taken in order of their codes.

    Args:
        users, items: (E,) who had which item; repeats count once.
    """
    own = np.unique(items[users == user])
    if len(own) < SHORTEST_HISTORY:
        return None
    width = int(items.max()) + 1
    pairs = pd.unique(users.astype(np.int64) * width + items)
    theirs, which = pairs // width, pairs % width
    shared = np.bincount(theirs, weights=np.isin(which, own), minlength=n_users)
    sizes = np.bincount(theirs, minlength=n_users)
    similarity = np.where(shared >= FEWEST_SHARED, shared / np.sqrt(np.maximum(sizes, 1)), 0.0)
    similarity[user] = 0.0
    nearest = np.argsort(-similarity, kind="stable")[:NEIGHBOURS]
    members = np.zeros(n_users, dtype=bool)
    members[nearest[similarity[nearest] > 0]] = True
    return (
        Population(TASTE, "customers with a taste like yours", members)
        if members.sum() >= MINIMUM_GROUP
        else None
    )


def nearest_with_reviews(
    populations: Iterable[Population | None], reviewers: np.ndarray
) -> Population | None:
    """The first population of which at least ten reviewed the product; None if there is none.

    Args:
        reviewers: distinct user codes of the product's reviews.
    """
    found = (population for population in populations if population is not None)
    return next((one for one in found if one.holds(reviewers).sum() >= MINIMUM_GROUP), None)


def _printable(text: str) -> str:
    """Labels come with the data: no control or direction-changing characters, and not long."""
    return "".join(sign if sign.isprintable() else " " for sign in text)[:40]
