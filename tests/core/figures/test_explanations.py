"""Figures and sentences of explanations: they draw what they are given, and say no more than is so."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from core.explain.counterfactual import Removal
from core.explain.similar import Similar
from core.figures import about_explanations as about
from core.figures.explanations import (
    MARK,
    MOST_FEATURES,
    effects_figure,
    importance_figure,
    swarm_figure,
    waterfall_figure,
)
from core.figures.units import POINTS

LEVEL = about.level_of("probability")
HOSTILE = "<b>x</b> $y$ [z](javascript:w)"


@pytest.fixture
def weights():
    names = [HOSTILE, *(f"feature {number}" for number in range(20))]
    value = np.linspace(0.06, 0.001, len(names))
    return pd.DataFrame(
        {
            "feature": names,
            "value": value,
            "low": value * 0.9,
            "high": value * 1.1,
            "share": value / value.sum(),
            "n": 500,
        }
    )


def test_importance_draws_the_first_features_with_their_marks_as_text(weights):
    drawn = importance_figure(weights, unit=POINTS, marked=["feature 0"])
    assert len(drawn.data[0].x) == MOST_FEATURES
    assert drawn.data[0].x[0] == pytest.approx(6.0)
    labels = drawn.layout.yaxis.ticktext
    assert labels[1] == f"feature 0 {MARK}"
    assert "&lt;b&gt;" in labels[0]
    assert drawn.layout.yaxis.tickvals[0] == MOST_FEATURES - 1  # the first stands on top


def test_the_swarm_keeps_dots_within_their_rows():
    random = np.random.default_rng(1)
    values = pd.DataFrame({"a": random.normal(size=900), "b": np.zeros(900), "c": random.normal(size=900)})
    shown = pd.DataFrame({"a": random.normal(size=900), "b": ["x"] * 900, "c": np.nan})
    drawn = swarm_figure(values, shown, ["a", "b", "c"], unit=POINTS, marked=[])
    for row, trace in zip((2, 1, 0), drawn.data, strict=True):
        assert np.abs(np.array(trace.y) - row).max() <= 0.4
        assert len(trace.x) == 400
    assert set(drawn.data[1].marker.color) == {0.5}  # text has no order
    assert set(drawn.data[2].marker.color) == {0.5}
    colours, values = (
        np.array(drawn.data[0].marker.color),
        [float(text.replace("−", "-")) for text in drawn.data[0].customdata],
    )
    assert np.corrcoef(colours, values)[0, 1] > 0.9


def parts(n=15):
    value = np.linspace(0.05, -0.02, n)
    return pd.DataFrame(
        {
            "feature": [f"f{number}" for number in range(n)],
            "shown": [1.5, "text", np.nan, *range(n - 3)],
            "value": value,
        }
    )


def test_a_waterfall_ends_where_the_prediction_is():
    told = parts()
    output = 0.4 + told["value"].sum()
    drawn = waterfall_figure(told, expected=0.4, output=output, unit=POINTS, level=LEVEL, marked=["f1"])
    (trace,) = drawn.data
    assert trace.x[0] == pytest.approx(40)
    assert sum(trace.x[:-1]) == pytest.approx(100 * output)
    assert trace.measure == ("absolute", *["relative"] * (MOST_FEATURES + 1), "total")
    labels = drawn.layout.yaxis.ticktext
    assert labels[1:4] == ("f0 = 1.5", f"f1 {MARK} = text", "f2")
    assert labels[-2] == "3 others"
    low, high = drawn.layout.xaxis.range
    assert low < 40 < high
    few = waterfall_figure(parts(4), expected=0.4, output=0.5, unit=POINTS, level=LEVEL, marked=[])
    assert len(few.data[0].x) == 6


def test_effects_leave_out_what_leaves_nothing():
    history = pd.DataFrame(
        {"product": ["itself", "a", "b"], "effect": [np.nan, 0.2, -0.1], "times": 1, "place": [201, 3, 1]}
    )
    assert list(effects_figure(history).data[0].x) == [0.2, -0.1]
    table = about.history_table(history)
    assert table["Part of the score"].tolist() == ["all of it", "+0.20", "−0.10"]
    assert table["Place without it"].tolist() == ["–", "3", "1"]


def test_sentences_escape_what_came_with_the_data(weights):
    said = about.importance_sentence(weights, title="probability to buy", unit=POINTS)
    assert "\\<b\\>" in said
    assert "6.0 pp" in said.replace("\\", "")
    assert "n=500" in said.replace("\\", "")
    assert "Too few" in about.importance_sentence(weights.head(0), title="x", unit=POINTS)


def test_marks_are_told_with_their_number():
    marks = pd.DataFrame(
        [
            ("user age", "age", "protected", 1.0, 0.99, 1.0, 300),
            ("spend", "home_owner", "proxy", 0.66, 0.6, 0.72, 300),
            ("weekday", "age", "", 0.5, 0.46, 0.54, 300),
        ],
        columns=["feature", "attribute", "mark", "auc", "low", "high", "n"],
    )
    said = about.marks_sentence(marks)
    assert "**user age** is a protected attribute itself" in said
    assert "1 feature tells" in said
    assert "0.66 [0.60, 0.72] · n=300" in said
    assert about.marked_features(marks) == ["user age", "spend"]
    assert "better than chance" in about.marks_sentence(marks.iloc[2:])
    assert "No protected attribute" in about.marks_sentence(marks.head(0))
    assert about.marks_table(marks)["Mark"].tolist() == [f"{MARK} protected", f"{MARK} proxy", ""]


def test_sums_that_do_not_come_out_are_said_to():
    numbers = {"users": 100, "worst": 0.02, "allowed": 0.003, "unit": POINTS}
    assert "All 100 explanations add up" in about.completeness_sentence(incomplete=0, **numbers)
    said = about.completeness_sentence(incomplete=3, **numbers)
    assert "3 of 100 explanations miss" in said
    assert "0.3 pp, the worst by 2 pp" in said
    case = SimpleNamespace(output=0.5, expected=0.4, error=0.02, complete=False, parts=parts(3))
    assert "miss the prediction by 2 pp" in about.case_sentence(case, unit=POINTS, level=LEVEL)
    case.complete = True
    assert "miss" not in about.case_sentence(case, unit=POINTS, level=LEVEL)


def why(**changes):
    standing = {
        "title": "milk",
        "place": 2,
        "score": 1.0,
        "k": 10,
        "again": True,
        "itself": 14,
        "products": 90,
    }
    found = {"looked_at": 60, "removal": Removal((3,), -0.1, True, 61), "removed": ("bread",)}
    return SimpleNamespace(**standing | found | changes)


def test_a_removal_claims_what_was_shown():
    said = " ".join(about.item_sentences(why()))
    assert "without **bread**" in said
    assert (
        "Nothing smaller does it (looked at: the 60 that tell most, of 90; the model was asked 61 times)"
        in said
    )
    assert "at place 14" in said
    two = why(removal=Removal((3, 4, 5), -0.1, False, 200), removed=("bread", "jam", HOSTILE), looked_at=90)
    said = " ".join(about.item_sentences(two))
    assert "**bread**, **jam** and **\\<b\\>" in said
    assert "a smaller set of others is not ruled out (looked at: all 90;" in said
    assert "No small set of other products" in " ".join(about.item_sentences(why(removal=None)))
    assert "nothing has to be taken out" in " ".join(about.item_sentences(why(place=11)))
    assert "no candidate at all" in " ".join(about.item_sentences(why(itself=201)))


def test_few_similar_buyers_are_not_told():
    assert "too few other customers" in about.similar_sentence(None)
    assert "is not told" in about.similar_sentence(Similar(100, None, 900, None))
    said = about.similar_sentence(Similar(100, 31, 900, 90))
    assert "31 of the 100 most similar customers** (31.0 %)" in said
    assert "of the 900 others 10.0 %" in said


def test_hidden_groups_of_a_gap_have_no_number():
    blank = dict.fromkeys(("value", "low", "high", "n", "reference", "verdict"))
    rows = pd.DataFrame(
        [
            {
                "group": "a",
                "metric": "gap",
                "value": 0.1,
                "low": 0.05,
                "high": 0.15,
                "n": 50,
                "reference": "rest",
                "verdict": "unequal",
                "suppressed": False,
            },
            {
                "group": "a",
                "metric": "explained",
                "value": 0.08,
                "low": 0.05,
                "high": 0.11,
                "n": 50,
                "reference": "rest",
                "verdict": None,
                "suppressed": False,
            },
            {
                "group": "a",
                "metric": "activity",
                "value": 0.08,
                "low": 0.05,
                "high": 0.11,
                "n": 50,
                "reference": "rest",
                "verdict": None,
                "suppressed": False,
            },
            *(
                {"group": "b", "metric": name, "suppressed": True} | blank | {"n": "hidden"}
                for name in ("gap", "explained", "remaining")
            ),
        ]
    )
    table = about.gap_parts_table(rows)
    assert table.iloc[1].tolist() == ["b", "hidden", "hidden", "hidden", "hidden", ""]
    assert table.loc[0, "Would remain"] == "cannot be told"
    assert "cannot be made like this group" in about.gap_sentence(rows, group="a", metric="NDCG@10")
    assert "hidden" in about.gap_sentence(rows, group="b", metric="NDCG@10")
