"""Where saved policies stand between a proposal and an approval, in words for the screen."""

from collections.abc import Mapping, Sequence

from core.figures.numbers import moment
from core.figures.text import markdown_text, plain
from core.schema.documents import Decision, Policy

NEVER = "not proposed"


def standings(policies: Sequence[Policy], last: Mapping[str, Decision]) -> list[str]:
    """A cell for each policy: what was decided last, by whom and when.

    Args:
        last: decisions by id of the policy.
    """
    return [_standing(last.get(policy.id)) for policy in policies]


def _standing(decision: Decision | None) -> str:
    if decision is None:
        return NEVER
    return f"{decision.decided} by {plain(decision.author)}, {moment(decision.at)}"


def comments(policies: Sequence[Policy], last: Mapping[str, Decision]) -> list[str]:
    """A cell for each policy: what was said with the last decision."""
    return [plain(last[policy.id].comment, limit=200) if policy.id in last else "" for policy in policies]


def standing_sentence(policy: Policy, decision: Decision | None) -> str:
    """Where one policy stands, with what was said: Markdown."""
    name = markdown_text(policy.reference)
    if decision is None:
        return (
            f"**{name} was not proposed yet.** Whoever answers for it proposes it, and somebody else decides."
        )
    said = f" They say: “{markdown_text(decision.comment, limit=2000)}”." if decision.comment else ""
    who = f"by {markdown_text(decision.author)} on {moment(decision.at)} (UTC)"
    if decision.decided == "proposed":
        others = "Neither of those who saved and proposed it can approve it."
        return f"**{name} was proposed** {who}.{said} {others}"
    return f"**{name} was {decision.decided}** {who}.{said}"
