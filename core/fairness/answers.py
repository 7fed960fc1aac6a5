"""What an audit says, in plain English: one sentence per grouping and metric, and one for the whole."""

from dataclasses import dataclass

import pandas as pd

from core.fairness.audit import AuditResult
from core.fairness.verdicts import EQUAL, MORE_USERS_CAP, UNDECIDED, UNEQUAL
from core.schema.settings import REST

NAMES = {"ndcg": "NDCG", "recall": "Recall", "mrr": "MRR", "coverage": "Coverage"}
CLAIMS = {"coverage": ("are shown fewer different items", "are shown more different items")}
SERVED = ("get worse recommendations", "get better recommendations")


@dataclass(frozen=True)
class Answer:
    """The summary of an audit, and the sentence of each (attribute, metric)."""

    summary: str
    sentences: dict[tuple[str, str], str]


def answer(result: AuditResult) -> Answer:
    """Put an audit into words. Names of groups stand as they are in the data: escape them where that matters."""
    gaps = result.rows[result.rows["statistic"] == "gap"]
    means = result.rows[result.rows["statistic"] == "mean"].set_index(["attribute", "metric", "group"])[
        "value"
    ]
    sentences = {}
    for attribute in result.attributes:
        for metric in result.metrics:
            of_both = gaps[(gaps["attribute"] == attribute) & (gaps["metric"] == f"{metric}_gap")]
            judged = of_both[~of_both["suppressed"]]
            sentences[attribute, metric] = _sentence(judged, means, attribute, metric)
    return Answer(_summary(gaps[~gaps["suppressed"]], result), sentences)


def metric_label(metric: str) -> str:
    """`ndcg@10` -> `NDCG@10`."""
    name, at, k = metric.partition("@")
    return NAMES.get(name, name) + at + k


def _sentence(judged: pd.DataFrame, means: pd.Series, attribute: str, metric: str) -> str:
    label = metric_label(metric)
    if judged.empty:
        return f"{label} by {attribute}: there are no two groups large enough to compare."
    unequal, undecided = (judged[judged["verdict"] == verdict] for verdict in (UNEQUAL, UNDECIDED))
    if len(unequal):
        return _unequal(unequal, len(judged), means, attribute, metric)
    if len(undecided):
        return _undecided(undecided, len(judged), attribute, label)
    widest = _widest(judged)
    return (
        f"{label} is equal within tolerance for all {_count(len(judged), 'group')} by {attribute}; the largest gap "
        f"is {_gap(widest)} ({widest['group']}, {_count(widest['n'], 'user')})."
    )


def _unequal(unequal: pd.DataFrame, n_judged: int, means: pd.Series, attribute: str, metric: str) -> str:
    row = _widest(unequal)
    own = means[attribute, metric, row["group"]]
    claim = CLAIMS.get(metric.partition("@")[0], SERVED)[int(row["value"] > 0)]
    other = "everyone else" if row["reference"] == REST else f"{attribute} {row['reference']}"
    more = len(unequal) - 1
    also = f" {more} more of {n_judged} groups {'is' if more == 1 else 'are'} unequal too." if more else ""
    return (
        f"Users with {attribute} {row['group']} {claim} than {other}: {metric_label(metric)} {own:.3f} vs "
        f"{own - row['value']:.3f}, gap {_gap(row)}, {_count(row['n'], 'user')}: unequal.{also}"
    )


def _undecided(undecided: pd.DataFrame, n_judged: int, attribute: str, label: str) -> str:
    row = _widest(undecided)
    needed = int(row["more_users"])
    decide = (
        "the gap sits on the tolerance, so that no number of users would decide it"
        if needed >= MORE_USERS_CAP
        else f"about {needed:,} more users of that group, the others growing alike, would decide it"
    )
    return (
        f"{label} by {attribute}: not enough data for {len(undecided)} of {_count(n_judged, 'group')}; the largest open "
        f"gap is {_gap(row)} ({row['group']}, {_count(row['n'], 'user')}); {decide}."
    )


def _summary(gaps: pd.DataFrame, result: AuditResult) -> str:
    if not result.tests:
        return f"Nothing was compared: there are no two groups of {result.users:,} users large enough."
    found = gaps["verdict"].value_counts()
    return (
        f"Of {_count(result.tests, 'comparison')} of {_count(result.users, 'user')}, {found.get(UNEQUAL, 0)} "
        f"{'is' if found.get(UNEQUAL, 0) == 1 else 'are'} unequal, {found.get(EQUAL, 0)} equal within tolerance "
        f"({result.tolerance}), and {found.get(UNDECIDED, 0)} lack data; corrected for "
        f"{_count(result.tests, 'test')} ({result.correction})."
    )


def _widest(rows: pd.DataFrame) -> pd.Series:
    return rows.loc[rows["value"].abs().idxmax()]


def _gap(row: pd.Series) -> str:
    digits = 3 if max(-row["low"], row["high"]) >= 0.01 else 5
    return "{:+.{d}f} [{:+.{d}f}, {:+.{d}f}]".format(*row[["value", "low", "high"]], d=digits).replace(
        "-", "−"
    )


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}" if number == 1 else f"{number:,} {word}s"
