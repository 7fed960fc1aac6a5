"""What a metric means, for the popover that its name opens."""

from core.figures.text import markdown_text
from core.schema.definitions import Definition

LONGEST = 500  # characters of one part


def as_markdown(definition: Definition) -> str:
    """Name, meaning, formula, unit, when not to use it and source."""
    best = f"; best is {definition.ideal}" if definition.ideal else ""
    return "\n\n".join(
        (
            f"**{_text(definition.name)}**",
            _text(definition.meaning),
            f"`{definition.formula}`",
            _text(f"Unit: {definition.unit}. Range: {definition.range}{best}."),
            f"**When not to use it.** {_text(definition.avoid)}",
            f"**Source.** {_text(definition.source)}",
        )
    )


def _text(text: str) -> str:
    return markdown_text(text, limit=LONGEST)
