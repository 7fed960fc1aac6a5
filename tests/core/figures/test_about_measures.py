"""The words and the table about further measures."""

import pytest

from core.fairness.rows import AuditRow, tidy
from core.figures.about_measures import measures_sentence, measures_table
from tests.core.figures.rows import EVIL

SHARED = {"section": "users", "attribute": "age"}
ENDS = {"value": 0.1, "low": 0.05, "high": 0.15}


def gap(metric: str, group: str, verdict: str | None, value: float = 0.2, **more) -> AuditRow:
    ends = {"value": value, "low": value - 0.1, "high": value + 0.1, "n": 40, "p_value": 0.02}
    given = {
        "statistic": "gap",
        "reference": "rest",
        "null_low": -0.03,
        "null_high": 0.04,
        "verdict": verdict,
    }
    return AuditRow(**SHARED, group=group, metric=f"{metric}_gap", **(ends | given | more))


def rows(*more: AuditRow):
    hidden = AuditRow(
        **SHARED, group="few", metric="envy@10_gap", statistic="gap", n="hidden", suppressed=True
    )
    spread = {"statistic": "gap", "n": 900, "p_value": 0.2, "null_low": 0.0, "null_high": 0.06}
    madr = AuditRow(**SHARED, group="all", metric="ndcg@10_madr", **spread, **ENDS)
    worst = AuditRow(
        **SHARED,
        group="all",
        metric="ndcg@10_worst",
        statistic="mean",
        n=900,
        reference="65+",
        null_low=0.08,
        **ENDS,
    )
    envy = AuditRow(**SHARED, group="all", metric="envy@10", statistic="mean", n=900, **ENDS)
    return tidy([madr, worst, envy, hidden, *more])


def called(metric: str) -> str:
    return metric.partition("@")[0].removesuffix("_gap")


def lines(*more: AuditRow):
    found = measures_table(rows(*more), called)
    return {(line["Measure"], place): line for place, line in enumerate(found.to_dict("records"))}


def test_nothing_unequal_is_said_with_what_is_open():
    found = rows(gap("envy@10", "a", "equal_within_tolerance"), gap("envy@10", "b", "not_enough_data"))
    assert measures_sentence(found, called) == (
        "**None of the 2 further comparisons is shown to be unequal**: 1 equal within tolerance, 1 without enough data to tell."
    )


def test_what_is_unequal_is_named_with_its_groups():
    found = rows(*(gap(f"m{number}@10", "a", "unequal") for number in range(5)), gap("m0@10", "b", "unequal"))
    words = measures_sentence(found, called)
    assert words.startswith(
        "**6 of 6 further comparisons are unequal**: m0 (a, b); m1 (a); m2 (a); and 2 more measures."
    )


def test_without_a_judged_gap_nothing_is_claimed():
    assert measures_sentence(rows(gap("envy@10", "a", None)), called).startswith("No two groups")


def test_a_line_tells_of_the_group_that_matters_most():
    envy = (
        gap("envy@10", "a", "equal_within_tolerance", 0.4),
        gap("envy@10", "b", "not_enough_data", 0.3),
        gap("envy@10", "c", "unequal", -0.2),
        gap("envy@10", "d", "unequal", -0.25),
    )
    (line,) = [line for (name, _), line in lines(*envy).items() if name == "envy"]
    assert line == {
        "Measure": "envy",
        "All users": "0.100 [0.050, 0.150]",
        "Group furthest off": "d (n=40) beside everyone else",
        "Its gap": "−0.250 [−0.350, −0.150]",
        "Without disparity": "−0.0300 to 0.0400",
        "Verdict": "◆ unequal",
    }


def test_measures_of_all_groups_stand_alone_with_what_chance_allows():
    spread, worst, envy = lines().values()
    assert spread["All users"] == "0.100 [0.050, 0.150]"
    assert spread["Group furthest off"] == spread["Its gap"] == ""
    assert spread["Without disparity"] == "up to 0.0600"
    assert spread["Verdict"] == "not judged (p 0.200)"
    assert worst["Group furthest off"] == "65+"
    assert worst["Without disparity"] == "0.0800 or more"
    assert envy["Verdict"] == "not judged"


def test_small_numbers_keep_three_figures():
    (line,) = [
        line
        for line in lines(gap("x@10", "a", None, 0.00123, low=0.0, high=0.004)).values()
        if line["Measure"] == "x"
    ]
    assert line["Its gap"] == "+0.00123 [+0.00000, +0.00400]"


def test_no_hidden_group_and_no_markup_of_the_data():
    found = rows(gap("envy@10", EVIL, "unequal"))
    words = measures_sentence(found, called)
    assert "<img" not in words.replace(r"\<img", "")
    assert "](javascript" not in words
    assert "few" not in measures_table(found, called).to_string()


@pytest.mark.parametrize("reference", ["45-54", "under 1*"])
def test_the_reference_is_named_as_it_is(reference):
    (line,) = [
        line for line in lines(gap("x@10", "a", None, reference=reference)).values() if line["Measure"] == "x"
    ]
    assert line["Group furthest off"] == f"a (n=40) beside {reference}"
