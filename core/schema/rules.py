"""Rules of the fairness gate: what a number of an audit has to be, and who answers for it."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator

from core.schema.settings import Settings

MOST_RULES = 500


def _printable(text: str) -> str:
    text = text.strip()
    if not text or not text.isprintable():
        raise ValueError("holds nothing to read, a line break or a control character")
    return text


Line = Annotated[str, Field(max_length=120), AfterValidator(_printable)]
Number = Annotated[float, Field(strict=True)]
Statistic = Literal["mean", "gap", "ratio", "max_min"]


class Rule(Settings):
    """One rule: a number of the audit, between which limits it has to lie, and how sure that has to be.

    The default of `judge` is `surely`: a closed gate says that the rules are not shown to hold, an open one that they are.
    The other way round small groups, whose intervals are wide, would pass whatever is done to them, and "not enough
    data" would be the same as "fair".
    """

    name: Line = Field(description="What to call it")
    owner: Line = Field(description="Who answers for it, and is told when it is broken")
    section: Literal["users", "exposure", "pricing", "service"] = Field(description="Section of the audit")
    metric: Line = Field(description="As the audit has it, with or without the suffix of its statistic")
    statistic: Statistic = Field("gap", description="Which number of the metric")
    grouping: Line = Field(
        description="age, or age*income crossed; in section exposure also brand, or age*brand"
    )
    group: Line | None = Field(None, description="One group; unset: each of the grouping")
    at_least: Number | None = Field(None, description="Smallest value that keeps it")
    at_most: Number | None = Field(None, description="Largest value that keeps it")
    judge: Literal["surely", "not_surely_broken"] = Field(
        "surely",
        description="surely: kept if the whole interval lies within the limits; not_surely_broken: broken only if the "
        "whole interval lies beyond one",
    )
    if_unknown: Literal["fail", "pass"] = Field(
        "fail", description="What becomes of the gate where the audit has no such number, or must hide it"
    )

    @model_validator(mode="after")
    def _limits(self) -> "Rule":
        if self.at_least is None and self.at_most is None:
            raise ValueError("has no limit; write at_least, at_most or both")
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            raise ValueError("at_least is above at_most: nothing can keep it")
        return self


class Rules(Settings):
    """What a rules file holds."""

    rules: tuple[Rule, ...] = Field(min_length=1, max_length=MOST_RULES)
    audit: dict[str, Any] = Field(
        default_factory=dict, description="Settings of the audit, such as k; groupings come from the rules"
    )

    @field_validator("rules")
    @classmethod
    def _names_differ(cls, rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
        names = [rule.name for rule in rules]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"two rules are called '{twice}'")
        return rules
