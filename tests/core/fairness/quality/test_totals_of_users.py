"""Pooled recall, odds, popularity lift and generalised entropy, by hand and at their bounds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from core.fairness.group_rows import total_rows
from core.fairness.quality.inequality import (
    INEQUALITY_METRICS,
    between_groups,
    entropy_contributions,
    generalised_entropy,
    inequality,
    inequality_contributions,
)
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


def unequal(values):
    return dict(
        zip(INEQUALITY_METRICS, inequality(inequality_contributions(values).sum(axis=0)), strict=True)
    )


def test_variation_variance_and_atkinson_by_hand():
    found = unequal(np.array([1.0, 3]))
    assert found["cv"] == pytest.approx(0.5)
    assert found["variance"] == pytest.approx(1)
    assert found["atkinson"] == pytest.approx(1 - ((1 + np.sqrt(3)) / 2) ** 2 / 2)  # 0.0670
    assert unequal(np.array([0.0, 0, 4]))["atkinson"] == pytest.approx(1 - (2 / 3) ** 2 / (4 / 3))
    nothing = unequal(np.zeros(3))
    assert nothing["variance"] == 0
    assert np.isnan([nothing[name] for name in ("cv", "theil", "atkinson")]).all()
    assert np.isnan(inequality(np.zeros(5))).all()


@given(VALUES)
def test_the_measures_of_inequality_are_each_others_and_scipys(values):
    found = unequal(values)
    assert found["theil"] == pytest.approx(entropy(values, 1.0), abs=1e-12)
    assert found["cv"] == pytest.approx(stats.variation(values), abs=1e-5)
    assert found["cv"] ** 2 / 2 == pytest.approx(entropy(values, 2.0), abs=1e-9)
    assert found["atkinson"] == pytest.approx(1 - (1 - entropy(values, 0.5) / 4) ** 2, abs=1e-9)
    assert 0 <= found["atkinson"] <= 1 - 1 / len(values) + 1e-9
    assert found["cv"] <= np.sqrt(len(values) - 1) + 1e-9


@given(VALUES)
def test_the_measures_of_inequality_ignore_order_and_copies_and_all_but_one_the_unit(values):
    found, scaled = unequal(values), unequal(7 * np.tile(values[::-1], 2))
    for name in INEQUALITY_METRICS:
        factor = 49 if name == "variance" else 1
        assert scaled[name] == pytest.approx(factor * found[name], rel=1e-6, abs=1e-5)
    np.testing.assert_allclose(list(unequal(np.full(5, values.max())).values()), 0, atol=1e-9)


def test_inequality_of_identical_groups_does_not_differ_and_of_unlike_ones_is_found():
    rng = np.random.default_rng(5)
    half = rng.random(60)
    names = [f"x_{name}" for name in INEQUALITY_METRICS]
    both = np.tile(half, 2), 0.5 + np.repeat([0.1, 0.4], 60) * rng.choice([-1, 1], 120)
    same, unlike = (
        total_rows(
            inequality_contributions(values),
            inequality,
            names,
            part_of(np.repeat([0, 1], 60)),
            FAST,
            section="users",
        )
        for values in both
    )
    for name in names:
        assert row_of(same, f"{name}_gap", "a").value == pytest.approx(0, abs=1e-9)
        gap = row_of(unlike, f"{name}_gap", "b")
        assert gap.value > gap.low > 0


def test_alpha_below_zero_is_refused():
    with pytest.raises(ValueError, match="above 0"):
        entropy_contributions(np.ones(3), alpha=0.0)
