"""What the model card says of the recommender."""

from dataclasses import replace

import pytest

from core.train.fit import fit
from core.workflow.further import recommender_report
from tests.core.models.made import later_positives, made_inputs
from tests.core.train.test_ranking import SETTINGS


@pytest.fixture(scope="module")
def trained():
    inputs = made_inputs(n_users=20)
    return fit(inputs, later_positives(inputs), SETTINGS)


def test_the_card_tells_what_was_decided_on_validation(trained):
    told = replace(trained, recent_demand=(0.0312, 0.0456), second_stage=(0.42, 0.41))
    for followed, said in ((True, "followed"), (False, "not followed")):
        told.model.follow_recent_demand(followed)
        notes = recommender_report(told).notes
        assert (
            f"What people began to buy lately is {said}: validation NDCG@10 of items new to the user 0.0456 with it, "
            "0.0312 without." in notes
        )
        assert "Second stage not kept: validation NDCG@10 0.4100 with it, 0.4200 without." in notes


def test_what_was_not_tried_is_not_told(trained):
    notes = " ".join(recommender_report(replace(trained, recent_demand=None, second_stage=None)).notes)
    assert "lately" not in notes
    assert "Second stage" not in notes
