"""What the model card says of the recommender."""

from dataclasses import replace

import pytest

from core.train.fit import fit
from core.train.new_items import NewItems
from core.workflow.further import recommender_report
from tests.core.models.made import later_positives, made_inputs
from tests.core.train.test_ranking import SETTINGS


@pytest.fixture(scope="module")
def trained():
    inputs = made_inputs(n_users=20)
    return fit(inputs, later_positives(inputs), SETTINGS)


def test_the_card_tells_what_was_decided_on_validation(trained):
    new = NewItems(plain=0.03, followed=0.04, scaled=0.05, scale=0.7, follows=True, scales=True)
    notes = recommender_report(replace(trained, new_items=new, second_stage=(0.42, 0.41))).notes
    lately = "follow what people began to buy lately: validation NDCG@10 of items new to the user 0.0400 with it, 0.0300 without."
    assert f"Popularity does {lately}" in notes
    assert (
        "Taste counts 0.70 times what training gave it: on items new to the user 0.0500 with that, 0.0400 without."
        in notes
    )
    assert "Second stage not kept: validation NDCG@10 0.4100 with it, 0.4200 without." in notes
    neither = replace(new, follows=False, scales=False)
    notes = recommender_report(replace(trained, new_items=neither)).notes
    assert f"Popularity does not {lately}" in notes
    assert (
        "Taste counts what training gave it; 0.70 times that is likeliest, but not clearly better on items new to the user: "
        "0.0500 with that, 0.0300 without." in notes
    )


def test_what_was_not_tried_is_not_told(trained):
    notes = " ".join(recommender_report(replace(trained, new_items=None, second_stage=None)).notes)
    assert "lately" not in notes
    assert "Taste" not in notes
    assert "Second stage" not in notes
