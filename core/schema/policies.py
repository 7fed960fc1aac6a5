"""What a policy is made of: steps of re-ranking by name, each with its settings."""

from typing import Any

from pydantic import Field, model_validator

from core.schema.settings import LONGEST_LIST, Settings

MOST_STEPS = 8


class Step(Settings):
    """One step: the name of a re-ranker and its settings, which are checked by the re-ranker's own."""

    step: str = Field(description="Name of the re-ranker")
    settings: dict[str, Any] = Field(
        default_factory=dict, description="Its settings; unset ones have their default"
    )


class PolicySettings(Settings):
    """What is done to everyone's candidates, in the order correct, calibrate, exposure, diversity."""

    steps: tuple[Step, ...] = Field(
        (), max_length=MOST_STEPS, description="Steps; none: lists stay as the model made them"
    )
    k: int = Field(10, ge=1, le=LONGEST_LIST, description="Length of the list that a user sees")
    width: int = Field(
        LONGEST_LIST, ge=1, le=LONGEST_LIST, description="Candidates of each user that may be shown"
    )

    @model_validator(mode="after")
    def _wide_enough(self) -> "PolicySettings":
        if self.width < self.k:
            raise ValueError(f"width {self.width} leaves too few candidates for lists of {self.k}")
        return self
