"""Settings of the feedback-loop simulator."""

from typing import Literal

from pydantic import Field, field_validator

from core.schema.settings import Settings

PolicyName = Literal["random", "popularity", "clicks", "corrected", "fairco", "floor"]
POLICIES: tuple[PolicyName, ...] = ("random", "popularity", "clicks", "corrected", "fairco", "floor")


class SimulationSettings(Settings):
    """A shop, its customers, and how often its recommender learns from them."""

    users: int = Field(200, ge=20, le=2000, description="Customers; each comes once a round")
    items: int = Field(80, ge=20, le=1000, description="Products")
    k: int = Field(10, ge=1, le=20, description="Length of the list that a customer sees")
    rounds: int = Field(20, ge=2, le=200, description="How often the recommender learns anew")
    replications: int = Field(
        20,
        ge=5,
        le=200,
        description="Shops that are drawn; intervals are over these, and every policy gets the same",
    )
    minority: float = Field(
        0.25, ge=0.05, le=0.5, description="Share of customers whose tastes are not those of the others"
    )
    newcomers: float = Field(
        0.5, ge=0.1, le=0.9, description="Share of products of sellers that begin without any clicks"
    )
    head_start: int = Field(
        20,
        ge=0,
        le=1000,
        description="Customers that each product of the other sellers was shown to before the first round",
    )
    position_bias: float = Field(
        1.0, ge=0, le=3, description="A place is looked at with chance 1 / place to this power"
    )
    exploration: float = Field(
        0.05,
        ge=0,
        le=1,
        description="Share of lists in each round that are drawn at random, so that anything can be learnt",
    )
    control: float = Field(
        0.1, ge=0, le=10, description="How strongly fairco pushes against what is owed (its lambda)"
    )
    floor: float = Field(
        0.9,
        ge=0,
        le=1,
        description="Share of its merit that floor gives each group of products in each round",
    )
    policies: tuple[PolicyName, ...] = Field(POLICIES, min_length=1, description="How lists are made")
    seed: int = Field(7, ge=0, le=2**31 - 1, description="Seed of shops and clicks")

    @field_validator("policies")
    @classmethod
    def _each_once(cls, policies: tuple[PolicyName, ...]) -> tuple[PolicyName, ...]:
        return tuple(dict.fromkeys(policies))

    @field_validator("k")
    @classmethod
    def _fewer_than_items(cls, k: int, info) -> int:
        if k > info.data.get("items", k):
            raise ValueError("lists cannot be longer than there are items")
        return k
