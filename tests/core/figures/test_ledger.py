"""The ledger in words, as a table and as a waterfall: each bar begins where the one before it ended."""

import numpy as np
import pandas as pd
import pytest

from core.figures import about_ledger as words
from core.figures.ledger import waterfall_figure

EVIL = "<b>x</b> [a](javascript:b)"
VALUES = [0.3, 0.2, 0.25, 0.25]
LEVELS = pd.DataFrame(
    {
        "kind": "gap",
        "measure": "ndcg@10_max_min",
        "way": range(4),
        "value": VALUES,
        "low": [value - 0.1 for value in VALUES],
        "high": [value + 0.1 for value in VALUES],
        "null": 0.08,
        "n": 1988,
    }
)


def change(measure, step, first, second, value, verdict, *, kind="gap"):
    ends = {"change": value, "low": value - 0.02, "high": value + 0.02}
    told = {"kind": kind, "measure": measure, "step": step, "first": first, "second": second, "n": 1988}
    return told | ends | {"p_value": 0.01, "p_adjusted": 0.02, "verdict": verdict}


CHANGES = pd.DataFrame(
    [
        change("ndcg@10_max_min", "data", 0, 1, -0.1, "closed"),
        change("ndcg@10_max_min", "training", 1, 2, 0.05, "widened"),
        change("ndcg@10_max_min", "reranking", 2, 3, 0.0, "no difference shown"),
        change("ndcg@10_max_min", "whole", 0, 3, -0.05, "closed"),
        change("ndcg@10", "data", 0, 1, -0.01, "no difference shown", kind="price"),
        change("ndcg@10", "whole", 0, 3, -0.04, "worse", kind="price"),
        change("spending_met@10", "whole", 0, 3, 0.5, "better", kind="price"),
    ]
)


def sentence(levels=LEVELS, changes=CHANGES):
    about = words.gap_words("ndcg", by=("age",), items_by="brand", target="share of the catalogue")
    said = words.ledger_sentence(levels, changes, gap="ndcg", about=about, currency="USD", k=10)
    return said.replace("\\", "")


def test_the_answer_tells_every_step_the_rest_and_the_price():
    assert sentence() == (
        "**Of the gap in accuracy of recommendations by age (largest less smallest group), 0.300 [0.200, 0.400], the data "
        "step closed 0.1000 [0.0800, 0.1200] (33.3 % of it); the training step added 0.0500 [0.0300, 0.0700] (16.7 % of it); "
        "no difference is shown for re-ranking (+0.0000 [−0.0200, +0.0200]).** All together closed 0.0500 [0.0300, 0.0700] "
        "(16.7 % of it). Left is 0.250 [0.150, 0.350]. In all, NDCG@10 fell by 0.0400 [0.0200, 0.0600] and spending met per "
        "buyer rose by $0.50 [$0.48, $0.52]."
    )


def test_one_step_is_all_there_is():
    levels, changes = LEVELS[LEVELS["way"] < 2], CHANGES[CHANGES["step"] == "data"]
    said = sentence(levels, changes)
    assert "All together" not in said
    assert (
        "Left is 0.200 [0.100, 0.300]. In all, no change of NDCG@10 is shown (−0.0100 [−0.0300, +0.0100])."
        in said
    )


def test_a_gap_of_nothing_has_no_shares():
    levels = LEVELS.assign(value=[0.0, 0.1, 0.1, 0.1])
    assert "of it" not in sentence(levels)


def test_a_plain_run_has_a_gap_and_no_step():
    said = words.start_sentence(LEVELS[:1], gap="ndcg", about="gap").replace("\\", "")
    assert said == "**The gap is 0.300 [0.200, 0.400]**, and no step has been taken yet."


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ("data", "data step"),
        ("data+training", "data and training step together"),
        ("reranking", "re-ranking"),
        ("whole", "all steps together"),
    ],
)
def test_steps_have_names(step, said):
    assert words.step_words(step) == said


def test_settings_and_names_that_came_with_the_data_are_harmless():
    said = words.missing_sentence(
        (), {"decorrelate": False, "mindiff_weight": 0.0, "fair_attribute": EVIL}, run=EVIL
    )
    assert "a run without fairness before or in training" in said
    assert "but for decorrelate off, mindiff weight 0, fair attribute" in said.replace("\\", "")
    assert "<b>" not in said
    assert "[a](" not in said
    assert words.missing_sentence(("data",), {}, run="x").startswith(
        "Not here: a run with the data step alone"
    )
    assert "\\<b" in words.gap_words("ndcg", by=(EVIL,), items_by="brand", target="equal shares").lower()


def test_the_table_has_the_price_of_each_step_beside_it():
    options = {"gap": "ndcg", "done": {"data": "item weights"}, "currency": "USD", "k": 10}
    table = words.ledger_table(LEVELS, CHANGES, **options)
    assert list(table["Step"]) == ["Data step", "Training step", "Re-ranking", "All steps together"]
    first = table.iloc[0]
    assert first["What was done"] == "item weights"
    assert first["Gap before"] == "0.300 [0.200, 0.400]"
    assert first["Change"] == "−0.1000 [−0.1200, −0.0800] · n=1,988"
    assert first["NDCG@10, change"] == "−0.0100 [−0.0300, +0.0100] · n=1,988 · no difference shown"
    assert table.iloc[3]["Spending met per buyer, change"].startswith("+$0.50")


def test_the_downloaded_table_holds_the_levels_beside_each_change():
    table = words.full_table(LEVELS, CHANGES)
    assert len(table) == len(CHANGES)
    own = table[table["kind"] == "gap"]
    np.testing.assert_allclose(own["after"] - own["before"], own["change"], atol=1e-12)
    assert {"before_low", "after_high", "p_adjusted", "verdict"} <= set(table)


def test_bars_begin_where_the_one_before_ended():
    rows = words.of(CHANGES, "gap", "ndcg")
    names = ["Run <b>x</b>", "Data step", "Training step", "Re-ranking", "What is left"]
    level, unit = words.UNITS["ndcg"]
    drawn = waterfall_figure(LEVELS, words.links(rows), names, title="gap", level=level, change=unit)
    bars = [trace for trace in drawn.data if trace.type == "bar"]
    whole, left, *steps = bars
    assert whole.x[0] == 0.3
    assert left.x[0] == 0.25
    end = whole.x[0]
    for bar in steps:
        assert bar.base[0] == pytest.approx(end)
        end = bar.base[0] + bar.x[0]
    assert end == pytest.approx(left.x[0])
    assert [bar.y[0] for bar in (whole, *steps, left)] == [4, 3, 2, 1, 0]
    assert len({bar.marker.pattern.shape for bar in steps}) == 3  # told apart without colour
    assert "&lt;b&gt;" in drawn.layout.yaxis.ticktext[0]
    assert steps[0].error_x.array[0] == pytest.approx(0.02)


def test_shares_are_drawn_in_per_cent():
    levels = LEVELS.assign(measure="attention_to_move@10")[:2]
    rows = CHANGES[:1].assign(measure="attention_to_move@10")
    level, unit = words.UNITS["attention_to_move"]
    names = ["Run", "Re-ranking", "What is left"]
    drawn = waterfall_figure(levels, rows, names, title="to move", level=level, change=unit)
    assert [trace.x[0] for trace in drawn.data if trace.type == "bar"] == pytest.approx([30, 20, -10])
