"""A run's recommender with what it knew when it made its lists, read once for many questions."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from torch import Tensor

from core.data.dataset import load, table
from core.data.inputs import ModelInputs
from core.data.reactions import Dismissed
from core.errors import InputError
from core.fairness.groups import group_labels
from core.models.history import History, index_history
from core.models.recent_demand import recent_demand
from core.models.recommender import AttentionRecommender
from core.models.task import Task
from core.schema.documents import Dataset, Run
from core.schema.settings import TrainSettings, settings_from
from core.schema.tables import ITEM, RANK, UNKNOWN, USER
from core.store.workspace import Workspace
from core.train.weights import load as load_weights
from core.workflow.questions import HISTORY_BEFORE, Material, material_of
from core.workflow.runs import run_table

ENTRIES = 10  # of every list


@dataclass(frozen=True)
class Recommender:
    """Attributes: material: of the dataset, as the model was let to see it."""

    model: AttentionRecommender
    task: Task
    material: Material

    @cached_property
    def inputs(self) -> ModelInputs:
        """Up to the test window: what the reported lists rest on."""
        return self.material.inputs(HISTORY_BEFORE["test"])

    @cached_property
    def history(self) -> History:
        """The same, indexed."""
        return index_history(self.inputs)

    @cached_property
    def demand(self) -> Tensor:
        """What the popularity of products was corrected by in the reported lists, (n_items,)."""
        return recent_demand(self.model, self.history, task=self.task)

    @property
    def dismissed(self) -> Dismissed | None:
        """What the reported lists may not hold."""
        return self.inputs.dismissed

    @cached_property
    def everything(self) -> History:
        """To the end of the data."""
        return index_history(self.material.inputs("test"))


def read_recommender(workspace: Workspace, run: Run) -> Recommender:
    """The model of a run, on the CPU.

    Raises:
        InputError: another system made the lists. CorruptArtefact: the weights cannot be read.
    """
    if run.brought or "weights" not in run.artefacts:
        raise InputError("Another system made these lists; what its scores are made of is not known here.")
    model, task = load_weights(workspace.artefacts, run.artefacts["weights"])
    material = material_of(workspace, load(workspace, run.dataset), settings_of(run))
    return Recommender(model, task, material)


def settings_of(run: Run) -> TrainSettings:
    """What the run was trained with."""
    return settings_from(TrainSettings, run.settings)


def entries(workspace: Workspace, run: Run, history: History) -> pd.DataFrame:
    """The first ENTRIES of every list of a user with a history: `user`, `item`, `rank`, `again` (bought before)."""
    lists = run_table(workspace, run, "candidates_test", [USER, ITEM, RANK])
    known = history.tokens[lists[USER].to_numpy()] > 0
    lists = lists[known & (lists[RANK] <= ENTRIES)].reset_index(drop=True)
    bought = np.unique(history.owners * history.n_items + history.items)
    asked = lists[USER].to_numpy(np.int64) * history.n_items + lists[ITEM].to_numpy(np.int64)
    return lists.assign(again=np.isin(asked, bought))


def attribute_groups(workspace: Workspace, dataset: Dataset) -> dict[str, pd.Series]:
    """The users' group of each protected attribute, by user code; NaN where it is not known."""
    users, found = table(workspace, dataset, "users"), {}
    for name in dataset.protected:
        groups = group_labels(users, (name,))
        labels = pd.Series(np.array(groups.names, dtype=object)[groups.codes])
        found[name] = labels.where(labels != UNKNOWN)
    return found
