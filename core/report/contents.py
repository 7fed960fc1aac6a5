"""What a fairness report holds. The JSON beside the page is this, and its JSON Schema follows from it."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from core.schema.documents import Artefact, Measured, RuleCount

VERSION = 1
SCHEMA = "https://json-schema.org/draft/2020-12/schema"
Verdict = Literal["unequal", "equal_within_tolerance", "not_enough_data"]


class Content(BaseModel):
    """A part of a report: every field is known, and every number is finite."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class Row(Content):
    """One number of the audit (core/fairness/rows.py); a suppressed one has no number, and its n is `hidden`."""

    section: str
    attribute: str
    group: str
    metric: str
    statistic: str
    value: float | None
    low: float | None
    high: float | None
    n: int | str | None
    reference: str | None
    p_value: float | None
    p_adjusted: float | None
    null_low: float | None
    null_high: float | None
    tolerance: float | None
    verdict: Verdict | None
    suppressed: bool
    small: bool
    more_users: int | None
    detectable: float | None


class Question(Content):
    """One question with its answer; its tests are corrected for together."""

    title: str
    summary: str
    tests: int
    users: int
    notes: list[str]
    rows: list[Row]


class Group(Content):
    """How many users a group has, and how many of them can be judged; a hidden one has no number."""

    attribute: str
    group: str
    users: int | None
    judged: int | None
    hidden: bool


class DataCard(Content):
    """Where the data come from, what was done to them, whom they are about, and what they cannot support."""

    dataset: str
    name: str
    source: str
    prepared_at: str
    period: dict[str, str]
    split: str = Field(description="How time or users were divided, in words")
    counts: dict[str, int]
    attributes: list[str]
    protected: list[str]
    groups: list[Group]
    cleaning: list[RuleCount]
    notes: list[str]
    cannot_support: dict[str, str]
    settings: dict[str, Any]
    tables: dict[str, Artefact]


class CardMetric(Content):
    """One number of a model beside the plain rule that does best in it; the difference is paired."""

    title: str
    better: str | None
    model: Measured
    best_rule: str | None
    rule: Measured | None
    difference: Measured | None
    shown: str | None


class CardModel(Content):
    """One model of the run."""

    title: str
    what: str
    sentence: str
    metrics: list[CardMetric]
    notes: list[str]


class ModelCard(Content):
    """The run, how it was trained, and how good each of its models is."""

    run: str
    name: str
    made_at: str
    brought: bool = Field(description="Another system made the lists: nothing was trained here")
    training: list[str]
    settings: dict[str, Any]
    models: list[CardModel]
    artefacts: dict[str, Artefact]


class Signed(Content):
    """What somebody decided about the policy."""

    decided: str
    author: str
    comment: str
    at: str


class Policy(Content):
    """What is done to the lists before customers see them, who answers for it, and what it did on validation."""

    reference: str | None = Field(description="name@version where it was saved")
    id: str | None
    aim: str | None
    author: str | None
    note: str | None
    served: bool = Field(description="Whether the shop is served by it now")
    steps: str
    settings: dict[str, Any]
    decisions: list[Signed]
    trade_off: dict[str, Any] | None = Field(
        description="Accuracy of the same users before and after, on validation"
    )
    confirmations: list[dict[str, Any]] = Field(
        description="What it did on test, each time that was looked at"
    )


class TradeOff(Content):
    """What could be had at which accuracy: every re-ranker and its knob, on validation (`core frontier`)."""

    sentences: list[str] = Field(description="One for each disparity")
    frontier: dict[str, Any]


class Report(Content):
    """A fairness report of one run."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, title="Evenhand fairness report")

    format: Literal["evenhand-fairness-report"] = "evenhand-fairness-report"
    version: Literal[1] = VERSION
    made_at: str
    made_with: dict[str, str] = Field(description="Evenhand and the packages that its numbers rest on")
    split: Literal["validation", "test"]
    settings: dict[str, Any] = Field(description="AuditSettings: groupings, statistics, tolerances")
    answer: list[str] = Field(description="One sentence for all, one for each grouping")
    methods: list[str]
    limits: list[str]
    data: DataCard
    model: ModelCard
    questions: list[Question]
    unanswered: dict[str, str] = Field(description="Questions that these data cannot answer, and why")
    before: Question | None = Field(description="The first question for the lists without the policy")
    policy: Policy | None
    trade_off: TradeOff | None
    reproduce: list[str] = Field(description="Commands, in their order")


def schema() -> dict[str, Any]:
    """The JSON Schema of a report's file, which also names the schema that it keeps to."""
    found = Report.model_json_schema()
    named = {"$schema": {"type": "string", "description": "The file of this schema"}}
    return {"$schema": SCHEMA, **found, "properties": named | found["properties"]}
