"""The expected rating: shrunk by how little is known, with an interval that holds."""

import numpy as np
import pandas as pd
import pytest

from core.opinions.ratings import shrunken_rating

CENTRE, SPREAD_ITEM, SPREAD_USER, NOISE = 3.4, 0.6, 0.4, 0.9


def planted(n_users=300, n_items=60, each=12, seed=4):
    """Ratings with known offsets of items and users."""
    rng = np.random.default_rng(seed)
    item, user = rng.normal(0, SPREAD_ITEM, n_items), rng.normal(0, SPREAD_USER, n_users)
    users = np.repeat(np.arange(n_users), each)
    items = np.concatenate([rng.choice(n_items, each, replace=False) for _ in range(n_users)])
    truth = CENTRE + item[items] + user[users]
    ratings = truth + rng.normal(0, NOISE, len(users))
    frame = pd.DataFrame({"user": users, "item": items, "rating": ratings})
    return frame, CENTRE + item[None, :] + user[:, None]


def test_the_interval_holds_the_planted_rating_about_as_often_as_it_says():
    reviews, truth = planted()
    rng = np.random.default_rng(1)
    asked = [(int(rng.integers(300)), int(rng.integers(60))) for _ in range(200)]
    found = [shrunken_rating(reviews, user=user, item=item).measured for user, item in asked]
    inside = [m.low <= truth[pair] <= m.high for m, pair in zip(found, asked, strict=True)]
    assert 0.88 <= np.mean(inside) <= 1.0
    error = np.mean([abs(m.value - truth[pair]) for m, pair in zip(found, asked, strict=True)])
    assert error < 0.7 * np.mean([abs(CENTRE - truth[pair]) for pair in asked])


def test_nothing_known_gives_the_mean_with_a_wide_interval():
    reviews, _ = planted()
    unknown = shrunken_rating(reviews, user=999, item=999).measured
    known = shrunken_rating(reviews, user=0, item=0).measured
    assert unknown.value == pytest.approx(reviews["rating"].mean())
    assert unknown.n == 0
    assert unknown.high - unknown.low > 2 * (known.high - known.low)


def test_the_customers_own_rating_of_the_product_tells_nothing():
    reviews, _ = planted()
    user, item = int(reviews["user"][0]), int(reviews["item"][0])
    spoilt = reviews.copy()
    spoilt.loc[0, "rating"] = spoilt["rating"].max()
    assert shrunken_rating(spoilt, user=user, item=item) == shrunken_rating(reviews, user=user, item=item)


def test_customers_of_one_review_each_say_nothing_of_customers():
    reviews = pd.DataFrame({"user": range(40), "item": [0, 1] * 20, "rating": [5.0, 3.0, 4.0, 2.0] * 10})
    found = shrunken_rating(reviews, user=50, item=0)
    assert 4.3 < found.measured.value < 4.5
    assert (found.bottom, found.top) == (2.0, 5.0)


@pytest.mark.parametrize("ratings", [[4.0] * 6, [4.0], [1.0, 5.0]])
def test_few_or_equal_ratings_give_finite_numbers_on_the_scale(ratings):
    reviews = pd.DataFrame({"user": range(len(ratings)), "item": [0] * len(ratings), "rating": ratings})
    measured = shrunken_rating(reviews, user=9, item=0).measured
    assert min(ratings) <= measured.low <= measured.value <= measured.high <= max(ratings)


def test_no_rating_gives_none():
    nothing = pd.DataFrame({"user": [1], "item": [1], "rating": [np.nan]})
    assert shrunken_rating(nothing, user=0, item=0) is None
    assert shrunken_rating(nothing.assign(rating=3.0), user=1, item=1) is None
