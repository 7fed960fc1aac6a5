"""Decomposition of gaps: planted parts are covered, none are made up, and it agrees with a known implementation."""

import numpy as np
import pytest
from statsmodels.stats.oaxaca import OaxacaBlinder

from core.errors import InputError
from core.explain.gap import balanced, decompose_gap, gap_table
from core.fairness.groups import Groups
from core.fairness.partition import partition
from core.schema.settings import Statistics

QUICK = Statistics(draws=500, permutations=100)
SIMULATIONS = 300


def shop(seed, n=400, *, apart=0.8, effect=-0.3, slope=(0.5, 0.5), few=0, reference="first"):
    """Two groups; the second lies `apart` in activity, and `effect` is what that does not explain."""
    random = np.random.default_rng(seed)
    second = random.random(n) < 0.4
    activity = random.normal(size=n) + apart * second
    taste = random.normal(size=(n, 2))
    taste[:, 0] += 0.5 * activity  # causes are not independent
    slopes = np.where(second, slope[1], slope[0])
    values = slopes * activity + 0.3 * taste[:, 0] + effect * second
    values += 0.5 * random.standard_t(5, size=n)
    codes = second.astype(np.int32)
    codes[:few] = 2
    groups = Groups("side", ("first", "second", "few"), codes, (3,))
    part = partition(groups, np.arange(n), minimum=10, reference=reference)
    return values, {"activity": activity[:, None], "taste": taste}, part


def of_second(found, part, name):
    place = [part.shown_names[group] for group in part.compared].index("second")
    return {
        field: float(getattr(found.gaps[name].interval, field)[place]) for field in ("value", "low", "high")
    }


def covered(truth, **options):
    """How often each part's interval holds the truth."""
    hits = dict.fromkeys(truth, 0)
    for seed in range(SIMULATIONS):
        values, causes, part = shop(seed, **options)
        found = decompose_gap(values, causes, part, QUICK)
        for name, wanted in truth.items():
            one = of_second(found, part, name)
            hits[name] += one["low"] <= wanted <= one["high"]
    return {name: count / SIMULATIONS for name, count in hits.items()}


def test_planted_parts_are_covered():
    truth = {
        "activity": 0.4,
        "taste": 0.3 * 0.5 * 0.8,
        "explained": 0.4 + 0.12,
        "unexplained": -0.3,
        "remaining": -0.3,
        "gap": 0.22,
    }
    found = covered(truth)
    assert min(found.values()) > 0.88
    assert np.mean(list(found.values())) > 0.93


def test_what_remains_is_right_where_a_cause_works_otherwise_in_each_group():
    """At the second group's own mean of activity, 0.8, the slopes .3 and .7 differ by .32 more than the effect."""
    found = covered({"remaining": -0.3 + 0.4 * 0.8}, slope=(0.3, 0.7))
    assert found["remaining"] > 0.88


def test_nothing_is_made_up():
    truth = dict.fromkeys(("gap", "explained", "activity", "taste", "unexplained", "remaining"), 0.0)
    found = covered(truth, apart=0.0, effect=0.0)
    assert min(found.values()) > 0.88


def test_a_gap_that_causes_make_up_is_not_called_unequal_once_they_are_alike():
    remaining = gap = 0
    for seed in range(40):
        values, causes, part = shop(seed, effect=0.0)
        rows = gap_table(
            decompose_gap(values, causes, part, QUICK), part, "ndcg", tolerance=0.1, settings=QUICK
        )
        verdict = {row.metric: row.verdict for row in rows if row.group == "second"}
        gap += verdict["ndcg: gap"] == "unequal"
        remaining += verdict["ndcg: remaining"] == "unequal"
        assert verdict["ndcg: activity"] is None
    assert gap > 30
    assert remaining <= 2


def test_it_agrees_with_statsmodels():
    values, causes, part = shop(3)
    found = decompose_gap(values, causes, part, QUICK)
    second = part.strata == part.shown_names.index("second")
    columns = np.column_stack([second.astype(float), causes["activity"], causes["taste"]])
    known = OaxacaBlinder(values, columns, 0, hasconst=False).two_fold(two_fold_type="pooled")
    unexplained, explained, gap = known.params
    sign = np.sign(gap) * np.sign(of_second(found, part, "gap")["value"])
    assert of_second(found, part, "gap")["value"] == pytest.approx(sign * gap)
    assert of_second(found, part, "explained")["value"] == pytest.approx(sign * explained)
    assert of_second(found, part, "unexplained")["value"] == pytest.approx(sign * unexplained)


def test_parts_add_up_and_small_groups_stay_hidden():
    values, causes, part = shop(1, few=4, reference=None)
    found = decompose_gap(values, causes, part, QUICK)
    total = sum(found.gaps[name].interval.value for name in ("activity", "taste", "unexplained"))
    np.testing.assert_allclose(total, found.gaps["gap"].interval.value)
    rows = gap_table(found, part, "ndcg", tolerance=0.1, settings=QUICK)
    hidden = [row for row in rows if row.suppressed]
    assert {row.group for row in hidden} >= {"few"}
    assert all(row.value is None and row.n == "hidden" for row in hidden)


def test_groups_that_cannot_be_made_alike_are_said_to_be():
    values, causes, part = shop(2, apart=2.9)
    found = decompose_gap(values, causes, part, QUICK)  # somebody is like them, but too few
    assert found.left_out == ((),)
    assert np.isnan(of_second(found, part, "remaining")["value"])
    assert np.isfinite(of_second(found, part, "gap")["value"])
    assert not found.effective[0] >= 10
    rows = gap_table(found, part, "ndcg", tolerance=0.1, settings=QUICK)
    assert not [row for row in rows if row.metric == "ndcg: remaining" and not row.suppressed]


def test_a_cause_in_which_nobody_is_like_the_group_is_left_out():
    values, causes, part = shop(2)
    second = part.strata == part.shown_names.index("second")
    cold = second & (np.arange(len(second)) % 3 == 0)
    found = decompose_gap(values, causes | {"cold start": cold[:, None].astype(float)}, part, QUICK)
    assert found.left_out == (("cold start",),)
    without = decompose_gap(values, causes, part, QUICK)
    assert of_second(found, part, "remaining")["value"] == pytest.approx(
        of_second(without, part, "remaining")["value"]
    )


def test_what_does_not_vary_explains_nothing():
    values, causes, part = shop(2)
    found = decompose_gap(values, causes | {"cold start": np.zeros((len(values), 1))}, part, QUICK)
    one = of_second(found, part, "cold start")
    assert (one["value"], one["low"], one["high"]) == (0, 0, 0)


def test_weights_balance():
    random = np.random.default_rng(0)
    columns = random.normal(size=(200, 4))
    weights = balanced(columns, np.array([0.3, -0.2, 0.1, 0.0]))
    np.testing.assert_allclose(weights @ columns, [0.3, -0.2, 0.1, 0.0], atol=1e-5)
    assert weights.min() > 0
    assert weights.sum() == pytest.approx(1)
    assert balanced(columns, np.full(4, 9.0)) is None


def test_one_group_or_too_few_users():
    values, causes, part = shop(2)
    alone = Groups("side", ("all of them",), np.zeros(400, np.int32), (1,))
    with pytest.raises(InputError, match="only one group"):
        decompose_gap(values, causes, partition(alone, np.arange(400), minimum=10), QUICK)
    wide = {"taste": np.random.default_rng(1).normal(size=(400, 300))}
    with pytest.raises(InputError, match="too few"):
        decompose_gap(values, wide, part, QUICK)
