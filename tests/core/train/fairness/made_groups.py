"""Made histories whose users belong to groups that take different items."""

from dataclasses import replace

import numpy as np
import torch

from core.data.fair_groups import FairGroups
from core.data.inputs import SECONDS_PER_DAY, ModelInputs
from core.schema.settings import TrainSettings
from core.train.device import choose_device
from core.train.fairness.step import Groups, Step
from core.train.setup import Training, set_up
from tests.core.models.made import inputs_of, later_positives

N_ITEMS = 12
SETTINGS = TrainSettings(
    width=16, layers=1, heads=2, history_length=16, horizon_days=7, batch_size=8, epochs=2, ranking=False
)


def grouped_inputs(
    *, n_users: int = 40, taste: float = 1.0, first: int = N_ITEMS // 2, seed: int = 0
) -> ModelInputs:
    """Users of two groups, the odd codes and the even ones; the first ten belong to none.

    With `taste` 1 the group of even codes takes the `first` items alone and the other the second half, with 0
    everybody takes all alike.
    """
    rng = np.random.default_rng(seed)
    rows, n_items = [], N_ITEMS
    for user in range(n_users):
        for day in range(8):
            own = rng.random() < taste
            half = rng.integers(n_items // 2, n_items) if user % 2 else rng.integers(first)
            item = half if own else rng.integers(n_items)
            rows.append((user, item, day * SECONDS_PER_DAY + user, day))
    inputs = inputs_of(rows, n_users=n_users, n_items=n_items, at=8 * SECONDS_PER_DAY)
    users = np.where(np.arange(n_users) < 10, 0, np.arange(n_users) % 2 + 1)
    items = np.where(np.arange(n_items) < 2, 1, 2)
    return replace(inputs, groups=FairGroups("plan", ("a", "b"), users, 0, items, np.arange(n_items) % 3 + 1))


def started(settings: TrainSettings = SETTINGS, **shop) -> Training:
    inputs = grouped_inputs(**shop)
    return set_up(inputs, later_positives(inputs), settings, choose_device("cpu"))


def step_of(run: Training, users: np.ndarray, *, seed: int = 0) -> Step:
    """One batch without any chance in it."""
    run.model.eval()
    example = run.examples.draw(users, np.random.default_rng(seed))
    groups = grouped_inputs(n_users=run.history.n_users).groups
    codes = {name: torch.from_numpy(getattr(groups, name)) for name in ("users", "items", "categories")}
    shares = torch.tensor([0.0, 2 / N_ITEMS, 1 - 2 / N_ITEMS])
    return Step(
        run.model,
        run.model(example.batch),
        example,
        Groups(n=2, shares=shares, **codes),
        np.random.default_rng(seed),
    )
