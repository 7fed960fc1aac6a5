"""Rating unfairness: by hand, brute force, invariances, and whether it cries wolf."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from core.fairness.distances import distance_numbers
from core.fairness.quality.ratings import RATING_METRICS, _null, _Ratings, rating_rows, unfairness
from core.schema.settings import Statistics
from tests.core.fairness.parts import FAST, part_of, row_of

SUMS = arrays(float, (3, 4), elements=st.floats(1, 5))


def shop(n_users, rng, *, shift=0.0, n_items=8):
    """Everybody rates most items; predictions for the first half of the users are off by `shift`."""
    user, item = (place.ravel() for place in np.meshgrid(range(n_users), range(n_items), indexing="ij"))
    observed = rng.integers(1, 6, len(user)).astype(float)
    predicted = observed + rng.normal(0, 0.8, len(user)) + shift * (user < n_users // 2)
    rows = pd.DataFrame({"user": user, "item": item, "predicted": predicted, "observed": observed})
    return rows.sample(frac=0.7, random_state=1), np.repeat([0, 1], [n_users // 2, n_users - n_users // 2])


def test_terms_by_hand():
    np.testing.assert_allclose(unfairness(np.array([1.0, 4, 3]), np.array([2.0, 4, 8])), [3, 1, 2, 1])


@given(SUMS, SUMS)
def test_terms_do_not_depend_on_who_is_called_the_group_and_value_is_the_largest(one, other):
    found = unfairness(one, other)
    np.testing.assert_allclose(unfairness(other, one), found)
    assert (found >= 0).all()
    assert (found[0] >= found[1:] - 1e-12).all()
    np.testing.assert_allclose(unfairness(one, one), 0)


def test_metrics_are_means_over_items_that_both_sides_rated():
    rows, strata = shop(40, np.random.default_rng(1))
    rows = pd.concat([rows, pd.DataFrame({"user": [0, 1], "item": 99, "predicted": 5.0, "observed": 1.0})])
    expected = []
    for _, one in rows.groupby("item"):
        sides = [one[strata[one["user"]] == side] for side in (0, 1)]
        if min(map(len, sides)) >= 2:
            errors = [(side["predicted"].mean() - side["observed"].mean()) for side in sides]
            under, over = ([max(0, sign * e) for e in errors] for sign in (-1, 1))
            expected.append(
                [
                    abs(errors[0] - errors[1]),
                    abs(abs(errors[0]) - abs(errors[1])),
                    abs(under[0] - under[1]),
                    abs(over[0] - over[1]),
                ]
            )
    found = rating_rows(rows, np.arange(40), part_of(strata), FAST)
    values = [row_of(found, f"{metric}_gap", "a").value for metric in RATING_METRICS]
    np.testing.assert_allclose(values, np.mean(expected, axis=0))
    assert values == pytest.approx([row_of(found, f"{metric}_gap", "b").value for metric in RATING_METRICS])


def test_too_high_predictions_for_a_group_are_found_and_covered():
    rows, strata = shop(120, np.random.default_rng(2), shift=1.0)
    found = rating_rows(rows, np.arange(120), part_of(strata, reference=1), FAST)
    value, over = (row_of(found, f"{metric}_unfairness_gap", "a") for metric in ("value", "over"))
    assert value.low <= 1.0 <= value.high
    assert value.low > value.null_high
    assert over.p_value == pytest.approx(1 / 301)


def test_no_unfairness_seldom_alarms():
    rng = np.random.default_rng(3)
    settings = Statistics(draws=100, permutations=100)
    alarms = 0
    for _ in range(40):
        rows, strata = shop(60, rng)
        found = rating_rows(rows, np.arange(60), part_of(strata, reference=1), settings)
        assert all(0 <= row.low <= row.value <= row.high for row in found)
        alarms += row_of(found, "value_unfairness_gap", "a").low > 0
    assert alarms <= 6


def test_users_who_are_not_audited_and_missing_predictions_do_not_count():
    rows, strata = shop(40, np.random.default_rng(4))
    more = rows.assign(user=rows["user"] + 1000, predicted=1.0)
    lacking = rows.assign(predicted=np.nan)
    every = rating_rows(pd.concat([rows, more, lacking]), np.arange(40), part_of(strata), FAST)
    alone = rating_rows(rows, np.arange(40), part_of(strata), FAST)
    assert every == alone


def test_no_rows_where_no_item_is_rated_by_both():
    rows, strata = shop(40, np.random.default_rng(5))
    rows["item"] += 100 * strata[rows["user"]]
    assert rating_rows(rows, np.arange(40), part_of(strata), FAST) == []


def test_few_who_rate_the_same_items_are_not_told_and_n_is_who_counts():
    for meet, shown in ((9, False), (12, True)):
        rows, strata = shop(60, np.random.default_rng(6))
        apart = ~np.isin(rows["user"], [*range(meet), *range(30, 30 + meet)])
        rows["item"] = rows["item"] + 100 * apart * (1 + strata[rows["user"]])
        found = rating_rows(rows, np.arange(60), part_of(strata, reference=1), FAST)
        assert [(row.n, row.small) for row in found] == [(meet, True)] * 4 * shown


def test_permutations_without_an_item_that_both_rated_count_against_the_finding():
    """Three users cannot make two raters on either side, so the item counts in no shuffle."""
    strata = np.repeat([0, 1], 2)
    ratings = _Ratings(np.arange(4), np.zeros(4, int), np.ones(4), np.zeros(4), n_users=4, n_items=1)
    null = _null(ratings, strata == 0, np.ones(4, bool), 20, np.random.default_rng(0))
    assert np.isfinite(null).all()
    alone = _Ratings(np.arange(3), np.zeros(3, int), np.ones(3), np.zeros(3), n_users=3, n_items=1)
    null = _null(alone, np.arange(3) < 2, np.ones(3, bool), 20, np.random.default_rng(0))
    assert np.isnan(null).all()
    (told,) = distance_numbers(np.array([0.5]), np.array([0.1]), np.array([0.9]), null[:, :1], FAST)
    assert (told["p_value"], told["low"]) == (1.0, 0.0)
    half = np.where(np.arange(20) < 10, np.nan, 0.1)[:, None]
    (told,) = distance_numbers(np.array([0.5]), np.array([0.1]), np.array([0.9]), half, FAST)
    assert told["p_value"] == pytest.approx(11 / 21)
    assert told["null_high"] == pytest.approx(0.1)
