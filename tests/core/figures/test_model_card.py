"""The model card: every number with its interval and n, beside its rules, and nothing of the data interpreted."""

import json

import pandas as pd
import pytest

from core.figures.model_card import BETTER, OPEN, WORSE, best_rule, model_card, verdict
from core.figures.model_card_text import (
    card_markdown,
    data_lines,
    metric_rows,
    metric_table,
    model_sentence,
    standing_sentence,
    training_lines,
)
from core.figures.model_words import HIGHER, LOWER, direction, metric_title, model_words
from core.schema.documents import Dataset, Epoch, Measured, ModelReport, Run
from core.schema.settings import TrainSettings


def number(value: float, *, n: int = 300) -> Measured:
    return Measured(value=value, low=value - 0.02, high=value + 0.02, n=n)


INTENT = ModelReport(
    metrics={
        "auc@7": number(0.82),
        "auc@7_difference": Measured(value=0.03, low=0.01, high=0.05, n=300),
        "log_loss@7": number(0.51),
        "log_loss@7_difference": Measured(value=0.02, low=0.01, high=0.03, n=300),
    },
    baselines={
        "recency_frequency": {"auc@7": number(0.79), "log_loss@7": number(0.49)},
        "same_features": {"auc@7": number(0.78), "log_loss@7": number(0.60)},
    },
    notes=["Asked at 4 moments; see [here](javascript:x)."],
)
ACCURACY = pd.DataFrame(
    {
        "name": ["This run", "Own favourites", "Popularity"],
        "value": [0.40, 0.38, 0.10],
        "low": [0.38, 0.36, 0.09],
        "high": [0.42, 0.40, 0.11],
        "n": 227,
        "is_model": [True, False, False],
        "behind": [None, 0.02, 0.30],
        "behind_low": [None, -0.01, 0.28],
        "behind_high": [None, 0.05, 0.32],
    }
)


@pytest.fixture
def dataset() -> Dataset:
    return Dataset(
        _id="ds-made",
        name="Shop | <b>x</b>",
        source="tables",
        settings={"split": "temporal"},
        created_at="2024-01-01T00:00:00+00:00",
        quality=[],
        counts={"users": 300, "events": 9000},
        period={"validation_start": "2024-03-01", "test_start": "2024-04-01"},
        attributes=["age"],
        protected=["age"],
        missing={"service": "service table with satisfaction"},
        tables={},
        notes=["A sample."],
    )


@pytest.fixture
def run() -> Run:
    losses = {"next item": 7.0, "intent": 0.7}
    return Run(
        _id="run-made",
        dataset="ds-made",
        name="First *model*",
        settings=TrainSettings(seed=11, protected_inputs=True).model_dump(mode="json"),
        created_at="2024-05-01T00:00:00+00:00",
        device="cpu",
        device_reason="no CUDA device",
        seconds=65,
        sequences_per_second=10,
        history=[Epoch(epoch=1, loss=7.1, losses=losses, validation_ndcg=0.3, seconds=60)],
        metrics={},
        baselines={},
        reports={"recommender": ModelReport(metrics={}, notes=["Told."]), "intent": INTENT},
        artefacts={},
    )


@pytest.fixture
def card(run, dataset):
    return model_card(run, dataset, {"ndcg@10": ACCURACY})


def test_each_metric_stands_beside_the_rule_that_does_best_in_it(card):
    recommender, intent = card.models
    (ndcg,) = recommender.metrics
    assert (ndcg.best, ndcg.verdict, ndcg.difference.n) == ("Own favourites", OPEN, 227)
    auc, loss = intent.metrics
    assert auc.best == loss.best == "logistic regression on recency, frequency and spend"
    assert (auc.verdict, loss.verdict) == (BETTER, WORSE)


def test_a_difference_is_shown_only_where_its_interval_leaves_out_zero():
    apart = Measured(value=-0.02, low=-0.03, high=-0.01, n=9)
    assert verdict(apart, HIGHER) == WORSE
    assert verdict(apart, LOWER) == BETTER
    assert verdict(Measured(value=0.01, low=0.0, high=0.02, n=9), HIGHER) == OPEN
    assert verdict(Measured(value=0.01, n=9), HIGHER) == OPEN
    assert verdict(apart, None) is None
    assert best_rule({}, HIGHER) is None


def test_every_number_for_the_screen_has_its_interval_and_n(card):
    shown = metric_table(card.models[1])
    assert shown["This model"].tolist() == ["0.820 [0.800, 0.840] · n=300", "0.510 [0.490, 0.530] · n=300"]
    assert shown["Metric"].tolist() == ["AUC · 7 days ↑", "Log loss · 7 days ↓"]
    assert "[+0.0100, +0.0500]" in shown["Model less rule"][0]


def test_the_download_holds_the_model_every_rule_and_the_difference_as_numbers(card):
    rows = metric_rows(card.models[1])
    auc = rows[rows["metric"] == "auc@7"].set_index("of")
    assert len(auc) == 4
    assert auc.loc["model", "value"] == 0.82
    assert auc.loc["logistic regression on all features of the model", "value"] == 0.78
    assert auc.loc[["model"], ["low", "high", "n"]].notna().all(axis=None)


def test_the_summary_counts_better_worse_and_open(card):
    assert "**better in 1; worse in 1**" in model_sentence(card.models[1])
    assert "of 1 metric: **no difference shown in 1**" in model_sentence(card.models[0])
    assert "worse than" in standing_sentence(card.models[1].metrics[1])


def test_settings_that_matter_are_told_with_weights_seed_and_who_was_seen(card):
    lines = " ".join(training_lines(card))
    assert "**were inputs of the model**" in lines
    assert "next item × 1, intent × 0.1" in lines
    assert "Seed 11" in lines
    assert "no CUDA device" in lines


def test_what_the_data_cannot_support_is_told(card):
    lines = " ".join(data_lines(card))
    assert "Service (needs service table with satisfaction)" in lines
    assert "A sample" in lines


def test_the_json_download_can_be_read_back(card):
    read = json.loads(card.json())
    assert read["run"]["id"] == "run-made"
    assert read["training"]["settings"]["seed"] == 11
    assert read["models"][1]["metrics"][0]["value"] == number(0.82).model_dump()


def test_nothing_that_came_with_the_data_is_interpreted_in_the_markdown_card(card):
    text = card_markdown(card)
    assert "<b>" not in text
    assert "](javascript" not in text
    assert r"First \*model\*" in text
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len({row.replace(r"\|", "").count("|") for row in rows}) == 1


def test_a_run_from_before_the_reports_has_a_card_of_its_recommender(run, dataset):
    old = run.model_copy(update={"reports": {}, "history": [], "settings": {"epochs": 3}})
    card = model_card(old, dataset, {"ndcg@10": ACCURACY})
    assert [model.name for model in card.models] == ["recommender"]
    assert "not recorded" in " ".join(training_lines(card))
    assert "First" in card_markdown(card)


def test_the_card_of_lists_that_were_brought_claims_nothing_of_their_making(run, dataset):
    told = {"recommender": ModelReport(metrics={}, notes=["3 rows left <b>out</b>."])}
    changes = {"brought": True, "settings": {}, "history": [], "reports": told}
    card = model_card(run.model_copy(update=changes), dataset, {"ndcg@10": ACCURACY})
    (model,) = card.models
    assert (model.title, model.notes) == ("Lists of another system", ("3 rows left <b>out</b>.",))
    assert card.training["protected_attributes_seen"] is None
    text = card_markdown(card)
    for claim in ("were not shown", "were inputs", "Seed", "All settings", "<b>"):
        assert claim not in text
    assert "nothing was trained here" in text
    assert "(age) is not known here" in text
    assert json.loads(card.json())["run"]["brought"] is True


def test_a_report_without_numbers_says_so(run, dataset):
    lacking = {"intent": ModelReport(metrics={}, notes=["It needs real times."])}
    card = model_card(run.model_copy(update={"reports": lacking}), dataset, {})
    assert model_sentence(card.models[1]) == "There is no number of it: the notes say why."
    assert metric_rows(card.models[1]).empty


def test_unknown_models_and_metrics_are_called_by_their_names():
    assert metric_title("some_metric@3") == "Some metric@3"
    assert direction("some_metric") is None
    assert model_words("new_one").title == "New one"
