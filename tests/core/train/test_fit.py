"""Training as a whole: it learns, repeats itself, resumes, stops, refuses, and never looks ahead."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from core.data.inputs import Positives
from core.errors import Cancelled, CorruptArtefact, TrainingError
from core.figures.progress import epochs_in
from core.recommend.candidates import candidates
from core.schema.settings import TrainSettings
from core.train import checkpoint, device
from core.train import fit as training
from core.train.fit import fit
from core.train.weights import load, save
from tests.core.models.made import inputs_of, later_positives, made_inputs

QUICK = TrainSettings(width=16, layers=1, heads=2, history_length=16, epochs=3, batch_size=8, patience=10)
DAY = 86_400


@pytest.fixture(scope="module")
def shop():
    inputs = made_inputs(n_users=30)
    return inputs, later_positives(inputs)


@pytest.fixture(scope="module")
def trained(shop):
    return fit(*shop, QUICK)


def weights(trained) -> dict[str, torch.Tensor]:
    return trained.model.state_dict()


def assert_same(left, right):
    for name, tensor in weights(left).items():
        torch.testing.assert_close(tensor, weights(right)[name], rtol=0, atol=0, msg=name)
    assert [(e.loss, e.validation_ndcg) for e in left.history] == [
        (e.loss, e.validation_ndcg) for e in right.history
    ]


def test_learns_a_small_rule_to_near_zero_loss():
    """Everybody walks round a ring of items: the last item tells the next one."""
    rows = [(user, (user + step) % 10, step * DAY, step) for user in range(24) for step in range(12)]
    inputs = inputs_of(rows, n_users=24, n_items=10, at=12 * DAY)
    following = Positives(np.arange(25), np.array([(user + 12) % 10 for user in range(24)], np.int32))
    settings = TrainSettings(
        width=32,
        layers=1,
        heads=2,
        dropout=0,
        epochs=25,
        patience=25,
        learning_rate=0.02,
        batch_size=8,
        seen_items="keep",
    )
    trained = fit(inputs, following, settings)
    assert trained.task.predict == "next"
    assert trained.history[-1].losses["next item"] < 0.05
    assert max(epoch.validation_ndcg for epoch in trained.history) == 1.0


def test_the_same_seed_gives_the_same_numbers_and_another_seed_others(shop, trained):
    assert_same(fit(*shop, QUICK), trained)
    other = fit(*shop, QUICK.model_copy(update={"seed": 8}))
    assert not torch.equal(weights(other)["product.item.weight"], weights(trained)["product.item.weight"])


def test_training_leaves_the_callers_random_numbers_alone(shop):
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    fit(*shop, QUICK.model_copy(update={"epochs": 1}))
    assert torch.rand(1) == expected


@pytest.mark.parametrize("stop_after", [1, 4, 5, 9, 10])
def test_training_that_was_stopped_resumes_to_the_same_numbers(
    shop, trained, tmp_path, monkeypatch, stop_after
):
    monkeypatch.setattr(training, "CHECKPOINT_SECONDS", 0.0)
    calls = []

    def stop(stage, fraction, message=""):
        calls.append(fraction)
        if len(calls) == stop_after:
            raise Cancelled

    with pytest.raises(Cancelled):
        fit(*shop, QUICK, progress=stop, scratch=tmp_path)
    began = []
    resumed = fit(*shop, QUICK, progress=lambda s, fraction, m="": began.append(fraction), scratch=tmp_path)
    assert_same(resumed, trained)
    assert began[0] >= calls[-1]


def test_a_checkpoint_of_other_settings_or_a_damaged_one_counts_as_none(shop, trained, tmp_path):
    fit(*shop, QUICK.model_copy(update={"width": 8}), scratch=tmp_path)
    assert_same(fit(*shop, QUICK, scratch=tmp_path), trained)
    (tmp_path / checkpoint.NAME).write_bytes(b"not a checkpoint at all")
    assert_same(fit(*shop, QUICK, scratch=tmp_path), trained)


def test_progress_rises_to_the_end_and_carries_the_validation_ndcg(shop):
    told = []
    fit(*shop, QUICK, progress=lambda stage, fraction, message="": told.append((fraction, message)))
    fractions = [fraction for fraction, _ in told]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1
    assert sum("validation NDCG@10" in message for _, message in told) == QUICK.epochs


def test_the_page_reads_every_finished_epoch_and_its_objectives_from_what_is_told(shop):
    told = []
    trained = fit(
        *shop, QUICK, progress=lambda stage, fraction, message="": told.append(f"{stage}: {message}")
    )
    read = epochs_in("\n".join(told))
    assert [epoch.epoch for epoch in read] == [epoch.epoch for epoch in trained.history]
    for one, kept in zip(read, trained.history, strict=True):
        assert len(kept.losses) > 1
        assert one.losses == pytest.approx(kept.losses, abs=1e-3)
        assert one.validation_ndcg == pytest.approx(kept.validation_ndcg, abs=1e-4)


def test_the_best_epoch_is_kept_and_training_stops_without_improvement(shop, monkeypatch):
    values = iter([0.1, 0.5, 0.4, 0.3, 0.9])
    kept = []

    def validate(run):
        kept.append({name: tensor.clone() for name, tensor in run.model.state_dict().items()})
        return next(values)

    monkeypatch.setattr(training, "validate", validate)
    stopped = fit(*shop, QUICK.model_copy(update={"epochs": 9, "patience": 2, "ranking": False}))
    assert [epoch.validation_ndcg for epoch in stopped.history] == [0.1, 0.5, 0.4, 0.3]
    for name, tensor in kept[1].items():
        torch.testing.assert_close(weights(stopped)[name], tensor, rtol=0, atol=0)


def test_divergence_is_one_clear_error(shop, monkeypatch):
    monkeypatch.setattr(training, "total", lambda found, _: sum(found.values()) * float("nan"))
    with pytest.raises(TrainingError, match=r"diverged in epoch 1, step 1.*Lower learning_rate"):
        fit(*shop, QUICK)


def test_where_nobody_came_twice_everyone_gets_the_most_popular_items():
    rows = [(user, user % 3 % 2, DAY, 0) for user in range(5)]  # item 0 thrice, item 1 twice
    once = inputs_of(rows, n_users=5, n_items=3, at=2 * DAY)
    trained = fit(
        once, later_positives(once), QUICK.model_copy(update={"seen_items": "keep", "repeat_term": False})
    )
    assert trained.history == []
    lists = candidates(trained, once, k=3)
    assert lists["item"].tolist() == [0, 1, 2] * 5


def test_an_empty_catalogue_is_one_clear_error():
    empty = inputs_of([], n_users=2, n_items=0, at=0)
    with pytest.raises(TrainingError, match="catalogue is empty"):
        fit(empty, Positives(np.zeros(3, np.int64), np.zeros(0, np.int32)), QUICK)


def test_a_device_that_is_not_there_is_one_clear_error(shop, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(TrainingError, match="no CUDA device"):
        fit(*shop, QUICK.model_copy(update={"device": "cuda"}))
    assert device.choose_device("auto").torch.type == "cpu"


def test_saved_weights_give_the_same_lists(shop, trained, workspace):
    artefact = save(workspace.artefacts, "run-test", trained)
    model, task = load(workspace.artefacts, artefact)
    assert task == trained.task
    again = candidates(replace(trained, model=model), shop[0], k=5)
    assert again.equals(candidates(trained, shop[0], k=5))


def test_a_file_that_is_no_model_is_refused(trained, workspace):
    other = workspace.artefacts.write_tensors("runs/run-test/weights.safetensors", {"a": torch.zeros(1)}, {})
    with pytest.raises(CorruptArtefact, match="no model"):
        load(workspace.artefacts, other)


@pytest.mark.parametrize(
    ("basket", "habit", "n_items"), [(1, 0.0, 400), (1, 1.0, 6), (3, 0.7, 1), (2, 0.5, 3)]
)
def test_other_kinds_of_data_train_as_well(basket, habit, n_items):
    inputs = made_inputs(n_users=15, n_items=n_items, basket=basket, habit=habit)
    trained = fit(inputs, later_positives(inputs), QUICK.model_copy(update={"epochs": 1}))
    assert np.isfinite(trained.history[0].loss)
    assert len(candidates(trained, inputs, k=5))


def test_habit_is_learnt_where_people_repeat(shop):
    """With the repeat term, what users take most often comes first for most of them."""
    inputs, following = shop
    trained = fit(inputs, following, QUICK)
    usual = np.array(
        [
            np.bincount(inputs.history.items[slice(*inputs.history.offsets[u : u + 2])]).argmax()
            for u in range(1, 30)
        ]
    )
    lists = candidates(trained, inputs, k=3)
    first = lists["item"].to_numpy().reshape(-1, 3)[1:]  # user 0 has no history
    assert (first == usual[:, None]).any(axis=1).mean() > 0.8


def test_bfloat16_forward_passes_learn_the_same(shop, trained, monkeypatch):
    """The mixed precision that CUDA gets, on the CPU: loss and weights stay float32 and close."""
    mixed = device.Device(torch.device("cpu"), "for this test", bf16=True)
    monkeypatch.setattr(training, "choose_device", lambda wanted: mixed)
    with mixed.autocast():
        assert torch.is_autocast_enabled("cpu")
    found = fit(*shop, QUICK)
    assert {tensor.dtype for tensor in weights(found).values()} == {
        tensor.dtype for tensor in weights(trained).values()
    }
    assert [epoch.loss for epoch in found.history] != [epoch.loss for epoch in trained.history]
    np.testing.assert_allclose(
        [epoch.loss for epoch in found.history], [epoch.loss for epoch in trained.history], rtol=0.02
    )


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_cuda_trains_in_mixed_precision_to_what_the_cpu_learns(shop, trained, workspace):
    found = fit(*shop, QUICK.model_copy(update={"device": "cuda"}))
    assert found.device == "cuda"
    assert "bfloat16 autocast" in found.device_reason
    assert {tensor.dtype for tensor in weights(found).values()} == {
        tensor.dtype for tensor in weights(trained).values()
    }
    np.testing.assert_allclose(
        [epoch.loss for epoch in found.history], [epoch.loss for epoch in trained.history], rtol=0.05
    )
    model, _ = load(workspace.artefacts, save(workspace.artefacts, "run-cuda", found))
    here = candidates(replace(found, model=model, device="cpu"), shop[0], k=5)
    there = candidates(found, shop[0], k=5)
    assert (here["item"] == there["item"]).mean() > 0.95
