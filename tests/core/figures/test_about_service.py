"""Service in words, tables and figures: the group that matters, its unit, its interval; nothing of hidden groups."""

from dataclasses import replace

import pandas as pd
import pytest

from core.fairness.rows import AuditRow, tidy
from core.figures.about_service import (
    answers_sentence,
    beside_sentence,
    calibration_sentence,
    gap_sentence,
    named_means,
    overall,
    overall_sentence,
)
from core.figures.gaps import gap_figure
from core.figures.groups import group_styles
from core.figures.reliability import calibration_figure
from core.figures.service_measures import (
    ANSWERS,
    DELIVERY,
    OUTCOMES,
    claim_measures,
    distance_measures,
    form_of,
    parity_measure,
    prediction_measures,
)
from core.figures.units import DAYS, PERCENT, PLAIN, POINTS
from core.figures.verdict_table import verdict_table
from core.figures.verdicts import size_unknown_sentence
from tests.core.figures.rows import EVIL

GROUPS = ("North", "South", EVIL, "Isle")
WAITED = DELIVERY["days_waited"]
BLANK = AuditRow("service", "region", "all", "days_waited", "mean", value=10.0, low=9.5, high=10.5, n=900)


def section_rows() -> pd.DataFrame:
    """Days waited of two regions that are judged, one that is undecided, and one that is hidden."""
    judged = {
        "North": (4.1, 3.6, 4.6, 400, "unequal"),
        "South": (-0.4, -0.8, 0.1, 480, "equal_within_tolerance"),
        EVIL: (1.5, -0.5, 3.5, 20, "not_enough_data"),
    }
    rows = []
    for suffix, more in (("_adjusted", 0.0), ("_observed", 2.5)):
        rows.append(replace(BLANK, metric=f"days_waited{suffix}"))
        for group, (value, low, high, n, verdict) in judged.items():
            mean = replace(
                BLANK, group=group, n=n, value=10 + value, low=10 + low, high=10 + high, small=n < 30
            )
            gap = replace(
                mean,
                statistic="gap",
                reference="rest",
                value=value + more,
                low=low + more,
                high=high + more,
                p_value=0.01,
                p_adjusted=0.02,
                null_low=-0.5,
                null_high=0.5,
                tolerance=1.2,
                verdict=verdict,
                more_users=780 if verdict == "not_enough_data" else None,
            )
            rows += [
                replace(mean, metric=f"days_waited{suffix}"),
                replace(gap, metric=f"days_waited{suffix}_gap"),
            ]
        hidden = AuditRow("service", "region", "Isle", "", "mean", n="hidden", suppressed=True)
        rows += [
            replace(hidden, metric=f"days_waited{suffix}"),
            replace(hidden, metric=f"days_waited{suffix}_gap", statistic="gap"),
        ]
    return tidy(rows)


@pytest.fixture
def rows() -> pd.DataFrame:
    return section_rows()


def adjusted(rows: pd.DataFrame) -> str:
    return gap_sentence(
        rows, "days_waited_adjusted", WAITED, by=("region",), given=" in the same circumstances"
    )


def test_the_answer_names_the_group_the_days_the_interval_and_the_tolerance(rows):
    said = adjusted(rows).replace("\\", "")
    assert said.startswith(
        "**Users with region North waited 4.1 days longer than everyone else in the same circumstances**"
    )
    assert "95 % interval +3.6 days to +4.6 days; tolerance 1.2 days: *unequal* (400 users)" in said
    assert "1 unequal, 1 equal within tolerance, 1 without enough data" in said


def test_a_gap_below_zero_is_told_the_other_way_round_and_names_are_escaped(rows):
    calm = rows.assign(verdict=rows["verdict"].where(rows["group"] != "North"))
    assert r"\<img" in adjusted(calm)
    assert "<img src=x" not in adjusted(calm).replace(r"\<", "")
    south = calm[calm["group"] == "South"]
    assert "Users with region South waited 0\\.4 days less than everyone else" in adjusted(south)


def test_a_difference_that_is_there_is_told_where_only_its_size_is_open(rows):
    unknown = (
        "a difference is there, but whether it is beyond the tolerance, and so matters, is not yet known."
    )
    assert unknown not in adjusted(rows)  # the open gap may be none at all
    shown = rows.assign(low=rows["low"].where(rows["group"] != EVIL, 0.5))
    assert adjusted(shown).endswith(unknown)
    assert r"For \<img" in adjusted(shown)
    by_chance = shown.assign(p_adjusted=0.2)  # of many intervals some leave out zero
    assert unknown not in adjusted(by_chance)


def test_the_widest_of_the_differences_that_are_there_are_named():
    gap = replace(BLANK, statistic="gap", metric="days_waited_gap", reference="rest", tolerance=1.2)
    told = tidy(
        [
            replace(
                gap,
                group=f"g{number}",
                value=-number,
                low=-number - 0.5,
                high=-0.1,
                p_adjusted=0.01,
                verdict=verdict,
            )
            for number, verdict in enumerate(
                ["not_enough_data"] * 5 + ["unequal", "equal_within_tolerance"], 1
            )
        ]
    )
    assert size_unknown_sentence(told).startswith("For g5, g4, g3 and 2 more groups a difference is there")
    assert size_unknown_sentence(told[told["group"] != "g1"]).startswith("For g5, g4, g3 and 1 more group a ")
    assert size_unknown_sentence(told[told["group"] == "g2"]).startswith("For g2 a difference is there")
    assert size_unknown_sentence(told[told["group"] == "g6"]) == ""


def test_one_row_is_told_as_one():
    names = {"observed": 4.2, "predicted": 4.1, "mae": 0.8}
    told = tidy([replace(BLANK, metric=f"rating_{name}", value=v, n=1) for name, v in names.items()])
    said = overall_sentence(overall(told, "rating_"), rows=1, title="rating", unit="points")
    assert "of all users (1 user, 1 test row)" in said


def test_with_nobody_to_judge_the_sentence_says_so(rows):
    hidden = rows[rows["suppressed"].astype(bool)]
    assert adjusted(hidden) == "No two groups by region have enough users to be compared."
    assert beside_sentence(hidden, "days_waited_adjusted", "days_waited_observed", WAITED, words="Raw") == ""


def test_the_raw_gap_stands_beside_that_of_the_same_group(rows):
    said = beside_sentence(rows, "days_waited_adjusted", "days_waited_observed", WAITED, words="Raw")
    assert said.replace("\\", "") == "Raw it is +6.6 days [+6.1 days, +7.1 days] for that group."


def every_measure():
    found = [*DELIVERY.values(), *ANSWERS.values()]
    for outcome in (*OUTCOMES, "something else"):
        for unit in ("points", "days"):
            found += [*prediction_measures(outcome, unit).values(), *claim_measures(outcome, unit).values()]
            found += [*distance_measures(unit).values(), *distance_measures(unit, of="predicted").values()]
            found.append(parity_measure(unit))
    return found


def test_every_claim_names_the_group_the_size_and_whom_it_is_compared_with():
    for measure in every_measure():
        for claim in (measure.more, measure.less):
            said = claim.format(who="WHO", whom="WHO", amount="4", than="than X")
            assert "WHO" in said
            assert "4" in said
            assert "than X" in said


def test_units_write_gaps_with_their_sign_and_sizes_without():
    assert [unit.form(0.25) for unit in (POINTS, PERCENT, DAYS, PLAIN)] == [
        "+25.0 pp",
        "+25.0 %",
        "+0.2 days",
        "+0.25",
    ]
    assert [unit.amount(-1.5) for unit in (POINTS, DAYS, PLAIN)] == ["150.0 pp", "1.5 days", "1.50"]
    assert POINTS.unsigned.form(0.15) == "15.0 pp"
    assert form_of("anything")(2) == "2.00"


def test_gaps_are_drawn_in_their_own_unit(rows):
    gaps = rows[rows["metric"] == "days_waited_adjusted_gap"].reset_index(drop=True)
    drawn = gap_figure(gaps, group_styles(GROUPS), metric="days waited", unit=WAITED.unit, ends=WAITED.ends)
    dots = [trace for trace in drawn.data if trace.mode == "markers"]
    assert [dot.x[0] for dot in dots] == [4.1, -0.4, 1.5]
    assert dots[0].error_x.array[0] == pytest.approx(0.5)
    assert "+4.1 days [+3.6 days, +4.6 days] · n=400" in dots[0].hovertemplate
    assert drawn.layout.xaxis.title.text == "← sooner   days waited   later →"
    assert drawn.layout.xaxis.ticksuffix == " d"
    assert (-1.2, 1.2) in {(shape.x0, shape.x1) for shape in drawn.layout.shapes}
    assert "tolerance ±1.2 days" in {note.text for note in drawn.layout.annotations}
    assert next(trace for trace in drawn.data if trace.mode == "lines").x[:2] == (-0.5, 0.5)


def test_gaps_that_nobody_judges_are_drawn_without_a_tolerance(rows):
    gaps = rows[rows["metric"] == "days_waited_adjusted_gap"].assign(tolerance=float("nan"), verdict=None)
    drawn = gap_figure(gaps, group_styles(GROUPS), metric="days waited", unit=DAYS)
    assert not any("tolerance" in note.text for note in drawn.layout.annotations)
    assert "not judged" in next(t for t in drawn.data if t.mode == "markers").hovertemplate


def test_the_table_has_each_groups_value_gap_and_verdict_and_hides_what_is_hidden(rows):
    table = verdict_table(rows, "days_waited_adjusted", title="Days waited", form=WAITED.form, unit=DAYS)
    table = table.set_index("Group")
    assert table.loc["North"].tolist() == [
        "400",
        "14.1 days [13.6 days, 14.6 days]",
        "+4.1 days [+3.6 days, +4.6 days]",
        "0.020",
        "◆ unequal",
        "",
        "",
    ]
    assert table.loc["Isle"].tolist() == ["hidden", "hidden", "hidden", "", "", "", ""]
    assert table["Users to decide it"].tolist().count("about 780 more") == 1
    assert "all" not in table.index


def test_distances_have_no_value_of_a_group_alone(rows):
    only = rows[rows["statistic"] == "gap"]
    table = verdict_table(only, "days_waited_adjusted", title="KS", form=WAITED.form, unit=POINTS.unsigned)
    assert "KS" not in table
    assert table["Gap"][0] == "410.0 pp [360.0 pp, 460.0 pp]"


def test_means_of_shown_groups_come_by_name_in_the_order_asked(rows):
    found = named_means(rows, "days_waited_", ["observed", "adjusted"])
    assert found["name"].tolist() == ["observed"] * 3 + ["adjusted"] * 3
    assert set(found["group"]) == {"North", "South", EVIL}
    assert found.columns.tolist() == ["group", "name", "value", "low", "high", "n"]


def test_everyone_together_is_told_with_intervals():
    names = {"observed": 4.2, "predicted": 4.1, "mae": 0.8, "coverage": 0.91}
    told = tidy(
        [replace(BLANK, metric=f"rating_{name}", value=v, low=v, high=v) for name, v in names.items()]
    )
    said = overall_sentence(overall(told, "rating_"), rows=950, title="rating", unit="points").replace(
        "\\", ""
    )
    assert said.startswith(
        "Mean rating of all users (900 users, 950 test rows): observed **4.20 [4.20, 4.20]**"
    )
    assert said.endswith("its 90 % interval holds 91.0 % [91.0 %, 91.0 %] of what came.")
    bare = overall(told[told["metric"] != "rating_coverage"], "rating_")
    assert overall_sentence(bare, rows=950, title="rating", unit="points").endswith("on average.")


def test_answers_are_told_with_and_without_weights():
    names = {"response_rate": 0.6, "naive_mean": 4.2, "weighted_mean": 4.0}
    told = tidy(
        [replace(BLANK, metric=f"satisfaction_{n}", value=v, low=v, high=v) for n, v in names.items()]
    )
    said = answers_sentence(told).replace("\\", "")
    assert said.startswith("**60.0 % [60.0 %, 60.0 %]** of the orders were rated.")
    assert "weighted for who does not answer, 4.00" in said
    assert answers_sentence(told.iloc[:0]) == ""


def test_calibration_is_told_of_the_groups_that_are_off():
    said = calibration_sentence({"a": 0.001, EVIL: 0.02, "c": 0.4})
    assert said.startswith("**Predictions are off calibration for 2 of 3 groups**: a, ")
    assert "<img" not in said.replace(r"\<", "")
    assert calibration_sentence({"c": 0.4}).startswith("Of 1 group, predictions are not shown to be off")
    assert "off calibration for 1 of 1 group**" in calibration_sentence({"c": 0.001})
    assert "cannot be tested" in calibration_sentence({})


def test_calibration_has_a_line_per_group_and_the_diagonal():
    bins = pd.DataFrame(
        [("a", 2.0, 2.5, 2.0, 3.0, 40), ("a", 4.0, 3.5, 3.0, 4.0, 41), (EVIL, 3.0, 5.0, 4.0, 6.0, 12)],
        columns=["group", "predicted", "observed", "low", "high", "n"],
    )
    drawn = calibration_figure(
        bins, group_styles(["a", EVIL]), x_title="predicted", y_title="observed", form=form_of("points")
    )
    diagonal, first, second = drawn.data
    assert tuple(diagonal.x) == tuple(diagonal.y) == (2.0, 5.0)
    assert (tuple(first.x), tuple(first.y)) == ((2.0, 4.0), (2.5, 3.5))
    assert tuple(first.error_y.array) == (0.5, 0.5)
    assert first.customdata[0][0] == "predicted 2.00, observed 2.50 [2.00, 3.00] · n=40"
    assert second.marker.symbol != first.marker.symbol
    assert "<img" not in second.name + second.hovertemplate
    assert "%{x}" not in second.hovertemplate
