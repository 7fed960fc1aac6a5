"""What is reported of predictions: errors, paired differences, intervals over users, groups that may be shown."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from core.data.service import OUTCOMES, rows_of
from core.schema.settings import Statistics
from core.train.service import Predictions
from core.workflow.service_report import Rule, baseline_rules, best_rule, by_group, measure
from tests.core.data.made_orders import made_orders

QUICK = Statistics(draws=300)


@pytest.fixture(scope="module")
def rows():
    shop = made_orders(1200)
    [days] = [outcome for outcome in OUTCOMES if outcome.name == "delivery_days"]
    return rows_of(days, shop.tables, shop.events, temporal=True)


def exact(rows, *, off: float = 0.0, reach: float = 1.0) -> Predictions:
    said = rows.observed.astype(float) + off
    return Predictions(said - reach, said, said + reach, said)


def test_errors_are_by_hand(rows):
    report = measure(rows, exact(rows, off=2.0), {"mean": Rule(rows.observed + 3.0)}, QUICK)
    assert report.metrics["mae"].value == pytest.approx(2.0)
    assert report.metrics["rmse"].value == pytest.approx(2.0)
    assert report.metrics["coverage"].value == 0.0
    assert report.metrics["width"].value == pytest.approx(2.0)
    assert report.metrics["mae_difference"].value == pytest.approx(-1.0)


def test_a_model_that_says_what_a_rule_says_differs_by_exactly_nothing(rows):
    constant = np.full(len(rows), 5.0)
    report = measure(rows, Predictions(*[constant] * 4), {"mean": Rule(constant)}, QUICK)
    for error in ("mae_difference", "rmse_difference"):
        assert (report.metrics[error].low, report.metrics[error].high) == (0.0, 0.0)


def test_many_rows_of_few_users_give_wider_intervals(rows):
    wrong = replace(exact(rows), median=rows.observed + rows.users % 7)
    rule = {"mean": Rule(rows.observed + 9.0)}
    alone = measure(rows, wrong, rule, QUICK).metrics["mae"]
    few = replace(rows, frame=rows.frame.assign(user=rows.users % 7))
    together = measure(few, wrong, rule, QUICK).metrics["mae"]
    assert together.value == pytest.approx(alone.value)
    assert together.high - together.low > 3 * (alone.high - alone.low)


def test_the_best_baseline_has_the_smallest_error(rows):
    rules = {"mean": Rule(rows.observed + 3.0), "linear": Rule(rows.observed - 2.0)}
    assert best_rule(measure(rows, exact(rows), rules, QUICK).baselines, "mae") == "linear"


def test_baselines_never_see_the_outcomes_of_the_test_rows(rows):
    train, validation, test = (rows.split == split for split in (0, 1, 2))
    numbers = np.random.default_rng(0).normal(size=(len(rows), 3)).astype(np.float32)
    observed = rows.observed.copy()
    observed[test] = 1e6
    before = baseline_rules(rows, train, validation, test, numbers)
    after = baseline_rules(replace(rows, observed=observed), train, validation, test, numbers)
    for name in before:
        np.testing.assert_array_equal(before[name].predicted, after[name].predicted)
        assert len(before[name].predicted) == test.sum()


def test_a_line_finds_what_is_linear(rows):
    train, validation, test = (rows.split == split for split in (0, 1, 2))
    numbers = np.column_stack([rows.observed, np.zeros(len(rows))]).astype(np.float32)
    rules = baseline_rules(rows, train, validation, test, numbers)
    assert np.abs(rules["linear"].predicted - rows.observed[test]).max() < 0.1
    assert np.unique(rules["mean"].predicted).size == 1


def test_groups_of_fewer_than_ten_users_are_not_shown_nor_can_they_be_worked_out(rows):
    names = np.array(["large"] * len(rows), dtype=object)
    names[:4], names[4:30], names[30:200] = "tiny", "small", "middle"
    shown = by_group(rows, exact(rows), pd.DataFrame({"town": names}), QUICK)
    assert set(shown["group"]) == {"large", "middle"}  # small is hidden too: tiny would be what is left over
    assert set(shown["metric"]) == {"mae", "coverage", "width"}
    covered = shown[shown["metric"] == "coverage"]
    assert (covered["value"] == 1.0).all()
    assert covered.set_index("group")["rows"]["middle"] == 170


def test_without_groups_the_table_has_its_columns_all_the_same(rows):
    shown = by_group(rows, exact(rows), pd.DataFrame(index=range(len(rows))), QUICK)
    assert list(shown.columns)[:4] == ["outcome", "attribute", "group", "metric"]
    assert len(shown) == 0
