"""What is settled about new items after training: only where a window is asked about, only where it is clearly better."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from core.data.inputs import SECONDS_PER_DAY, Positives
from core.models.batch import collate
from core.models.history import index_history
from core.models.recent_demand import recent_demand
from core.models.scoring import past_with_seen, scores, scores_of_new
from core.train import new_items
from core.train.device import choose_device
from core.train.fit import fit
from core.train.new_items import settle_new_items
from core.train.setup import set_up
from core.train.validation import new_answers, validate, validate_new
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
    run = set_up(inputs, answers, SETTINGS.model_copy(update=changed), choose_device("cpu"))
    run.best = {name: tensor.detach().clone() for name, tensor in run.model.state_dict().items()}
    return run


def weights(run):
    return {name: tensor.clone() for name, tensor in run.model.state_dict().items()}


def test_recent_demand_is_followed_where_validation_is_clearly_better():
    run = run_of(*shop())
    with torch.no_grad():
        run.model.product.bias[RISING] -= 3.0  # as if most of the history had been without it
    found = settle_new_items(run)
    assert found.follows
    assert run.model.shape.recent_demand
    assert found.followed > found.plain + 0.2
    assert validate_new(run).mean() == pytest.approx(found.scaled if found.scales else found.followed)


@pytest.mark.parametrize("better", [(True, True), (True, False), (False, True), (False, False)])
def test_what_is_not_better_leaves_no_trace(monkeypatch, better):
    inputs = made_inputs(n_users=USERS)
    run = run_of(inputs, later_positives(inputs))
    before, told = weights(run), iter(better)
    monkeypatch.setattr(new_items, "clearly_better", lambda gains, users: next(told))
    monkeypatch.setattr(new_items, "_likeliest_scale", lambda run, answers: 0.5)
    found = settle_new_items(run)
    assert (found.follows, found.scales) == better
    assert run.model.shape.recent_demand is better[0]
    same = all(torch.equal(before[name], tensor) for name, tensor in run.model.state_dict().items())
    assert same is not better[1]
    kept = found.scaled if found.scales else found.followed if found.follows else found.plain
    assert validate_new(run).mean() == pytest.approx(kept)


def test_gains_within_their_noise_are_not_enough():
    inputs = made_inputs(n_users=USERS)
    found = settle_new_items(run_of(inputs, later_positives(inputs)))
    assert not found.follows  # people go on as before


def new_logs(run):
    """Log-probability of every new item and -inf of the others, (N, n_items), of all who tune; and which are answers."""
    history, answers = run.history, new_answers(run)
    moments = history.now(run.tuning_users, at_last_event=False)
    batch = collate(history, moments, length=run.model.shape.length, past=past_with_seen(run.model))
    with torch.no_grad():
        products = run.model.eval().product()
        logs = scores_of_new(run.model(batch, products).states, products, batch.seen).log_softmax(dim=1)
    wanted = np.zeros(logs.shape, bool)
    for row, user in enumerate(run.tuning_users):
        wanted[row, answers.items[answers.offsets[user] : answers.offsets[user + 1]]] = True
    return logs, torch.from_numpy(wanted)


@pytest.mark.parametrize("repeat_term", [True, False])
def test_the_scale_is_the_likeliest(repeat_term):
    """Answers are drawn from the model with weaker taste, distinct ones, so that the likeliest is near its strength."""
    inputs = made_inputs(n_users=USERS, n_items=60)
    run = run_of(inputs, later_positives(inputs), repeat_term=repeat_term)
    with torch.no_grad():
        run.model.eval().product.item.weight.normal_()
    truth = run_of(inputs, later_positives(inputs), repeat_term=repeat_term)
    truth.model.load_state_dict(run.model.state_dict())
    truth.model.scale_taste(0.6)
    logs, _ = new_logs(truth)
    rng = np.random.default_rng(0)
    drawn = [np.empty(0, np.int32) for _ in range(USERS)]
    for user, log in zip(truth.tuning_users, logs, strict=True):
        chances = log.double().exp().numpy()
        drawn[user] = np.unique(rng.choice(60, 3, p=chances / chances.sum())).astype(np.int32)
    offsets = np.cumsum([0, *map(len, drawn)]).astype(np.int64)
    run.validation = Positives(offsets, np.concatenate(drawn))
    found = new_items._likeliest_scale(run, new_answers(run))
    assert 0.3 < found < 0.9
    losses = {}
    for scale in (found - 0.1, found, found + 0.1):
        run.model.load_state_dict(run.best | {"product.item.weight": run.model.product.item.weight.detach()})
        run.model.scale_taste(scale)
        logs, wanted = new_logs(run)
        losses[scale] = -logs[wanted].sum().item()
    assert min(losses, key=losses.get) == found


def test_taste_alone_is_scaled():
    inputs = made_inputs(n_users=USERS)
    model = run_of(inputs, later_positives(inputs)).model.eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    history = index_history(inputs)
    moments = history.now(np.arange(1, USERS), at_last_event=False)
    batch = collate(history, moments, length=model.shape.length, past="features")
    with torch.no_grad():
        products = model.product()
        before = model(batch)
        told = scores_of_new(before.states, products, batch.seen), model.intent(before.states, before.users)
        model.scale_taste(0.5)
        after = model(batch)
        again = scores_of_new(after.states, products, batch.seen), model.intent(after.states, after.users)
    new = told[0].isfinite()
    bias = products.bias.expand_as(told[0])
    torch.testing.assert_close(again[0][new], ((told[0] - bias) * 0.5 + bias)[new], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(after.repeats, before.repeats, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(again[1], told[1], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(after.users, before.users)
    assert not torch.allclose(scores(after, batch), scores(before, batch), atol=1e-2)


@pytest.mark.parametrize(
    ("changed", "timed"), [({"predict": "next"}, True), ({}, False)], ids=["next basket", "no times"]
)
def test_nothing_is_tried_where_nothing_is_asked_in_days(changed, timed):
    inputs, answers = shop()
    run = run_of(replace(inputs, timed=timed), answers, **changed)
    before = weights(run)
    assert settle_new_items(run) is None
    assert run.model.shape.recent_demand is False
    assert all(torch.equal(before[name], tensor) for name, tensor in run.model.state_dict().items())


def test_nothing_is_tried_where_nobody_took_anything_new():
    inputs, _ = shop(rising=False)
    taken = [np.unique(part)[:1] for part in np.split(inputs.history.items, inputs.history.offsets[1:-1])]
    offsets = np.cumsum([0, *map(len, taken)]).astype(np.int64)
    run = run_of(inputs, Positives(offsets, np.concatenate(taken).astype(np.int32)))
    assert validate(run) > 0
    assert settle_new_items(run) is None


def test_training_settles_it_and_the_saved_model_goes_on_with_it(workspace):
    inputs, answers = shop()
    trained = fit(inputs, answers, SETTINGS)
    assert trained.new_items.follows
    assert trained.model.shape.recent_demand
    model, task = load(workspace.artefacts, save(workspace.artefacts, "r", trained))
    history = index_history(inputs)
    demand = recent_demand(model, history, task=task)
    assert demand.any()
    assert torch.equal(demand, recent_demand(trained.model, history, task=trained.task))


def test_nothing_is_tried_where_nothing_is_asked_after_training():
    trained = fit(*shop(), SETTINGS.model_copy(update={"ranking": False}))
    assert trained.new_items is None
    assert not trained.model.shape.recent_demand
