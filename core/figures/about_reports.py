"""Fairness reports that were made, in sentences and tables for the screen."""

from collections.abc import Sequence

import pandas as pd

from core.figures.numbers import moment
from core.figures.text import markdown_text, plain, spoken
from core.schema.documents import KeptReport

LONGEST = 600  # characters of a sentence of a report


def report_sentence(report: KeptReport) -> str:
    """What a report says first, and of what."""
    return (
        f"**{markdown_text(report.headline, limit=LONGEST)}** {markdown_text(about(report), limit=LONGEST)}"
    )


def about(report: KeptReport) -> str:
    """Groupings, policy and time; plain text."""
    lists = f"lists under {plain(report.policy)}" if report.policy else "lists as the model made them"
    return f"Users by {groupings(report)}; {lists}, {report.split} split, top {report.k}; {moment(report.created_at)} UTC."


def groupings(report: KeptReport) -> str:
    """`age, income, age × income`."""
    return ", ".join(" × ".join(spoken(name).lower() for name in by) for by in report.groupings)


def reports_table(reports: Sequence[KeptReport]) -> pd.DataFrame:
    """Reports, newest first."""
    return pd.DataFrame(
        [
            {
                "Made (UTC)": moment(report.created_at),
                "Users by": groupings(report),
                "Policy": plain(report.policy or "none"),
                "Top": report.k,
                "Answer": plain(report.headline, limit=200),
                "SHA-256 of its content": report.content.sha256[:12],
            }
            for report in reports
        ]
    )
