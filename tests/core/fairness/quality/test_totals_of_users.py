"""Pooled recall, odds, popularity lift and generalised entropy, by hand and at their bounds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from core.fairness.group_rows import total_rows
from core.fairness.quality.inequality import between_groups, entropy_contributions, generalised_entropy
from core.fairness.quality.opportunity import (
    LIFT_METRICS,
    OPPORTUNITY_METRICS,
    lift_contributions,
    opportunity,
    opportunity_contributions,
    popularity_lift,
)
from tests.core.fairness.parts import FAST, part_of, row_of

VALUES = arrays(float, 12, elements=st.floats(0, 100)).filter(lambda v: v.sum() > 0.1)


def entropy(values, alpha):
    return generalised_entropy(alpha)(entropy_contributions(values, alpha=alpha).sum(axis=0))[0]


def test_opportunity_is_pooled_over_purchases():
    counts = opportunity_contributions(np.array([1, 0]), np.array([1, 3]), np.array([2, 2]), n_catalogue=10)
    np.testing.assert_allclose(opportunity(counts.sum(axis=0)), [1 / 4, 3 / 16])
    assert np.isnan(opportunity(np.zeros(4))).all()


def test_opportunity_agrees_with_fairlearns_true_and_false_positive_rates():
    from fairlearn.metrics import MetricFrame, false_positive_rate, true_positive_rate

    rng = np.random.default_rng(1)
    strata = rng.integers(0, 2, 60)
    bought, shown = rng.random((2, 60, 20)) < 0.3
    counts = opportunity_contributions(
        (bought & shown).sum(axis=1), bought.sum(axis=1), shown.sum(axis=1), n_catalogue=20
    )
    rows = total_rows(
        counts, opportunity, OPPORTUNITY_METRICS, part_of(strata, reference=1), FAST, section="users"
    )
    theirs = MetricFrame(
        metrics={"opportunity": true_positive_rate, "false_exposure": false_positive_rate},
        y_true=bought.ravel().astype(int),
        y_pred=shown.ravel().astype(int),
        sensitive_features=np.repeat(strata, 20),
    )
    for metric in OPPORTUNITY_METRICS:
        first, second = theirs.by_group[metric]
        assert row_of(rows, metric, "a").value == pytest.approx(first, abs=1e-9)
        assert row_of(rows, f"{metric}_gap", "a").value == pytest.approx(first - second, abs=1e-9)


def test_lift_by_hand_and_unknown_without_a_profile():
    contributions = lift_contributions(np.array([0.5, 0.7, 1]), np.array([0.2, 0.6, np.nan]))
    assert np.isnan(contributions[2]).all()
    np.testing.assert_allclose(popularity_lift(contributions[:2].sum(axis=0)), [0.5])
    assert np.isnan(popularity_lift(np.array([1.0, 0]))[0])


def test_lists_as_popular_as_the_profile_have_no_lift():
    rng = np.random.default_rng(2)
    had = rng.random(80)
    rows = total_rows(
        lift_contributions(had, had),
        popularity_lift,
        LIFT_METRICS,
        part_of(rng.integers(0, 2, 80)),
        FAST,
        section="users",
    )
    assert row_of(rows, "popularity_lift", "a").value == pytest.approx(0, abs=1e-12)
    assert row_of(rows, "popularity_lift_gap", "a").value == pytest.approx(0, abs=1e-12)


def test_entropy_by_hand():
    values = np.array([1.0, 3])
    assert entropy(values, 1.0) == pytest.approx(0.5 * 0.5 * np.log(0.5) + 0.5 * 1.5 * np.log(1.5))
    assert entropy(values, 2.0) == pytest.approx(0.125)
    assert np.isnan(entropy(np.zeros(3), 1.0))


@given(VALUES, st.sampled_from([0.5, 1.0, 2.0]))
def test_entropy_ignores_unit_order_and_copies(values, alpha):
    found = entropy(values, alpha)
    assert found >= 0
    assert entropy(7 * values[::-1], alpha) == pytest.approx(found, abs=1e-9)
    assert entropy(np.tile(values, 2), alpha) == pytest.approx(found, abs=1e-9)
    assert entropy(np.full(5, 3.0), alpha) == pytest.approx(0, abs=1e-12)


@given(VALUES, st.sampled_from([1.0, 2.0]))
def test_entropy_is_that_between_groups_and_that_within(values, alpha):
    blocks = values[:5] + 0.1, values[5:] + 0.1
    totals = np.stack([entropy_contributions(block, alpha=alpha).sum(axis=0) for block in blocks])
    mean = (values + 0.1).mean()
    within = sum(len(block) / 12 * (block.mean() / mean) ** alpha * entropy(block, alpha) for block in blocks)
    whole = entropy(values + 0.1, alpha)
    assert between_groups(totals, alpha=alpha) + within == pytest.approx(whole, abs=1e-9)


def test_alpha_below_zero_is_refused():
    with pytest.raises(ValueError, match="above 0"):
        entropy_contributions(np.ones(3), alpha=0.0)
