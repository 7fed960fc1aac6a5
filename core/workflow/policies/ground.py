"""What re-ranking may know of a shop when lists are made: nothing from the split that they are for, or later."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from core.data.catalogue import POPULARITY_BANDS, popularity_bands
from core.errors import InputError, NotFound, SettingsError
from core.fairness.exposure.attention import position_weights
from core.fairness.exposure.item_groups import AGE, ItemGroups, item_groups
from core.fairness.exposure.targets import target_shares
from core.fairness.groups import group_labels
from core.fairness.pricing.steering import price_percentiles
from core.fairness.quality.shown import shares_had
from core.fairness.suppression import SHOWN, group_states
from core.recommend.rerank.item_target import ItemTargetSettings
from core.schema.settings import BINS, KNOWN_BEFORE, Moment, Scope
from core.schema.tables import ITEM, LIST_PRICE, PROVIDER_ID, SPLIT, USER
from core.workflow.audits.pricing import deals_before
from core.workflow.audits.shop import Shop

PROVIDER_SIZE = "provider_size"


def item_dimensions(shop: Shop) -> tuple[str, ...]:
    """What re-rankers may group the items by: as audits do, and by the size of their sellers."""
    return (*shop.item_dimensions, *((PROVIDER_SIZE,) if PROVIDER_ID in shop.items else ()))


@dataclass(frozen=True)
class UserGroups:
    """Users by group: codes (U,), 0 .. G - 1 for the named groups and G for users of groups too small to be told apart."""

    names: tuple[str, ...]
    codes: np.ndarray


@dataclass(frozen=True)
class Ground:
    """A shop before a split, or with all that is known by now, for lists of k.

    Attributes:
        vectors: gives the model's item vectors, (I, D) unit rows of the catalogue.
    """

    shop: Shop
    split: Moment
    k: int
    minimum_group: int
    vectors: Callable[[], np.ndarray]

    @property
    def n_items(self) -> int:
        """Items of the catalogue."""
        return self.shop.dataset.counts["catalogue"]

    @property
    def weights(self) -> np.ndarray:
        """(k,) of places, sum 1."""
        return position_weights(self.k)

    @cached_property
    def before(self) -> pd.DataFrame:
        """Purchases of the catalogue before the split: `user`, `item`."""
        bought = self.shop.bought
        known = (bought[SPLIT] < KNOWN_BEFORE[self.split]) & (bought[ITEM] < self.n_items)
        return bought.loc[known, [USER, ITEM]]

    @cached_property
    def taken(self) -> np.ndarray:
        """(I,) purchases of each item before the split."""
        return np.bincount(self.before[ITEM], minlength=self.n_items)

    @cached_property
    def _grouped(self) -> dict[tuple, ItemGroups | UserGroups]:
        """What was grouped already: knobs and steps ask for the same again and again."""
        return {}

    def item_groups(self, by: str | None) -> ItemGroups:
        """Groups of the catalogue's items; by the first attribute there is where none is named.

        Raises:
            SettingsError: the items cannot be grouped. NotFound: no such attribute.
        """
        known = item_dimensions(self.shop)
        if by is None and not known:
            raise SettingsError("The items of these data have nothing to group them by.")
        by = by or known[0]
        key = "items", by
        if key not in self._grouped:
            self._grouped[key] = self._item_groups(by)
        return self._grouped[key]

    def items_of(self, by: str | None, name: str) -> np.ndarray:
        """bool (I,) which items are of a group.

        Raises:
            SettingsError, NotFound: as `item_groups`; NotFound where there is no group of that name, too.
        """
        groups = self.item_groups(by)
        if name not in groups.names:
            raise NotFound(
                f"There is no group '{name[:60]}' of {groups.attribute}; there are: {', '.join(groups.names)[:300]}."
            )
        return groups.codes == groups.names.index(name)

    def _item_groups(self, by: str) -> ItemGroups:
        if by == PROVIDER_SIZE:
            return self._provider_sizes()
        return item_groups(self.shop.items, by, events=self.shop.events if by == AGE else None)

    def _provider_sizes(self) -> ItemGroups:
        """Items by how much is bought of their provider: the few that sell half of everything, and so on."""
        if PROVIDER_ID not in self.shop.items:
            raise NotFound("These data name no providers of items.")
        provider = pd.factorize(self.shop.items[PROVIDER_ID].astype("str").iloc[: self.n_items])[0]
        sold = np.bincount(provider, self.taken)
        band = popularity_bands(sold, np.ones(len(sold), bool))
        names = tuple(name for name in POPULARITY_BANDS if (band == name).any())
        return ItemGroups(PROVIDER_SIZE, names, np.array([names.index(name) for name in band])[provider])

    def target(self, groups: ItemGroups, settings: ItemTargetSettings) -> np.ndarray:
        """(H,) the share of attention that each group should get."""
        return target_shares(
            groups, settings.target, purchases=self.taken, weight=settings.purchase_weight
        ).shares

    def tastes(self, groups: ItemGroups) -> np.ndarray:
        """(U, H) shares of the groups in what each user bought before; NaN of users without purchases."""
        everyone = np.arange(len(self.shop.users))
        return shares_had(self.before, everyone, groups.codes, n_labels=len(groups.names))

    @cached_property
    def price_percentiles(self) -> np.ndarray:
        """(I,) of the catalogue; InputError where items have no prices."""
        if LIST_PRICE not in self.shop.items:
            raise InputError("The items of these data have no price, so no list can be dear or cheap.")
        return price_percentiles(self.shop.items)[: self.n_items]

    @cached_property
    def deals(self) -> np.ndarray:
        """bool (I,) which items are on offer just before the split; InputError where no purchase tells."""
        found = deals_before(self.shop, Scope(), self.split)
        if found is None:
            raise InputError("These data do not tell which items are on offer before the lists are made.")
        return (np.nan_to_num(found[0]) > 0)[: self.n_items]

    def user_groups(self, by: str, bins: int = BINS) -> UserGroups:
        """Users by one attribute; those of groups that an audit hides are in none.

        Args:
            bins: groups that a number with many values is cut into.

        Raises:
            NotFound: no such attribute.
        """
        key = "users", by, bins
        if key not in self._grouped:
            self._grouped[key] = self._user_groups(by, bins)
        return self._grouped[key]

    def users_of(self, by: str, name: str, bins: int = BINS) -> np.ndarray:
        """bool (U,) which users are of a group.

        Raises:
            NotFound: no such attribute, or no group of that name that may be told apart.
        """
        groups = self.user_groups(by, bins)
        if name not in groups.names:
            raise NotFound(f"There is no group '{name[:60]}' of {by} that may be told apart.")
        return groups.codes == groups.names.index(name)

    def _user_groups(self, by: str, bins: int) -> UserGroups:
        found = group_labels(self.shop.users, (by,), bins=bins)
        counts = np.bincount(found.codes, minlength=len(found.names))
        enough = group_states(counts, self.minimum_group) == SHOWN
        names = tuple(name for name, shown in zip(found.names, enough, strict=True) if shown)
        code = np.where(enough, np.cumsum(enough) - 1, len(names))
        return UserGroups(names, code[found.codes].astype(np.int32))
