"""What rules ask of an audit: its groupings and settings, checked before the work rather than after it."""

import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from core.data.dataset import table, users_with_numbers
from core.data.support import TIMING
from core.errors import SettingsError
from core.fairness.definitions import DEFINITIONS, key_of
from core.fairness.exposure.item_groups import groupings
from core.schema.documents import Dataset
from core.schema.rules import Rule, Rules
from core.schema.settings import AuditSettings, settings_from
from core.schema.tables import USER_ID
from core.store.workspace import Workspace

LENGTH = re.compile(r"@(\d+)")
MOST_NAMED = 12  # in an error


def asked_audit(workspace: Workspace, dataset: Dataset, rules: Rules) -> AuditSettings:
    """Settings of the audit that answers all rules; what they name is checked before the work rather than after it."""
    if "by" in rules.audit:
        raise SettingsError("'audit: by' is not for a file of rules: groupings come from the rules.")
    users = [str(name) for name in users_with_numbers(workspace, dataset).columns if name != USER_ID]
    items = groupings(table(workspace, dataset, "items"), calendar=TIMING not in dataset.missing)
    asked = [_grouping(rule, users, items) for rule in rules.rules]
    by = tuple(dict.fromkeys(of_users for of_users, _ in asked if of_users))
    # An audit compares groups of users as well, whether a rule asks for them or not.
    values = {**rules.audit, "by": by or tuple((name,) for name in (*dataset.protected, *users)[:1])}
    settings = settings_from(AuditSettings, values)
    items_by = list(dict.fromkeys(filter(None, [settings.items_by, *(of_items for _, of_items in asked)])))
    if len(items_by) > 1:
        raise SettingsError(
            f"An audit groups items by one thing, these rules by {listed(items_by)}; write two files."
        )
    settings = settings.model_copy(update={"items_by": items_by[0] if items_by else None})
    for rule in rules.rules:
        _check_metric(rule, settings.k)
    return settings


def _grouping(rule: Rule, users: Sequence[str], items: Sequence[str]) -> tuple[tuple[str, ...], str | None]:
    """The grouping of users and that of items which a rule names."""
    parts = parts_of(rule)
    of_items = None
    if rule.section == "exposure" and parts[-1] in items and parts[-1] not in users:
        *parts, of_items = parts
    for name in parts:
        if name not in users:
            known = f"users by {listed(users)}"
            if rule.section == "exposure":
                known += f"; items by {listed(items)}"
            raise SettingsError(f"Rule '{rule.name}': there is no grouping '{name}'; there are {known}.")
    if len(parts) > 2 or len(set(parts)) < len(parts):
        raise SettingsError(
            f"Rule '{rule.name}': '{rule.grouping}' is no grouping; cross two attributes at most."
        )
    return tuple(parts), of_items


def parts_of(rule: Rule) -> list[str]:
    """The attributes that its grouping names."""
    return [part.strip() for part in re.split(r"[*×]", rule.grouping)]


def _check_metric(rule: Rule, k: int) -> None:
    """SettingsError where no audit has such a metric, or not for lists of this length."""
    if key_of(rule.metric, rule.section) is None:
        known = [name.removeprefix("_") for name in DEFINITIONS[rule.section]]
        near = get_close_matches(LENGTH.sub("", rule.metric).lower(), known, n=3, cutoff=0.5)
        meant = f"; did you mean {listed(near)}?" if near else "."
        raise SettingsError(
            f"Rule '{rule.name}': section {rule.section} has no metric '{rule.metric}'{meant} docs/metrics.md has all."
        )
    length = LENGTH.search(rule.metric)
    if length and int(length[1]) != k:
        raise SettingsError(
            f"Rule '{rule.name}': '{rule.metric}' is of lists of {length[1]} and the audit of lists of {k}; "
            f"write audit: {{k: {length[1]}}}."
        )


def listed(names: Iterable[str]) -> str:
    """The first names, as errors show them."""
    names = list(names)
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more or "none"
