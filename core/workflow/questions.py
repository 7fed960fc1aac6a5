"""What a recommender is asked on each split of a dataset, and what it may know then."""

from dataclasses import dataclass
from typing import Literal

import pandas as pd

from core.data.content import ItemContent, item_content
from core.data.dataset import table
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
    """All of a dataset that recommenders learn from and are asked about, read once; `content` is of the catalogue."""

    events: pd.DataFrame
    items: pd.DataFrame
    content: ItemContent
    users: pd.DataFrame
    ratings: pd.DataFrame | None
    timed: bool

    def inputs(self, until: Split) -> ModelInputs:
        """What a model may know at the end of a split."""
        return model_inputs(
            self.events,
            self.items,
            n_users=len(self.users),
            until=until,
            users=self.users,
            ratings=self.ratings,
            timed=self.timed,
            content=self.content,
        )

    def question(self, split: Literal["validation", "test"]) -> Question:
        """The question of a split; history ends where the split begins."""
        inputs = self.inputs(HISTORY_BEFORE[split])
        return Question(inputs, positives(self.events, inputs.n_items, inputs.n_users, split))


def material_of(workspace: Workspace, dataset: Dataset, settings: TrainSettings) -> Material:
    """What the settings let a model see of a dataset."""
    items = table(workspace, dataset, "items")
    images = table(workspace, dataset, "images") if "images" in dataset.tables else None
    encode = minilm() if settings.sentences else None
    return Material(
        events=table(workspace, dataset, "events", [USER, ITEM, BASKET, TIMESTAMP, EVENT, SPLIT]),
        items=items,
        content=item_content(items[items[IN_CATALOGUE]], images=images, encode=encode),
        users=_visible_users(workspace, dataset, settings),
        ratings=_ratings(workspace, dataset),
        timed=TIMING not in dataset.missing,
    )


def questions(workspace: Workspace, dataset: Dataset, settings: TrainSettings) -> dict[str, Question]:
    """The validation and the test question of a dataset."""
    material = material_of(workspace, dataset, settings)
    return {split: material.question(split) for split in HISTORY_BEFORE}


def _visible_users(workspace: Workspace, dataset: Dataset, settings: TrainSettings) -> pd.DataFrame:
    """The user table without protected attributes, unless the settings let the model see them."""
    users = table(workspace, dataset, "users")
    return users if settings.protected_inputs else users.drop(columns=dataset.protected)


def _ratings(workspace: Workspace, dataset: Dataset) -> pd.DataFrame | None:
    """`user`, `item`, `timestamp`, `rating`: reviews, else satisfaction with an item's service."""
    for name, value in (("reviews", RATING), ("service", SATISFACTION)):
        if name in dataset.tables:
            rows = table(workspace, dataset, name)
            if {ITEM, value} <= set(rows):
                return rows[[USER, ITEM, TIMESTAMP, value]].rename(columns={value: RATING})
    return None
