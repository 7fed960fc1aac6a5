"""An audit in words says what was found, by how much, how sure, and what is open."""

import pytest

from core.fairness.answers import answer, metric_label
from core.fairness.audit import audit_users
from core.schema.settings import AuditSettings
from tests.core.fairness.shops import CATALOGUE, synthetic


def answered(sizes, *, seed=4, effect=None, **options):
    settings = AuditSettings(by=(("age",),), draws=200, permutations=200, **options)
    return answer(audit_users(*synthetic(sizes, seed=seed, effect=effect), CATALOGUE, settings))


def test_an_unequal_group_is_named_with_both_means_gap_interval_and_users():
    found = answered({"18-24": 40, "25-34": 200, "35-44": 400}, effect={"25-34": 0.3})
    sentence = found.sentences["age", "ndcg@10"]
    assert sentence.startswith(
        "Users with age 25-34 get worse recommendations than everyone else: NDCG@10 0.0"
    )
    assert "gap −0." in sentence
    assert "[−0." in sentence
    assert "200 users: unequal." in sentence
    assert "corrected for 9 tests" in found.summary


def test_the_correction_is_named():
    for correction, name in (
        ("benjamini_hochberg", "Benjamini-Hochberg"),
        ("benjamini_yekutieli", "Benjamini-Yekutieli"),
    ):
        assert f"({name})." in answered({"a": 60, "b": 60}, correction=correction).summary


def test_a_named_reference_is_said():
    sizes = {"18-24": 40, "25-34": 200, "35-44": 400}
    found = answered(sizes, effect={"25-34": 0.3}, reference="35-44")
    assert "than age 35-44: NDCG@10" in found.sentences["age", "ndcg@10"]


def test_open_questions_say_how_many_more_users_would_decide():
    found = answered({"a": 60, "b": 60}, seed=1)
    sentence = found.sentences["age", "ndcg@10"]
    assert "not enough data for 2 of 2 groups" in sentence
    assert "more users of that group" in sentence


def test_equality_is_said_with_the_largest_gap():
    found = answered({"a": 6000, "b": 6000}, seed=1)
    assert found.sentences["age", "ndcg@10"].startswith(
        "NDCG@10 is equal within tolerance for all 2 groups by age"
    )


def test_a_single_group_cannot_be_compared():
    found = answered({"a": 60})
    assert (
        found.sentences["age", "ndcg@10"]
        == "NDCG@10 by age: there are no two groups large enough to compare."
    )
    assert found.summary.startswith("Nothing was compared")


def test_the_summary_counts_every_comparison_once():
    summary = answered({"18-24": 40, "25-34": 200, "35-44": 400}, effect={"25-34": 0.3}).summary
    numbers = [int(word) for word in summary.replace(",", "").split() if word.isdigit()]
    comparisons, _, unequal, equal = numbers[:4]
    assert comparisons == 9
    assert unequal + equal + int(summary.split(" lack data")[0].split()[-1]) == 9


@pytest.mark.parametrize(("metric", "label"), [("ndcg@10", "NDCG@10"), ("coverage@5", "Coverage@5")])
def test_metrics_have_their_usual_names(metric, label):
    assert metric_label(metric) == label
