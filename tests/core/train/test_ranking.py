"""The second stage: it starts where the first one ends, learns from candidates alone, and stays only if it helps."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from core.models.batch import collate
from core.models.history import index_history
from core.models.rank import rank
from core.schema.settings import TrainSettings
from core.train import ranking
from core.train.device import choose_device
from core.train.fit import fit
from core.train.ranking import fit_ranking, ranking_loss
from core.train.setup import set_up
from core.train.weights import load, save
from tests.core.models.made import later_positives, made_inputs

SETTINGS = TrainSettings(
    width=16, layers=1, heads=2, history_length=16, horizon_days=7, batch_size=8, epochs=1
)
CPU = torch.device("cpu")


@pytest.fixture
def run():
    inputs = made_inputs(n_users=30)
    run = set_up(inputs, later_positives(inputs), SETTINGS, choose_device("cpu"))
    with torch.no_grad():  # so that no two items score alike
        run.model.product.item.weight.normal_()
        run.model.repeat.out.weight.normal_()
    return run


def lists(run):
    users = np.arange(run.history.n_users)
    parts = list(rank(run.model, run.history, users, task=run.task, k=5, device=CPU))
    return np.concatenate([items for _, items, _ in parts])


def test_an_untrained_second_stage_changes_no_list(run):
    before = lists(run)
    run.model.add_ranker()
    np.testing.assert_array_equal(lists(run), before)
    with torch.no_grad():
        run.model.ranker.out.weight.normal_()
    assert (lists(run) != before).any()


def test_only_the_ranker_gets_gradients_and_all_of_it_does_once_it_has_begun(run):
    run.model.add_ranker()
    torch.nn.init.normal_(run.model.ranker.out.weight)
    rng = np.random.default_rng(0)
    with torch.no_grad():
        products = run.model.eval().product()
    ranking_loss(run.model, run.examples.draw(run.examples.users, rng), products, rng).backward()
    touched = {
        name for name, p in run.model.named_parameters() if p.grad is not None and p.grad.abs().sum() > 0
    }
    assert touched == {f"ranker.{name}" for name, _ in run.model.ranker.named_parameters()}


def test_it_learns_from_what_may_be_listed_alone(run):
    run.model.add_ranker()
    asked = []
    rank_candidates = run.model.rank_candidates

    def spy(answer, batch, moments, items, scores):
        asked.append((batch, moments, items, scores))
        return rank_candidates(answer, batch, moments, items, scores)

    run.model.rank_candidates = spy
    run.model.repeat = None
    examples = replace(run.examples, past="items")
    rng = np.random.default_rng(0)
    with torch.no_grad():
        products = run.model.eval().product()
    loss = ranking_loss(run.model, examples.draw(run.examples.users, rng), products, rng)
    assert loss.isfinite()
    ((batch, moments, items, scores),) = asked
    for moment, row, values in zip(moments.tolist(), items, scores, strict=True):
        seen = set(batch.seen.items[batch.seen.offsets[moment] : batch.seen.offsets[moment + 1]].tolist())
        assert set(row[values == -torch.inf].tolist()) == seen


def test_a_candidate_never_attends_to_what_comes_after_its_moment(run):
    run.model.add_ranker()
    torch.nn.init.normal_(run.model.ranker.out.weight)
    run.model.eval()
    users = np.repeat(run.examples.users[:6], 2)
    early, late = 40 * 86_400, run.history.at
    times = np.tile([early, late], 6)
    together = collate(run.history, run.history.known(users, times), length=64, past="features")
    alone = collate(run.history, run.history.known(users[::2], times[::2]), length=64, past="features")
    items = torch.arange(10).expand(6, 10)
    with torch.inference_mode():
        found = [
            run.model.rank_candidates(run.model(batch), batch, moments, items, torch.zeros(6, 10))
            for batch, moments in ((together, torch.arange(0, 12, 2)), (alone, torch.arange(6)))
        ]
    torch.testing.assert_close(*found, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("after", "kept"), [(0.6, True), (0.5, False), (0.4, False)])
def test_it_stays_only_if_validation_improves(run, after, kept):
    values = iter([0.5, after, after])
    found = fit_ranking(run, lambda _: next(values), lambda *_: None)
    assert found == (0.5, after)
    assert (run.model.ranker is not None) == run.model.shape.ranking == kept


def test_a_kept_second_stage_is_saved_and_loaded(workspace, monkeypatch):
    inputs = made_inputs(n_users=30)
    monkeypatch.setattr(ranking, "EPOCHS", 1)
    trained = fit(inputs, later_positives(inputs), SETTINGS)
    if trained.model.ranker is None:
        trained.model.add_ranker()
        torch.nn.init.normal_(trained.model.ranker.out.weight)
    model, task = load(workspace.artefacts, save(workspace.artefacts, "run-ranked", trained))
    history, users = index_history(inputs), np.arange(30)
    found = [
        np.concatenate([items for _, items, _ in rank(one, history, users, task=task, k=5, device=CPU)])
        for one in (model, trained.model)
    ]
    np.testing.assert_array_equal(*found)
    assert trained.second_stage is not None


def test_what_may_not_be_listed_stays_out(run):
    run.model.add_ranker()
    torch.nn.init.normal_(run.model.ranker.out.weight, std=5)
    task = replace(run.task, exclude_seen=True)
    for users, items, values in rank(run.model, run.history, np.arange(30), task=task, k=20, device=CPU):
        for user, row, value in zip(users, items, values, strict=True):
            seen = run.history.items[slice(*run.history.line_offsets[user : user + 2])]
            assert not set(row[np.isfinite(value)].tolist()) & set(seen.tolist())


def test_a_user_of_weight_zero_does_not_teach_the_second_stage(run):
    run.model.add_ranker()
    torch.nn.init.normal_(run.model.ranker.out.weight)
    with torch.no_grad():
        products = run.model.eval().product()
    users = run.examples.users[:6]

    def loss(*silenced: int) -> float:
        weights = np.ones(run.history.n_users, np.float32)
        weights[list(silenced)] = 0
        example = replace(run.examples, user_weights=weights).draw(users, np.random.default_rng(0))
        return ranking_loss(run.model, example, products, np.random.default_rng(0)).item()

    alone = loss(*users[1:])
    others = loss(users[0])
    assert min(alone, others) < loss() < max(alone, others)
