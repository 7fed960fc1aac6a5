"""The words and the table about the worst-served crossing."""

import pandas as pd
import pytest

from core.figures.about_slices import crossing_words, slices_sentence, slices_table
from tests.core.figures.rows import EVIL


def found(**first) -> pd.DataFrame:
    """Two crossings, the worst first."""
    row = {"attributes": "age × income", "values": "65+ × Under 15K", "n": 1205, "mean": 0.331, "rest": 0.557}
    row |= {
        "gap": -0.226,
        "low": -0.273,
        "high": -0.18,
        "shrunk_gap": -0.2,
        "p_value": 0.0005,
        "detectable_gap": 0.054,
    }
    return pd.DataFrame(
        [row | first, row | {"attributes": "sex", "values": "f", "gap": -0.01, "p_value": 0.9}]
    )


def said(table: pd.DataFrame, **more) -> str:
    options = {"metric": "ndcg@10", "looked_at": 412, "beyond": 2} | more
    return slices_sentence(table, **options).replace("\\", "")


def test_a_worse_served_crossing_is_named_with_its_interval_and_how_many_were_looked_at():
    assert said(found()) == (
        "**Users with age 65+ and income Under 15K are served worst, and by more than chance would allow:** NDCG@10 0.331 "
        "against 0.557 for all others, −22.6 pp [−27.3 pp, −18.0 pp] · n=1,205 (p <0.001). 2 of 412 crossings looked at do "
        "worse than chance would allow."
    )
    assert "1 of 412 crossings looked at does worse" in said(found(), beyond=1)


def test_chance_is_not_called_a_finding():
    words = said(found(p_value=0.34), beyond=0)
    assert words.startswith("**None of the 412 crossings looked at does worse than chance would allow.**")
    assert "chance alone makes one as bad in 34 % of such searches" in words
    assert "served worst" not in words
    assert "The one crossing looked at does not do worse" in said(found(), beyond=0, looked_at=1)
    assert "nearly all" in said(found(p_value=1.0), beyond=0)


@pytest.mark.parametrize(
    ("attributes", "values", "expected"),
    [
        ("kids_count", "3+", r"kids count 3\+"),
        ("age × income", "Unknown × 15-24K", r"unknown age and income 15\-24K"),
        ("age", "a × b", "age a × b"),
    ],
)
def test_crossings_are_put_into_words(attributes, values, expected):
    assert crossing_words(attributes, values) == expected


def test_names_of_the_data_are_harmless():
    words = slices_sentence(found(values=f"{EVIL} × b"), metric="ndcg@10", looked_at=9, beyond=1)
    assert "<img" not in words.replace(r"\<img", "")
    assert "](javascript" not in words


def test_one_line_a_crossing():
    lines = slices_table(found(), metric="ndcg@10")
    first = lines.iloc[0].to_dict()
    assert first == {
        "Attributes": "age and income",
        "Values": "65+ × Under 15K",
        "Users": "1,205",
        "NDCG@10": "0.331",
        "Difference to all others": "−22.6 pp [−27.3 pp, −18.0 pp]",
        "Shrunk": "−20.0 pp",
        "p, corrected": "<0.001",
        "Smallest gap it could show": "5.4 pp",
    }
