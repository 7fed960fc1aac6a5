"""Candidates of everyone: complete, without repetition, for each split from what was known before it."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

from core.data.reactions import Dismissed
from core.errors import Cancelled
from core.models import scoring
from core.recommend.candidates import candidates
from core.schema.settings import TrainSettings
from core.train.fit import fit
from tests.core.models.made import inputs_of, later_positives, made_inputs, rows_of

QUICK = TrainSettings(width=16, layers=1, heads=2, history_length=16, epochs=1)


@pytest.fixture(scope="module")
def shop():
    inputs = made_inputs(n_users=30)
    return inputs, fit(inputs, later_positives(inputs), QUICK)


@pytest.mark.parametrize("k", [1, 7, 20, 200])
def test_every_user_gets_distinct_catalogue_items_in_falling_order(shop, k):
    inputs, trained = shop
    lists = candidates(trained, inputs, k=k)
    assert lists.dtypes.astype(str).to_dict() == {
        "user": "int32",
        "item": "int32",
        "rank": "int16",
        "score": "float32",
    }
    assert lists["user"].nunique() == inputs.n_users  # cold users too
    assert lists["item"].between(0, inputs.n_items - 1).all()
    assert not lists.duplicated(["user", "item"]).any()
    for _, rows in lists.groupby("user"):
        assert rows["rank"].tolist() == list(range(1, min(k, inputs.n_items) + 1))
        assert (np.diff(rows["score"]) <= 0).all()


def test_shorter_lists_are_the_head_of_longer_ones(shop):
    inputs, trained = shop
    long, short = candidates(trained, inputs, k=20), candidates(trained, inputs, k=5)
    head = long[long["rank"] <= 5].reset_index(drop=True)
    assert head.equals(short)


def test_lists_follow_the_history_that_they_are_given(shop):
    """What is bought before the test window counts for its lists, though the weights are those of training."""
    inputs, trained = shop
    later = [*rows_of(inputs)]
    user, new_item = 29, 0
    later += [(user, new_item, inputs.at + day * 86_400, 10_000 + day) for day in range(15)]
    longer = inputs_of(later, n_users=inputs.n_users, n_items=inputs.n_items, at=inputs.at + 20 * 86_400)
    before, after = candidates(trained, inputs, k=20), candidates(trained, longer, k=20)

    def place(lists):
        return lists[(lists["user"] == user) & (lists["item"] == new_item)]["rank"].item()

    assert place(after) <= 3
    assert place(after) <= place(before)


@pytest.mark.parametrize("second_stage", [False, True])
def test_what_a_user_dismissed_is_never_listed_to_that_user_and_the_rest_moves_up(
    shop, monkeypatch, second_stage
):
    """Whoever asks: users with and without a history, in one batch or in many."""
    monkeypatch.setattr(scoring, "SCORES_AT_ONCE", 7 * 20)  # seven users at once
    inputs, trained = shop
    model = copy.deepcopy(trained.model)
    if second_stage:
        torch.manual_seed(0)
        model.add_ranker()
        torch.nn.init.normal_(model.ranker.out.weight, std=0.5)
    trained = replace(trained, model=model)
    before = candidates(trained, inputs)
    rng = np.random.default_rng(1)
    pairs = np.unique(rng.choice(inputs.n_users * inputs.n_items, 150, replace=False))
    pairs = np.union1d(pairs, np.arange(5))  # user 0 has no history
    gone = Dismissed(*np.divmod(pairs, inputs.n_items))
    found = candidates(trained, replace(inputs, dismissed=gone))
    keys = found["user"].to_numpy(np.int64) * inputs.n_items + found["item"].to_numpy()
    assert np.intersect1d(keys, pairs).size == 0
    assert len(found) == len(before) - len(pairs)
    if not second_stage:  # which judges by what it is given
        before_keys = before["user"].to_numpy(np.int64) * inputs.n_items + before["item"].to_numpy()
        expected = before_keys[~np.isin(before_keys, pairs)]
        with_history = keys >= inputs.n_items  # popularity has ties
        assert keys[with_history].tolist() == expected[expected >= inputs.n_items].tolist()
    for _, rows in found.groupby("user"):
        assert rows["rank"].tolist() == list(range(1, len(rows) + 1))


def test_a_dismissal_holds_where_lists_leave_out_what_was_taken_too(shop):
    inputs, trained = shop
    exclude = replace(trained, task=replace(trained.task, exclude_seen=True))
    everything = Dismissed(np.full(inputs.n_items, 3), np.arange(inputs.n_items))
    found = candidates(exclude, replace(inputs, dismissed=everything), k=10)
    assert 3 not in set(found["user"])
    assert found["user"].nunique() == inputs.n_users - 1


def test_progress_reaches_one_and_may_cancel(shop):
    inputs, trained = shop
    told = []
    candidates(trained, inputs, progress=lambda stage, fraction, message="": told.append(fraction))
    assert told[-1] == 1

    def cancel(stage, fraction, message=""):
        raise Cancelled

    with pytest.raises(Cancelled):
        candidates(trained, inputs, progress=cancel)
