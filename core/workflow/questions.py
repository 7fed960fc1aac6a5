"""What a recommender is asked on each split of a dataset, and what it may know then."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd

from core.data.content import ItemContent, item_content
from core.data.dataset import table
from core.data.decorrelation import decorrelated, one_hot
from core.data.fair_groups import FairGroups, fair_groups
from core.data.inputs import ModelInputs, Positives, model_inputs, positives, without_users
from core.data.reactions import FLAGS
from core.data.sentences import minilm
from core.data.support import TIMING
from core.data.vocabulary import Vocabulary, vocabulary
from core.schema.documents import Dataset
from core.schema.settings import Split, TrainSettings
from core.schema.tables import (
    BASKET,
    EVENT,
    IN_CATALOGUE,
    ITEM,
    JUDGEMENTS,
    PURCHASES_SO_FAR,
    RANK,
    RATING,
    SATISFACTION,
    SPLIT,
    TIMESTAMP,
    USER,
)
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

    `vocabulary`: what its codes stand for. `user_features` stand in place of what `users` say; `groups` are what fairness in training goes by. `attributes`:
    one column per known value of each attribute that those numbers were made of, (n_users, F). `impressions`: of lists,
    with the columns that there are of what came of them; `judgements`: what analysts said of products in lists.
    """

    events: pd.DataFrame
    items: pd.DataFrame
    content: ItemContent
    users: pd.DataFrame
    ratings: pd.DataFrame | None
    timed: bool
    vocabulary: Vocabulary
    user_features: np.ndarray | None = None
    groups: FairGroups | None = None
    attributes: np.ndarray | None = None
    impressions: pd.DataFrame | None = None
    judgements: pd.DataFrame | None = None

    def inputs(self, until: Split) -> ModelInputs:
        """What a model may know at the end of a split."""
        known = model_inputs(
            self.events,
            self.items,
            n_users=len(self.users),
            until=until,
            users=self.users,
            ratings=self.ratings,
            impressions=self.impressions,
            judgements=self.judgements,
            timed=self.timed,
            content=self.content,
        )
        return replace(known, user_features=self.user_features, groups=self.groups)

    def question(self, split: Literal["validation", "test"]) -> Question:
        """The question of a split; history ends where the split begins.

        Users of whom an analyst judged lists do not answer: the lists were made to the analyst's mind.
        """
        inputs = self.inputs(HISTORY_BEFORE[split])
        answers = positives(self.events, inputs.n_items, inputs.n_users, split)
        if self.judgements is not None:
            answers = without_users(answers, self.judgements[USER].unique())
        return Question(inputs, answers)


def material_of(workspace: Workspace, dataset: Dataset, settings: TrainSettings) -> Material:
    """What the settings let a model see of a dataset.

    Raises:
        SettingsError: fairness is to go by an attribute that is not there.
    """
    items, users = table(workspace, dataset, "items"), table(workspace, dataset, "users")
    catalogue = items[items[IN_CATALOGUE]]
    images = table(workspace, dataset, "images") if "images" in dataset.tables else None
    encode = minilm() if settings.sentences else None
    events = table(workspace, dataset, "events", [USER, ITEM, BASKET, TIMESTAMP, EVENT, SPLIT])
    read = _read_as_numbers(users, dataset, settings)
    return Material(
        events=events,
        items=items,
        content=item_content(catalogue, images=images, encode=encode),
        users=_visible(users, dataset, settings),
        ratings=_ratings(workspace, dataset),
        timed=TIMING not in dataset.missing,
        vocabulary=_vocabulary(catalogue, users, events, dataset, settings),
        user_features=decorrelated(*read) if settings.decorrelate else None,
        groups=fair_groups(users, catalogue, settings, protected=dataset.protected),
        attributes=read[0] if settings.decorrelate else None,
        impressions=_impressions(workspace, dataset),
        judgements=table(workspace, dataset, JUDGEMENTS) if JUDGEMENTS in dataset.tables else None,
    )


def vocabulary_of(workspace: Workspace, dataset: Dataset, settings: TrainSettings) -> Vocabulary:
    """What the codes stand for that a model of these settings reads of a dataset: `Material.vocabulary`, read alone."""
    items, users = table(workspace, dataset, "items"), table(workspace, dataset, "users")
    events = table(workspace, dataset, "events", [EVENT])
    return _vocabulary(items[items[IN_CATALOGUE]], users, events, dataset, settings)


def questions(workspace: Workspace, dataset: Dataset, settings: TrainSettings) -> dict[str, Question]:
    """The validation and the test question of a dataset."""
    material = material_of(workspace, dataset, settings)
    return {split: material.question(split) for split in HISTORY_BEFORE}


def _visible(users: pd.DataFrame, dataset: Dataset, settings: TrainSettings) -> pd.DataFrame:
    """Attributes that the model may see as they are: without protected ones, unless the settings say otherwise.

    What was made of the events names groups and says nothing new; its bands move with the data.
    """
    users = users.drop(columns=PURCHASES_SO_FAR, errors="ignore")
    if settings.decorrelate:
        return users.drop(columns=users.select_dtypes("category").columns)
    return users if settings.protected_inputs else users.drop(columns=dataset.protected)


def _vocabulary(
    catalogue: pd.DataFrame,
    users: pd.DataFrame,
    events: pd.DataFrame,
    dataset: Dataset,
    settings: TrainSettings,
) -> Vocabulary:
    kept = _told_apart(users, dataset, settings)[0] if settings.decorrelate else []
    kinds = events[EVENT].cat.categories
    return vocabulary(catalogue, _visible(users, dataset, settings), kinds, features=users[kept])


def _read_as_numbers(
    users: pd.DataFrame, dataset: Dataset, settings: TrainSettings
) -> tuple[np.ndarray, np.ndarray]:
    """Attributes that a model may read and those that it may not, one column per known value, (n_users, F) each."""
    kept, left_out = _told_apart(users, dataset, settings)
    return one_hot(users, kept), one_hot(users, left_out)


def _told_apart(
    users: pd.DataFrame, dataset: Dataset, settings: TrainSettings
) -> tuple[list[str], list[str]]:
    """Names of attributes that may be read as numbers, and of the rest: the protected ones and the one of fairness."""
    hidden = {*dataset.protected, settings.fair_attribute, PURCHASES_SO_FAR}
    names = [str(name) for name in users.select_dtypes("category")]
    return [n for n in names if n not in hidden], [n for n in names if n in hidden]


def _impressions(workspace: Workspace, dataset: Dataset) -> pd.DataFrame | None:
    """Of lists, with those of the columns that there are about what came of them."""
    if "impressions" not in dataset.tables:
        return None
    rows = table(workspace, dataset, "impressions")
    return rows[[USER, ITEM, RANK, TIMESTAMP, *(name for name in FLAGS if name in rows)]]


def _ratings(workspace: Workspace, dataset: Dataset) -> pd.DataFrame | None:
    """`user`, `item`, `timestamp`, `rating`: reviews, and satisfaction with the service of items that no review rates."""
    parts = []
    for name, value in (("reviews", RATING), ("service", SATISFACTION)):
        if name in dataset.tables:
            rows = table(workspace, dataset, name)
            if {ITEM, value} <= set(rows):
                parts.append(rows[[USER, ITEM, TIMESTAMP, value]].rename(columns={value: RATING}))
    if len(parts) < 2:
        return parts[0] if parts else None
    reviews, service = parts
    pairs = [pd.MultiIndex.from_frame(rows[[USER, ITEM]]) for rows in parts]
    return pd.concat([reviews, service[~pairs[1].isin(pairs[0])]], ignore_index=True)
