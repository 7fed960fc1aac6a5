"""Saved policies and what the shop is served, in sentences and tables for the screen."""

from collections.abc import Mapping, Sequence

import pandas as pd

from core.figures.about_policy import STEP_WORDS, stage
from core.figures.numbers import MISSING, count, fine, interval, moment
from core.figures.text import markdown_text, plain
from core.schema.documents import Policy, Publication, Serving

WAYS = {"publish": "published", "rollback": "rolled back"}


def served_sentence(log: Sequence[Serving], named: Mapping[str, Policy], lists: Publication | None) -> str:
    """What the shop reads now.

    Args:
        log: newest first. named: policies by id. lists: the publication that is served.
    """
    if not log or lists is None:
        return "**Nothing is published yet.** A shop that reads its lists from here finds none."
    now, policy = log[0], named.get(log[0].policy)
    name = markdown_text(policy.reference if policy else now.policy)
    return (
        f"**The shop reads {name}**: the first {lists.k} products of {count(lists.users)} users, {WAYS[now.by]} by "
        f"{markdown_text(now.author)} on {moment(now.at)} (UTC)."
    )


def saved_table(policies: Sequence[Policy]) -> pd.DataFrame:
    """Saved policies, newest first."""
    return pd.DataFrame(
        [
            {
                "Policy": plain(policy.reference),
                "Aim": plain(policy.aim),
                "Steps": " → ".join(_steps(policy)) or "none",
                "Top": policy.settings["k"],
                "NDCG, validation": _measured(policy),
                "Author": plain(policy.author),
                "Saved": moment(policy.created_at),
            }
            for policy in policies
        ]
    )


def _steps(policy: Policy) -> list[str]:
    """Its steps as they run."""
    names = sorted((step["step"] for step in policy.settings["steps"]), key=stage)
    return [STEP_WORDS.get(name, plain(name)) for name in names]


def _measured(policy: Policy) -> str:
    """How accuracy changed when it was saved."""
    if policy.measured is None:
        return MISSING
    row = policy.measured["change"][f"ndcg@{policy.measured['k']}"]
    return f"{fine(row['value'])} {interval(row['low'], row['high'], form=fine)}".strip()


def log_table(log: Sequence[Serving], named: Mapping[str, Policy]) -> pd.DataFrame:
    """What was served, newest first."""
    return pd.DataFrame(
        [
            {
                "#": serving.number,
                "Policy": plain(
                    named[serving.policy].reference if serving.policy in named else serving.policy
                ),
                "When (UTC)": moment(serving.at),
                "How": WAYS[serving.by],
                "By": plain(serving.author),
                "Publication": serving.publication,
            }
            for serving in log
        ]
    )
