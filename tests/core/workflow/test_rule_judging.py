"""Rules are judged by the end of the interval that counts; what is not known is neither kept nor broken."""

import pytest

from core.errors import SettingsError
from core.schema.rules import Rule
from core.workflow.rule_judging import judge_rule

NAMES = {"age": ("young", "old", "older", "Unknown")}


def row(group, low, high, *, metric="ndcg@10_gap", statistic="gap", attribute="age", **others):
    value = None if low is None else (low + high) / 2
    told = {"group": group, "value": value, "low": low, "high": high, "n": 40, "metric": metric}
    return (
        told
        | {
            "statistic": statistic,
            "attribute": attribute,
            "suppressed": False,
            "reference": "rest",
        }
        | others
    )


def hidden(group, **others):
    return row(group, None, None, **others) | {"suppressed": True, "n": "hidden"}


def rule(**changes):
    given = {"name": "r", "owner": "ann", "section": "users", "metric": "ndcg@10", "grouping": "age"}
    limits = {} if {"at_least", "at_most"} & set(changes) else {"at_least": -0.05}
    return Rule(**(given | limits | changes))


def outcome(given, *rows):
    return judge_rule(given, rows, NAMES).outcome


@pytest.mark.parametrize(
    ("low", "high", "surely", "not_surely_broken"),
    [
        (-0.04, 0.1, "kept", "kept"),
        (-0.05, 0.1, "kept", "kept"),
        (-0.06, 0.1, "broken", "kept"),
        (-0.2, -0.05, "broken", "kept"),
        (-0.2, -0.06, "broken", "broken"),
    ],
)
def test_the_end_that_counts_decides_at_a_lower_limit(low, high, surely, not_surely_broken):
    assert outcome(rule(), row("old", low, high)) == surely
    assert outcome(rule(judge="not_surely_broken"), row("old", low, high)) == not_surely_broken


@pytest.mark.parametrize(
    ("low", "high", "surely", "not_surely_broken"),
    [(-0.1, 0.05, "kept", "kept"), (-0.1, 0.06, "broken", "kept"), (0.06, 0.1, "broken", "broken")],
)
def test_the_end_that_counts_decides_at_an_upper_limit(low, high, surely, not_surely_broken):
    assert outcome(rule(at_most=0.05), row("old", low, high)) == surely
    assert outcome(rule(at_most=0.05, judge="not_surely_broken"), row("old", low, high)) == not_surely_broken


def test_both_limits_hold_at_once():
    both = rule(at_least=-0.05, at_most=0.05)
    assert outcome(both, row("old", -0.04, 0.04)) == "kept"
    assert outcome(both, row("old", -0.04, 0.06)) == "broken"
    assert outcome(both, row("old", -0.06, 0.04)) == "broken"


def test_every_group_is_judged_and_the_worst_comes_first():
    found = judge_rule(rule(), [row("young", 0, 1), row("old", -0.3, -0.1), row("older", -0.06, 0.2)], NAMES)
    assert found.outcome == "broken"
    assert [(one.group, one.outcome) for one in found.found] == [
        ("old", "broken"),
        ("older", "broken"),
        ("young", "kept"),
    ]
    assert "whole interval" in found.found[0].why
    assert "not shown" in found.found[1].why
    assert (found.found[0].low, found.found[0].high, found.found[0].n) == (-0.3, -0.1, 40)


def test_a_rule_of_one_group_looks_at_that_group():
    rows = row("young", 0, 1), row("old", -0.3, -0.1)
    assert outcome(rule(group="young"), *rows) == "kept"
    assert outcome(rule(group="old"), *rows) == "broken"


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ([hidden("old")], "hidden"),
        ([row("old", None, None) | {"value": 0.1}], "no interval"),
        ([], "no such number"),
        ([row("old", 0, 1, attribute="income")], "no such number"),
    ],
)
def test_what_is_not_known_is_neither_kept_nor_broken(rows, why):
    found = judge_rule(rule(), rows, NAMES)
    assert (found.outcome, found.passed) == ("unknown", False)
    assert why in found.found[0].why
    assert judge_rule(rule(if_unknown="pass"), rows, NAMES).passed


def test_a_hidden_group_makes_a_rule_unknown_unless_another_breaks_it():
    assert outcome(rule(), row("old", 0, 1), hidden("older")) == "unknown"
    assert outcome(rule(), row("old", -1, -0.5), hidden("older")) == "broken"
    broken = judge_rule(rule(if_unknown="pass"), [row("old", -1, -0.5), hidden("older")], NAMES)
    assert not broken.passed
    assert outcome(rule(group="old"), row("old", 0, 1), hidden("older")) == "kept"


def test_a_group_without_this_number_is_unknown_where_it_has_others():
    others = [row(group, 0, 1, metric="recall@10", statistic="mean") for group in ("young", "old", "all")]
    found = judge_rule(rule(), [row("young", 0, 1), *others], NAMES)
    assert found.outcome == "unknown"
    assert [one.group for one in found.found if one.outcome == "unknown"] == ["old"]
    compared = row("young", 0, 1, reference="old")
    assert outcome(rule(), compared, *others) == "kept"


def test_a_group_of_which_nobody_is_there_is_unknown_and_one_that_is_none_is_refused():
    assert outcome(rule(group="older"), row("old", 0, 1)) == "unknown"
    with pytest.raises(SettingsError, match="no group 'odl' by age; there are young, old, older, Unknown"):
        outcome(rule(group="odl"), row("old", 0, 1))


def test_everybody_is_a_group_only_where_it_is_asked_for_or_alone():
    mean = {"metric": "ndcg@10", "statistic": "mean"}
    rows = row("old", 0.4, 0.5, **mean), row("all", 0.1, 0.2, **mean)
    assert outcome(rule(statistic="mean", at_least=0.3), *rows) == "kept"
    assert outcome(rule(statistic="mean", at_least=0.3, group="all"), *rows) == "broken"
    widest = row("all", 0.1, 0.2, metric="ndcg@10_max_min", statistic="max_min")
    assert outcome(rule(statistic="max_min", at_most=0.25), *rows, widest) == "kept"


def test_a_metric_may_be_named_as_the_audit_prints_it():
    for metric in ("ndcg@10", "ndcg@10_gap"):
        assert outcome(rule(metric=metric), row("old", 0, 1)) == "kept"
    alone = row("old", 0, 1, metric="price_gap_raw")
    assert outcome(rule(metric="price_gap_raw", section="pricing"), alone) == "kept"


def test_typos_are_named_with_what_was_meant():
    with pytest.raises(SettingsError, match="no statistic ratio; it has gap"):
        outcome(rule(statistic="ratio", at_most=2), row("old", 0, 1))
    with pytest.raises(SettingsError, match=r"no metric 'ndcg'; did you mean ndcg@10\?"):
        outcome(rule(metric="ndcg"), row("old", 0, 1))
    with pytest.raises(SettingsError, match="did you mean delivery_days_observed"):
        outcome(
            rule(metric="delivery_day_observed", section="service"),
            row("old", 0, 1, metric="delivery_days_observed", statistic="mean"),
        )


def test_an_outcome_that_the_data_do_not_record_is_no_typo():
    rows = [row("old", 0, 1, metric="delivery_days_residual_gap")]
    assert outcome(rule(metric="delivery_delay_residual", section="service"), *rows) == "unknown"


def test_crossed_groups_are_found_however_they_are_written():
    crossed = row("young × f", 0, 1, attribute="age × sex")
    for grouping in ("age*sex", "age × sex", "age * sex"):
        assert outcome(rule(grouping=grouping), crossed) == "kept"
    assert outcome(rule(grouping="sex*age"), crossed) == "unknown"
