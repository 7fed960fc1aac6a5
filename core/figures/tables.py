"""Audit rows as people read them: one metric at a time, numbers written out, verdicts in words."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from core.figures.numbers import (
    count,
    duration,
    interval,
    moment,
    p_value,
    points,
    ratio,
    sample,
    score,
    share,
    with_interval,
)
from core.figures.sentences import NO_NUMBER, metric_name
from core.figures.text import plain, spoken
from core.schema.documents import Dataset, RuleCount, Run
from core.schema.settings import TrainSettings

VERDICTS = {
    "unequal": "◆ unequal",
    "equal_within_tolerance": "● equal within tolerance",
    "not_enough_data": "○ not enough data",
}
MOST_LINES = 12  # groups, up to which hidden ones are listed as well
SUFFIXES = {"mean": "", "gap": "_gap", "ratio": "_ratio", "max_min": "_max_min"}


@dataclass(frozen=True)
class Card:
    """One number of the scorecard with what stands beside it."""

    label: str
    value: str
    note: str


def select(rows: pd.DataFrame, metric: str, statistic: str) -> pd.DataFrame:
    """Rows of one statistic of one metric."""
    wanted = (rows["statistic"] == statistic) & (rows["metric"] == metric + SUFFIXES[statistic])
    return rows[wanted].reset_index(drop=True)


def scorecard(rows: pd.DataFrame, metric: str) -> list[Card]:
    """Overall, worst group, range and ratio, verdicts: each number with its interval and n."""
    means, gaps = select(rows, metric, "mean"), select(rows, metric, "gap")
    groups = means[means["group"] != "all"]
    return [
        *_overall(means, metric),
        *_worst(groups, metric),
        *_range(select(rows, metric, "max_min")),
        *_ratio(select(rows, metric, "ratio")),
        _verdicts(gaps),
    ]


def _seen(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[~rows["suppressed"].astype(bool) & rows["value"].notna()]


def _overall(means: pd.DataFrame, metric: str) -> list[Card]:
    rows = _seen(means[means["group"] == "all"])
    return [
        Card(f"{metric_name(metric)}, all users", score(r.value), _beside(r, score))
        for r in rows.itertuples()
    ]


def _worst(groups: pd.DataFrame, metric: str) -> list[Card]:
    seen = _seen(groups)
    if seen.empty:
        return []
    row = seen.loc[seen["value"].astype(float).idxmin()]
    return [
        Card(
            "Worst-served group",
            score(row["value"]),
            f"{plain(row['group'], limit=40)} · {_beside(row, score)}",
        )
    ]


def _range(rows: pd.DataFrame) -> list[Card]:
    seen = _seen(rows)
    if seen.empty:
        return []
    row = seen.iloc[0]
    null = (
        "" if pd.isna(row["null_high"]) else f" · chance alone: up to {points(row['null_high']).lstrip('+')}"
    )
    return [
        Card("Best minus worst group", points(row["value"]).lstrip("+"), _beside(row, points, n=False) + null)
    ]


def _ratio(rows: pd.DataFrame) -> list[Card]:
    seen = _seen(rows)
    if seen.empty:
        return []
    row = seen.loc[seen["value"].astype(float).idxmin()]
    return [
        Card(
            "Lowest ratio to the rest",
            ratio(row["value"]),
            f"{plain(row['group'], limit=40)} · {_beside(row, ratio)}",
        )
    ]


def _verdicts(gaps: pd.DataFrame) -> Card:
    judged = gaps[~gaps["suppressed"].astype(bool)]
    of = judged["verdict"].value_counts()
    note = f"{of.get('equal_within_tolerance', 0)} equal within tolerance · {of.get('not_enough_data', 0)} not enough data"
    return Card("Groups found unequal", f"{of.get('unequal', 0)} of {len(judged)}", note)


def _beside(row, form, *, n: bool = True) -> str:
    """`[0.381, 0.443] · n=1,204`, from an audit row as Series or tuple."""
    low, high, size = row[["low", "high", "n"]] if isinstance(row, pd.Series) else (row.low, row.high, row.n)
    parts = (interval(low, high, form=form), sample(size) if n else "")
    return " · ".join(part for part in parts if part)


def verdict_table(rows: pd.DataFrame, metric: str) -> pd.DataFrame:
    """One line per group for the screen: value, gap, corrected p-value and verdict as text; hidden groups last."""
    means = select(rows, metric, "mean").set_index("group")
    gaps = select(rows, metric, "gap")
    judged, hidden = gaps[~gaps["suppressed"]], gaps[gaps["suppressed"]]
    lines = [_judged_line(gap, means.loc[gap.group], metric) for gap in judged.itertuples()]
    if len(gaps) <= MOST_LINES:
        lines += [_hidden_line(group, metric) for group in hidden["group"]]
    return pd.DataFrame(lines)


def _judged_line(gap, mean: pd.Series, metric: str) -> dict[str, str]:
    return {
        "Group": plain(gap.group),
        "Users": count(gap.n),
        metric_name(metric): with_interval(mean["value"], mean["low"], mean["high"]),
        "Gap": with_interval(gap.value, gap.low, gap.high, form=points),
        "p, corrected": p_value(gap.p_adjusted),
        "Verdict": VERDICTS.get(gap.verdict, plain(gap.verdict)),
        "Users to decide it": _more(gap.more_users),
    }


def _hidden_line(group: str, metric: str) -> dict[str, str]:
    told = dict.fromkeys(("Users", metric_name(metric), "Gap"), "hidden")
    return {"Group": plain(group)} | told | {"p, corrected": "", "Verdict": "", "Users to decide it": ""}


def _more(users) -> str:
    if pd.isna(users) or users <= 0:
        return ""
    return "no number would" if users >= NO_NUMBER else f"about {count(users)} more"


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


def dataset_cards(dataset: Dataset) -> list[Card]:
    """The counts of a dataset."""
    counts = dataset.counts
    return [
        Card("Users", count(counts.get("users")), f"{count(counts.get('users_test'))} with test events"),
        Card("Events", count(counts.get("events")), f"{count(counts.get('baskets'))} baskets"),
        Card("Items", count(counts.get("items")), f"{count(counts.get('catalogue'))} in the catalogue"),
        Card("User attributes", count(len(dataset.attributes)), f"{len(dataset.protected)} protected"),
    ]


def size_table(sizes: pd.DataFrame) -> pd.DataFrame:
    """Group sizes with `hidden` in place of small numbers."""
    written = sizes[["group", "users", "test_users"]].astype(object)
    return written.where(~sizes["suppressed"].to_numpy()[:, None] | (written.columns == "group"), "hidden")


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


def missing_table(missing: dict[str, str]) -> pd.DataFrame:
    """Analyses and the table and column that each would need."""
    return pd.DataFrame(
        [{"Analysis": spoken(name), "Needs": plain(needs)} for name, needs in missing.items()]
    )


def run_table(runs: Sequence[Run]) -> pd.DataFrame:
    """Runs for the download: numbers as numbers, settings as columns."""
    return pd.DataFrame(
        [
            {
                "run": run.id,
                "name": run.name,
                "created_at": run.created_at,
                "seconds": run.seconds,
                "device": run.device,
                "sequences_per_second": run.sequences_per_second,
                **{f"test {metric}": value for metric, value in run.metrics.get("test", {}).items()},
                **run.settings,
            }
            for run in runs
        ]
    )


def run_table_shown(runs: Sequence[Run], beside: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Runs for the screen; `beside` holds each run's accuracy beside the baselines (NDCG@10)."""
    return pd.DataFrame([_run_line(run, accuracy) for run, accuracy in zip(runs, beside, strict=True)])


def _run_line(run: Run, accuracy: pd.DataFrame) -> dict[str, str]:
    own = accuracy[accuracy["is_model"]].iloc[0]
    best = accuracy[~accuracy["is_model"]]["value"].max()
    return {
        "Run": plain(run.name, limit=60),
        "Trained": moment(run.created_at),
        "Test NDCG@10": with_interval(own["value"], own["low"], own["high"], own["n"]),
        "Beside best rule": ratio(own["value"] / best) if best and best > 0 else "–",
        "Epochs": count(len(run.history)),
        "Time": duration(run.seconds),
        "Device": run.device,
        "Settings": ", ".join(
            f"{spoken(name).lower()} {value}" for name, value in changed_settings(run).items()
        )
        or "standard",
    }


def changed_settings(run: Run) -> dict[str, object]:
    """The settings of a run that differ from the defaults."""
    standard = TrainSettings().model_dump(mode="json")
    return {name: value for name, value in run.settings.items() if standard.get(name) != value}


def history_table(run: Run) -> pd.DataFrame:
    """Loss and validation NDCG@10 of every epoch."""
    return pd.DataFrame([epoch.model_dump() for epoch in run.history])


def settings_table(first: Run, second: Run) -> pd.DataFrame:
    """Every setting of two runs side by side, those that differ first."""
    names = sorted(first.settings.keys() | second.settings.keys())
    rows = [
        {
            "Setting": spoken(name),
            "Run A": str(first.settings.get(name, "–")),
            "Run B": str(second.settings.get(name, "–")),
        }
        for name in names
    ]
    return (
        pd.DataFrame(rows)
        .assign(Differs=lambda table: table["Run A"] != table["Run B"])
        .sort_values(["Differs", "Setting"], ascending=[False, True], ignore_index=True)
    )


def repeat_cards(rows: pd.DataFrame) -> list[Card]:
    """Share of the list that a group's users bought before."""
    return [
        Card(f"Bought before · {plain(r.group, limit=40)}", share(r.value), _beside(r, share))
        for r in rows.itertuples()
    ]


def list_table(shown: pd.DataFrame) -> pd.DataFrame:
    """One user's list for the screen."""
    return pd.DataFrame(
        {
            "#": shown["rank"],
            "Product": _title(shown),
            **_category(shown),
            "Before": shown["times_before"].map(lambda times: f"{times} ×" if times else "new"),
            "Next": shown["bought_next"].map({True: "✓", False: ""}),
        }
    )


def past_table(history: pd.DataFrame) -> pd.DataFrame:
    """One user's history for the screen, most often first."""
    return pd.DataFrame(
        {
            "Product": _title(history),
            **_category(history),
            "Times": history["times"],
            "Last": history["last"].dt.strftime("%-d %b %Y"),
        }
    )


def _title(items: pd.DataFrame) -> pd.Series:
    ids = items["item_id"].astype(str)
    return (
        ids
        if "title" not in items
        else items["title"].astype(object).where(items["title"].notna(), ids).map(plain)
    )


def _category(items: pd.DataFrame) -> dict[str, pd.Series]:
    return {"Category": items["category"].astype(object).map(plain)} if "category" in items else {}
