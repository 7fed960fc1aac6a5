"""What a model's card says of paired differences to the rules beside it."""

from collections.abc import Set

from core.models.user_term import UserTerm
from core.schema.documents import Measured

BETTER, WORSE, OPEN = "better in", "worse in", "no difference shown in"


def against(rule: str, differences: dict[str, Measured], *, lower: Set[str] = frozenset()) -> str:
    """One sentence on the model against one rule.

    Args:
        rule: its name in the sentence. differences: model less rule, by metric; a difference is shown where its
            interval lies on one side of zero. lower: metrics of which less is better.
    """
    told: dict[str, list[str]] = {}
    for metric, number in differences.items():
        ends = "" if number.low is None else f" [{number.low:+.4f}, {number.high:+.4f}]"
        told.setdefault(_verdict(number, metric in lower), []).append(f"{metric} {number.value:+.4f}{ends}")
    parts = [f"{verdict} {', '.join(told[verdict])}" for verdict in (BETTER, WORSE, OPEN) if verdict in told]
    return f"against {rule}: {'; '.join(parts)}."


def _verdict(number: Measured, lower: bool) -> str:
    if number.low is None or number.low <= 0 <= number.high:
        return OPEN
    return BETTER if (number.low > 0) != lower else WORSE


def about_vectors(term: UserTerm | None, *, tried: bool) -> list[str]:
    """Whether the recommender's user vectors are used; nothing where there were none to try."""
    if not tried:
        return []
    if term is None:
        return [
            "the recommender's user vectors were tried and left out, for validation was not clearly better."
        ]
    return ["the recommender's user vectors are used, for validation was clearly better."]
