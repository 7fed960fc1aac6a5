"""Saved policies on the screen."""

from core.figures.about_policy import STEP_WORDS
from core.figures.about_saved import saved_table
from core.schema.documents import Policy


def saved(*steps: str) -> Policy:
    """A policy with these steps, saved in this order."""
    settings = {"steps": [{"step": name, "settings": {}} for name in steps], "k": 10}
    return Policy(
        _id="policy-1",
        dataset="made",
        run="run-made",
        name="Made",
        version=1,
        author="Ann",
        aim="",
        note="",
        created_at="2026-01-01T00:00:00+00:00",
        settings=settings,
        measured=None,
    )


def test_steps_of_a_saved_policy_stand_in_the_order_in_which_they_run():
    table = saved_table([saved("xquad", "deal_access", "price_guard", "propensity"), saved()])
    wanted = ("propensity", "deal_access", "price_guard", "xquad")  # those of one stage in the order given
    assert table["Steps"].tolist() == [" → ".join(STEP_WORDS[name] for name in wanted), "none"]


def test_a_step_of_an_earlier_version_is_named_as_it_is():
    assert (
        saved_table([saved("forgotten_step", "xquad")])["Steps"][0]
        == "Variety by category (xQuAD) → forgotten_step"
    )
