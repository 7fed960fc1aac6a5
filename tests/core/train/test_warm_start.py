"""Training that goes on from an older model: it begins there, learns what is new, repeats itself and resumes."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from core.data.inputs import Positives
from core.errors import Cancelled, TrainingError
from core.recommend.candidates import candidates
from core.schema.settings import TrainSettings
from core.train import fit as training
from core.train.device import choose_device
from core.train.fit import fit
from core.train.setup import WARM_RATE, set_up
from core.train.transfer import transferred
from tests.core.models.made import inputs_of, later_positives, made_inputs
from tests.core.train.made_shop import MadeShop, made_shop
from tests.core.train.test_fit import assert_same

SETTINGS = TrainSettings(
    width=16, layers=1, heads=2, history_length=16, epochs=4, batch_size=8, patience=10, seen_items="keep"
)
GENTLE = SETTINGS.model_copy(update={"learning_rate": 1e-9})
CPU = choose_device("cpu")


@pytest.fixture(scope="module")
def shop() -> MadeShop:
    return made_shop()


@pytest.fixture(scope="module")
def older(shop):
    """A model of all but the latest third of the calendar, when the last six items had not been taken."""
    events = shop.events
    early = events["timestamp"] < events["timestamp"].min() + 0.67 * (
        events["timestamp"].max() - events["timestamp"].min()
    )
    unknown = events["item_id"].isin([f"i{n}" for n in range(18, 24)])
    past = replace(shop, events=events[early & ~unknown])
    return fit(past.inputs, later_positives(past.inputs), SETTINGS), past


@pytest.fixture(scope="module")
def start(shop, older):
    trained, past = older
    names = {"old": past.vocabulary, "new": shop.vocabulary}
    return transferred(trained.model, trained.task, **names, inputs=shop.inputs, settings=SETTINGS).model


def test_it_begins_with_the_weights_of_the_older_model(shop, start):
    """At no learning rate the older model comes out, but for the items that only the new data know."""
    settings = GENTLE.model_copy(update={"ranking": False, "weight_decay": 0})
    found = fit(shop.inputs, later_positives(shop.inputs), settings, start=start).model.state_dict()
    new = torch.arange(24) >= 18
    assert (start.product.known == ~new).all()
    assert found["product.known"].all()
    for name, tensor in start.state_dict().items():
        if name.startswith("ranker"):
            continue
        ours = found[name]
        if name in ("product.item.weight", "product.bias", "product.known"):
            ours, tensor = ours[~new], tensor[~new]
        torch.testing.assert_close(ours, tensor, atol=1e-5, rtol=0, msg=name)


def test_items_that_are_newly_known_begin_where_content_put_them_and_as_popular_as_their_like(shop, start):
    run = set_up(shop.inputs, later_positives(shop.inputs), SETTINGS, CPU, start=start)
    model, counts = run.model, run.history.trends.log_counts
    new = np.arange(24) >= 18
    model.eval()
    with torch.no_grad():
        torch.testing.assert_close(model.product().vectors[new], start.product().vectors[new])
    bias = model.product.bias.detach().numpy()
    slope, level = np.polyfit(counts[~new], bias[~new], 1)
    assert (
        np.abs(bias[new] - (level + slope * counts[new])).max() < 1.0
    )  # within what training moved the others
    assert (np.argsort(bias[new]) == np.argsort(counts[new])).all()


def test_items_that_only_the_older_data_knew_stay_known(shop, start):
    """A catalogue with an item that nobody took in the new history: its vector is not thrown away."""
    fewer = replace(shop, events=shop.events[shop.events["item_id"] != "i0"])
    run = set_up(fewer.inputs, later_positives(fewer.inputs), SETTINGS, CPU, start=start)
    assert run.model.product.known.all()
    torch.testing.assert_close(run.model.product.item.weight[0], start.product.item.weight[0])


def test_what_was_learnt_is_there_from_the_first_epoch():
    """Everybody walks round a ring of items: the last item tells the next one."""
    parts = []
    for steps in (8, 9):
        rows = [
            (user, (user + step) % 10, step * 86_400, step) for user in range(24) for step in range(steps)
        ]
        inputs = inputs_of(rows, n_users=24, n_items=10, at=steps * 86_400)
        following = np.array([(user + steps) % 10 for user in range(24)], np.int32)
        parts.append((inputs, Positives(np.arange(25), following)))
    settings = SETTINGS.model_copy(
        update={"width": 32, "epochs": 25, "patience": 25, "learning_rate": 0.02, "dropout": 0.0}
    )
    older = fit(*parts[0], settings)
    anew, warm = (fit(*parts[1], settings, start=start) for start in (None, older.model))
    assert anew.history[0].losses["next item"] > 1
    assert warm.history[0].losses["next item"] < 0.7
    assert warm.history[0].validation_ndcg > 0.95 > anew.history[0].validation_ndcg


def test_the_start_is_not_changed_and_the_same_seed_gives_the_same_numbers(shop, start):
    before = {name: tensor.clone() for name, tensor in start.state_dict().items()}
    answers = later_positives(shop.inputs)
    once, again = (fit(shop.inputs, answers, SETTINGS, start=start) for _ in range(2))
    assert_same(once, again)
    for name, tensor in start.state_dict().items():
        assert torch.equal(tensor, before[name]), name


def test_without_a_start_nothing_is_different(shop):
    answers = later_positives(shop.inputs)
    assert_same(fit(shop.inputs, answers, SETTINGS, start=None), fit(shop.inputs, answers, SETTINGS))


@pytest.mark.parametrize("stop_after", [1, 6])
def test_a_stopped_training_resumes_to_the_same_numbers(shop, start, tmp_path, monkeypatch, stop_after):
    monkeypatch.setattr(training, "CHECKPOINT_SECONDS", 0.0)
    answers = later_positives(shop.inputs)
    calls = []

    def stop(stage, fraction, message=""):
        calls.append(fraction)
        if len(calls) == stop_after:
            raise Cancelled

    with pytest.raises(Cancelled):
        fit(shop.inputs, answers, SETTINGS, start=start, progress=stop, scratch=tmp_path)
    began = []
    resumed = fit(
        shop.inputs,
        answers,
        SETTINGS,
        start=start,
        progress=lambda stage, fraction, message="": began.append(fraction),
        scratch=tmp_path,
    )
    assert_same(resumed, fit(shop.inputs, answers, SETTINGS, start=start))
    assert began[0] >= calls[-1]


def test_a_checkpoint_of_another_start_counts_as_none(shop, start):
    answers = later_positives(shop.inputs)
    other = set_up(shop.inputs, answers, SETTINGS, CPU).model  # random weights
    found = {set_up(shop.inputs, answers, SETTINGS, CPU, start=begin).of for begin in (None, start, other)}
    assert len(found) == 3


def test_the_width_is_that_of_the_start_unless_the_settings_say_otherwise(shop, start):
    answers = later_positives(shop.inputs)
    unset = SETTINGS.model_copy(update={"width": None})
    run = set_up(shop.inputs, answers, unset, CPU, start=start)
    assert run.settings.width == 16
    assert run.peak_rate == pytest.approx(WARM_RATE * SETTINGS.learning_rate)


@pytest.mark.parametrize(("name", "value"), [("width", 32), ("layers", 2), ("heads", 4)])
def test_settings_that_ask_for_another_shape_are_refused(shop, start, name, value):
    settings = SETTINGS.model_copy(update={name: value})
    with pytest.raises(TrainingError, match=f"has {name} .*, the settings ask for {value}.*train anew"):
        fit(shop.inputs, later_positives(shop.inputs), settings, start=start)


def test_a_start_that_knows_popularity_alone_is_passed_over():
    rows = [(user, user % 3, 86_400, 0) for user in range(5)]
    once = inputs_of(rows, n_users=5, n_items=20, at=2 * 86_400)
    popular = fit(once, later_positives(once), SETTINGS).model
    inputs = made_inputs(n_users=20)
    assert_same(
        fit(inputs, later_positives(inputs), SETTINGS, start=popular),
        fit(inputs, later_positives(inputs), SETTINGS),
    )


def test_habit_may_come_and_go_between_the_two(shop, start):
    """Lists without what a user had before need no repeat term; a model that had none begins one."""
    answers = later_positives(shop.inputs)
    exclude = SETTINGS.model_copy(update={"seen_items": "exclude", "epochs": 1})
    without = fit(shop.inputs, answers, exclude, start=start)
    assert without.model.repeat is None
    again = fit(shop.inputs, answers, SETTINGS, start=without.model)
    assert again.model.repeat is not None
    assert len(candidates(again, shop.inputs, k=5)) == 150
