"""What a popover says of a metric."""

import pytest

from core.fairness.definitions import DEFINITIONS, definition_of
from core.figures.definitions import as_markdown
from core.figures.text import unmarked
from core.schema.definitions import Definition


def test_all_of_a_definition_is_told_in_order():
    text = unmarked(as_markdown(definition_of("mmf_2@5", "exposure")))
    assert text.split("\n\n") == [
        "Share of the worst-off groups (MMF@r)",
        "What the groups furthest below their targets get of the whole; higher is more equal.",
        "`Σ of the r lowest x(h) / target(h), over Σ of all; r is a quarter of the groups, and stands in the name`",
        "Unit: share. Range: 0 to r / H; best is r / H.",
        "When not to use it. Between groupings with different numbers of groups: its best value differs.",
        "Source. max-min fairness as in P-MMF (Xu et al., WWW 2023)",
    ]


def test_without_a_best_value_none_is_named():
    assert "best" not in as_markdown(definition_of("arp@5", "exposure"))


@pytest.mark.parametrize("one", [one for defined in DEFINITIONS.values() for one in defined.values()])
def test_nothing_is_cut_off_or_read_as_markup(one):
    text = as_markdown(one)
    assert "…" not in text
    assert text.count("`") == 2
    assert text.count("**") == 6
    said = unmarked(text)
    assert all(part in said for part in (one.name, one.meaning, one.formula, one.unit, one.range, one.avoid))


def test_marks_in_words_stay_words():
    told = as_markdown(Definition("a*b", "x*y", "see [this](http://x)", "$", "<b>", "", "s", "t", "users"))
    assert r"a\*b" in told
    assert "](http" not in told
    assert "<b>" not in told
    assert "`x*y`" in told
