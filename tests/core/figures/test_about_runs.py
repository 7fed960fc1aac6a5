"""Runs in words, those with lists of another system among them."""

import pandas as pd
import pytest

from core.figures.about_runs import run_table_shown, runs_sentence, settings_sentence, training_sentence
from core.schema.documents import Run


def made(name: str, *, brought: bool = False, ndcg: float = 0.3) -> Run:
    return Run(
        _id=f"run-{name}",
        dataset="ds-made",
        name=name,
        brought=brought,
        settings={} if brought else {"epochs": 3},
        created_at="2024-05-01T00:00:00+00:00",
        device="none" if brought else "cpu",
        device_reason="",
        seconds=0,
        sequences_per_second=0,
        history=[],
        metrics={"test": {"ndcg@10": ndcg}} if brought else {"validation": {"ndcg@10": ndcg}},
        baselines={},
        artefacts={},
    )


@pytest.mark.parametrize(
    ("runs", "said"),
    [
        ([], "No run yet."),
        ([made("one")], "1 run; **one** is best on the validation split."),
        ([made("theirs", brought=True)], "1 run, 1 with lists of another system."),
        (
            [made("theirs", brought=True, ndcg=0.9), made("one"), made("two", ndcg=0.4)],
            "3 runs, 1 with lists of another system; **two** is best on the validation split.",
        ),
    ],
)
def test_lists_of_another_system_are_counted_and_never_best_on_validation(runs, said):
    assert runs_sentence(runs) == said


def test_what_no_training_told_is_a_dash():
    accuracy = pd.DataFrame(
        {"is_model": [True, False], "value": [0.3, 0.2], "low": 0.1, "high": 0.4, "n": 50}
    )
    shown = run_table_shown([made("theirs", brought=True), made("ours")], [accuracy, accuracy])
    told = ["Epochs", "Time", "Device", "Settings"]
    assert shown[told].to_numpy().tolist() == [
        ["–", "–", "–", "another system's lists"],
        ["0", "0 s", "cpu", "epochs 3"],
    ]
    assert set(shown["Beside best rule"]) == {"1.50×"}


def test_there_are_settings_to_compare_only_between_trained_runs():
    ours, theirs = made("ours"), made("theirs", brought=True)
    assert settings_sentence(ours, made("two")) == "Both runs have the same settings."
    assert settings_sentence(ours, theirs).startswith("Another system made the lists of B:")
    assert settings_sentence(theirs, theirs).startswith("Another system made the lists of A and B:")
    assert "nothing was trained here" in training_sentence(theirs)
