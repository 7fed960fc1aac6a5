"""The attention recommender: shapes, gradients, causality and what it ranks."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from core.data.content import item_content
from core.data.inputs import SECONDS_PER_DAY
from core.models.batch import collate
from core.models.history import index_history
from core.models.rank import rank
from core.models.recommender import AttentionRecommender, shape_of
from core.models.scoring import scores
from core.models.task import Task, resolve_task
from core.schema.settings import TrainSettings
from tests.core.models.made import inputs_of, item_table, made_inputs, rows_of

SETTINGS = TrainSettings(width=16, layers=2, heads=2, dropout=0.2, history_length=8)
KEEP = Task("window", 7 * SECONDS_PER_DAY, exclude_seen=False)
CPU = torch.device("cpu")


def made_model(
    inputs, *, repeat_term: bool = True, settings: TrainSettings = SETTINGS
) -> AttentionRecommender:
    torch.manual_seed(3)
    model = AttentionRecommender(shape_of(inputs, settings, repeat_term=repeat_term))
    history = index_history(inputs)
    everyone = history.now(np.arange(inputs.n_users), at_last_event=False)
    sample = collate(history, everyone, length=8, past="features")
    model.learn_scales(inputs, history.trends.log_counts, sample)
    with torch.no_grad():  # so that a difference anywhere shows in the scores
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return model.eval()


def ask(model, inputs, users, times):
    history = index_history(inputs)
    batch = collate(history, history.known(users, times), length=model.shape.length, past="features")
    with torch.inference_mode():
        return scores(model(batch), batch)


@pytest.mark.parametrize("repeat_term", [True, False])
def test_scores_cover_the_catalogue_and_gradients_reach_every_parameter(repeat_term):
    inputs = made_inputs()
    model = made_model(inputs, repeat_term=repeat_term).train()
    history = index_history(inputs)
    moments = history.now(np.arange(inputs.n_users), at_last_event=False)
    batch = collate(history, moments, length=8, past="features" if repeat_term else "nothing")
    found = scores(model(batch), batch)
    assert found.shape == (inputs.n_users, inputs.n_items)
    found.square().sum().backward()
    silent = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    further = ("behaviour.expand", "behaviour.contract", "rating", "intent")  # asked by other objectives
    silent = [name for name in silent if not name.startswith(further)]
    assert silent == ["event.weight"]  # there is one kind of event only


def test_a_later_event_never_changes_an_earlier_prediction():
    inputs = made_inputs()
    model = made_model(inputs)
    moment = 60 * SECONDS_PER_DAY
    changed = [(u, (i + 5) % 20 if t >= moment else i, t, b) for u, i, t, b in rows_of(inputs)]
    other = inputs_of(changed, n_users=inputs.n_users, n_items=inputs.n_items, at=inputs.at)
    users = np.repeat(np.arange(inputs.n_users), 3)
    early = np.tile([moment // 2, moment - 1, moment], inputs.n_users)
    torch.testing.assert_close(
        ask(model, inputs, users, early), ask(model, other, users, early), rtol=0, atol=0
    )
    late = np.full(len(users), inputs.at)
    assert not torch.allclose(ask(model, inputs, users, late), ask(model, other, users, late))


def test_causal_within_one_grid():
    """Asking early and late moments of a user together gives what asking each alone gives."""
    inputs = made_inputs(basket=1)
    model = made_model(inputs, settings=SETTINGS.model_copy(update={"history_length": 64}))
    users, times = (
        np.repeat(np.arange(1, 12), 4),
        np.tile(np.linspace(20, 119, 4, dtype=int) * SECONDS_PER_DAY, 11),
    )
    together = ask(model, inputs, users, times)
    alone = torch.cat([ask(model, inputs, users[[n]], times[[n]]) for n in range(len(users))])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-4)


def test_what_was_taken_before_is_scored_by_habit_and_all_else_by_taste():
    inputs = made_inputs()
    model = made_model(inputs)
    history = index_history(inputs)
    moments = history.now(np.arange(inputs.n_users), at_last_event=False)
    batch = collate(history, moments, length=8, past="features")
    with torch.inference_mode():
        answer = model(batch)
        expected = answer.states @ answer.products.vectors.T + answer.products.bias
        for moment, item, habit in zip(batch.seen.moments, batch.seen.items, answer.repeats, strict=True):
            expected[moment, item] = habit
        torch.testing.assert_close(scores(answer, batch), expected)


def test_unused_attributes_and_their_absence_both_work():
    items = item_table(20)[["item_id", "title"]].assign(title=lambda table: table["item_id"])
    inputs = replace(made_inputs(), content=item_content(items))
    assert ask(made_model(inputs), inputs, np.arange(12), np.full(12, inputs.at)).isfinite().all()


def lists(model, inputs, *, task=KEEP, k=10, users=None):
    history = index_history(inputs)
    users = np.arange(inputs.n_users) if users is None else users
    parts = list(rank(model, history, users, task=task, k=k, device=CPU))
    order = np.argsort(np.concatenate([part[0] for part in parts]))
    return [np.concatenate([part[n] for part in parts])[order] for n in range(3)]


def test_ranking_is_the_sorted_catalogue(monkeypatch):
    inputs = made_inputs()
    model = made_model(inputs)
    dense = ask(model, inputs, np.arange(1, 12), np.full(11, inputs.at))
    monkeypatch.setattr("core.models.scoring.USERS_AT_ONCE", 3)
    _, items, values = lists(model, inputs)
    best = dense.sort(dim=1, descending=True)
    np.testing.assert_array_equal(items[1:], best.indices[:, :10])
    np.testing.assert_allclose(values[1:], best.values[:, :10], rtol=1e-4, atol=1e-4)


def test_a_user_without_history_gets_the_most_popular_items():
    inputs = made_inputs()
    _, items, values = lists(made_model(inputs), inputs, k=5)
    counts = np.bincount(inputs.history.items, minlength=20)
    assert counts[items[0]].tolist() == sorted(counts, reverse=True)[:5]
    assert np.isfinite(values).all()


def test_seen_items_are_left_out_when_asked():
    inputs = made_inputs()
    task = replace(KEEP, exclude_seen=True)
    users, items, values = lists(made_model(inputs, repeat_term=False), inputs, task=task, k=20)
    for user, row, value in zip(users, items, values, strict=True):
        seen = set(inputs.history.items[slice(*inputs.history.offsets[user : user + 2])].tolist())
        assert set(row[np.isfinite(value)].tolist()) == set(range(20)) - seen


@pytest.mark.parametrize(("n_items", "n_users"), [(1, 4), (3, 12), (20, 2)])
def test_small_catalogues_and_a_single_user(n_items, n_users):
    inputs = made_inputs(n_items=n_items, n_users=n_users)
    _, items, values = lists(made_model(inputs), inputs, k=200)
    assert items.shape == (n_users, n_items)
    assert all(sorted(row.tolist()) == list(range(n_items)) for row in items)
    assert np.isfinite(values).all()


def test_the_task_follows_the_data():
    grocery, films = (
        index_history(made_inputs(habit=1.0)),
        index_history(made_inputs(basket=1, habit=0.0, n_items=5000)),
    )
    assert resolve_task(grocery, TrainSettings()).predict == "window"
    assert not resolve_task(grocery, TrainSettings()).exclude_seen
    assert resolve_task(films, TrainSettings()).predict == "next"
    assert resolve_task(films, TrainSettings(seen_items="keep")).exclude_seen is False
    assert resolve_task(grocery, TrainSettings(seen_items="exclude", predict="next")) == Task(
        "next", 28 * SECONDS_PER_DAY, exclude_seen=True
    )
