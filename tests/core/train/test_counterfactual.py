"""Another group in place of a user's own: only of known ones, never their own, and only where it is read."""

from dataclasses import replace

import numpy as np
import pytest

from core.data.fair_groups import FairGroups
from core.errors import SettingsError
from core.models.batch import collate
from core.models.history import index_history
from core.schema.settings import TrainSettings, settings_from
from core.train.counterfactual import Flip, flip_of
from tests.core.models.made import made_inputs

GROUPS = FairGroups("plan", ("a", "b", "c"), np.array([0, 1, 1, 2, 3, 3] * 2))


def batch():
    codes = GROUPS.users.astype(np.int32)
    inputs = replace(made_inputs(), user_attributes={"city": codes + 5, "plan": codes})
    history = index_history(inputs)
    return collate(history, history.now(np.arange(12), at_last_event=True), length=8, past="nothing")


def test_everybody_of_a_known_group_is_read_with_another_and_nothing_else_changes():
    own = batch()
    flipped = Flip(1.0, 1, np.array([1, 2, 3])).applied(own, np.random.default_rng(0))
    before, after = own.user_attributes[:, 1].numpy(), flipped.user_attributes[:, 1].numpy()
    assert (after[before == 0] == 0).all()
    assert (after[before > 0] != before[before > 0]).all()
    assert np.isin(after[before > 0], [1, 2, 3]).all()
    np.testing.assert_array_equal(own.user_attributes[:, 0], flipped.user_attributes[:, 0])
    assert flipped.line_items is own.line_items


def test_a_share_is_flipped_and_others_are_drawn_evenly():
    rng, counts = np.random.default_rng(0), np.zeros(4)
    own = batch()
    for _ in range(500):
        after = Flip(0.5, 1, np.array([1, 2, 3])).applied(own, rng).user_attributes[:, 1].numpy()
        counts += np.bincount(after[GROUPS.users == 1], minlength=4)
    assert counts / counts.sum() == pytest.approx([0, 0.5, 0.25, 0.25], abs=0.04)


def test_it_needs_a_model_that_reads_the_group():
    settings = TrainSettings(protected_inputs=True, counterfactual=0.5)
    assert flip_of(GROUPS, ("city", "plan"), settings).column == 1
    with pytest.raises(SettingsError, match="does not read fair_attribute"):
        flip_of(GROUPS, ("city",), settings)
    with pytest.raises(SettingsError, match="needs protected_inputs"):
        settings_from(TrainSettings, {"counterfactual": 0.5})
    with pytest.raises(SettingsError, match="choose one of the two"):
        settings_from(TrainSettings, {"counterfactual": 0.5, "protected_inputs": True, "decorrelate": True})
    assert flip_of(GROUPS, (), TrainSettings()) is None
