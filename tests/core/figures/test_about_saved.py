"""Saved policies on the screen."""

from core.figures.about_policy import STEP_WORDS
from core.figures.about_saved import carried_sentence, compared_sentence, saved_table, worse_sentence
from core.schema.documents import Policy
from tests.core.workflow.policies.made_line import made_comparison, made_run


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
    table = saved_table([saved("xquad", "deal_access", "price_guard", "propensity"), saved()], runs={})
    wanted = ("propensity", "deal_access", "price_guard", "xquad")  # those of one stage in the order given
    assert table["Steps"].tolist() == [" → ".join(STEP_WORDS[name] for name in wanted), "none"]


def test_a_step_of_an_earlier_version_is_named_as_it_is():
    assert (
        saved_table([saved("forgotten_step", "xquad")], runs={})["Steps"][0]
        == "Variety by category (xQuAD) → forgotten_step"
    )


def row(group: str, verdict: str | None, *, metric: str = "ndcg@10", change: float | None = -0.02) -> dict:
    """Of a kept comparison; a hidden group has no number and no verdict."""
    ends = {"low": None, "high": None} if change is None else {"low": change - 0.01, "high": change + 0.01}
    told = {
        "attribute": "all" if group == "all" else "age_band",
        "group": group,
        "metric": metric,
        "old": 0.4,
        "new": 0.38,
        "change": change,
        "verdict": verdict,
    }
    return told | ends | {"p_adjusted": None, "n": "<10" if change is None else 1204}


def test_a_comparison_is_one_sentence_about_everybody():
    worse = made_comparison("run-a", "run-b", row("35-44", None), row("all", "worse"))
    assert compared_sentence(worse).replace("\\", "") == (
        "**Worse than the model before**: NDCG@10 went from 0.400 to 0.380, a change of −0.0200 [−0.0300, −0.0100] on the "
        "same users (n=1,204), corrected for 1 comparison together."
    )
    same = made_comparison("run-a", "run-b", row("all", "no difference shown", change=0.001))
    same_said = compared_sentence(same)
    assert same_said.replace("\\", "").startswith(
        "**No difference from the model before is shown**: NDCG@10 went from 0.400 to 0.380, "
    )
    assert same_said.endswith("corrected for 1 comparison together.")
    lost = made_comparison(
        "run-a",
        "run-b",
        row("all", "no difference shown", change=0.02),
        row("45-54", "worse"),
        row("19-24", None),
    )
    said = compared_sentence(lost)
    assert said.startswith("**No difference")
    assert "leaves out zero by itself, but not once corrected for 2 comparisons together" in said
    assert "tells nothing" in compared_sentence(made_comparison("run-a", "run-b"))


def test_whom_a_run_serves_worse_is_named_but_no_hidden_group():
    rows = [
        row("all", "no difference shown"),
        row("45-54", "worse"),
        row("<b>65+</b>", "worse"),
        row("19-24", "better"),
        row("hidden", None, change=None),
        row("recall's", "worse", metric="recall@10"),
    ]
    said = worse_sentence(made_comparison("run-a", "run-b", *rows))
    assert said.replace("\\", "") == "Worse than before for 45-54 (age band) and <b>65+</b> (age band)."
    assert worse_sentence(made_comparison("run-a", "run-b", row("all", "worse"))) == (
        "Worse than before for everyone together."
    )
    assert worse_sentence(made_comparison("run-a", "run-b", row("all", "better"))) is None


def test_steps_of_another_run_say_whose_they_are_and_what_is_lacking():
    runs = {"run-made": made_run("run-made", "ds-made")}
    said = carried_sentence(saved("xquad"), [], runs=runs).replace("\\", "")
    assert "it was saved for the model “run-made”" in said
    assert "do not have" not in said
    missing = carried_sentence(
        saved("fa_star_ir"), [("fa_star_ir", "There is no group 'Own' of brand.")], runs={}
    )
    assert f"{STEP_WORDS['fa_star_ir']}: There is no group 'Own' of brand." in missing.replace("\\", "")
