import pandas as pd
import pytest

from core.figures import sentences
from core.figures.about_lists import mix_sentence
from core.figures.scorecard import select
from tests.core.figures.rows import EVIL, audit_rows


@pytest.fixture
def gaps():
    return select(audit_rows(), "ndcg@10", "gap")


def told(gaps, by=("age",)):
    return sentences.verdict_sentence(gaps, by=by, metric="NDCG@10").replace("\\", "")


def test_the_worst_unequal_group_comes_first_with_interval_and_n(gaps):
    assert told(gaps) == (
        "**NDCG@10 is unequal by age.** Users in 19-24 are served worse than everyone else: "
        "−8.0 pp [−12.0 pp, −4.0 pp] · n=40."
    )


def test_without_an_unequal_group_open_ones_are_named_never_called_equal(gaps):
    text = told(gaps[gaps["verdict"] != "unequal"])
    assert text.startswith("**There is not enough data")
    assert "about 780 more users would decide it" in text


def test_all_equal_is_said_with_the_largest_gap(gaps):
    text = told(gaps[gaps["verdict"] == "equal_within_tolerance"])
    assert text.startswith("**NDCG@10 is equal within tolerance for all 2 groups")
    assert "+1.0 pp" in text


def test_with_hidden_groups_only_nothing_is_claimed(gaps):
    assert told(gaps[gaps["suppressed"]]).startswith("No group by age has enough users")


def test_users_of_unknown_age_are_called_that(gaps):
    unequal = gaps[gaps["group"] == "Unknown"].assign(verdict="unequal", value=-0.3)
    assert "Users of unknown age are served worse" in told(unequal)


def test_numbers_of_things_and_lists_of_names_are_written_as_people_do():
    assert [sentences.plural(number, "group") for number in (0, 1, 2, 1200)] == [
        "0 groups",
        "1 group",
        "2 groups",
        "1,200 groups",
    ]
    assert sentences.plural(2, "analysis", "analyses") == "2 analyses"
    assert [sentences.listed(list("abc"[:n])) for n in (1, 2, 3)] == ["a", "a and b", "a, b and c"]


def test_names_from_the_data_are_escaped(gaps):
    text = sentences.verdict_sentence(
        gaps[gaps["group"] == EVIL].assign(verdict="unequal"), by=("age",), metric="NDCG@10"
    )
    assert "\\<img" in text
    assert "](" not in text


def test_the_mix_of_two_groups_names_what_differs_most_with_intervals_and_n():
    shares = [("a", "Milk", 0.5), ("a", "Beer", 0.1), ("b", "Milk", 0.45), ("b", "Beer", 0.3)]
    rows = pd.DataFrame(shares, columns=["group", "value_name", "value"])
    rows = rows.assign(low=rows["value"] - 0.05, high=rows["value"] + 0.05, n=40)
    assert mix_sentence(rows, of="top 10 list").replace("\\", "") == (
        "The lists differ most in **Beer**: 10.0 % [5.0 %, 15.0 %] · n=40 for a and 30.0 % [25.0 %, 35.0 %] · n=40 for b."
    )


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (0.018, 0.028, "ahead of"),
        (-0.002, 0.028, "not shown to differ from"),
        (-0.03, -0.01, "behind"),
    ],
)
def test_the_model_is_ahead_only_if_the_paired_interval_says_so(low, high, said):
    run = {"name": "This run", "value": 0.42, "low": 0.40, "high": 0.44, "n": 1976, "is_model": True}
    rule = {"name": "Most frequent", "value": 0.40, "low": 0.38, "high": 0.42, "n": 1976, "is_model": False}
    lead = {"behind": (low + high) / 2, "behind_low": low, "behind_high": high}
    sentence = sentences.accuracy_sentence(pd.DataFrame([run, rule | lead]), metric="NDCG@10")
    assert f"{said} the best simple rule (Most frequent)" in sentence.replace("\\", "")
    assert "on the same users" in sentence
