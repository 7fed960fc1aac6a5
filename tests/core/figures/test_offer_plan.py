"""Plans of offers in words: who gets least and most, what parity gives up, and no number of hidden groups."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from core.fairness.rows import AuditRow, tidy
from core.figures import offer_plan as words
from core.figures.groups import group_styles
from core.figures.numbers import money, share
from core.schema.documents import Measured

EVIL = "<b>x</b> [a](javascript:b)"
HIDDEN = {"n": "hidden", "suppressed": True}


def rows(rates: dict[str, float], *, verdict="unequal") -> pd.DataFrame:
    found = []
    for group, rate in {"all": 0.1, **rates}.items():
        for metric, scale in (("planned_offer_rate", 1.0), ("planned_saving", 4.0)):
            value = {"value": scale * rate, "low": scale * rate / 2, "high": scale * rate * 2, "n": 40}
            found.append(AuditRow("pricing", "income", group, metric, "mean", **value))
    for group, rate in rates.items():
        told = {"value": rate - 0.1, "low": rate - 0.2, "high": rate, "n": 40, "reference": "rest"}
        judged = {"p_value": 0.01, "p_adjusted": 0.02, "tolerance": 0.01, "verdict": verdict}
        found.append(AuditRow("pricing", "income", group, "planned_offer_rate_gap", "gap", **told, **judged))
    for metric in ("planned_offer_rate", "planned_saving"):
        found.append(AuditRow("pricing", "income", "tiny", metric, "mean", **HIDDEN))
    return tidy(found)


FREE = rows({"Under 15K": 0.02, EVIL: 0.3, "Unknown": 0.05})
EVEN = rows({"Under 15K": 0.09, EVIL: 0.11, "Unknown": 0.1}, verdict="not_enough_data")
LOST = SimpleNamespace(value=np.array([52.5, 0.15]), low=np.array([30.0, 0.09]), high=np.array([80.0, 0.2]))


def unescaped(said: str) -> str:
    return said.replace("\\", "")


def test_the_plan_names_who_gets_least_and_most():
    said = words.plan_sentence(
        FREE, by=("income",), coupons=200, value=350.0, metric=words.OFFER_RATE, form=share, money=money
    )
    assert unescaped(said) == (
        f"**200 coupons, put where they are worth most, reach 2.0 % (users with income Under 15K) to 30.0 % (users with "
        f"income {EVIL}) of a group.** They are expected to be worth $350.00 in all."
    )
    assert "<b>" not in said
    assert "[a](" not in said
    saved = words.plan_sentence(
        FREE, by=("income",), coupons=200, value=350.0, metric=words.SAVING, form=money, money=money
    )
    assert "save users of a group $0.08" in unescaped(saved)


@pytest.mark.parametrize(("gap", "apart"), [(0.1, "at most 10.0 % of the mean apart"), (0.0, "equal")])
def test_what_parity_gives_up_has_its_interval(gap, apart):
    said = words.parity_sentence(
        EVEN, parity="offer_rate", gap=gap, value=350.0, lost=LOST, form=share, money=money
    )
    assert unescaped(said) == (
        f"**With offer rates {apart}, these are 9.0 % to 11.0 %; that gives up $52.50 of $350.00 expected "
        f"(15.0 % [9.0 %, 20.0 %]).**{words.UNSHARED}"
    )
    loose = words.parity_sentence(
        EVEN, parity="offer_rate", gap=0.3, value=350.0, lost=LOST, form=share, money=money
    )
    assert words.UNSHARED not in loose  # 9 % to 11 % are within 30 % of a mean of 10 %


def test_the_verdict_is_of_the_offer_rates():
    said = unescaped(words.gap_sentence(FREE, by=("income",)))
    assert "get a coupon 20.0 pp more often than everyone else" in said
    assert "unequal" in said
    assert "not enough data" in words.gap_sentence(EVEN, by=("income",))


def test_without_a_shown_group_there_is_no_number():
    tiny = FREE[FREE["group"].isin(["tiny", "all"])]
    said = words.plan_sentence(
        tiny, by=("income",), coupons=3, value=1.0, metric=words.OFFER_RATE, form=share, money=money
    )
    assert said == "No group by income is large enough to be shown."
    assert (
        words.parity_sentence(tiny, parity="saving", gap=0, value=1.0, lost=LOST, form=money, money=money)
        == ""
    )


def test_the_answer_is_all_of_it_in_order():
    options = {"by": ("income",), "coupons": 9, "value": 350.0, "gap": 0.3, "lost": LOST, "money": money}
    said = words.plan_answer({words.WITHOUT: FREE, words.WITH: EVEN}, parity="saving", **options)
    assert [one[:4] for one in said] == ["**9 ", "**Wi", "**Us"]
    assert "not enough data" in said[2]  # of the plan with parity
    alone = words.plan_answer({words.WITHOUT: FREE}, parity=None, **options)
    assert len(alone) == 2
    assert "unequal" in alone[1]
    assert words.value_form(None)(0.5) == "0.50 redemptions"
    assert words.value_form("USD")(0.5) == "$0.50"


def measured(value, reach=0.01):
    return Measured(value=value, low=value - reach, high=value + reach, n=100)


@pytest.mark.parametrize(
    ("lead", "stands"), [(0.05, "better"), (0.005, "not shown to be better"), (-0.05, "worse")]
)
def test_trust_is_told_beside_the_rules(lead, stands):
    scores = {
        name: {"auc": measured(auc), "brier": measured(0.1)}
        for name, auc in (("forecast", 0.8), ("everyone alike", 0.5), ("own record", 0.7))
    }
    fit = SimpleNamespace(
        offers=1600,
        scores=scores,
        lead=measured(lead),
        expected=0.12,
        observed=0.1,
        saving_expected=0.5,
        saving_observed=0.7,
    )
    said = unescaped(words.fit_sentence(fit, day="6 November 2017", money=money))
    assert "Of 1,600 offers still open on 6 November 2017 or begun later, 10.0 % were redeemed" in said
    assert "12.0 % were expected to be" in said
    assert "AUC 0.800 [0.790, 0.810]" in said
    assert f"it is *{stands}* than" in said
    assert "expected to save $0.50 and saved $0.70" in said
    fit.saving_observed = float("nan")
    assert "saved" not in words.fit_sentence(fit, day="6 November 2017", money=money)


def test_too_few_later_offers_are_told():
    assert words.fit_sentence(None, day="1 May", money=money).startswith(
        "Too few offers were redeemed after 1 May"
    )


PLANS = {words.WITHOUT: FREE, words.WITH: EVEN}


def test_the_figure_has_two_dots_a_group_and_none_of_hidden_ones():
    groups = ["Under 15K", EVIL, "Unknown", "tiny"]
    drawn = words.plan_figure(
        PLANS, group_styles(groups), metric=words.OFFER_RATE, title="offer rate", form=share
    )
    dots = [trace for trace in drawn.data if trace.x[0] is not None]
    assert sorted(trace.x[0] for trace in dots) == pytest.approx([2, 5, 9, 10, 11, 30])
    assert not any("tiny" in str(trace.name) for trace in drawn.data)
    assert "<b>x</b>" not in "".join(str(trace.name) for trace in drawn.data)


def test_the_table_hides_what_is_hidden():
    table = words.plan_table(PLANS, money=money).set_index("Group")
    assert table.index.tolist() == ["Under 15K", EVIL, "Unknown", "tiny"]
    assert table.loc["Under 15K", "Get a coupon, with parity"] == "9.0 % [4.5 %, 18.0 %]"
    assert table.loc["Unknown", "Expected saving, without parity"] == "$0.20 [$0.10, $0.40]"
    assert table.loc[EVIL, "Verdict on offers, without parity"] == "unequal"
    assert set(table.loc["tiny"]) == {"hidden", ""}
