"""What the settings leave to the data is settled by the data, and by nothing else."""

from dataclasses import replace

import pytest

from core.models.history import index_history
from core.models.task import Task
from core.schema.settings import TrainSettings
from core.train.setup import settled
from tests.core.models.made import made_inputs

NEXT, WINDOW = Task("next", 1, exclude_seen=True), Task("window", 1, exclude_seen=False)


def history(*, items: int):
    """About 450 single interactions spread over so many items."""
    inputs = made_inputs(n_users=40, n_items=10, basket=1)
    return index_history(replace(inputs, n_items=items))


def test_many_interactions_an_item_make_vectors_wide_and_dropout_small():
    dense, sparse = history(items=10), history(items=200)
    wide, narrow = settled(TrainSettings(), NEXT, dense), settled(TrainSettings(), NEXT, sparse)
    assert (wide.width, narrow.width) == (128, 64)
    assert 0.1 <= wide.dropout < narrow.dropout <= 0.5


def test_a_window_takes_few_epochs_and_narrow_vectors_and_the_next_item_more():
    windows, nexts = (settled(TrainSettings(), task, history(items=10)) for task in (WINDOW, NEXT))
    assert windows.epochs < nexts.epochs
    assert windows.batch_size <= nexts.batch_size
    assert windows.width < nexts.width


def test_no_interactions_at_all_still_settle_everything():
    inputs = made_inputs(n_users=2)
    empty = replace(index_history(inputs), items=index_history(inputs).items[:0])
    found = settled(TrainSettings(), NEXT, empty)
    assert None not in (found.width, found.dropout, found.epochs, found.batch_size)


@pytest.mark.parametrize("task", [NEXT, WINDOW])
def test_what_is_set_stays(task):
    chosen = TrainSettings(width=32, dropout=0.0, epochs=5, batch_size=7)
    assert settled(chosen, task, history(items=10)) == chosen
