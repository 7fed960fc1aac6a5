"""Augmentation varies what is read, never what is true."""

import numpy as np
import pytest

from core.data.inputs import SECONDS_PER_DAY
from core.models.history import index_history
from core.models.task import Task
from core.schema.settings import TrainSettings
from core.train.augment import augmentation_of
from core.train.examples import examples_of
from tests.core.models.made import inputs_of, made_inputs

NEXT = Task("next", 7 * SECONDS_PER_DAY, exclude_seen=True)


def drawn(inputs, seed=0, **settings):
    settings = TrainSettings(history_length=64, **settings)
    examples = examples_of(index_history(inputs), NEXT, settings, past="nothing", timed=True)
    return examples.draw(examples.users, np.random.default_rng(seed))


@pytest.fixture(scope="module")
def inputs():
    return made_inputs(n_users=20, basket=1)


def test_without_augmentation_everything_is_read_as_it_is(inputs):
    batch = drawn(inputs).batch
    taken = inputs.history.items[np.isin(inputs.history.users, np.flatnonzero(inputs.history.lengths > 1))]
    assert batch.token_kept is None
    assert len(batch.line_items) == len(taken) - batch.users  # the last one is only predicted


def test_masking_hides_baskets_but_no_target(inputs):
    plain, masked = drawn(inputs), drawn(inputs, mask=0.5)
    assert 0.3 < masked.batch.token_kept.mean() < 0.7
    assert masked.targets.items.tolist() == plain.targets.items.tolist()


def test_substitutes_are_items_that_the_same_users_take(inputs):
    plain, changed = drawn(inputs), drawn(inputs, substitute=0.5)
    other = (plain.batch.line_items != changed.batch.line_items).numpy()
    assert 0.3 < other.mean() < 0.7
    assert changed.targets.items.tolist() == plain.targets.items.tolist()


def test_the_substitutes_of_an_item_are_those_most_often_taken_by_its_users(monkeypatch):
    rows = [(user, user % 2 + 2 * day, day * 86_400, day) for user in range(8) for day in range(2)]
    pairs = index_history(inputs_of(rows, n_users=8, n_items=4, at=10**6))
    monkeypatch.setattr("core.train.augment.SUBSTITUTES", 1)
    found = augmentation_of(pairs, TrainSettings(substitute=0.1), reorder=False).substitutes
    assert found.ravel().tolist() == [2, 3, 0, 1]


def test_cropping_reads_a_stretch_of_at_least_half(inputs):
    history = index_history(inputs)
    low, high = history.token_offsets[:-1], history.token_offsets[1:]
    crop = augmentation_of(history, TrainSettings(crop=1.0), reorder=False)
    begin, end = crop.cropped(low, high, np.random.default_rng(0))
    assert (begin >= low).all()
    assert (end <= high).all()
    assert (end - begin >= np.minimum(high - low, 2)).all()
    assert (2 * (end - begin) >= high - low).all()
    assert (begin > low).any()
    example = drawn(inputs, crop=1.0)
    assert len(example.batch.line_items) < len(drawn(inputs).batch.line_items)


def test_reordering_keeps_each_users_items_and_reads_no_future(inputs):
    plain, shuffled = drawn(inputs), drawn(inputs, reorder=1.0)
    assert plain.batch.line_items.tolist() != shuffled.batch.line_items.tolist()
    assert sorted(plain.targets.items.tolist() + plain.batch.line_items.tolist()) != []
    batch, targets = shuffled.batch, shuffled.targets
    following = dict(zip(targets.moments.tolist(), targets.items.tolist(), strict=True))
    rows = batch.token_slots // batch.length
    for token in range(1, len(batch.line_items)):
        if rows[token] != rows[token - 1]:
            continue
        moment = int((batch.moment_slots == batch.token_slots[token - 1]).nonzero()[0])
        assert following[moment] == int(batch.line_items[token])  # the target is what is read next


def test_baskets_of_several_items_are_never_reordered():
    history = index_history(made_inputs(n_users=10, basket=3))
    assert augmentation_of(history, TrainSettings(reorder=1.0), reorder=True).reorder == 0
