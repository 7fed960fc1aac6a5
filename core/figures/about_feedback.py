"""Feedback in words and tables: what came, what could not be used and why, and what a run has not learnt from yet."""

from collections.abc import Sequence
from pathlib import PurePath

import pandas as pd

from core.data.feedback.rules import REASON_ASIDE, ROW
from core.data.watching import WhatsNew
from core.figures.numbers import count, moment
from core.figures.sentences import listed, plural
from core.figures.text import plain
from core.schema.documents import Feedback

ORIGINS = {"file": "file", "mongodb": "collection", "hand": "by hand"}
EVENTS = "events"
REACTIONS = ("shown", "clicked", "bought", "dismissed", "rated", "complained")


def feedback_sentence(one: Feedback) -> str:
    """What came in one piece, and what of it could not be used; plain text."""
    name = named(one)
    if not one.count:
        return f"{name}: no row can be used: {_reasons(one)}."
    told = ", ".join(f"{n:,} {reaction}" for reaction, n in one.reactions.items())
    said = f"{name}: {plural(one.count, 'row')} of {one.table}" + (f" ({told})" if told else "")
    return f"{said}; set aside: {_reasons(one)}." if one.aside else f"{said}; nothing was set aside."


def _reasons(one: Feedback) -> str:
    """Small first letters alone: what a rule quotes, such as how to write a time, stays as it is."""
    named = [(rule.affected, plain(rule.rule)) for rule in one.aside]
    return ", ".join(f"{n:,} × {rule[:1].lower()}{rule[1:]}" for n, rule in named)


def named(one: Feedback) -> str:
    """A piece as tables and choices call it: the file or collection, or whose list an analyst judged; plain text."""
    name = one.name.replace("list of ", "list of user ", 1) if one.origin == "hand" else one.name
    return plain(name, limit=60)


def waiting_sentence(feedback: Sequence[Feedback]) -> str:
    """How much feedback a run has not learnt from, by reaction; plain text."""
    rows = sum(one.count for one in feedback)
    if not rows:
        return "no feedback"
    told = _told(feedback)
    return f"{plural(rows, 'row')} of feedback" + (f" ({told})" if told else "")


def totals(feedback: Sequence[Feedback]) -> dict[str, int]:
    """Rows that say each reaction, over several pieces; reactions that none says are left out."""
    found = {name: sum(one.reactions.get(name, 0) for one in feedback) for name in REACTIONS}
    return {name: n for name, n in found.items() if n}


def _told(feedback: Sequence[Feedback]) -> str:
    """`1,201 shown and 30 clicked`; empty where no row says a reaction, as deliveries alone do not."""
    parts = [f"{count(n)} {reaction}" for reaction, n in totals(feedback).items()]
    return listed(parts) if parts else ""


def feedback_table(feedback: Sequence[Feedback], *, learnt: Sequence[str]) -> pd.DataFrame:
    """Every piece, newest first.

    Args:
        learnt: ids of those that the run looked at has learnt from.
    """
    return pd.DataFrame(
        [
            {
                "What": named(one),
                "Came": f"{ORIGINS[one.origin]}, {plain(one.who, limit=40)}",
                "When (UTC)": moment(one.created_at),
                "Rows": one.count,
                **{reaction.capitalize(): one.reactions.get(reaction, 0) for reaction in REACTIONS},
                "Set aside": sum(rule.affected for rule in one.aside),
                "In this run": "yes" if one.id in learnt else "no",
            }
            for one in reversed(feedback)
        ]
    )


def aside_table(feedback: Sequence[Feedback]) -> pd.DataFrame:
    """Why rows were set aside, by piece and reason."""
    return pd.DataFrame(
        [
            {
                "What": named(one),
                "Reason": plain(rule.rule, limit=120),
                "Rows": rule.affected,
                "Means": plain(rule.note, limit=160),
            }
            for one in reversed(feedback)
            for rule in one.aside
        ]
    )


def rows_aside(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows set aside as they came, for the screen: which of the file, and why, before what they hold.

    Args:
        rows: of `core.data.feedback.rules.Judged.aside`.
    """
    first = {ROW: "Row", REASON_ASIDE: "Set aside because"}
    others = [name for name in rows if name not in first]
    return rows[[*first, *others]].rename(columns=first)


def feedback_words(feedback: Sequence[Feedback]) -> str:
    """How much has come in all; Markdown."""
    if not feedback:
        return "None has come yet."
    told = _told(feedback)
    rows = sum(one.count for one in feedback)
    aside = sum(rule.affected for one in feedback for rule in one.aside)
    lost = f" {count(aside)} more {'was' if aside == 1 else 'were'} set aside." if aside else ""
    return (
        f"**{plural(rows, 'row')}** in {plural(len(feedback), 'piece')}"
        + (f": {told}." if told else ".")
        + lost
    )


def judgement_table(judgements: pd.DataFrame, titles: pd.Series) -> pd.DataFrame:
    """What analysts said of a user's lists: a row for each flagged product, and one for each rated list.

    Args:
        judgements: of `core.data.feedback.by_hand`; a rating there is a row for each product of the list. titles: by item id.
    """
    return pd.DataFrame(
        [
            {
                "What": _judged(said["item_id"], titles, rated=pd.notna(rating)),
                "Said": f"{int(rating)} of 5" if pd.notna(rating) else "flagged",
                "Reason": plain(reason, limit=200),
                "By": plain(who, limit=40),
                "When (UTC)": f"{at:%-d %b %Y, %H:%M}",
            }
            for (at, rating, reason, who), said in judgements.groupby(
                ["timestamp", "satisfaction", "reason", "who"], sort=False, dropna=False
            )
        ]
    )


def _judged(item_ids: pd.Series, titles: pd.Series, *, rated: bool) -> str:
    if rated:
        return f"the list of {plural(len(item_ids), 'product')}"
    return ", ".join(plain(titles.get(id, id), limit=60) for id in item_ids)


def since_sentence(news: WhatsNew | None, feedback: Sequence[Feedback]) -> str:
    """How much has come since a run: events, other news of the source, feedback. Markdown.

    Args:
        news: None where the source cannot be looked at.
    """
    rows = sum(one.count for one in feedback)
    parts = [] if news is None else _of_source(news)
    parts += [waiting_sentence(feedback)] if rows else []
    if parts:
        said = listed(parts)
        return f"**{said[0].upper()}{said[1:]}** came since it was trained."
    if news is None:
        return "No feedback has come since it was trained; whether there are new data is not known."
    return "Nothing has come since it was trained: no new data, no feedback."


def _of_source(news: WhatsNew) -> list[str]:
    """New events where they can be counted, and whatever else differs."""
    events = [file.lines for file in news.files if PurePath(file.name).parts[0].split(".")[0] == EVENTS]
    events += [documents.new for table, documents in news.documents.items() if table == EVENTS and documents]
    others = len(news.files) + sum(map(bool, news.documents.values())) - len(events)
    told = (
        [f"{plural(sum(events), 'new event')}"] if events and None not in events and sum(events) > 0 else []
    )
    if events and not told:
        others += len(events)
    if not others:
        return told
    return [
        *told,
        f"changes in {plural(others, 'other table') if told else plural(others, 'file or collection', 'files or collections')}",
    ]
