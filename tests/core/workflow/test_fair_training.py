"""Fairness before and in training through the whole of it: settings kept, the report on the card, nothing of few users."""

import numpy as np
import pandas as pd
import pytest

from core.errors import SettingsError
from core.figures.model_card import model_card
from core.figures.model_card_text import card_markdown
from core.schema.documents import new_id
from core.schema.settings import TrainSettings, settings_from
from core.train.weights import load
from core.workflow.fair_training import FAIRNESS
from core.workflow.questions import questions
from core.workflow.runs import load_run
from core.workflow.training import train
from tests.core.workflow.conftest import MODEL, made_tables, trained_shop


def again(shop, **settings):
    """Trained anew with these settings."""
    wanted = settings_from(TrainSettings, MODEL.model_dump() | {"models": (), "ranking": False} | settings)
    return train(shop.workspace, shop.dataset.id, wanted, run_id=new_id("run"))


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """A shop whose dataset names `sex` as protected; `city` has too few users each, `post` is open to see."""
    events, users = made_tables()
    users = users.assign(post=np.where(users["sex"] == "f", "all", users["post"]))
    return trained_shop(tmp_path_factory.mktemp("fair"), events, users, protected=("sex",))


def test_a_run_without_any_of_it_has_no_report(two):
    assert FAIRNESS not in two.run.reports
    assert two.run.settings["adversary_weight"] == 0


def test_the_attribute_alone_gives_the_probe_of_an_ordinary_training(two):
    run = again(two, fair_attribute="sex")
    plain = again(two)
    assert [(e.loss, e.validation_ndcg) for e in run.history] == [
        (e.loss, e.validation_ndcg) for e in plain.history
    ]
    report = load_run(two.workspace, run.id).reports[FAIRNESS]
    assert set(report.metrics) == {"probe_user", "probe_state"}
    for number in report.metrics.values():
        assert 0 <= number.low <= number.value <= number.high <= 1
        assert number.n == 60
    assert set(report.baselines) == {"histories"}
    assert "No fairness objective in training." in report.notes


def test_what_was_used_is_kept_and_stands_on_the_card(two):
    run = again(two, user_weights="reweighing", exposure_weight=0.5, loss_gap_weight=0.25)
    assert run.settings["loss_gap_weight"] == 0.25
    assert run.settings["ranking"] is False
    assert {"exposure", "loss gap"} <= set(run.history[-1].losses)
    notes = " ".join(run.reports[FAIRNESS].notes)
    assert "User weights reweighing" in notes
    assert "loss gap 0.25, exposure 0.5" in notes
    assert "Groups by Sex: 2, with 60 of 60 users" in notes
    rows = pd.DataFrame({"name": ["This run"], "value": [0.4], "low": [0.3], "high": [0.5], "n": 9}).assign(
        is_model=True, behind=None, behind_low=None, behind_high=None
    )
    card = model_card(run, two.dataset, {"ndcg@10": rows})
    text = card_markdown(card)
    assert "Fairness in training" in text
    assert "AUC of a probe on the user vector" in text
    assert "loss gap × 0.25" in text


def test_attributes_without_what_is_linear_in_protected_ones_hide_the_group(two):
    run = again(two, decorrelate=True)
    report = run.reports[FAIRNESS]
    before, after = report.baselines["unchanged"]["probe_inputs"], report.metrics["probe_inputs"]
    assert before.low > 0.5
    assert after.value < before.value - 0.1
    model, _ = load(two.workspace.artefacts, run.artefacts["weights"])
    assert model.shape.user_attributes == {}
    assert model.behaviour.features.weight.shape[1] == model.shape.user_features > 0
    asked = questions(two.workspace, two.dataset, MODEL.model_copy(update={"decorrelate": True}))["test"]
    assert asked.inputs.user_features.shape == (60, model.shape.user_features)


def test_reading_other_groups_needs_no_other_data_and_is_told(two):
    run = again(two, protected_inputs=True, counterfactual=1.0, fair_attribute="sex")
    changed = run.reports[FAIRNESS].metrics["flip_change"]
    assert 0 <= changed.low <= changed.value <= changed.high <= 1
    assert "100% of users read with another group's attribute" in " ".join(run.reports[FAIRNESS].notes)


def test_item_weights_need_no_groups(two):
    report = again(two, item_weights="inverse_propensity").reports[FAIRNESS]
    assert report.metrics == {}
    assert "inverse propensity" in report.notes[0]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"fair_attribute": "age"}, "there is no attribute 'age'"),
        ({"fair_attribute": "city"}, "fewer than two groups with at least 10 users"),
        ({"exposure_weight": 1.0, "items_by": "brand"}, "items_by: there is no attribute 'brand'"),
    ],
)
def test_what_the_data_do_not_have_is_one_clear_error(two, settings, said):
    with pytest.raises(SettingsError, match=said):
        again(two, **settings)
