"""What a dataset holds, in sentences, cards and tables for the screen."""

from collections.abc import Sequence

import pandas as pd

from core.figures.numbers import (
    count,
    share,
)
from core.figures.scorecard import Card
from core.figures.sentences import by_words, hidden_sentence, plural
from core.figures.text import markdown_text, plain, spoken
from core.schema.documents import Dataset, RuleCount

COUNTS = ("Read", "Accepted", "Rejected")  # of the cleaning report: up to tens of millions


def dataset_sentence(dataset: Dataset) -> str:
    """Size and period of a dataset."""
    counts, period = dataset.counts, dataset.period
    when = f"from {period['start']} to {period['end']}" if period else "in an order without dates"
    return (
        f"**{markdown_text(dataset.name)}**: {count(counts.get('events'))} events of {count(counts.get('users'))} users "
        f"{when}; "
        f"{count(counts.get('catalogue'))} of {count(counts.get('items'))} items may be recommended."
    )


def dataset_cards(dataset: Dataset) -> list[Card]:
    """The counts of a dataset."""
    counts = dataset.counts
    return [
        Card("Users", count(counts.get("users")), f"{count(counts.get('users_test'))} with test events"),
        Card("Events", count(counts.get("events")), f"{count(counts.get('baskets'))} baskets"),
        Card("Items", count(counts.get("items")), f"{count(counts.get('catalogue'))} in the catalogue"),
        Card("User attributes", count(len(dataset.attributes)), f"{len(dataset.protected)} protected"),
    ]


def split_sentence(dataset: Dataset) -> str:
    """Where the windows lie."""
    period = dataset.period
    if dataset.settings.get("split") == "by_user":
        return "A tenth of the users is held out for validation and a tenth for the test, with all they did."
    if "test_start" not in period:
        return (
            "Each user's last purchases are held out: the last for the test, the one before for validation."
        )
    return f"Validation starts on {period['validation_start']}, the test on {period['test_start']}."


def groups_sentence(rows: pd.DataFrame, *, by: Sequence[str]) -> str:
    """How many groups can be judged: columns as in `group_size_figure`."""
    hidden = int(rows["suppressed"].astype(bool).sum())
    small = rows[~rows["suppressed"].astype(bool)]
    smallest = small.loc[small["test_users"].astype(float).idxmin()] if len(small) else None
    text = f"{plural(len(rows), 'group')} by {by_words(by)}"
    if smallest is not None:
        name, n = markdown_text(smallest["group"]), count(smallest["test_users"])
        text += f"; in the smallest one shown, {name}, {n} users can be judged"
    return f"{text}. {hidden_sentence(hidden)}".strip()


def size_table(sizes: pd.DataFrame) -> pd.DataFrame:
    """Group sizes; a hidden group has no number, and says so in a column of its own."""
    numbers = sizes[["users", "test_users"]].astype("Int64").mask(sizes["suppressed"].astype(bool))
    return pd.DataFrame({"group": sizes["group"], **numbers, "hidden": sizes["suppressed"].astype(bool)})


def quality_sentence(rules: Sequence[RuleCount]) -> str:
    """How much of the events cleaning rejected."""
    events = [rule for rule in rules if rule.table == "events"]
    read = max((rule.read for rule in events), default=0)
    rejected = sum(rule.affected for rule in events if rule.action == "dropped")
    part = f" ({share(rejected / read)})" if read else ""
    return (
        f"Of {count(read)} event lines {count(rejected)} were rejected{part}, each by one of "
        f"{plural(len(rules), 'rule')}; nothing was dropped without being counted."
    )


def quality_table(rules: Sequence[RuleCount]) -> pd.DataFrame:
    """The cleaning report, one line per rule; accepted + rejected = read."""
    return pd.DataFrame([_rule_line(rule) for rule in rules])


def _rule_line(rule: RuleCount) -> dict[str, object]:
    rejected = rule.affected if rule.action == "dropped" else 0
    return {
        "Table": rule.table,
        "Rule": rule.rule,
        "Read": rule.read,
        "Accepted": rule.read - rejected,
        "Rejected": rejected,
        "Repaired": rule.affected if rule.action == "repaired" else 0,
        "Remarked": rule.affected if rule.action == "kept" else 0,
        "Why": plain(rule.note, limit=200),
    }


def price_sentence(prices: pd.DataFrame) -> str:
    """Which prices the purchase lines carry; columns as in `price_coverage`."""
    known = [
        f"{spoken(name).lower()} {share(value)}"
        for name, value in zip(prices["column"], prices["share"], strict=True)
    ]
    return f"Share of purchase lines that carry each column: {', '.join(known)}."


def price_table(prices: pd.DataFrame) -> pd.DataFrame:
    """Price coverage with units."""
    return pd.DataFrame(
        {
            "Column": [spoken(name) for name in prices["column"]],
            "Known on": [f"{count(lines)} lines" for lines in prices["lines"]],
            "Share of lines": [share(value) for value in prices["share"]],
            "Above zero on": [share(value) for value in prices["above_zero"]],
        }
    )


def missing_sentence(missing: dict[str, str]) -> str:
    """How many analyses the data lack something for."""
    if not missing:
        return "Nothing is missing: every analysis has the tables and columns that it needs."
    return f"{plural(len(missing), 'analysis', 'analyses')} would need tables or columns that are not there."


def missing_table(missing: dict[str, str]) -> pd.DataFrame:
    """Analyses and the table and column that each would need."""
    return pd.DataFrame(
        [{"Analysis": spoken(name), "Needs": plain(needs)} for name, needs in missing.items()]
    )
