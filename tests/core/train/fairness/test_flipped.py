"""How much of a list depends on the group that the model reads: of the lists that people get."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from core.data.inputs import SECONDS_PER_DAY
from core.models.history import index_history
from core.models.task import Task
from core.train.fairness import flipped
from core.train.fairness.flipped import flip_change
from tests.core.models.test_recommender import made_model
from tests.core.train.fairness.made_groups import N_ITEMS, grouped_inputs

TASK = Task("window", SECONDS_PER_DAY, exclude_seen=True)


@pytest.fixture
def change():
    """Mean share of three places that change when another group is read."""
    inputs = grouped_inputs()
    inputs = replace(inputs, user_attributes={"plan": inputs.groups.users.astype(np.int32)})
    model, history = made_model(inputs, repeat_term=False), index_history(inputs)
    with torch.no_grad():
        for attribute in model.behaviour.attributes:
            attribute.weight.mul_(20.0)
        model.from_behaviour.weight.normal_()

    def asked() -> float:
        options = {"groups": inputs.groups, "column": 0, "task": TASK, "device": torch.device("cpu")}
        return flip_change(model, history, np.arange(10, 40), k=3, seed=0, **options).mean()

    return asked


def test_they_change_where_the_group_is_read_and_not_where_recent_demand_decides(change, monkeypatch):
    assert change() > 0.1
    demand = 1_000.0 * torch.arange(N_ITEMS)
    monkeypatch.setattr(flipped, "recent_demand", lambda model, history, *, task: demand)
    assert change() == 0.0
