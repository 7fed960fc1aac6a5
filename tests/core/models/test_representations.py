"""R, the recommender's own word on an item: a log-probability among what may be listed."""

import numpy as np
import pytest
import torch

from core.models.history import index_history
from core.models.representations import represent
from core.models.task import Task
from core.schema.settings import TrainSettings
from core.train.device import choose_device
from core.train.setup import set_up
from tests.core.models.made import later_positives, made_inputs, rows_of

CPU = torch.device("cpu")
SETTINGS = TrainSettings(width=16, layers=1, heads=2, history_length=64)


@pytest.mark.parametrize("seen_items", ["keep", "exclude"])
def test_the_chances_of_all_that_may_be_listed_sum_to_one(seen_items):
    inputs = made_inputs()
    settings = SETTINGS.model_copy(update={"seen_items": seen_items})
    run = set_up(inputs, later_positives(inputs), settings, choose_device("cpu"))
    user, time = 5, inputs.at // 2
    seen = {item for u, item, t, _ in rows_of(inputs) if u == user and t < time}
    assert 0 < len(seen) < inputs.n_items
    items = np.arange(inputs.n_items)
    found = represent(
        run.model,
        index_history(inputs),
        np.full(len(items), user),
        np.full(len(items), time),
        items,
        task=run.task,
        device=CPU,
    )
    listable = [item for item in items if seen_items == "keep" or item not in seen]
    assert np.exp(found.scores[listable]).sum() == pytest.approx(1, abs=1e-4)
    assert np.isfinite(found.scores).all()


def test_an_item_outside_of_the_catalogue_has_neither_vector_nor_chance():
    inputs = made_inputs()
    run = set_up(inputs, later_positives(inputs), SETTINGS, choose_device("cpu"))
    task = Task("window", 1, exclude_seen=False)
    found = represent(
        run.model,
        index_history(inputs),
        np.array([3, 3]),
        np.full(2, inputs.at),
        np.array([-1, 4]),
        task=task,
        device=CPU,
    )
    assert not found.products[0].any()
    assert found.scores[0] == 0
    assert found.products[1].any()
    np.testing.assert_allclose(found.users[0], found.users[1], atol=1e-5)
