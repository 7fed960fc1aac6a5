"""What a metric means, for whoever reads its number."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Definition:
    """A metric in words.

    Attributes:
        name: as shown on a page. formula: plain text. meaning: one sentence, what higher means included.
        unit: of the value. range: how far it can go. ideal: the value that is best, or parity; empty where none is.
        source: paper, venue, year; "ours" where there is none. avoid: when not to use it.
        section: of the audit's rows: users, exposure, pricing or service.
    """

    name: str
    formula: str
    meaning: str
    unit: str
    range: str
    ideal: str
    source: str
    avoid: str
    section: str
