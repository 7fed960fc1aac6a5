"""Alerts: what broke a rule, and who has seen it."""

from typing import Literal

from pydantic import BaseModel

from core.schema.documents import Document

ALERTS, ACKNOWLEDGEMENTS = "alerts", "acknowledgements"


class Finding(BaseModel):
    """A number that a rule is about, and what follows from its interval; without numbers where these are unknown."""

    group: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    n: int | str | None = None
    outcome: Literal["kept", "broken", "unknown"]
    why: str


class Alert(Document):
    """A rule that was broken; one for each rule and each run, or file of lists. It never changes."""

    rule: str
    owner: str
    run: str | None  # None: lists of another system, named by the file that they came in
    dataset: str
    recommendations: str | None
    split: str
    number: str  # section, metric, statistic and grouping in words
    limits: str  # in words
    found: list[Finding]  # the groups that broke it, the worst first
    at: str


class Acknowledgement(Document):
    """Somebody has seen an alert; there may be several of one."""

    alert: str
    author: str
    comment: str
    at: str
