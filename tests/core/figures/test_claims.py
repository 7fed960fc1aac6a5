"""Two claims per group, calibration, and what is said of them."""

import pandas as pd
import pytest

from core.figures.about_behaviour import path_sentence, path_table, user_intent_sentence, user_intent_table
from core.figures.about_groups import off_sentence, spread_sentence, wide_table
from core.figures.about_service import difference_form, form_of
from core.figures.claims import Claim, claims_figure
from core.figures.groups import group_styles
from core.figures.numbers import points, share
from core.figures.reliability import reliability_figure

CLAIMS = (Claim("observed", "bought", open=False), Claim("probability", "forecast", open=True))


@pytest.fixture
def rows() -> pd.DataFrame:
    told = {"observed": (0.5, 0.7), "probability": (0.6, 0.65), "difference": (0.1, -0.05)}
    return pd.DataFrame(
        [
            (group, name, value, value - 0.06, value + 0.06, n)
            for place, (group, n) in enumerate((("a", 40), ("b", 1200)))
            for name, value in ((name, values[place]) for name, values in told.items())
        ],
        columns=["group", "name", "value", "low", "high", "n"],
    )


def test_each_group_has_a_full_and_an_open_dot_with_whiskers_on_its_own_row(rows):
    drawn = claims_figure(
        rows, group_styles(["a", "b"]), CLAIMS, x_title="share", form=share, scale=100, suffix=" %"
    )
    dots = [trace for trace in drawn.data if trace.x[0] is not None]
    assert [dot.x[0] for dot in dots] == pytest.approx([50, 70, 60, 65])
    assert [round(dot.y[0]) for dot in dots] == [1, 0, 1, 0]
    assert [dot.marker.symbol.endswith("-open") for dot in dots] == [False, False, True, True]
    assert all(dot.error_x.array[0] == pytest.approx(6) for dot in dots)
    assert all("n=" in dot.hovertemplate for dot in dots)
    assert len({dot.marker.color for dot in dots}) == 2
    assert {trace.name for trace in drawn.data if trace.x[0] is None} == {"bought", "forecast"}


def test_names_of_groups_are_not_interpreted(rows):
    hostile = rows.replace({"group": {"a": "<img src=x>%{y}$x$"}})
    styles = group_styles(hostile["group"].unique().tolist())
    drawn = claims_figure(hostile, styles, CLAIMS, x_title="share", form=share)
    text = str(drawn.layout.yaxis.ticktext) + "".join(str(trace.hovertemplate) for trace in drawn.data)
    assert "<img" not in text
    assert "%{y}" not in text


def test_the_spread_names_the_highest_and_the_lowest_group_with_interval_and_n(rows):
    said = spread_sentence(rows, "observed", words="Bought", form=share)
    assert said.startswith("Bought: highest for **b**, 70")
    assert "lowest for **a**, 50" in said
    assert said.count("n\\=") == 2
    alone = spread_sentence(rows[rows["group"] == "a"], "observed", words="Bought", form=share)
    assert "lowest" not in alone


def test_only_groups_whose_interval_leaves_out_zero_are_called_off(rows):
    said = off_sentence(rows, "difference", words="They differ", form=points)
    assert said.startswith("They differ beyond chance for 1 of 2 groups, most for **a**")
    calm = rows.assign(low=-1.0, high=1.0)
    assert off_sentence(calm, "difference", words="They differ", form=points) == (
        "They differ beyond chance for none of the 2 groups."
    )


def test_the_table_has_a_line_per_group_and_an_interval_per_number(rows):
    shown = wide_table(rows, {"observed": ("Bought", share), "difference": ("Off", points)})
    assert shown.to_dict("list") == {
        "Group": ["a", "b"],
        "Users": [40, 1200],
        "Bought": ["50.0 % [44.0 %, 56.0 %]", "70.0 % [64.0 %, 76.0 %]"],
        "Off": ["+10.0 pp [+4.0 pp, +16.0 pp]", "−5.0 pp [−11.0 pp, +1.0 pp]"],
    }


def test_calibration_draws_the_models_bins_with_whiskers_and_the_rule_without():
    bins = pd.DataFrame(
        {
            "model": ["model", "model", "rule", "other"],
            "predicted": [0.1, 0.9, 0.2, 0.3],
            "observed": [0.15, 0.8, 0.3, 0.4],
            "low": [0.1, 0.7, 0.2, 0.3],
            "high": [0.2, 0.9, 0.4, 0.5],
            "n": [40, 50, 60, 70],
        }
    )
    line, rule, model = reliability_figure(bins, model="model", rule="rule", rule_title="plain").data
    assert list(line.x) == list(line.y) == [0, 100]
    assert (list(rule.x), rule.error_y.array) == ([20], None)
    assert list(model.y) == pytest.approx([15, 80])
    assert list(model.error_y.array) == pytest.approx([5, 10])
    assert "n=40" in model.customdata[0][0]


def test_paths_are_told_step_by_step_with_the_groups_probability():
    rows = pd.DataFrame(
        [("a", "Milk → Bread → Milk", 0.0123, 0.01, 0.02, 40), ("a", "odd → name", 0.00001, 0.0, 0.001, 40)],
        columns=["group", "name", "value", "low", "high", "n"],
    )
    table = path_table(rows)
    assert table.loc[0, ["First", "then", "and then"]].tolist() == ["Milk", "Bread", "Milk"]
    assert table.loc[0, "Probability"] == "1.23 % [1.00 %, 2.00 %] · n=40"
    assert table.loc[1, "First"] == "odd → name"
    assert table.loc[1, "Probability"].startswith("<0.01 %")
    assert "Milk → Bread → Milk" in path_sentence(rows)


def test_a_users_forecast_is_told_with_what_came_of_those_like_it():
    intent = pd.DataFrame(
        {
            "horizon_days": [7, 7],
            "timestamp": pd.to_datetime(["2024-04-01", "2024-04-08"]),
            "probability": [0.4, 0.6],
            "baseline_probability": [0.3, 0.3],
            "observed": [True, False],
            "alike": [0.45, 0.61],
            "low": [0.4, 0.5],
            "high": [0.5, 0.7],
            "n": [120, 119],
        }
    )
    said = user_intent_sentence(intent)
    assert "within 7 days **40.0 %** (of 120 answers" in said
    assert "60.0 %" not in said
    assert user_intent_table(intent)["Bought"].tolist() == ["✓", "–"]
    assert "no forecast" in user_intent_sentence(intent.iloc[:0])


def test_amounts_are_written_in_their_unit_and_differences_with_their_sign():
    assert form_of("days")(9.44) == "9.4 days"
    assert form_of("points")(4.056) == "4.06"
    assert difference_form("days")(1.2) == "+1.2 days"
    assert difference_form("points")(-0.126) == "−0.13"
    assert difference_form("points")(0.0) == "0.00"
