"""Claims: counted by customer, with a clear majority, or said to be divided."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.opinions.claims import aspect_claim, aspect_claims, latest_per_user, own_claims, rating_claim


def remarks(*rows: tuple[int, str, int]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["review", "aspect", "polarity"])


def sided(praising: int, criticising: int, mixed: int = 0) -> pd.DataFrame:
    """Remarks on the fit: one review each."""
    rows = [(review, "fit", 1) for review in range(praising)]
    rows += [(100 + review, "fit", -1) for review in range(criticising)]
    rows += [(200 + review, "fit", side) for review in range(mixed) for side in (1, -1)]
    return remarks(*rows)


@pytest.mark.parametrize(
    ("praising", "criticising", "mixed", "verdict"),
    [
        (2, 0, 0, None),
        (3, 0, 0, None),
        (4, 0, 0, "praised"),
        (0, 4, 0, "criticised"),
        (3, 3, 0, "divided"),
        (12, 3, 1, "praised"),
        (6, 3, 0, "divided"),
        (6, 2, 0, None),
        (4, 0, 6, None),
        (55, 45, 0, "divided"),
        (70, 30, 0, "praised"),
    ],
)
def test_a_claim_needs_reviews_and_a_clear_majority(praising, criticising, mixed, verdict):
    claim = aspect_claim("fit", sided(praising, criticising, mixed))
    assert (claim and claim.verdict) == verdict


def test_wilsons_interval_is_the_published_one():
    share = aspect_claim("fit", sided(8, 2)).share if aspect_claim("fit", sided(8, 2)) else None
    assert share is None  # 8 of 10: 0.490 to 0.943, not surely more than half
    share = aspect_claim("fit", sided(9, 1)).share
    z, n, p = 1.959964, 10, 0.9
    middle, half = p + z**2 / (2 * n), z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    assert share.low == pytest.approx((middle - half) / (1 + z**2 / n), abs=1e-6)
    assert share.high == pytest.approx((middle + half) / (1 + z**2 / n), abs=1e-6)
    assert share.n == 10


def test_remarks_of_one_review_count_once():
    claim = aspect_claim("fit", remarks(*[(1, "fit", 1)] * 50, (2, "fit", 1), (3, "fit", 1), (4, "fit", 1)))
    assert claim.praising == (1, 2, 3, 4)
    assert claim.share.n == 4


@given(st.lists(st.tuples(st.integers(0, 30), st.sampled_from([1, -1])), max_size=80))
def test_each_review_stands_on_one_side_and_all_are_cited(rows):
    claim = aspect_claim("fit", remarks(*[(review, "fit", side) for review, side in rows]))
    if claim is None:
        return
    assert claim.cited == tuple(sorted({review for review, _ in rows}))
    for review in claim.cited:
        sides = {side for name, side in rows if name == review}
        place = claim.mixed if len(sides) > 1 else claim.praising if sides == {1} else claim.criticising
        assert review in place
    assert claim.share.low <= claim.share.value <= claim.share.high


def test_unclear_remarks_are_not_counted():
    rows = [(review, "fit", 1) for review in range(5)] + [(9, "fit", 0), (9, "price", 0)]
    claims = aspect_claims(remarks(*rows))
    assert [claim.aspect for claim in claims] == ["fit"]
    assert 9 not in claims[0].cited


def test_nobody_counts_twice():
    reviews = pd.DataFrame(
        {
            "user": [1, 2, 1],
            "timestamp": pd.to_datetime(["2024-01-02", "2024-01-01", "2024-01-01"]),
            "rating": [5.0, 4.0, 1.0],
        }
    )
    assert latest_per_user(reviews).index.tolist() == [0, 1]


def test_the_mean_rating_needs_three():
    ratings = pd.DataFrame({"rating": [5.0, 4.0, np.nan, 3.0]})
    claim = rating_claim(ratings, top=5)
    assert (claim.mean, claim.cited) == (4.0, (0, 1, 3))
    assert rating_claim(ratings[:3], top=5) is None


def test_own_claims_cite_all_own_reviews():
    found = own_claims(remarks((1, "fit", 1), (2, "fit", 0), (2, "price", -1)), [1, 2, 3])
    assert [(claim.aspect, claim.mentioning, claim.cited) for claim in found] == [
        ("fit", (1, 2), (1, 2, 3)),
        ("price", (2,), (1, 2, 3)),
    ]
