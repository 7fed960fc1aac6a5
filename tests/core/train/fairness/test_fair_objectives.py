"""Fairness in training as a whole: off it changes nothing, on it is there, resumes, and moves what it is for."""

import numpy as np
import pytest
import torch

from core.errors import Cancelled
from core.figures.progress import epochs_in
from core.schema.settings import TrainSettings
from core.train import fit as training
from core.train.fairness.objectives import FAIR_WEIGHTS
from core.train.fit import fit
from core.train.objectives import WEIGHTS, losses
from core.train.setup import set_up
from tests.core.models.made import later_positives
from tests.core.train.fairness.made_groups import SETTINGS, grouped_inputs, started

ALL_ON = SETTINGS.model_copy(update=dict.fromkeys(FAIR_WEIGHTS.values(), 0.5))


def weights_of(trained):
    return trained.model.state_dict()


def assert_same(one, other):
    for name, tensor in weights_of(one).items():
        torch.testing.assert_close(tensor, weights_of(other)[name], rtol=0, atol=0, msg=name)


def test_every_weight_is_a_setting_that_begins_at_zero():
    assert {TrainSettings.model_fields[name].default for name in FAIR_WEIGHTS.values()} == {0.0}
    assert FAIR_WEIGHTS.items() <= WEIGHTS.items()
    assert set(TrainSettings(**dict.fromkeys(FAIR_WEIGHTS.values(), 1)).fairness_in_training) == set(
        FAIR_WEIGHTS.values()
    )


def test_groups_alone_change_no_number_of_training():
    inputs = grouped_inputs()
    without = fit(inputs.__class__(**vars(inputs) | {"groups": None}), later_positives(inputs), SETTINGS)
    assert_same(fit(inputs, later_positives(inputs), SETTINGS), without)


@pytest.mark.parametrize(("name", "weight"), FAIR_WEIGHTS.items())
def test_an_objective_is_computed_where_it_has_a_weight_and_reaches_the_item_vectors(name, weight):
    run = started(SETTINGS.model_copy(update={weight: 1.0}))
    rng = np.random.default_rng(0)
    torch.nn.init.normal_(run.model.product.item.weight)
    for _ in range(2):  # the adversary remembers, before it speaks
        example = run.examples.draw(np.arange(10, 40), rng)
        found = losses(run.model, example, None, rng=rng, fairness=run.fairness)
    assert set(found) & set(FAIR_WEIGHTS) == {name}
    assert found[name].item() >= 0
    found[name].backward()
    assert run.model.product.item.weight.grad.abs().sum() > 0
    assert all(p.grad is None or p.grad.isfinite().all() for p in run.model.parameters())


def test_all_of_them_stand_training_in_half_precision():
    run, rng = started(ALL_ON), np.random.default_rng(0)
    for _ in range(2):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            example = run.examples.draw(np.arange(40), rng)
            found = losses(run.model, example, None, rng=rng, fairness=run.fairness)
    sum(found.values()).backward()
    assert all(found[name].dtype == torch.float32 for name in FAIR_WEIGHTS)
    assert all(p.grad is None or p.grad.isfinite().all() for p in run.model.parameters())


def test_a_run_with_all_of_them_repeats_itself_and_tells_each_loss():
    inputs, told = grouped_inputs(), []
    options = {"progress": lambda stage, fraction, message="": told.append(f"{stage}: {message}")}
    one = fit(inputs, later_positives(inputs), ALL_ON, **options)
    assert_same(one, fit(inputs, later_positives(inputs), ALL_ON))
    assert set(FAIR_WEIGHTS) <= set(one.history[-1].losses)
    assert epochs_in("\n".join(told))[-1].losses.keys() == one.history[-1].losses.keys()


@pytest.mark.parametrize("stop_after", [2, 6, 9])
def test_training_that_was_stopped_resumes_with_what_objectives_remember(tmp_path, monkeypatch, stop_after):
    monkeypatch.setattr(training, "CHECKPOINT_SECONDS", 0.0)
    inputs, calls = grouped_inputs(), []

    def stop(stage, fraction, message=""):
        calls.append(fraction)
        if len(calls) == stop_after:
            raise Cancelled

    with pytest.raises(Cancelled):
        fit(inputs, later_positives(inputs), ALL_ON, progress=stop, scratch=tmp_path)
    resumed = fit(inputs, later_positives(inputs), ALL_ON, scratch=tmp_path)
    assert_same(resumed, fit(inputs, later_positives(inputs), ALL_ON))


def test_other_groups_make_another_checkpoint():
    inputs = grouped_inputs()
    other = grouped_inputs()
    other.groups.users[12] = 0
    device = training.choose_device("cpu")
    one, two = (set_up(each, later_positives(each), ALL_ON, device).of for each in (inputs, other))
    assert one != two


def test_after_fairness_in_training_nothing_is_decided_by_accuracy_alone():
    settings = SETTINGS.model_copy(update={"ranking": True, "exposure_weight": 1.0})
    inputs = grouped_inputs()
    trained = fit(inputs, later_positives(inputs), settings)
    assert trained.second_stage is trained.recent_demand is None
    assert not trained.model.shape.recent_demand
    assert not trained.settings.ranking


@pytest.mark.parametrize(
    ("name", "setting", "weight"),
    [
        ("loss gap", "loss_gap_weight", 10.0),
        ("exposure", "exposure_weight", 5.0),
        ("diversity", "diversity_weight", 5.0),
    ],
)
def test_a_heavy_weight_brings_its_own_loss_down(name, setting, weight):
    inputs, found = grouped_inputs(taste=0.8, first=1), []  # one group is easy to predict
    for each in (1e-9, weight):
        settings = SETTINGS.model_copy(
            update={setting: each, "epochs": 6, "patience": 6, "learning_rate": 0.01}
        )
        found.append(fit(inputs, later_positives(inputs), settings).history[-1].losses[name])
    assert found[1] < found[0]
