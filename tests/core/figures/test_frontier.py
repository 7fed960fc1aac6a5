"""The picture and the words of a frontier, from made points."""

import numpy as np
import pandas as pd
import pytest

from core.figures.about_frontier import (
    MEASURES,
    answer,
    confirmation_sentence,
    confirmations_table,
    counts,
    frontier_table,
    left_out_sentences,
    measure_of,
    point_sentence,
    point_words,
)
from core.figures.frontier import STYLES, frontier_figure, outside, window
from core.figures.groups import UNNAMED
from core.figures.layout import NULL

MEASURE = "attention_to_move@10"
STEPS = ("current", "exposure_limits", "exposure_limits", "xquad", "propensity")


def made(**changes) -> pd.DataFrame:
    """The lists of the model, a floor that costs nothing, one that does, a point that says nothing, and a bad one."""
    rows = pd.DataFrame(
        {
            "point": range(5),
            "step": STEPS,
            "knob": [None, "floor", "floor", "strength", "strength"],
            "position": [np.nan, 0.6, 0.9, 0.1, 1.0],
            "ndcg": [0.42, 0.419, 0.40, 0.421, 0.20],
            "ndcg_change": [0.0, -0.001, -0.02, 0.001, -0.22],
            "disparity": [0.20, 0.12, 0.01, 0.20, 0.30],
            "disparity_null": np.nan,
        }
    )
    rows["disparity_change"] = rows["disparity"] - 0.20
    for name, half in (("ndcg", 0.002), ("disparity", 0.004)):
        rows[f"{name}_change_low"] = rows[f"{name}_change"] - half
        rows[f"{name}_change_high"] = rows[f"{name}_change"] + half
        rows[f"{name}_differs"] = rows[f"{name}_change"].abs() > half
        rows[f"{name}_p_adjusted"] = np.where(rows[f"{name}_differs"], 0.001, 0.6)
    rows.loc[0, ["ndcg_change_low", "ndcg_change_high", "disparity_change_low", "disparity_change_high"]] = (
        0.0
    )
    rows.loc[0, ["ndcg_p_adjusted", "disparity_p_adjusted"]] = np.nan
    rows["dominated"] = [True, False, False, False, True]
    rows["same"] = ~(rows["ndcg_differs"] | rows["disparity_differs"])
    return rows.assign(**changes)


def named(drawn) -> dict:
    return {trace.name: trace for trace in drawn.data if trace.showlegend is not False}


def test_every_point_is_drawn_once_and_carries_its_number():
    drawn = frontier_figure(made(), measure=MEASURE, k=10)
    numbers = [row[0] for trace in drawn.data if trace.customdata is not None for row in trace.customdata]
    assert sorted(numbers) == [1, 2, 3, 4]
    floors = named(drawn)["Floors and ceilings on attention"]
    assert list(floors.y) == pytest.approx([12.0, 1.0])
    assert list(floors.x) == [-0.001, -0.02]
    assert floors.error_x.array[0] == pytest.approx(0.002)
    assert floors.error_y.array[0] == pytest.approx(0.4)
    assert "floor 0.6" in floors.customdata[0][1]


def test_beaten_points_are_faint_and_without_whiskers_and_what_is_not_told_apart_is_shaded():
    drawn = frontier_figure(made(), measure=MEASURE, k=10)
    beaten = named(drawn)["Popularity correction (IPS)"]
    assert beaten.marker.color.startswith("rgba(")
    assert float(beaten.marker.color.rstrip(")").split(", ")[-1]) < 0.5
    assert beaten.marker.line.color == NULL  # a grey that is seen on light and on dark pages
    assert beaten.error_x.array is None
    shade = next(trace for trace in drawn.data if trace.name.startswith("shaded"))
    assert list(shade.x) == [0.0, 0.001]
    edge = next(trace for trace in drawn.data if trace.name.startswith("line"))
    assert list(edge.x) == [-0.02, -0.001, 0.001]


def test_two_rerankers_differ_in_colour_and_symbol():
    traces = named(frontier_figure(made(), measure=MEASURE, k=10))
    one, other = traces["Floors and ceilings on attention"], traces["Variety by category (xQuAD)"]
    assert one.marker.color != other.marker.color
    assert one.marker.symbol != other.marker.symbol


def test_what_points_are_held_against_and_the_current_policy_have_marks_of_their_own():
    marks = named(frontier_figure(made(), measure=MEASURE, k=10, current=(-0.01, 0.1)))
    current, against = marks["current policy"], marks["the lists as the model made them"]
    assert (*current.x, *current.y) == pytest.approx((-0.01, 10.0))
    assert (*against.x, *against.y) == pytest.approx((0.0, 20.0))
    symbols = {style.symbol for style in STYLES.values()} | {UNNAMED.symbol}
    assert len({current.marker.symbol, against.marker.symbol} - symbols) == 2
    alone = named(frontier_figure(made(), measure=MEASURE, k=10))
    assert "current policy" not in alone
    assert alone["the lists as the model made them"].marker.symbol == against.marker.symbol


def test_no_whisker_of_a_disparity_goes_below_zero():
    rows = made()
    assert (rows["disparity"] + rows["disparity_change_low"] - rows["disparity_change"]).min() > 0
    wide = rows.assign(disparity_change_low=rows["disparity_change_low"] - 0.02)
    drawn = frontier_figure(wide, measure=MEASURE, k=10)
    floors = named(drawn)["Floors and ceilings on attention"]
    ends = [y - down for y, down in zip(floors.y, floors.error_y.arrayminus, strict=True)]
    assert ends == pytest.approx([12.0 - 2.4, 0.0])
    low, _ = drawn.layout.yaxis.range
    assert -1 < low < 0  # a mark at zero is whole


def test_the_picture_spans_what_is_worth_looking_at():
    rows = made()
    (left, right), (low, high) = window(rows)
    assert left < -0.022
    assert right > 0.003
    assert low <= 0.006
    assert high > 0.204
    assert outside(rows) == 1
    drawn = frontier_figure(rows, measure=MEASURE, k=10)
    assert drawn.layout.xaxis.range[0] > -0.1


def test_the_line_of_chance_stands_where_equal_groups_would():
    assert not frontier_figure(made(), measure=MEASURE, k=10).layout.shapes
    drawn = frontier_figure(made(disparity_null=0.05), measure="ndcg@10_max_min", k=10)
    (line,) = drawn.layout.shapes
    assert line.y0 == pytest.approx(0.05)


def test_the_answer_names_what_is_free_and_what_goes_furthest():
    told = answer(made(), measure=MEASURE, k=10)
    assert told.startswith("**Attention that would have to move to meet the target: at an accuracy")
    assert "floor 0\\.6” lowers it from 20\\.0 \\% to 12\\.0 \\%" in told
    assert "floor 0\\.9” goes furthest: 1\\.0 \\%" in told


def test_the_answer_where_nothing_is_free_or_nothing_helps():
    rows = made()
    costly = rows.assign(ndcg_differs=rows["point"] > 0)
    assert "every setting that is shown to lower it costs accuracy" in answer(costly, measure=MEASURE, k=10)
    unsure = rows.assign(disparity_differs=False)
    assert "no setting is shown to lower it" in answer(unsure, measure=MEASURE, k=10)
    free = rows.assign(ndcg_differs=False)
    assert "No other setting goes further." in answer(free, measure=MEASURE, k=10)


def test_the_answer_prefers_what_no_other_setting_beats():
    """The lowest disparity at this accuracy is beaten by a setting whose own change is not shown."""
    rows = made()
    rows.loc[3, ["disparity", "disparity_change", "ndcg_differs"]] = 0.05, -0.15, False
    rows.loc[3, ["disparity_differs", "dominated"]] = True
    told = answer(rows, measure=MEASURE, k=10)
    assert "floor 0\\.6” lowers it from 20\\.0 \\% to 12\\.0 \\%" in told
    assert "strength 0\\.1" not in told
    lowest = rows.assign(dominated=[True, False, True, True, True])
    told = answer(lowest, measure=MEASURE, k=10)
    assert "floor 0\\.6” lowers it from" in told
    assert "No other setting goes further" not in told  # one does, and is beaten
    beaten = rows.assign(dominated=True)
    assert "strength 0\\.1” lowers it from" in answer(beaten, measure=MEASURE, k=10)


def test_a_setting_that_makes_lists_more_accurate_counts_as_free():
    rows = made()
    rows.loc[3, ["disparity", "disparity_change"]] = 0.05, -0.15
    rows.loc[3, ["disparity_differs", "ndcg_differs"]] = True
    told = answer(rows, measure=MEASURE, k=10)
    assert "at a higher accuracy, “Variety by category \\(xQuAD\\)\\: strength 0\\.1” lowers it" in told


def test_a_point_is_told_with_what_is_sure_of_it():
    rows = made()
    told = [point_sentence(rows.iloc[n], measure=MEASURE, k=10) for n in (1, 2, 3, 4)]
    assert "accuracy is not shown" in told[0]
    assert "Both changes are sure." in told[1]
    assert "Neither change" in told[2]
    assert told[3].endswith("Another setting is at least as good in both.")


def test_counts_leave_out_the_current_policy():
    told = counts(made(), tests=8, buyers=1988, against="The lists as the model made them")
    assert told.startswith("4 settings tried on the **validation split**, 1,988 users")
    assert "1 is beaten" in told
    assert "1 cannot be told apart from the lists" in told


def test_the_table_puts_what_no_other_beats_first():
    table = frontier_table(made(), measure=MEASURE, k=10)
    assert list(table["Beaten"]) == ["", "", "", "yes", "yes"]
    assert table["NDCG@10"].iloc[0] == "0.421"
    assert table["Setting"].iloc[1] == "Floors and ceilings on attention: floor 0.6"


def test_every_measure_has_a_name_at_any_length():
    for key in MEASURES:
        word, _, rest = key.partition("_max_min") if key.endswith("_max_min") else (key, "", "")
        name = f"{word}@7_max_min" if key.endswith("_max_min") else f"{key}@7{rest}"
        assert measure_of(name) is MEASURES[key]


def test_points_without_a_knob_have_names():
    assert point_words({"step": "none"}) == "The lists as the model made them"
    assert point_words({"step": "current"}, current="The current policy") == "The current policy"


def test_reasons_from_the_data_are_shown_as_they_are():
    (told,) = left_out_sentences([{"step": "xquad", "reason": "No group '<b>x</b>' [y](z).", "points": 8}])
    assert told.startswith("Variety by category (xQuAD): 8 settings left out.")
    assert "<b>" not in told.replace("\\<", "")
    assert "[y](" not in told


def test_a_confirmation_says_its_number_and_what_further_ones_cost():
    row = {"value": 0.4, "change": -0.003, "change_low": -0.005, "change_high": -0.001, "n": 1976}
    rows = [row | {"measure": "ndcg@10"}, row | {"measure": MEASURE, "change": -0.08}]
    told = confirmation_sentence(rows, number=3, measure=MEASURE, k=10, against="the current policy")
    assert "number 3 on this test split; each further one makes the result more optimistic" in told
    assert "NDCG@10 −0\\.0030 \\[−0\\.0050\\, −0\\.0010\\]" in told
    document = {"number": 3, "created_at": "x", "settings": {"k": 10}, "rows": rows}
    table = confirmations_table([document], [("floors", "model")], when=lambda text: f"at {text}")
    assert table.iloc[0]["When"] == "at x"
    assert table.iloc[0]["Attention that would have to move to meet the target"].startswith("−8.0 pp")
