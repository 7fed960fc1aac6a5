"""Words and figures of prices and exposure, from rows made by hand."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from core.fairness.rows import AuditRow, tidy
from core.fairness.stats import Interval
from core.figures import about_exposure, about_pricing
from core.figures.exposure import heat_map, items_with_half, lorenz_curve, lorenz_figure
from core.figures.funnel import CAMPAIGNS, DEALS, funnel_figure, funnel_steps
from core.figures.groups import group_styles
from core.figures.ladder import ladder_figure, parts_figure
from core.figures.verdicts import deciding_row
from core.figures.what_if import prices_figure

PLACE = "the same product in the same store and week"


def gap(group, metric, value, low, high, *, verdict="not_enough_data", n=40, tolerance=0.01, **more):
    return AuditRow(
        "pricing",
        "income",
        group,
        metric,
        "gap",
        value,
        low,
        high,
        n=n,
        reference="rest",
        p_value=0.2,
        p_adjusted=0.2,
        null_low=-0.01,
        null_high=0.01,
        tolerance=tolerance,
        verdict=verdict,
        **more,
    )


def mean(group, metric, value, *, section="pricing", attribute="income", n=40):
    return AuditRow(section, attribute, group, metric, "mean", value, value - 0.01, value + 0.01, n=n)


HIDDEN = AuditRow("pricing", "income", "tiny", "same_product_price", "gap", n="hidden", suppressed=True)


def test_the_answer_names_group_amount_interval_tolerance_and_verdict():
    rows = tidy(
        [
            gap("Under 25K", "same_product_price", 0.004, -0.002, 0.01, verdict="equal_within_tolerance"),
            gap("50K+", "same_product_price", -0.001, -0.003, 0.002, verdict="equal_within_tolerance"),
            HIDDEN,
        ]
    )
    said = about_pricing.same_product_sentence(rows, by=("income",), place=PLACE).replace("\\", "")
    assert said == (
        f"**Users with income Under 25K paid 0.4 % more for {PLACE} than everyone else**; 95 % interval −0.2 % to "
        "+1.0 %; tolerance 1.0 %: *equal within tolerance* (40 users). Of 2 groups: 2 equal within tolerance."
    )


def test_an_unequal_group_is_named_before_a_wider_open_one():
    rows = tidy(
        [
            gap("a", "same_product_price", 0.2, -0.1, 0.5),
            gap("b", "same_product_price", 0.03, 0.02, 0.04, verdict="unequal"),
        ]
    )
    assert deciding_row(rows)["group"] == "b"
    said = about_pricing.same_product_sentence(rows, by=("income",), place=PLACE)
    assert "1 unequal, 1 without enough data" in said


def test_without_groups_the_answer_says_so():
    said = about_pricing.same_product_sentence(tidy([HIDDEN]), by=("income",), place=PLACE)
    assert said == "No two groups by income have enough users to be compared."


def test_names_from_the_data_stay_text():
    rows = tidy([gap("[x](javascript:y) <b>", "same_product_price", 0.1, 0.0, 0.2)])
    said = about_pricing.same_product_sentence(rows, by=("income",), place=PLACE)
    assert "](javascript" not in said
    assert "<b>" not in said.replace("\\<b\\>", "")


LADDER = tidy(
    [
        gap("a", metric, value, value - 0.01, value + 0.01)
        for metric, value in zip(about_pricing.RUNG_WORDS, (0.25, 0.03, 0.008, 0.002, 0.001), strict=True)
    ]
)


def test_the_ladder_goes_from_all_that_is_bought_to_what_is_left():
    said = about_pricing.ladder_sentence(LADDER, group="a", by=("income",)).replace("\\", "")
    assert "pay 25.0 % more per piece than everyone else, whatever they buy" in said
    assert "**0.1 % more** is left" in said
    drawn = ladder_figure(LADDER, group_styles(["a"]), about_pricing.RUNG_WORDS, tolerance=0.01)
    assert list(drawn.data[0].x) == pytest.approx([25, 3, 0.8, 0.2, 0.1])
    assert list(drawn.data[0].y) == [4, 3, 2, 1, 0]  # the first rung on top
    assert drawn.layout.yaxis.ticktext[0] == "whatever they buy"


def test_a_group_that_shares_no_purchases_has_no_ladder():
    said = about_pricing.ladder_sentence(LADDER.head(1), group="a", by=("income",))
    assert "too few purchases" in said


def test_parts_of_a_discount_gap():
    rows = tidy(
        [
            gap("a", metric, value, value - 0.001, value + 0.001)
            for metric, value in [
                ("discount_gap", -0.01),
                ("discount_gap_what", -0.006),
                ("discount_gap_unexplained", -0.004),
            ]
        ]
    )
    said = about_pricing.parts_sentence(rows, by=("income",)).replace("\\", "")
    assert "are 1.0 pp shallower than everyone else" in said
    assert "**−0.4 pp of that is not explained**" in said
    drawn = parts_figure(rows, group_styles(["a"])["a"], about_pricing.PARTS_WORDS, total="discount_gap")
    assert list(drawn.layout.yaxis.ticktext) == ["the whole gap", "what they buy", "not explained"]
    assert drawn.data[0].x[0] == pytest.approx(drawn.data[0].x[1] + drawn.data[0].x[2])


def test_the_funnel_narrows_from_a_hundred_users():
    rows = tidy([mean("a", "offered", 0.8), mean("a", "redeemers", 0.25, n=32), mean("a", "saved", 7.5)])
    steps = funnel_steps(rows, "a", CAMPAIGNS)
    assert [step[0] for step in steps.values()] == pytest.approx([100, 80, 20])
    assert len(funnel_figure(rows, ["a"], group_styles(["a"]), CAMPAIGNS).data) == 1
    said = about_pricing.funnel_sentence(rows, ["a"], form=lambda value: f"${value:.2f}").replace("\\", "")
    assert (
        said
        == "Of a, 80.0 % were offered a campaign, 25.0 % of these redeemed a coupon, and saved $7.50 each by coupons."
    )


def test_what_is_shown_narrows_alike_and_hidden_steps_keep_their_order():
    whole = [mean("a", "deal_shown", 0.8), mean("a", "deal_clickers", 0.5), mean("a", "deal_purchasers", 0.1)]
    rows = tidy([*whole, mean("b", "deal_shown", 0.5), mean("b", "deal_purchasers", 0.2)])
    assert [step[0] for step in funnel_steps(rows, "a", DEALS).values()] == pytest.approx([100, 80, 40, 8])
    assert funnel_steps(rows, "c", DEALS) == {}
    drawn = funnel_figure(rows, ["b", "a"], group_styles(["a", "b"]), DEALS)
    assert list(drawn.data[0].x) == pytest.approx([100, 50, 10])
    assert list(drawn.layout.yaxis.categoryarray) == ["all users", *DEALS.values()]
    said = about_pricing.shown_sentence(rows, ["a", "b"], DEALS).replace("\\", "")
    assert said == (
        "Of a, 80.0 % were shown a deal; of these 50.0 % clicked on one and 10.0 % bought one. "
        "Of b, 50.0 % were shown a deal; of these 20.0 % bought one."
    )


@pytest.mark.parametrize(
    ("metric", "kind", "claim"),
    [
        ("item_clicked", "item", "click on what they are shown 4.0 pp less often"),
        ("deal_purchased", "deal", "buy the deals that they are shown 4.0 pp less often"),
    ],
)
def test_who_takes_less_of_what_is_shown(metric, kind, claim):
    rows = tidy([gap("a", f"{metric}_gap", -0.04, -0.07, -0.02, verdict="unequal"), mean("a", metric, 0.2)])
    said = about_pricing.shown_answer(rows, by=("income",), kind=kind).replace("\\", "")
    assert said.startswith(f"**Users with income a {claim} than everyone else**; 95 % interval −7.0 pp")


def test_a_difference_that_is_there_but_not_known_to_matter_is_told_as_such():
    row = replace(gap("a", "same_product_price", 0.008, 0.003, 0.013), p_adjusted=0.01)
    said = about_pricing.same_product_sentence(tidy([row]), by=("income",), place=PLACE)
    assert "For a a difference is there" in said
    unsure = tidy([gap("a", "same_product_price", 0.008, -0.003, 0.019)])
    assert "is there" not in about_pricing.same_product_sentence(unsure, by=("income",), place=PLACE)


@pytest.mark.parametrize(
    ("verdict", "p", "said"),
    [
        ("equal_within_tolerance", 0.3, "tolerance 1.0 %: *equal within tolerance*"),
        ("unequal", 0.001, "tolerance 1.0 %: *unequal*"),
        ("not_enough_data", 0.001, "For a a difference is there"),
    ],
)
def test_the_last_rung_and_the_part_that_is_left_have_their_verdicts(verdict, p, said):
    judged = {"verdict": verdict, "p_adjusted": p, "low": 0.0005, "high": 0.02}
    last = LADDER.assign(**judged)
    assert said in about_pricing.ladder_sentence(last, group="a", by=("income",)).replace("\\", "")
    parts = tidy([gap("a", name, 0.01, 0.005, 0.02) for name in ("discount_gap", "discount_gap_unexplained")])
    parts = parts.assign(verdict=verdict, p_adjusted=p)
    assert said in about_pricing.parts_sentence(parts, by=("income",)).replace("\\", "")


def test_coverage_from_least_to_most():
    one, other = (mean(group, "same_product_coverage", value) for group, value in (("a", 0.2), ("b", 0.5)))
    assert about_pricing.coverage_sentence(tidy([one, other])).startswith("Between 20.0 % and 50.0 % of what")
    assert about_pricing.coverage_sentence(tidy([one])).startswith("20.0 % of what a group")


def exposure_rows():
    target = "share of the catalogue"
    rows = [
        mean(group, "exposure_share@10", value, section="exposure", attribute="brand")
        for group, value in (("own", 0.4), ("other", 0.6))
    ]
    for group, value in (("own", 0.2), ("other", -0.2)):
        rows.append(
            AuditRow(
                "exposure",
                "brand",
                group,
                "exposure_share@10_gap",
                "gap",
                value,
                value - 0.02,
                value + 0.02,
                n=50,
                reference=target,
                p_value=0.001,
                p_adjusted=0.001,
                tolerance=0.02,
                verdict="unequal",
            )
        )
    for users in ("young", "old"):
        for items, value in (("own", 0.4), ("other", 0.6)):
            name = f"{users} × {items}"
            shift = 0.1 if users == "old" else -0.1
            rows.append(mean(name, "exposure_share@10", value, section="exposure", attribute="age × brand"))
            rows.append(
                AuditRow(
                    "exposure",
                    "age × brand",
                    name,
                    "exposure_share@10_gap",
                    "gap",
                    shift,
                    shift - 0.02,
                    shift + 0.02,
                    n=40,
                    reference="rest",
                    p_value=0.001,
                    p_adjusted=0.001,
                    tolerance=0.02,
                    verdict="unequal" if users == "old" else "not_enough_data",
                )
            )
    rows.append(
        AuditRow(
            "exposure", "age × brand", "tiny × own", "exposure_share@10", "mean", n="hidden", suppressed=True
        )
    )
    return tidy(rows)


def test_exposure_in_one_sentence():
    said = about_exposure.exposure_sentence(exposure_rows(), attribute="brand", target="catalogue", k=10)
    assert said.replace("\\", "").startswith(
        "**own gets 40.0 % of attention, 20.0 pp more than its share of the catalogue**; 95 % interval"
    )


def test_the_heat_map_has_a_cell_per_shown_group_and_marks_what_is_unequal():
    cells = about_exposure.cells(exposure_rows(), by="age", attribute="brand", k=10)
    assert list(dict.fromkeys(cells["user_group"])) == ["young", "old"]
    assert set(cells["item_group"]) == {"own", "other"}
    drawn = heat_map(cells, dark=False).data[0]
    assert drawn.text.shape == (2, 2)
    assert [["◆" in text for text in row] for row in drawn.text] == [[False, False], [True, True]]
    np.testing.assert_allclose(drawn.z, [[-10, -10], [10, 10]])
    said = about_exposure.matrix_sentence(cells, others="everyone else")
    assert said.startswith("**2 of 4 cells are unequal.**")


def test_the_curve_of_even_attention_is_the_diagonal_and_of_one_item_a_corner():
    items, given = lorenz_curve(np.ones(10))
    np.testing.assert_allclose(items, given)
    items, given = lorenz_curve(np.array([0, 0, 0, 1.0]))
    assert given.tolist() == [0, 0, 0, 0, 1]
    assert lorenz_figure(np.ones(2000)).data[1].x.size <= 401
    assert items_with_half(np.ones(10)) == 5
    assert items_with_half(np.array([0, 0, 5.0, 1.0])) == 1


def test_views_and_cards_take_what_is_there():
    rows = tidy(
        [
            mean("all", "awrf_js_user@10", 0.93, section="exposure", attribute="brand"),
            mean("all", "awrf_js_pooled@10", 0.96, section="exposure", attribute="brand"),
        ]
    )
    table = about_exposure.views_table(rows, attribute="brand", k=10)
    assert len(table) == 2
    assert table["Value"].iloc[0].startswith("0.930")
    assert [card.value for card in about_exposure.cards(rows, attribute="brand", k=10)] == ["0.960"]
    assert about_exposure.cells(rows, by="age", attribute="brand", k=10).empty


def test_claims_leave_out_everyone_and_the_hidden():
    rows = tidy([mean("a", "x", 0.1), mean("all", "x", 0.2), mean("a", "y", 0.3), HIDDEN])
    found = about_pricing.claims(rows, {"x": "bought", "y": "shown"})
    assert found[["group", "name"]].to_numpy().tolist() == [["a", "bought"], ["a", "shown"]]
    assert isinstance(found, pd.DataFrame)


def test_access_and_demand_in_words():
    rows = tidy([gap("a", "price_access_gap", 0.05, -0.01, 0.11, tolerance=0.04)])
    said = about_pricing.access_sentence(rows, "price_access", by=("income",), words="of their weeks with it")
    assert said.replace("\\", "").startswith(
        "**Users with income a have 5.0 pp more of their weeks with it than everyone else**; 95 % interval −1.0 pp"
    )
    steep = Interval(np.array([-1.0, -4.2]), np.array([-2.0, -4.5]), np.array([0.1, -4.0]), np.zeros(2))
    said = about_pricing.demand_sentence(steep, np.array([0.1, 0.537]))
    assert "**4.2 % fewer units** (95 % interval 4.0 to 4.5)" in said
    assert "53" in said


def test_prices_of_each_rule_and_group():
    prices = pd.DataFrame({"rule": ["none", "none", "equal", "equal"], "group": ["a", "b"] * 2})
    prices["price"] = [0.9, 1.1, 1.0, np.nan]
    drawn = prices_figure(prices, group_styles(["a", "b"]), observed=(0.6, 1.0))
    assert list(drawn.data[0].x) == pytest.approx([90, 100])
    assert list(drawn.data[1].x) == pytest.approx([110])  # no price keeps the rule
    assert list(drawn.layout.yaxis.ticktext) == ["none", "equal"]
    said = about_pricing.what_if_sentence(np.array([0.9, 1.1]), ["a", "b"]).replace("\\", "")
    assert "highest for **b** (110.0 % of the usual one) and lowest for **a** (90.0 %)" in said
