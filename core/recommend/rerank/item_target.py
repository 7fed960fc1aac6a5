"""Which groups of items a re-ranker looks at, and the share that each should get."""

from pydantic import Field

from core.schema.settings import Settings, TargetKind


class ItemTargetSettings(Settings):
    """Groups of items and their target, as in audits of exposure."""

    items_by: str | None = Field(
        None,
        description="Groups of items: brand, provider_id, category, ...; unset: the first that there is",
    )
    target: TargetKind = Field(
        "catalogue", description="Share that a group of items should get: its share of what"
    )
    purchase_weight: float = Field(
        0.5, ge=0, le=1, description="Weight of purchases in the target blend; the rest is the catalogue"
    )
