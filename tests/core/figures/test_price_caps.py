"""Price caps in words: who pays more and less, what holds, and the cases in which nothing moves or nothing earns."""

import numpy as np
import pandas as pd
import pytest

from core.figures import price_caps as words
from core.figures.groups import group_styles
from core.figures.what_if import prices_figure

NOTIONS = {"price": "equal prices", "demand": "equal shares who buy"}


def groups(before=(0.9, 1.0), after=(0.92, 0.95)) -> pd.DataFrame:
    numbers = {"group": ["Under 15K", "50K+"], "price_before": before, "price_after": after}
    for name in ("units", "profit", "surplus"):
        numbers |= {f"{name}_before": [10.0, 20.0], f"{name}_after": [9.0, 22.0]}
    return pd.DataFrame(numbers)


def test_the_sentence_names_the_dearest_and_the_cheapest_group():
    said = words.caps_sentence(groups(), by=("income",)).replace("\\", "")
    assert said == (
        "**Users with income 50K+ pay 95.0 % of the usual price instead of 100.0 %; users with income Under 15K pay 92.0 % of "
        "the usual price instead of 90.0 %.** The shop's profit changes by +3.33 %, what all buyers gain by +3.33 %; 1 of 2 "
        "groups gain."
    )


def test_caps_that_do_nothing_and_prices_that_earn_nothing():
    same = groups(after=(0.9, 1.0))
    assert "change nothing" in words.caps_sentence(same, by=("income",))
    nothing = groups(after=(np.nan, np.nan))
    assert "No prices earn anything" in words.caps_sentence(nothing, by=("income",))
    assert words.change_table(nothing)["Price within caps"].tolist() == ["–", "–"]


@pytest.mark.parametrize(
    ("after", "before", "text"),
    [(9.0, 10.0, "−10.00 %"), (10.0003, 10.0, "0.00 %"), (1.0, 0.0, "–"), (np.nan, 1.0, "–")],
)
def test_changes(after, before, text):
    assert words.percent_change(after, before) == text


def notions() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "notion": ["price", "demand"],
            "gap_before": [0.1, 0.02],
            "gap_after": [0.03, 0.03],
            "closed": [0.7, -0.5],
            "holds": [True, False],
        }
    )


def test_which_notions_hold_and_which_gaps_widen():
    said = words.notions_sentence(notions(), NOTIONS, alpha=0.5).replace("\\", "")
    assert "at least 50.0 % closer to equal than without caps: **equal prices**." in said
    assert said.endswith("The caps widen the gap in: equal shares who buy.")
    none = words.notions_sentence(notions().assign(holds=False, closed=0.1), NOTIONS, alpha=0.5)
    assert none.endswith("**none**.")
    table = words.notions_table(notions(), NOTIONS)
    assert table["Closed"].tolist() == ["70.0 %", "−50.0 %"]
    assert table["Holds"].tolist() == ["yes", "no"]


def test_prices_are_drawn_before_and_after():
    drawn = prices_figure(
        words.prices_of_rules(groups()), group_styles(["Under 15K", "50K+"]), observed=(0.8, 1.0)
    )
    assert sorted(x for trace in drawn.data for x in trace.x) == pytest.approx([90, 92, 95, 100])
    assert list(drawn.layout.yaxis.ticktext) == [words.BEFORE, words.AFTER]
