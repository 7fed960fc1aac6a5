"""What a reader of an audit must know besides the numbers, in words."""

from core.fairness.correction import needed_permutations
from core.fairness.coverage import common_size
from core.fairness.partition import Partition
from core.schema.settings import AuditSettings


def tolerance_words(settings: AuditSettings) -> str:
    """`10 % of the mean over all users (coverage: 20 %)`."""
    others = ", ".join(f"{name}: {100 * share:g} %" for name, share in settings.tolerances.items())
    return f"{100 * settings.tolerance:g} % of the mean over all users" + (f" ({others})" if others else "")


def notes(
    parts: list[Partition], metrics: tuple[str, ...], tests: int, permutations: int, settings: AuditSettings
) -> tuple[str, ...]:
    """Sentences on coverage, hidden groups, permutations and the reference, where there is something to say."""
    found = [
        f"{metrics[-1]} by {part.attribute} is the expected share of the catalogue that {common_size(part.n)} users of "
        "a group see together, so that large and small groups compare."
        for part in parts
        if part.n_shown
    ]
    if any(part.n_hidden for part in parts):
        found.append(
            f"Hidden groups have fewer than {settings.minimum_group} users, or would let such a group be worked out by "
            "subtraction. Their users count among everyone else."
        )
    if permutations < needed_permutations(tests, settings):
        found.append(
            f"{permutations:,} permutations were made: too few for one finding alone to survive correction for {tests:,} "
            "tests."
        )
    elif permutations > settings.permutations:
        found.append(
            f"{permutations:,} permutations were made, so that p-values can survive correction for {tests:,} tests."
        )
    elsewhere = [
        part.attribute for part in parts if settings.reference and settings.reference not in part.names
    ]
    if elsewhere:
        found.append(
            f"'{settings.reference}' is no group by {', '.join(elsewhere)}: there the reference is the rest."
        )
    return tuple(found)
