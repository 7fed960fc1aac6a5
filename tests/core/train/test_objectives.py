"""The joint objective: every part reaches the vectors that it shares, and counts by its weight."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from core.data.inputs import SECONDS_PER_DAY, Ratings
from core.schema.settings import TrainSettings
from core.train.device import choose_device
from core.train.fit import fit
from core.train.objectives import INTENT, NEXT_ITEM, RATING, RECONSTRUCTION, losses, total
from core.train.setup import set_up
from tests.core.models.made import later_positives, made_inputs

SETTINGS = TrainSettings(width=16, layers=1, heads=2, history_length=16, horizon_days=7, batch_size=8)


def rated_inputs(*, seed: int = 0):
    """A shop whose users rate what they took: even items 5, odd ones 1."""
    inputs = made_inputs(n_users=30, seed=seed)
    past = inputs.history
    rows = np.arange(0, len(past.items), 3)
    items = past.items[rows].astype(np.int64)
    values = np.where(items % 2 == 0, 5.0, 1.0).astype(np.float32)
    rated = Ratings(past.users[rows].astype(np.int64), items, past.times[rows] + 60, values)
    return replace(inputs, ratings=rated)


def first_losses(inputs, settings=SETTINGS):
    run = set_up(inputs, later_positives(inputs), settings, choose_device("cpu"))
    rng = np.random.default_rng(0)
    example = run.examples.draw(run.examples.users[:8], rng)
    return run, losses(run.model, example, run.ratings, rng=rng)


def test_every_objective_is_there_and_their_sum_is_weighted():
    _, found = first_losses(rated_inputs())
    assert set(found) == {NEXT_ITEM, RECONSTRUCTION, RATING, INTENT}
    settings = SETTINGS.model_copy(
        update={
            "next_item_weight": 2.0,
            "reconstruction_weight": 3.0,
            "rating_weight": 5.0,
            "intent_weight": 7.0,
        }
    )
    expected = 2 * found[NEXT_ITEM] + 3 * found[RECONSTRUCTION] + 5 * found[RATING] + 7 * found[INTENT]
    torch.testing.assert_close(total(found, settings), expected)


@pytest.mark.parametrize(
    ("name", "weight"),
    [(RECONSTRUCTION, "reconstruction_weight"), (RATING, "rating_weight"), (INTENT, "intent_weight")],
)
def test_an_objective_without_weight_is_not_computed(name, weight):
    _, found = first_losses(rated_inputs(), SETTINGS.model_copy(update={weight: 0.0}))
    assert name not in found


def test_data_without_ratings_or_real_times_do_without_those_objectives():
    _, found = first_losses(replace(made_inputs(n_users=30), timed=False))
    assert set(found) == {NEXT_ITEM, RECONSTRUCTION}


@pytest.mark.parametrize("seen_items", ["keep", "exclude"])
def test_the_softmax_runs_over_what_may_be_listed(seen_items):
    settings = SETTINGS.model_copy(update={"seen_items": seen_items, "repeat_term": False})
    inputs = made_inputs(n_users=30, habit=0.0)
    run = set_up(inputs, later_positives(inputs), settings, choose_device("cpu"))
    rng = np.random.default_rng(0)
    example = run.examples.draw(run.examples.users[:8], rng)
    run.model.eval()  # no chance in it
    with torch.no_grad():
        found = losses(run.model, example, None, rng=rng)[NEXT_ITEM]
        answer = run.model(example.batch)
        logits = answer.states @ answer.products.vectors.T + answer.products.bias
    targets, seen = example.targets, example.batch.seen
    hidden = torch.zeros_like(logits, dtype=torch.bool)
    if seen_items == "exclude":
        hidden[seen.moments, seen.items] = True
        assert hidden.any()
        hidden[targets.moments, targets.items] = False
    shares = logits.masked_fill(hidden, -torch.inf).log_softmax(dim=1)
    expected = -(shares[targets.moments, targets.items] * targets.weights).sum()
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("name", [NEXT_ITEM, RECONSTRUCTION, RATING, INTENT])
def test_every_objective_moves_item_vectors_and_the_behaviour_model(name):
    run, found = first_losses(rated_inputs())
    if name == NEXT_ITEM:  # U enters the state through a map that begins at zero
        torch.nn.init.normal_(run.model.from_behaviour.weight)
        _, found = (
            run,
            losses(
                run.model,
                run.examples.draw(run.examples.users[:8], np.random.default_rng(0)),
                run.ratings,
                rng=np.random.default_rng(0),
            ),
        )
    found[name].backward()
    assert run.model.product.item.weight.grad.abs().sum() > 0
    assert run.model.behaviour.encode.weight.grad.abs().sum() > 0


def test_training_learns_ratings_and_reconstruction():
    inputs = rated_inputs()
    settings = SETTINGS.model_copy(
        update={"epochs": 12, "patience": 12, "learning_rate": 0.01, "rating_weight": 1.0}
    )
    history = fit(inputs, later_positives(inputs), settings).history
    assert history[-1].losses[RATING] < 0.3 < history[0].losses[RATING]
    assert history[-1].losses[RECONSTRUCTION] < history[0].losses[RECONSTRUCTION]


def test_whether_a_user_buys_soon_is_known_only_within_the_history():
    inputs = made_inputs(n_users=30)
    run = set_up(inputs, later_positives(inputs), SETTINGS, choose_device("cpu"))
    rng = np.random.default_rng(0)
    begin, end = run.examples._stretch(run.examples.users, rng)
    moments, _ = run.examples._window(run.history, run.examples.users, begin, end, rng)
    buys = run.examples._buys(moments).numpy()
    week = 7 * SECONDS_PER_DAY
    past = inputs.history
    for user, time, label in zip(moments.users, moments.times, buys, strict=True):
        if time + week > inputs.at:
            assert np.isnan(label)
            continue
        times = past.times[slice(*past.offsets[user : user + 2])]
        assert label == ((times >= time) & (times < time + week)).any()
