"""Learning from reactions: what is clicked rises in the lists, the place in a list explains itself, and without any nothing changes."""

from dataclasses import replace
from itertools import count

import numpy as np
import pandas as pd
import pytest
import torch

from core.data.content import item_content
from core.data.inputs import ModelInputs
from core.data.reactions import Reactions
from core.models.recommender import Shape
from core.recommend.candidates import candidates
from core.schema.settings import TrainSettings
from core.train import fit as training
from core.train.device import choose_device
from core.train.fit import fit
from core.train.objectives import REACTIONS, losses
from core.train.setup import Training, set_up
from core.train.weights import load, save
from tests.core.models.made import inputs_of, later_positives, made_inputs
from tests.core.train.test_fit import assert_same

DAY = 86_400
N_USERS, N_ITEMS, DAYS = 60, 45, 100
SETTINGS = TrainSettings(
    width=32,
    layers=1,
    heads=2,
    history_length=16,
    epochs=8,
    batch_size=8,
    ranking=False,
    reactions_weight=1.0,
)
TEA = np.arange(N_ITEMS) % 3 == 2
DRINKS_TEA = np.arange(N_USERS) % 3 == 0  # and buys bread


def shop() -> ModelInputs:
    """Three kinds of users, each of whom buys one kind of product: bread, milk and tea."""
    rng, rows = np.random.default_rng(0), []
    for user in range(N_USERS):
        for day in range(user % 5, DAYS, rng.integers(6, 10)):
            kind = user % 3 if rng.random() < 0.9 else rng.integers(2)
            for item in rng.choice(N_ITEMS // 3, 2, replace=False) * 3 + kind:
                rows.append((user, item, day * DAY, day))
    inputs = inputs_of(rows, n_users=N_USERS, n_items=N_ITEMS, at=DAYS * DAY)
    kinds = np.array(["bread", "milk", "tea"])[np.arange(N_ITEMS) % 3]
    items = pd.DataFrame({"item_id": kinds, "title": kinds, "category": pd.Categorical(kinds)})
    return replace(inputs, content=item_content(items))


def reacted(*, shown: int = 40, seed: int = 1) -> Reactions:
    """All are shown all things; those who buy bread click on tea, which they never buy. Higher places are clicked more."""
    rng = np.random.default_rng(seed)
    users = np.repeat(np.arange(N_USERS), shown)
    items, ranks = (rng.integers(low, high, len(users)) for low, high in ((0, N_ITEMS), (1, 11)))
    likes = (items % 3 == users % 3) | (DRINKS_TEA[users] & TEA[items])
    chance = np.where(likes, 0.8, 0.05) / np.sqrt(ranks)
    times = rng.integers(20, DAYS, len(users)) * DAY
    return Reactions(users, items, times, ranks, (rng.random(len(users)) < chance).astype(np.float32))


@pytest.fixture
def last_epoch(monkeypatch) -> None:
    """The last epoch is the best."""
    epochs = count()
    monkeypatch.setattr(training, "validate", lambda run: float(next(epochs)))


def tea_among_new(trained, inputs: ModelInputs) -> np.ndarray:
    """Share of tea among the first ten of everybody's lists that are not of the kind that they buy, (n_users,)."""
    lists = candidates(trained, inputs)
    other = lists[lists["item"] % 3 != lists["user"] % 3]
    first = other[other.groupby("user").cumcount() < 10]
    return TEA[first["item"]].reshape(N_USERS, 10).mean(axis=1)


@pytest.mark.usefixtures("last_epoch")
def test_lists_hold_more_of_what_a_group_clicks_on_though_it_never_buys_it():
    inputs = replace(shop(), reactions=reacted())
    answers = later_positives(inputs)
    with_them = tea_among_new(fit(inputs, answers, SETTINGS), inputs)
    without = tea_among_new(
        fit(inputs, answers, SETTINGS.model_copy(update={"reactions_weight": 0.0})), inputs
    )
    milk_buyers = np.arange(N_USERS) % 3 == 1  # shown the same tea, and do not click
    gained = with_them - without
    assert gained[DRINKS_TEA].mean() > 0.3
    assert gained[DRINKS_TEA].mean() > gained[milk_buyers].mean() + 0.3


def runs(inputs: ModelInputs, settings=SETTINGS) -> Training:
    return set_up(inputs, later_positives(inputs), settings, choose_device("cpu"))


@pytest.mark.usefixtures("last_epoch")
def test_what_stands_higher_is_not_taken_to_be_liked_more():
    """Tea mostly stands first, milk and bread further down; whatever stands first is clicked, as much as any other there."""
    rng, inputs, shown = np.random.default_rng(3), shop(), reacted()
    first = rng.random(len(shown.items)) < np.where(TEA[shown.items], 0.8, 0.2)
    clicked = rng.random(len(first)) < np.where(first, 0.7, 0.1)
    told = replace(shown, ranks=np.where(first, 1, 9), values=clicked.astype(np.float32))
    blind = replace(told, ranks=np.ones_like(told.ranks))
    tea = {}
    for name, reactions in (("without", None), ("with", told), ("blind", blind)):
        asked = replace(inputs, reactions=reactions)
        share = tea_among_new(fit(asked, later_positives(asked), SETTINGS), asked)
        tea[name] = share[np.arange(N_USERS) % 3 < 2].mean()  # of those who do not buy it
    assert tea["blind"] > tea["without"] + 0.2  # who does not see the places takes tea to be liked
    assert abs(tea["with"] - tea["without"]) < 0.1


def test_places_begin_at_the_log_odds_that_the_data_have_there():
    ranks = np.repeat([1, 2, 500], [1000, 1000, 10])
    values = np.concatenate([np.arange(1000) < 500, np.arange(1000) < 100, np.ones(10)]).astype(np.float32)
    zeros = np.zeros(len(ranks), np.int64)
    found = Reactions(zeros, zeros, zeros, ranks, values).log_odds(200)
    assert found[:2] == pytest.approx([0.0, np.log(0.1 / 0.9)], abs=0.05)
    overall = (610 + 1) / (2010 + 2)
    assert found[2:199] == pytest.approx(np.log(overall / (1 - overall)))
    assert found[199] > found[198]  # places beyond the last count as the last
    assert np.isfinite(Reactions(*[zeros[:0]] * 4, values[:0]).log_odds(5)).all()


def test_data_without_reactions_or_with_the_weight_at_zero_train_as_ever():
    inputs = made_inputs(n_users=20)
    answers = later_positives(inputs)
    settings = SETTINGS.model_copy(update={"epochs": 2})
    plain = fit(inputs, answers, settings.model_copy(update={"reactions_weight": 0.0}))
    assert_same(fit(inputs, answers, settings), plain)
    rng = np.random.default_rng(0)
    some = Reactions(*(rng.integers(1, 20, 30) for _ in range(4)), np.ones(30, np.float32))
    off = fit(replace(inputs, reactions=some), answers, settings.model_copy(update={"reactions_weight": 0.0}))
    assert_same(off, plain)
    assert plain.model.reaction is None
    assert not plain.model.shape.reactions


def test_reactions_are_predicted_from_what_was_known_when_the_list_was_shown():
    """Whatever a user does from then on changes nothing."""
    base, found = shop(), reacted()
    middle = 50 * DAY
    early = found.among(found.times == middle)
    assert len(early.users) > 5
    past = base.history
    kept = past.times < middle
    cut = replace(
        past,
        offsets=np.append(0, np.cumsum(kept))[past.offsets],
        **{name: getattr(past, name)[kept] for name in ("items", "times", "baskets", "events")},
    )
    values = []
    model = runs(replace(base, reactions=early)).model.eval()
    torch.nn.init.normal_(model.from_behaviour.weight)
    for history in (past, cut):
        examples = runs(replace(base, history=history, reactions=early)).reactions
        products = model.product()
        values.append(examples.loss(model, products, 16, np.random.default_rng(0)).item())
    assert values[0] == pytest.approx(values[1], abs=1e-6)


def test_the_loss_starts_at_what_the_places_leave_open_and_is_named():
    inputs, shown = shop(), reacted()
    inputs = replace(inputs, reactions=shown)
    rates = pd.Series(shown.values).groupby(shown.ranks).transform("mean").to_numpy()
    entropy = -np.mean(rates * np.log(rates) + (1 - rates) * np.log(1 - rates))
    run, rng = runs(inputs), np.random.default_rng(0)
    found = run.reactions.loss(run.model.eval(), run.model.product(), 400, rng)
    assert found.item() == pytest.approx(entropy, abs=0.05)
    example = run.examples.draw(run.examples.users[:8], rng)
    assert REACTIONS in losses(run.model, example, None, rng=rng, reactions=run.reactions)


def test_every_reaction_is_as_likely_to_be_drawn_as_any_other():
    """Of users with one, two, ... reactions."""
    users = np.repeat(np.arange(5), np.arange(1, 6))[::-1].copy()  # not in the order of users
    n = len(users)
    items = np.arange(n)
    shown = Reactions(users, items, np.full(n, 50 * DAY), np.ones(n, np.int64), np.ones(n, np.float32))
    examples = runs(replace(shop(), reactions=shown)).reactions
    rng = np.random.default_rng(0)
    drawn = np.concatenate([examples._rows(40, rng) for _ in range(50)])
    share = np.bincount(drawn, minlength=n) / len(drawn)
    assert np.abs(share - 1 / n).max() < 0.02
    assert (np.diff(examples.shown.users[examples._rows(9, rng)]) >= 0).all()
    assert sorted(zip(examples.shown.users, examples.shown.items, strict=True)) == sorted(
        zip(users, items, strict=True)
    )


def test_what_habit_scores_is_left_to_it():
    """A user's own products are ranked by how often they were taken: taste gets no say from reactions to them."""
    inputs = replace(shop(), reactions=reacted())
    run = runs(inputs)
    examples, model = run.reactions, run.model
    user, past = 0, inputs.history
    bought = past.items[past.offsets[user]]
    for item, moves in ((int(bought), False), (2, True)):  # 2 is tea, which nobody who buys bread takes
        one = np.full(1, user)
        alone = replace(
            examples,
            shown=Reactions(one, np.full(1, item), np.full(1, 90 * DAY), one + 1, np.ones(1, np.float32)),
            offsets=np.array([0, *np.ones(N_USERS, int)]),
        )
        model.zero_grad()
        torch.nn.init.zeros_(model.reaction.out.weight)
        alone.loss(model, model.product(), 4, np.random.default_rng(0)).backward()
        moved = model.wait.weight.grad
        assert (moved is not None and bool(moved.abs().sum() > 0)) == moves


def test_a_model_saved_before_there_were_reactions_can_still_be_read(workspace):
    """Its description does not speak of them."""
    inputs = made_inputs(n_users=15)
    trained = fit(inputs, later_positives(inputs), SETTINGS.model_copy(update={"epochs": 1}))
    artefact = save(workspace.artefacts, "run-new", trained)
    metadata = workspace.artefacts.read_metadata(artefact)
    assert '"reactions": false' in metadata["model"]
    metadata["model"] = metadata["model"].replace(', "reactions": false', "")
    assert "reactions" not in metadata["model"]
    older = workspace.artefacts.write_tensors(
        "runs/run-old/weights.safetensors", trained.model.state_dict(), {"model": metadata["model"]}
    )
    model, task = load(workspace.artefacts, older)
    assert isinstance(model.shape, Shape)
    assert candidates(replace(trained, model=model, task=task), inputs, k=5).equals(
        candidates(trained, inputs, k=5)
    )


def test_a_model_with_reactions_is_saved_and_read(workspace):
    inputs = replace(shop(), reactions=reacted())
    trained = fit(inputs, later_positives(inputs), SETTINGS.model_copy(update={"epochs": 1}))
    model, _ = load(workspace.artefacts, save(workspace.artefacts, "run-new", trained))
    torch.testing.assert_close(model.reaction.place, trained.model.reaction.place)
