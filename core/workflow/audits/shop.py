"""What audits know of a shop's purchases: read once, then cut to a scope in memory."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property

import numpy as np
import pandas as pd

from core.data.dataset import table, users_with_numbers
from core.data.purchases import purchases
from core.data.splits import local_dates
from core.data.support import TIMING
from core.errors import InputError, NotFound
from core.fairness.exposure.item_groups import groupings
from core.fairness.groups import group_labels
from core.fairness.partition import Partition, partition
from core.fairness.pricing.purchases import DAY, Purchases, only, priced_lines, sold_by_weight
from core.schema.documents import Dataset
from core.schema.settings import AuditSettings, Scope
from core.schema.tables import (
    CATEGORY,
    CHANNEL,
    IN_CATALOGUE,
    ITEM,
    LIST_PRICE,
    PAID_PRICE,
    SPLIT,
    TIMESTAMP,
    USER,
)
from core.store.workspace import Workspace

EPOCH = date(1970, 1, 1)
MOST_WEIGHED = 0.5  # of all priced lines; with more, nothing is taken to be sold by weight
VARYING = (
    "Most products here have shelf prices far apart for one user within a week. If they are sold by weight, gaps also tell "
    "who buys larger packs."
)


@dataclass(frozen=True)
class Shop:
    """A dataset as audits read it.

    Attributes:
        bought: every purchase: `user`, `item`, `split`, and `day` (counted from 1970, local), `channel`, `category`
            (codes) where the data have them. events: the same rows as they were, with prices.
        offers: None where the data have none. zone: None where times are only an order.
    """

    dataset: Dataset
    users: pd.DataFrame
    items: pd.DataFrame
    offers: pd.DataFrame | None
    events: pd.DataFrame
    bought: pd.DataFrame
    zone: str | None

    @property
    def categories(self) -> tuple[str, ...]:
        """Names of the codes of categories; empty where the data have none."""
        return _names(self.items, CATEGORY)

    @cached_property
    def item_dimensions(self) -> tuple[str, ...]:
        """By what the items can be grouped."""
        return groupings(self.items, calendar=self.zone is not None)

    @property
    def stores(self) -> tuple[str, ...]:
        return _names(self.events, CHANNEL)

    @cached_property
    def priced(self) -> Purchases:
        """Every line with a price, also what was had for nothing. InputError where there is none."""
        return priced_lines(
            self.events,
            self.items,
            zone=self.zone,
            maximum_quantity=self.dataset.settings["maximum_quantity"],
            free=True,
        )

    @cached_property
    def weighed(self) -> np.ndarray:
        """Which of the priced lines seem to be sold by weight."""
        return sold_by_weight(self.priced)

    @property
    def prices_vary(self) -> bool:
        """Whether that many seem to be sold by weight that prices themselves may be what varies."""
        return bool(self.weighed.mean() > MOST_WEIGHED)

    @cached_property
    def comparable(self) -> np.ndarray:
        """Which of the priced lines are sold by the piece and for money, so that unit prices can be compared."""
        by_the_piece = ~self.weighed | self.prices_vary
        return by_the_piece & (self.priced.lines[PAID_PRICE].to_numpy() > 0)

    @property
    def has_prices(self) -> bool:
        return not {PAID_PRICE, LIST_PRICE}.isdisjoint(self.events)


def read_shop(workspace: Workspace, dataset: Dataset) -> Shop:
    """Everything that audits of exposure and of prices read of a dataset."""
    events, items = table(workspace, dataset, "events"), table(workspace, dataset, "items")
    events = events[purchases(events).to_numpy()]
    zone = None if TIMING in dataset.missing else dataset.settings["timezone"] or "UTC"
    bought = events[[USER, ITEM, SPLIT]].reset_index(drop=True)
    if zone is not None:
        bought[DAY] = local_dates(events[TIMESTAMP], zone).to_numpy("datetime64[D]").astype(np.int64)
    if CHANNEL in events:
        bought[CHANNEL] = events[CHANNEL].cat.codes.to_numpy()
    if CATEGORY in items:
        bought[CATEGORY] = items[CATEGORY].cat.codes.to_numpy()[bought[ITEM]]
    return Shop(
        dataset=dataset,
        users=users_with_numbers(workspace, dataset),
        items=items,
        offers=table(workspace, dataset, "offers") if "offers" in dataset.tables else None,
        events=events,
        bought=bought,
        zone=zone,
    )


def _names(frame: pd.DataFrame, column: str) -> tuple[str, ...]:
    return tuple(map(str, frame[column].cat.categories)) if column in frame else ()


def in_scope(lines: pd.DataFrame, shop: Shop, scope: Scope) -> np.ndarray:
    """Which purchase lines lie within a scope, bool (N,).

    Args:
        lines: with the columns of `Shop.bought` that the scope asks for.

    Raises:
        NotFound: no such category or store. InputError: a period is asked of data whose times are only an order.
    """
    kept = np.ones(len(lines), bool)
    for column, wanted, names in (
        (CATEGORY, scope.categories, shop.categories),
        (CHANNEL, scope.stores, shop.stores),
    ):
        if wanted:
            codes = _codes(wanted, names, "store" if column == CHANNEL else column)
            kept &= np.isin(lines[column].to_numpy(), codes)
    if (scope.start or scope.end) and DAY not in lines:
        raise InputError("The times of these data are only an order: no period can be chosen.")
    if scope.start:
        kept &= lines[DAY].to_numpy() >= day_number(scope.start)
    if scope.end:
        kept &= lines[DAY].to_numpy() <= day_number(scope.end)
    return kept


def _codes(wanted: Sequence[str], names: Sequence[str], what: str) -> list[int]:
    places = {name: place for place, name in enumerate(names)}
    for name in wanted:
        if name not in places:
            raise NotFound(f"There is no {what} '{name[:60]}' in these data.")
    return [places[name] for name in wanted]


def day_number(day: date) -> int:
    """The day, counted from 1970."""
    return (day - EPOCH).days


def prices_within(shop: Shop, scope: Scope, *, comparable: bool = False) -> Purchases:
    """The priced purchases of a scope.

    Args:
        comparable: only those whose unit prices can be compared.

    Raises:
        InputError: no prices, or nothing was bought there and then. NotFound: no such category or store.
    """
    kept = in_scope(shop.priced.lines, shop, scope)
    if not comparable:
        return only(shop.priced, kept)
    left_out = int((kept & ~shop.comparable).sum())
    if left_out and left_out == kept.sum():
        raise InputError(
            "All that was bought here was free, or is sold by weight: no unit price can be compared."
        )
    found = only(shop.priced, kept & shop.comparable)
    notes = (VARYING,) if shop.prices_vary else ()
    return replace(found, dropped=found.dropped | {"free, or sold by weight": left_out}, notes=notes)


def buyers_within(shop: Shop, scope: Scope) -> np.ndarray:
    """Codes of the users who bought anything in the stores and the period of a scope."""
    place = scope.model_copy(update={"categories": ()})
    return shop.bought.loc[in_scope(shop.bought, shop, place), USER].unique()


def lists_within(lists: pd.DataFrame, shop: Shop, scope: Scope) -> pd.DataFrame:
    """The rows of lists that a scope looks at: items of its categories, users who bought in its stores and period.

    Args:
        lists: `user`, `item`, `rank`.
    """
    kept = np.ones(len(lists), bool)
    if scope.categories:
        codes = _codes(scope.categories, shop.categories, CATEGORY)
        inside = np.isin(shop.items[CATEGORY].cat.codes.to_numpy(), codes)
        kept &= inside[lists[ITEM].to_numpy()]
    if scope.stores or scope.start or scope.end:
        kept &= np.isin(lists[USER].to_numpy(), buyers_within(shop, scope))
    return lists[kept]


def catalogue_within(shop: Shop, scope: Scope) -> pd.DataFrame:
    """The items, those outside of the scope's categories marked as no part of the catalogue."""
    if not scope.categories:
        return shop.items
    codes = _codes(scope.categories, shop.categories, CATEGORY)
    inside = np.isin(shop.items[CATEGORY].cat.codes.to_numpy(), codes)
    return shop.items.assign(**{IN_CATALOGUE: shop.items[IN_CATALOGUE] & inside})


def partitions(
    users: pd.DataFrame, codes: np.ndarray, settings: AuditSettings, *, counted: np.ndarray | None = None
) -> list[Partition]:
    """The audited users by each grouping.

    Args:
        users: row r is user code r. codes: (U,) audited users. counted: see `core.fairness.partition.partition`.

    Raises:
        InputError: fewer users than `minimum_group`. NotFound: no such attribute.
        SettingsError: the reference group is hidden.
    """
    if (len(codes) if counted is None else counted.sum()) < settings.minimum_group:
        raise InputError(
            f"Fewer than {settings.minimum_group} users are left in this part of the shop; nothing can be shown."
        )
    options = {"minimum": settings.minimum_group, "reference": settings.reference, "counted": counted}
    return [partition(group_labels(users, by, bins=settings.bins), codes, **options) for by in settings.by]
