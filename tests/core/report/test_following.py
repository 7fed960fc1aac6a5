"""What a report says of a run that follows another one: how it was made, and how the two compare."""

import shlex

from core.cli import parser
from core.report.cards import _beside_the_former
from core.report.words import reproduction
from core.schema.documents import COMPARISONS
from core.schema.settings import AuditSettings
from tests.core.workflow.policies.made_line import made_comparison, made_dataset, made_run

BY_SEX = AuditSettings(by=(("sex",),))


def commands(run, dataset) -> list[list[str]]:
    """The commands as a shell takes them apart; each must be one that there is."""
    told = [shlex.split(line)[3:] for line in reproduction(run, dataset, BY_SEX, "test", None)]
    for one in told:
        parser().parse_args(one)
    return told


def test_a_run_that_follows_is_made_again_by_feedback_and_retraining():
    dataset = made_dataset("ds-newer", first="ds-first")
    run = made_run("run-newer", dataset.id, follows="run-older").model_copy(
        update={"feedback": ["feedback-a"]}
    )
    told = commands(run, dataset)
    assert [one[0] for one in told] == ["prepare", "feedback", "retrain", "compare", "audit", "report"]
    assert told[1][1] == "ds-first"
    assert told[2][1] == "run-older"
    assert told[3][1:] == ["run-older", "run-newer"]


def test_a_run_that_follows_none_is_trained():
    told = commands(made_run("run-first", "ds-first"), made_dataset("ds-first"))
    assert [one[0] for one in told] == ["prepare", "train", "audit", "report"]


def test_the_model_card_says_how_the_two_compare_and_for_whom_it_is_worse(workspace):
    row = {"metric": "ndcg@10", "old": 0.4, "n": 60, "suppressed": False}
    everybody = row | {
        "attribute": "all",
        "group": "all",
        "new": 0.42,
        "change": 0.02,
        "low": 0.01,
        "high": 0.03,
    }
    group = row | {"attribute": "sex", "group": "f", "new": 0.3, "change": -0.1, "low": -0.2, "high": -0.05}
    rows = [everybody | {"verdict": "better"}, group | {"verdict": "worse"}]
    found = made_comparison("run-older", "run-newer", *rows)
    run = made_run("run-newer", "ds-newer", follows="run-older")
    assert _beside_the_former(workspace, run) == []
    workspace.documents.put(COMPARISONS, found.dump())
    first, second = _beside_the_former(workspace, run)
    assert first.startswith("Beside run-older, which it follows: Better than the model before")
    assert second == "Worse than before for f (sex)."
