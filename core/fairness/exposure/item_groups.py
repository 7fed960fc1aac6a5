"""Groups of items: by brand, provider, category, price, popularity, or whether they are new."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.data.purchases import purchases
from core.data.splits import TRAIN
from core.errors import NotFound, SettingsError
from core.schema.tables import (
    BRAND,
    CATEGORY,
    IN_CATALOGUE,
    ITEM,
    OTHERS,
    POPULARITY_BAND,
    PRICE_BAND,
    PROVIDER_ID,
    SPLIT,
    TIMESTAMP,
    UNKNOWN,
)

AGE = "new_or_old"
COLUMNS = (BRAND, PROVIDER_ID, CATEGORY, PRICE_BAND, POPULARITY_BAND)
NEW, OLD, NOT_YET_SOLD = "new", "old", "not yet sold"
MOST = 12
NEW_DAYS = 28


@dataclass(frozen=True)
class ItemGroups:
    """A partition of the catalogue.

    Attributes:
        attribute: what divides the items, such as `brand`.
        names: (H,) every group has an item; "all others" and "Unknown" last, in this order.
        codes: (I,) group of each catalogue item.
        joined: how many groups "all others" stands for.
    """

    attribute: str
    names: tuple[str, ...]
    codes: np.ndarray
    joined: int = 0

    @property
    def sizes(self) -> np.ndarray:
        """(H,) items of each group."""
        return np.bincount(self.codes, minlength=len(self.names))


def groupings(items: pd.DataFrame, *, calendar: bool) -> tuple[str, ...]:
    """By what these items can be grouped: attributes with at least two values in the catalogue."""
    inside = items[items[IN_CATALOGUE]]
    known = [name for name in COLUMNS if name in items and _labels(inside[name]).nunique() > 1]
    return (*known, AGE) if calendar else tuple(known)


def item_groups(
    items: pd.DataFrame,
    by: str,
    *,
    events: pd.DataFrame | None = None,
    most: int = MOST,
    new_days: int = NEW_DAYS,
) -> ItemGroups:
    """The groups of catalogue items by one attribute.

    The largest groups (by items) keep their names, `most` groups in all: the smaller ones become "all others".
    "Unknown" is never joined. By `new_or_old`: new is first sold within the last `new_days` days of the training
    window; items without a sale in it (a catalogue may hold some) are "not yet sold".

    Args:
        items: row r is item code r, catalogue first. events: needed for `new_or_old`.

    Raises:
        NotFound: no such attribute. SettingsError: it makes one group only, or `most` is under 2.
    """
    if most < 2:
        raise SettingsError(f"At most {most} groups of items leaves nothing to compare; choose two or more.")
    inside = items[items[IN_CATALOGUE].to_numpy(dtype=bool)]
    if by == AGE and events is not None:
        labels = _age(events, len(inside), new_days)
    elif by in COLUMNS and by in items:
        labels = _labels(inside[by])
    else:
        known = ", ".join(name for name in COLUMNS if name in items) or "none"
        raise NotFound(f"Items cannot be grouped by '{by[:60]}'; there are: {known}.")
    names, joined = _names(labels, most)
    if len(names) < 2:
        raise SettingsError(
            f"All items of the catalogue have one {by.replace('_', ' ')}: nothing to compare."
        )
    places = {name: place for place, name in enumerate(names)}
    codes = labels.map(places).fillna(places.get(OTHERS, -1)).to_numpy(dtype=np.int64)
    return ItemGroups(by, names, codes, joined)


def _labels(values: pd.Series) -> pd.Series:
    """Text of each item; missing and blank is Unknown. What the data themselves call "all others" gets quotes."""
    text = values.astype("str").str.strip().replace("", None).fillna(UNKNOWN)
    found = text.where(text != OTHERS, f"'{OTHERS}'").astype(object)
    order = [str(name) for name in values.cat.categories] if _ordered(values) else sorted(found.unique())
    found.attrs["order"] = order
    return found


def _ordered(values: pd.Series) -> bool:
    return isinstance(values.dtype, pd.CategoricalDtype) and bool(values.cat.ordered)


def _names(labels: pd.Series, most: int) -> tuple[tuple[str, ...], int]:
    """Names of the groups, and how many were joined."""
    sizes = labels.value_counts()
    known = [name for name in labels.attrs["order"] if name in sizes.index and name != UNKNOWN]
    last = (UNKNOWN,) if UNKNOWN in sizes.index else ()
    if len(known) + len(last) <= most:
        return (*known, *last), 0
    largest = sorted(known, key=lambda name: -sizes[name])[: max(most - 1 - len(last), 0)]
    kept = [name for name in known if name in largest]
    return (*kept, OTHERS, *last), len(known) - len(kept)


def _age(events: pd.DataFrame, n_catalogue: int, new_days: int) -> pd.Series:
    """New, old or not yet sold, for each catalogue item; from the training window alone."""
    sold = events[(events[SPLIT] == TRAIN) & purchases(events) & (events[ITEM] < n_catalogue)]
    first = sold.groupby(ITEM)[TIMESTAMP].min().reindex(range(n_catalogue))
    since = events.loc[events[SPLIT] == TRAIN, TIMESTAMP].max() - pd.Timedelta(days=new_days)
    found = np.select([first.isna(), first > since], [NOT_YET_SOLD, NEW], OLD)
    labels = pd.Series(found, dtype=object)
    labels.attrs["order"] = [NEW, OLD, NOT_YET_SOLD]
    return labels
