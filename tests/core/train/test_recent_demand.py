"""A trained model follows recent demand only where that is asked in days and validation is clearly better with it."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from core.data.inputs import SECONDS_PER_DAY, Positives
from core.models import recent_demand as demand_module
from core.models.history import index_history
from core.models.recent_demand import recent_demand
from core.train.device import choose_device
from core.train.fit import fit
from core.train.recent_demand import choose_recent_demand
from core.train.setup import set_up
from core.train.validation import validate, validate_new
from core.train.weights import load, save
from tests.core.models.made import inputs_of, later_positives, made_inputs, rows_of
from tests.core.train.test_ranking import SETTINGS

RISING, USERS, DAYS = 3, 24, 120


def shop(*, rising: bool = True):
    """Item RISING is taken by nobody but by every second user in the last days; the others take it next."""
    rows = [row for row in rows_of(made_inputs(n_users=USERS, n_items=60, habit=0.5)) if row[1] != RISING]
    late = (DAYS - 5) * SECONDS_PER_DAY
    if rising:
        rows += [(user, RISING, late, 900) for user in range(1, USERS, 2)]
    rows.sort(key=lambda row: (row[0], row[2]))
    inputs = inputs_of(rows, n_users=USERS, n_items=60, at=DAYS * SECONDS_PER_DAY)
    others = np.arange(2, USERS, 2)
    offsets = np.searchsorted(others, np.arange(USERS + 1))
    return inputs, Positives(offsets.astype(np.int64), np.full(len(others), RISING, np.int32))


def run_of(inputs, answers, **changed):
    return set_up(inputs, answers, SETTINGS.model_copy(update=changed), choose_device("cpu"))


def test_it_is_followed_where_validation_is_clearly_better():
    run = run_of(*shop())
    with torch.no_grad():
        run.model.product.bias[RISING] -= 3.0  # as if most of the history had been without it
    before, after = choose_recent_demand(run)
    assert run.model.shape.recent_demand
    assert after > before + 0.05
    assert after == pytest.approx(validate_new(run).mean())


def test_it_is_not_followed_where_people_go_on_as_before():
    inputs = made_inputs(n_users=USERS)
    run = run_of(inputs, later_positives(inputs))
    before, after = choose_recent_demand(run)
    assert run.model.shape.recent_demand is False
    assert validate_new(run).mean() == pytest.approx(before)
    gains = after - before
    assert gains < 0.05


@pytest.mark.parametrize(
    ("changed", "timed"),
    [({"predict": "next"}, True), ({}, False), ({"repeat_term": False}, True)],
    ids=["next basket", "no times", "taste scores what was taken"],
)
def test_it_is_not_tried_where_it_would_not_fit(changed, timed):
    inputs, answers = shop()
    run = run_of(replace(inputs, timed=timed), answers, **changed)
    assert choose_recent_demand(run) is None
    assert run.model.shape.recent_demand is False


def test_it_is_tried_where_lists_leave_out_what_was_taken():
    run = run_of(*shop(), seen_items="exclude")
    assert run.model.repeat is None
    assert choose_recent_demand(run) is not None


def test_the_model_is_asked_for_it_once_in_all_of_training(monkeypatch):
    asked, expected = [], demand_module._expected
    monkeypatch.setattr(demand_module, "_expected", lambda *args: asked.append(1) or expected(*args))
    trained = fit(*shop(), SETTINGS)
    assert trained.model.shape.recent_demand
    assert trained.second_stage is not None
    assert len(asked) == 1


def test_it_is_not_tried_where_nobody_took_anything_new():
    inputs, _ = shop(rising=False)
    taken = [np.unique(part)[:1] for part in np.split(inputs.history.items, inputs.history.offsets[1:-1])]
    offsets = np.cumsum([0, *map(len, taken)]).astype(np.int64)
    run = run_of(inputs, Positives(offsets, np.concatenate(taken).astype(np.int32)))
    assert validate(run) > 0
    assert choose_recent_demand(run) is None


def test_training_decides_it_and_the_saved_model_goes_on_with_it(workspace):
    inputs, answers = shop()
    trained = fit(inputs, answers, SETTINGS)
    before, after = trained.recent_demand
    assert trained.model.shape.recent_demand == (after > before)
    assert after > before
    model, task = load(workspace.artefacts, save(workspace.artefacts, "r", trained))
    history = index_history(inputs)
    demand = recent_demand(model, history, task=task)
    assert demand.any()
    assert torch.equal(demand, recent_demand(trained.model, history, task=trained.task))


def test_it_is_not_tried_where_nothing_is_asked_after_training():
    trained = fit(*shop(), SETTINGS.model_copy(update={"ranking": False}))
    assert trained.recent_demand is None
    assert not trained.model.shape.recent_demand
