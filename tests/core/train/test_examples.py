"""Training examples: what followed each moment, and nothing after the history's end."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from core.data.inputs import SECONDS_PER_DAY
from core.models.history import index_history
from core.models.task import Task
from core.schema.settings import TrainSettings
from core.train.examples import MOMENTS_PER_USER, examples_of
from tests.core.models.made import made_inputs, rows_of

WEEK = 7 * SECONDS_PER_DAY
WINDOW, NEXT = Task("window", WEEK, exclude_seen=False), Task("next", WEEK, exclude_seen=False)


def made(task: Task, *, length: int = 50, **made):
    inputs = made_inputs(n_users=20, **made)
    return inputs, examples_of(
        index_history(inputs),
        task,
        TrainSettings.model_construct(history_length=length),
        past="features",
        timed=True,
    )


def chosen(targets) -> dict[int, set[int]]:
    found: dict[int, set[int]] = {}
    for moment, item in zip(targets.moments.tolist(), targets.items.tolist(), strict=True):
        found.setdefault(moment, set()).add(item)
    return found


@pytest.mark.parametrize("length", [3, 50])
def test_window_targets_are_the_distinct_items_of_the_following_days(length):
    inputs, examples = made(WINDOW, length=length)
    rng = np.random.default_rng(0)
    begin, end = examples._stretch(examples.users, rng)
    moments, _ = examples._window(examples.history, examples.users, begin, end, rng)
    assert len(moments.users) == MOMENTS_PER_USER * len(examples.users)
    assert (moments.times + WEEK <= inputs.at).all()
    example = examples.draw(examples.users, np.random.default_rng(0))
    batch, found = example.batch, chosen(example.targets)
    for n, (user, time) in enumerate(zip(moments.users, moments.times, strict=True)):
        if batch.moment_slots[n] < 0:
            assert n not in found
            continue
        after = {i for u, i, t, _ in rows_of(inputs) if u == user and time <= t < time + WEEK}
        assert found.get(n, set()) == after


def test_next_targets_are_the_items_of_the_following_basket():
    inputs, examples = made(NEXT)
    users = examples.users[:5]
    example = examples.draw(users, np.random.default_rng(0))
    expected = []
    for user in users:
        baskets: dict[int, set[int]] = {}
        for u, item, _, basket in rows_of(inputs):
            if u == user:
                baskets.setdefault(basket, set()).add(item)
        expected += list(baskets.values())[1:]
    found = chosen(example.targets)
    assert [found[n] for n in range(len(expected))] == expected
    assert len(example.batch.moment_slots) == len(expected)


@pytest.mark.parametrize("task", [WINDOW, NEXT])
def test_weights_sum_to_one_over_moments_and_within_each(task):
    _, examples = made(task)
    targets = examples.draw(examples.users, np.random.default_rng(1)).targets
    assert targets.moment_weights.sum().item() == pytest.approx(1)
    within = torch.zeros(len(targets.moment_weights)).index_add(0, targets.moments, targets.weights)
    torch.testing.assert_close(within, targets.moment_weights)


def test_only_purchases_are_targets_where_there_are_any():
    inputs = made_inputs(n_users=20)
    events = np.zeros(len(inputs.history.items), np.int8)
    events[inputs.history.items < 10] = 1  # looked at only
    inputs = replace(inputs, history=replace(inputs.history, events=events))
    examples = examples_of(index_history(inputs), WINDOW, TrainSettings(), past="features", timed=True)
    targets = examples.draw(examples.users, np.random.default_rng(0)).targets
    assert len(targets.items)
    assert (targets.items >= 10).all()


def test_an_epoch_visits_every_user_once():
    _, examples = made(WINDOW)
    batches = examples.batches(4, np.random.default_rng(0))
    assert max(map(len, batches)) <= 4
    assert sorted(np.concatenate(batches).tolist()) == examples.users.tolist()
