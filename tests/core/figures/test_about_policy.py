"""A policy in words: sums that are right as printed, who gains and loses, and steps in the order in which they run."""

import re
from decimal import Decimal

import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core.figures.about_policy import (
    MOVED,
    STEP_WORDS,
    answer,
    cards,
    gains_reading,
    gains_sentence,
    gap_table,
    in_short,
    policy_words,
    shown_changes,
    shown_gaps,
    snapshot_table,
    stage,
)
from core.figures.about_reasons import reason_words, reasons_table
from core.schema.policies import PolicySettings, Step
from core.workflow.policies.steps import RERANKERS

GROUPS = ("19-24", "25-34", "Unknown")
LATE_FIRST = PolicySettings(
    steps=[
        Step(step="xquad", settings={"strength": 0.3}),
        Step(step="price_guard", settings={"by": "age", "band": 0.01}),
        Step(step="exposure_limits", settings={"floor": 0.9}),
        Step(step="propensity", settings={"strength": 0.2}),
    ]
)


def move(works_by: str, before: float, after: float, places: tuple[int, int] = (1, 1), kind="Private"):
    step = {"price": "exposure_limits", "factor": "propensity", "place": "calibrated"}[works_by]
    return {
        "step": step,
        "works_by": works_by,
        "before": before,
        "after": after,
        "place_before": places[0],
        "place_after": places[1],
        "kind": kind,
    }


def counts(*rows: tuple) -> pd.DataFrame:
    """Everybody first: group, gain, lose, same."""
    found = pd.DataFrame(rows, columns=["group", "gain", "lose", "same"])
    return found.assign(n=found[["gain", "lose", "same"]].sum(axis=1))


def gaps(users: tuple[str, ...], products: tuple[str, ...]) -> pd.DataFrame:
    """Audit rows of gaps in NDCG between groups of users, and of shares of groups of products, with these verdicts."""
    told = [("age", "ndcg@10_gap", group, verdict) for group, verdict in zip(GROUPS, users, strict=True)]
    told += [("brand", "exposure_share@10_gap", name, v) for name, v in zip("AB", products, strict=True)]
    rows = pd.DataFrame(told, columns=["attribute", "metric", "group", "verdict"])
    numbers = {"value": 0.031, "low": 0.01, "high": 0.05, "n": 1200}
    return rows.assign(statistic="gap", suppressed=False, **numbers)


def changes() -> pd.DataFrame:
    row = {"group": "all", "metric": "ndcg@10", "first": 0.424, "second": 0.417, "difference": -0.007}
    row |= {"low": -0.0095, "high": -0.0046, "n": 1988, "p_adjusted": 0.012, "verdict": "worse"}
    money = {"metric": "spending_met@10", "first": 8.94, "second": 9.02, "difference": 0.08, "low": -0.01}
    hidden = dict.fromkeys(("first", "second", "difference", "low", "high", "p_adjusted", "verdict"))
    rows = [row, row | money, row | hidden | {"group": "175-199K", "n": "hidden", "suppressed": True}]
    return pd.DataFrame([{"attribute": "all", "suppressed": False} | one for one in rows])


UNEQUAL, EQUAL, UNSURE = "unequal", "equal_within_tolerance", "not_enough_data"
BEFORE, AFTER = (
    gaps((UNEQUAL, UNEQUAL, EQUAL), (UNEQUAL, EQUAL)),
    gaps((UNEQUAL, EQUAL, UNEQUAL), (EQUAL,) * 2),
)
NUMBER = r"−?\d+\.\d+"


def sums(told: str) -> list[tuple[str, Decimal, Decimal]]:
    """Of each printed sum its first number as written, what its terms come to, and what it says that they come to."""
    found = []
    for part in told.split("; "):
        terms, equals, result = re.sub(r" \([^()]*\)", "", part).partition(" = ")
        if not equals:
            continue
        first, *rest = re.findall(rf"(?:[+−×] )?{NUMBER}", terms)
        assert " ".join([first, *rest]) == terms
        value = Decimal(first.replace("−", "-"))
        for term in rest:
            number = Decimal(term[2:])
            value = value * number if term[0] == "×" else value + (number if term[0] == "+" else -number)
        found.append((first, value, Decimal(result.replace("−", "-"))))
    return found


MOVES = st.lists(
    st.tuples(
        st.sampled_from(("price", "factor", "place")),
        st.floats(-0.5, 0.5),
        st.floats(0.05, 12),
        st.floats(0, 1),
        st.tuples(st.integers(1, 5), st.integers(1, 5)),
    ),
    max_size=6,
)


@example(
    0.0, [("price", -0.4135100667427767, 1.0, 0.0, (1, 1)), ("price", -0.23574030631768655, 1.0, 0.0, (1, 1))]
)
@given(st.floats(0, 1), MOVES)
def test_every_printed_sum_is_right_and_about_numbers_that_there_are(score, drawn):
    moves, now = [], score
    for works_by, price, factor, replaced, places in drawn:
        after = {"price": now + price, "factor": now * factor, "place": replaced}[works_by]
        moves.append(move(works_by, now, after, places))
        now = after
    told = reason_words(score, moves)
    known = {"start": [score, *(one["before"] for one in moves)], "end": [one["after"] for one in moves]}
    for first, value, result in sums(told):
        assert abs(value - result) <= Decimal("0.00005")
        decimals = len(first.partition(".")[2])
        start = float(first.replace("−", "-"))
        assert min(abs(start - one) for one in known["start"]) <= 0.51 * 10**-decimals
        assert min(abs(float(result) - one) for one in known["end"]) <= 0.00006
    for one in moves:
        if one["works_by"] == "place" and one["place_before"] != one["place_after"]:
            assert f"place {one['place_before']} → {one['place_after']}" in told


def test_after_a_place_the_sum_begins_anew():
    told = reason_words(
        0.1324, [move("place", 0.1324, 0.4012, (9, 3), kind="Milk"), move("price", 0.4012, 0.4222, (3, 1))]
    )
    assert told == "0.1324; Mirror each customer (Milk): place 9 → 3; 0.4012 + 0.0210 (Private) = 0.4222"


def test_a_step_that_leaves_a_product_at_its_place_leaves_its_sum():
    kept = [move("price", 0.5, 0.6), move("place", 0.6, 0.6, (2, 2)), move("price", 0.6, 0.5)]
    assert reason_words(0.5, kept) == "0.5000 + 0.1000 (Private) − 0.1000 (Private) = 0.5000"


def test_a_sum_ends_before_a_place():
    told = reason_words(0.5, [move("price", 0.5, 0.6), move("place", 0.6, 0.7, (2, 1), kind=None)])
    assert told == "0.5000 + 0.1000 (Private) = 0.6000; Mirror each customer: place 2 → 1"


def test_factors_come_before_prices_in_one_sum_and_begin_another_one_after_them():
    told = reason_words(0.2, [move("factor", 0.2, 0.1), move("price", 0.1, 0.3), move("factor", 0.3, 0.6)])
    assert told == "0.2000 × 0.5000 + 0.2000 (Private) = 0.3000; 0.3000 × 2.0000 = 0.6000"


def test_a_sum_has_more_decimals_where_four_would_not_come_out():
    told = reason_words(0.10004, [move("price", 0.10004, 0.12008)])
    assert told == "0.10004 + 0.02004 (Private) = 0.1201"


def test_products_that_three_decimals_would_tie_differ():
    told = [reason_words(score, [move("price", score, score + 0.02)]) for score in (0.13212, 0.13238)]
    assert told[0] != told[1]
    assert [line.rpartition(" = ")[2] for line in told] == ["0.1521", "0.1524"]


def test_without_a_step_only_the_relevance_is_said():
    assert reason_words(0.25, []) == "0.2500"
    assert reason_words(0.0, [move("factor", 0.0, 0.0)]) == "0.0000"
    assert reason_words(0.25, [move("place", 0.25, 0.25, (4, 4))]) == "0.2500"


def test_words_of_steps_stand_in_the_order_in_which_steps_run():
    assert set(STEP_WORDS) == set(RERANKERS)
    assert {name: stage(name) for name in STEP_WORDS} == {
        name: kind.stage for name, kind in RERANKERS.items()
    }


def test_a_policy_is_told_in_the_order_in_which_it_runs():
    told = policy_words(LATE_FIRST)
    places = [
        told.index(STEP_WORDS[name]) for name in ("propensity", "price_guard", "exposure_limits", "xquad")
    ]
    assert places == sorted(places)  # steps of one stage stay in the order given
    named = {"now": (LATE_FIRST, changes(), AFTER, counts(("all", 1, 2, 3)), 0.5)}
    steps = snapshot_table(named, k=10).set_index("")["now"]["Steps"].split(" → ")
    assert steps == [STEP_WORDS[name] for name in ("propensity", "price_guard", "exposure_limits", "xquad")]


def test_gaps_of_users_and_of_products_are_counted_apart():
    options = {"k": 10, "moved": 0.4}
    told = answer(changes(), BEFORE, AFTER, counts(("all", 1, 2, 3)), **options)
    assert "2 of 3 gaps between groups of users are unequal (2 before, 1 closed and 1 opened)" in told
    assert "0 of 2 groups of products get an unequal share of attention (1 before, 1 closed)" in told
    same = answer(changes(), BEFORE, BEFORE, counts(("all", 1, 2, 3)), **options)
    assert "2 of 3 gaps between groups of users are unequal (as before)" in same
    found = {
        card.label: card
        for card in cards(changes(), BEFORE, AFTER, counts(("all", 1, 2, 3)), currency="USD", **options)
    }
    assert found["Unequal gaps, users"].value == "2 (was 2)"
    assert found["Unequal shares, products"].value == "0 (was 1)"
    assert found["Unequal shares, products"].note.startswith("● 2 equal (1)")


def test_the_answer_in_one_line_has_accuracy_gaps_and_who_gains():
    options = {"k": 10, "moved": 0.4}
    told = in_short(changes(), BEFORE, AFTER, counts(("all", 1, 2, 3)), **options).replace("\\", "")
    assert told == (
        "**NDCG@10 0.417, −0.0070 [−0.0095, −0.0046]** (lower) · 2 of 3 gaps unequal (2 before, 1 closed and 1 opened) · "
        "1 served better, 2 worse"
    )
    hidden = AFTER.assign(suppressed=True)
    assert "gap" not in in_short(changes(), hidden, hidden, counts(("all", 1, 2, 3)), **options)
    still = in_short(changes(), BEFORE, BEFORE, counts(("all", 0, 0, 6)), k=10, moved=0.0)
    assert still == "**Nothing moves.**"


def test_an_answer_without_judged_gaps_says_nothing_of_them():
    hidden = AFTER.assign(suppressed=True)
    told = answer(changes(), hidden, hidden, counts(("all", 1, 2, 3)), k=10, moved=0.4)
    assert "gaps" not in told
    assert "1 user is served better" in told


def test_tables_for_the_screen_have_words_and_files_have_names():
    table = gap_table(BEFORE, AFTER)
    assert table["metric"].iloc[0] == "ndcg@10_gap"
    shown = shown_gaps(table)
    assert list(shown["Gap in"].unique()) == [
        "Accuracy of recommendations",
        "Attention of groups of products",
    ]
    assert shown["Verdict after"].iloc[1] == "● equal within tolerance"
    assert shown["Verdict before"].iloc[1] == "◆ unequal"
    assert shown["Before"].iloc[0] == "+3.1 pp [+1.0 pp, +5.0 pp]"
    told = shown_changes(changes(), currency="USD")
    assert list(told["Group"]) == ["everybody", "everybody", "175-199K"]
    assert list(told["Measure"].unique()) == ["Accuracy of recommendations", "Spending met"]
    assert told["After"].iloc[1] == "$9.02"
    assert list(told["Verdict"]) == [MOVED["worse"], MOVED["worse"], "hidden"]
    assert told["Change"].iloc[2] == "–"
    for words in (shown, told):
        assert not words.map(lambda cell: "@" in cell or "_" in cell).to_numpy().any()


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([("all", 0, 0, 9), ("A", 0, 0, 9)], "Nobody's list becomes better or worse."),
        (
            [("all", 3, 12, 20)],
            "No group is large enough to be told apart. Of 35 users, 3 gain and 12 lose.",
        ),
        ([("all", 3, 12, 20), ("A", 1, 10, 9)], "Of 20 users in **A**, 1 gains and 10 lose."),
        (
            [("all", 4, 8, 28), ("A", 1, 6, 13), ("B", 3, 2, 15)],
            "Of 20 users in **A**, 1 gains and 6 lose; of 20 users in **B**, 3 gain and 2 lose.",
        ),
        (
            [("all", 4, 2, 34), ("A", 2, 1, 17), ("B", 2, 1, 17)],
            "Of 40 users, 4 gain and 2 lose, with the same balance in every group that is shown.",
        ),
    ],
)
def test_who_gains_and_loses(rows, said):
    assert gains_sentence(counts(*rows)) == said


def test_how_many_lists_stay_as_good_is_counted():
    assert "20 of 35 lists are neither better nor worse" in gains_reading(counts(("all", 3, 12, 20)))
    assert "1 of 35 lists is neither better nor worse" in gains_reading(counts(("all", 20, 14, 1)))


def test_a_users_table_names_places_products_and_reasons():
    rows = pd.DataFrame(
        {"place_after": [1, 12], "place_before": [11, 2], "product": ["Milk", "Tea"], "bought": [True, False]}
    ).assign(reason="0.1000", price=[2.5, float("nan")])
    table = reasons_table(rows, currency="USD", k=10)
    assert list(table["Now"]) == ["1", "out"]
    assert list(table["Before"]) == ["(11)", "2"]
    assert list(table["Price"]) == ["$2.50", ""]
