"""Service quality of groups, in words and tables for the screen: observed beside predicted."""

from core.figures.numbers import change, count, days, decimal, share, with_interval
from core.figures.text import markdown_text

FORMS = {"points": decimal, "days": days}


def form_of(unit: str):
    """How numbers of a unit are written."""
    return FORMS.get(unit, decimal)


def difference_form(unit: str):
    """How differences of it are written."""
    return change(form_of(unit))


def overall_sentence(told, *, rows: int, title: str, unit: str) -> str:
    """Observed, expected, error and coverage of everyone together.

    Args:
        told: by name (`observed`, `expected`, `mae`, `coverage`) the row with value, low, high, n.
    """
    form = form_of(unit)
    said = {name: _with(told[name], form) for name in ("observed", "expected", "mae")}
    n = f"{count(told['observed'].n)} users, {count(rows)} test rows; each user counts once"
    return (
        f"Mean {markdown_text(title)} of all users ({n}): observed **{said['observed']}**, predicted "
        f"**{said['expected']}**. A prediction is off by {said['mae']} on average, and its 90 % interval holds "
        f"{_with(told['coverage'], share)} of what came."
    )


def _with(row, form) -> str:
    return markdown_text(with_interval(row.value, row.low, row.high, form=form), limit=120)
