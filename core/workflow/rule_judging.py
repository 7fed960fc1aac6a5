"""Judging one rule by the rows of an audit: which numbers it is about, and where their intervals lie."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from core.data.service import OUTCOMES
from core.errors import SettingsError
from core.fairness.definitions import key_of
from core.fairness.groups import CROSS
from core.schema.alerts import Finding
from core.schema.rules import Rule
from core.schema.settings import ALL
from core.workflow.rule_checks import listed, parts_of

KEPT, BROKEN, UNKNOWN = "kept", "broken", "unknown"
SUFFIXES = {"mean": "", "gap": "_gap", "ratio": "_ratio", "max_min": "_max_min"}
ALIKE = 0.7  # how near a name has to be for a typo of it
Row = Mapping[str, Any]


@dataclass(frozen=True)
class RuleOutcome:
    """What became of a rule: `kept`, `broken` or `unknown`; what was found of each group, the worst first."""

    rule: Rule
    outcome: str
    found: tuple[Finding, ...]

    @property
    def passed(self) -> bool:
        return self.outcome == KEPT or (self.outcome == UNKNOWN and self.rule.if_unknown == "pass")


def judge_rule(rule: Rule, rows: Sequence[Row], names: dict[str, tuple[str, ...]]) -> RuleOutcome:
    """Hold one rule against the rows of its section.

    A rule is broken if any group breaks it; else unknown if any is unknown; else kept.

    Args:
        rows: as of `WholeAudit.sections`. names: of all groups of each grouping of users, also of empty ones.

    Raises:
        SettingsError: the audit has no such statistic of the metric, or there is no such group.
    """
    attribute = CROSS.join(parts_of(rule))
    told = [row for row in _rows_of_metric(rule, rows) if row["attribute"] == attribute]
    if rule.group is None:
        missing = _missing(told, rows, attribute)
        told = [row for row in told if row["group"] != ALL] or told
    else:
        known = list(dict.fromkeys([*names.get(attribute, ()), *(row["group"] for row in told)]))
        told = [row for row in told if row["group"] == rule.group]
        if not told and known and rule.group not in known:
            raise SettingsError(
                f"Rule '{rule.name}': there is no group '{rule.group}' by {rule.grouping}; there are {listed(known)}."
            )
        missing = [] if told else [rule.group]
    if not told and not missing:
        missing = [ALL]
    why = f"the audit has no such number by {rule.grouping} for these data"
    found = [_finding(rule, row) for row in told]
    found += [Finding(group=group, outcome=UNKNOWN, why=why) for group in missing]
    found.sort(key=lambda one: _badness(rule, one))
    return RuleOutcome(rule, found[0].outcome, tuple(found))


def _missing(told: Sequence[Row], rows: Sequence[Row], attribute: str) -> list[str]:
    """Groups of the section that have other numbers, but not this one, and are not what others are compared with."""
    there = {row["group"] for row in told}
    if there <= {ALL}:
        return []
    of_attribute = dict.fromkeys(row["group"] for row in rows if row["attribute"] == attribute)
    compared_with = {row["reference"] for row in told}
    return [group for group in of_attribute if group not in there | compared_with | {ALL}]


def _rows_of_metric(rule: Rule, rows: Sequence[Row]) -> list[Row]:
    """The rows of its metric and statistic; SettingsError where it seems to mean another one."""
    for metric in dict.fromkeys((rule.metric, rule.metric + SUFFIXES[rule.statistic])):
        found = [row for row in rows if (row["metric"], row["statistic"]) == (metric, rule.statistic)]
        if found:
            return found
    variants = {rule.metric + suffix for suffix in SUFFIXES.values()}
    others = dict.fromkeys(row["statistic"] for row in rows if row["metric"] in variants)
    if others:
        raise SettingsError(
            f"Rule '{rule.name}': '{rule.metric}' has no statistic {rule.statistic}; it has {listed(others)}."
        )
    if rule.metric.startswith(tuple(f"{outcome.name}_" for outcome in OUTCOMES)):
        return []  # an outcome that these data do not record, however much its name is like another one
    named = dict.fromkeys(row["metric"].removesuffix(SUFFIXES[row["statistic"]]) for row in rows)
    meant = key_of(rule.metric, rule.section)
    same = [name for name in named if key_of(name, rule.section) == meant]
    near = get_close_matches(rule.metric.removesuffix(SUFFIXES[rule.statistic]), same, cutoff=ALIKE)
    if near:
        raise SettingsError(
            f"Rule '{rule.name}': the audit has no metric '{rule.metric}'; did you mean {listed(near)}?"
        )
    return []


def _finding(rule: Rule, row: Row) -> Finding:
    numbers = {name: row[name] for name in ("group", "value", "low", "high", "n")}
    if row["suppressed"]:
        return Finding(
            **numbers, outcome=UNKNOWN, why="the group is hidden, lest few users can be worked out"
        )
    if row["low"] is None or row["high"] is None:
        return Finding(**numbers, outcome=UNKNOWN, why="the number has no interval")
    outcome, why = _judged(rule, row["low"], row["high"])
    return Finding(**numbers, outcome=outcome, why=why)


def _judged(rule: Rule, low: float, high: float) -> tuple[str, str]:
    """Kept or broken, and why, from where the interval lies."""
    least, most = _limits(rule)
    if high < least:
        return BROKEN, f"the whole interval lies below {least:g}"
    if low > most:
        return BROKEN, f"the whole interval lies above {most:g}"
    if rule.judge == "not_surely_broken":
        return KEPT, "the interval does not lie beyond a limit"
    if low < least:
        return BROKEN, f"the interval reaches below {least:g}: it is not shown to be kept"
    if high > most:
        return BROKEN, f"the interval reaches above {most:g}: it is not shown to be kept"
    return KEPT, "the whole interval lies within the limits"


def _badness(rule: Rule, found: Finding) -> tuple[int, float]:
    """Sorts the worst first: broken, unknown, kept, and by how far the end that counts is from its limit."""
    order = (BROKEN, UNKNOWN, KEPT).index(found.outcome)
    if found.low is None or found.high is None:
        return order, 0.0
    least, most = _limits(rule)
    ends = (found.low, found.high) if rule.judge == "surely" else (found.high, found.low)
    return order, min(ends[0] - least, most - ends[1])


def _limits(rule: Rule) -> tuple[float, float]:
    return (
        -math.inf if rule.at_least is None else rule.at_least,
        math.inf if rule.at_most is None else rule.at_most,
    )
