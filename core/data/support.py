"""What a shop's data can support, and what it would need for the rest."""

from core.schema.tables import (
    BRAND,
    CATEGORY,
    CHANNEL,
    LIST_PRICE,
    PAID_PRICE,
    PROPENSITY,
    PROVIDER_ID,
    RATING,
    SATISFACTION,
    Tables,
)

TIMING = "timing"  # what data lack whose times are only an order

# Analysis -> table and the columns of it, all of which it needs; none: the table itself.
NEEDS: dict[str, tuple[str, tuple[str, ...]]] = {
    "groups": ("users", ()),
    "categories": ("items", (CATEGORY,)),
    "brand_exposure": ("items", (BRAND,)),
    "provider_exposure": ("items", (PROVIDER_ID,)),
    "pricing": ("events", (LIST_PRICE,)),
    "discounts": ("events", (LIST_PRICE, PAID_PRICE)),
    "channels": ("events", (CHANNEL,)),
    "offers": ("offers", ()),
    "promotions": ("promotions", ()),
    "service": ("service", (SATISFACTION,)),
    "reviews": ("reviews", (RATING,)),
    "policy_evaluation": ("impressions", (PROPENSITY,)),
}


def missing(tables: Tables) -> dict[str, str]:
    """Analyses that the tables do not support, each with what it needs, e.g. `events.list_price`.

    A source says in `attrs["missing"]` of a table what cannot be told from the columns that are there.
    """
    present = tables.present()
    lacking = {}
    for analysis, (table, columns) in NEEDS.items():
        if table not in present:
            lacking[analysis] = f"{table} table" + (f" with {', '.join(columns)}" if columns else "")
        elif absent := [f"{table}.{name}" for name in columns if name not in present[table]]:
            lacking[analysis] = ", ".join(absent)
        elif table == "users" and len(present[table].columns) < 2:
            lacking[analysis] = "users with a column per attribute, such as age"
    for table in present.values():
        lacking |= table.attrs.get("missing", {})
    return lacking
