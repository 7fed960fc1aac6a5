"""What a recommender is asked on each split of a dataset, and what it may know then."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd

from core.data.content import ItemContent, item_content
from core.data.dataset import table
from core.data.decorrelation import decorrelated, one_hot
from core.data.fair_groups import FairGroups, fair_groups
from core.data.inputs import ModelInputs, Positives, model_inputs, positives
from core.data.sentences import minilm
from core.data.support import TIMING
from core.schema.documents import Dataset
from core.schema.settings import Split, TrainSettings
from core.schema.tables import BASKET, EVENT, IN_CATALOGUE, ITEM, RATING, SATISFACTION, SPLIT, TIMESTAMP, USER
from core.store.workspace import Workspace

HISTORY_BEFORE = {"validation": "train", "test": "validation"}  # what a list for each split may know


@dataclass(frozen=True)
class Question:
    """What a recommender is asked on one split: histories up to its start, and what was bought in it."""

    inputs: ModelInputs
    positives: Positives


@dataclass(frozen=True)
class Material:
    """All of a dataset that recommenders learn from and are asked about, read once; `content` is of the catalogue.

    `user_features` stand in place of what `users` say; `groups` are what fairness in training goes by. `attributes`:
    one column per known value of each attribute that those numbers were made of, (n_users, F).
    """

    events: pd.DataFrame
    items: pd.DataFrame
    content: ItemContent
    users: pd.DataFrame
    ratings: pd.DataFrame | None
    timed: bool
    user_features: np.ndarray | None = None
    groups: FairGroups | None = None
    attributes: np.ndarray | None = None

    def inputs(self, until: Split) -> ModelInputs:
        """What a model may know at the end of a split."""
        known = model_inputs(
            self.events,
            self.items,
            n_users=len(self.users),
            until=until,
            users=self.users,
            ratings=self.ratings,
            timed=self.timed,
            content=self.content,
        )
        return replace(known, user_features=self.user_features, groups=self.groups)

    def question(self, split: Literal["validation", "test"]) -> Question:
        """The question of a split; history ends where the split begins."""
        inputs = self.inputs(HISTORY_BEFORE[split])
        return Question(inputs, positives(self.events, inputs.n_items, inputs.n_users, split))


def material_of(workspace: Workspace, dataset: Dataset, settings: TrainSettings) -> Material:
    """What the settings let a model see of a dataset.

    Raises:
        SettingsError: fairness is to go by an attribute that is not there.
    """
    items, users = table(workspace, dataset, "items"), table(workspace, dataset, "users")
    catalogue = items[items[IN_CATALOGUE]]
    images = table(workspace, dataset, "images") if "images" in dataset.tables else None
    encode = minilm() if settings.sentences else None
    read = _read_as_numbers(users, dataset, settings)
    return Material(
        events=table(workspace, dataset, "events", [USER, ITEM, BASKET, TIMESTAMP, EVENT, SPLIT]),
        items=items,
        content=item_content(catalogue, images=images, encode=encode),
        users=_visible(users, dataset, settings),
        ratings=_ratings(workspace, dataset),
        timed=TIMING not in dataset.missing,
        user_features=decorrelated(*read) if settings.decorrelate else None,
        groups=fair_groups(users, catalogue, settings, protected=dataset.protected),
        attributes=read[0] if settings.decorrelate else None,
    )


def questions(workspace: Workspace, dataset: Dataset, settings: TrainSettings) -> dict[str, Question]:
    """The validation and the test question of a dataset."""
    material = material_of(workspace, dataset, settings)
    return {split: material.question(split) for split in HISTORY_BEFORE}


def _visible(users: pd.DataFrame, dataset: Dataset, settings: TrainSettings) -> pd.DataFrame:
    """Attributes that the model may see as they are: without protected ones, unless the settings say otherwise."""
    if settings.decorrelate:
        return users.drop(columns=users.select_dtypes("category").columns)
    return users if settings.protected_inputs else users.drop(columns=dataset.protected)


def _read_as_numbers(
    users: pd.DataFrame, dataset: Dataset, settings: TrainSettings
) -> tuple[np.ndarray, np.ndarray]:
    """Attributes that a model may read and those that it may not, one column per known value, (n_users, F) each.

    Not read are the protected ones and the one that fairness goes by.
    """
    hidden = {*dataset.protected, settings.fair_attribute}
    names = [str(name) for name in users.select_dtypes("category")]
    kept, left_out = [n for n in names if n not in hidden], [n for n in names if n in hidden]
    return one_hot(users, kept), one_hot(users, left_out)


def _ratings(workspace: Workspace, dataset: Dataset) -> pd.DataFrame | None:
    """`user`, `item`, `timestamp`, `rating`: reviews, else satisfaction with an item's service."""
    for name, value in (("reviews", RATING), ("service", SATISFACTION)):
        if name in dataset.tables:
            rows = table(workspace, dataset, name)
            if {ITEM, value} <= set(rows):
                return rows[[USER, ITEM, TIMESTAMP, value]].rename(columns={value: RATING})
    return None
