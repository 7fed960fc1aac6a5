"""What the codes of a prepared dataset stand for, so that a model of another dataset can be asked about this one."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from core.data.content import attribute_labels, category_labels
from core.schema.tables import ITEM_ID


@dataclass(frozen=True)
class Vocabulary:
    """Names in the order of their codes.

    Attributes:
        items: ids of the catalogue, from code 0.
        item_attributes, user_attributes: labels of each attribute from code 1 (0 is Unknown).
        user_features: attribute and label of each column of the numbers that stand in place of user attributes.
        events: kinds of event, from code 0, which is a purchase.
    """

    items: tuple[str, ...]
    item_attributes: dict[str, tuple[str, ...]]
    user_attributes: dict[str, tuple[str, ...]]
    user_features: tuple[tuple[str, str], ...]
    events: tuple[str, ...]


def vocabulary(
    catalogue: pd.DataFrame, users: pd.DataFrame, kinds: Sequence[str], *, features: pd.DataFrame
) -> Vocabulary:
    """The vocabulary of what a model reads.

    Args:
        catalogue: rows of the item table that are in the catalogue. users: the attributes that are read as codes.
        kinds: of events, in the order of their codes. features: the attributes that are read as numbers.
    """
    columns = [(str(name), label) for name in features for label in category_labels(features[name])]
    return Vocabulary(
        items=tuple(map(str, catalogue[ITEM_ID])),
        item_attributes=attribute_labels(catalogue),
        user_attributes=attribute_labels(users),
        user_features=tuple(columns),
        events=tuple(map(str, kinds)),
    )
