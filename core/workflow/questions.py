"""What a recommender is asked on each split of a dataset, and what it may know then."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import pandas as pd

from core.data.content import item_content
from core.data.dataset import table
from core.data.inputs import ModelInputs, Positives, model_inputs, positives
from core.data.sentences import minilm
from core.data.support import TIMING
from core.schema.documents import Dataset
from core.schema.settings import TrainSettings
from core.schema.tables import BASKET, EVENT, IN_CATALOGUE, ITEM, RATING, SATISFACTION, SPLIT, TIMESTAMP, USER
from core.store.workspace import Workspace

HISTORY_BEFORE = {"validation": "train", "test": "validation"}  # what a list for each split may know


@dataclass(frozen=True)
class Question:
    """What a recommender is asked on one split: histories up to its start, and what was bought in it."""

    inputs: ModelInputs
    positives: Positives


def questions(workspace: Workspace, dataset: Dataset, settings: TrainSettings) -> dict[str, Question]:
    """The validation and the test question of a dataset; history always ends where the split begins."""
    inputs_until = inputs_of(workspace, dataset, settings)
    events = table(workspace, dataset, "events", [USER, ITEM, EVENT, SPLIT])
    asked = {}
    for split, until in HISTORY_BEFORE.items():
        inputs = inputs_until(until=until)
        asked[split] = Question(inputs, positives(events, inputs.n_items, inputs.n_users, split))
    return asked


def inputs_of(workspace: Workspace, dataset: Dataset, settings: TrainSettings) -> Callable[..., ModelInputs]:
    """What a model may know of a dataset `until` the end of each split."""
    events = table(workspace, dataset, "events", [USER, ITEM, BASKET, TIMESTAMP, EVENT, SPLIT])
    items = table(workspace, dataset, "items")
    images = table(workspace, dataset, "images") if "images" in dataset.tables else None
    return partial(
        model_inputs,
        events,
        items,
        content=item_content(
            items[items[IN_CATALOGUE]], images=images, encode=minilm() if settings.sentences else None
        ),
        n_users=dataset.counts["users"],
        users=_visible_users(workspace, dataset, settings),
        ratings=_ratings(workspace, dataset),
        timed=TIMING not in dataset.missing,
    )


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
