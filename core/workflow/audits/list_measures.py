"""What lists are to each user: what they show, against what the user had before and went on to buy."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.fairness.exposure.attention import Attention, place_items, position_weights
from core.fairness.exposure.item_groups import AGE, item_groups
from core.fairness.exposure.measures import Bought, buyers_of
from core.fairness.exposure.popularity import average_popularity, profile_popularity
from core.fairness.quality.envy import envy_metrics, list_utilities, purchases_as_utility, sampled_envy
from core.fairness.quality.opportunity import lift_contributions, opportunity_contributions
from core.fairness.quality.shown import largest, shares_had, shares_shown, with_others
from core.fairness.quality.taste import taste_divergence
from core.metrics import NOTHING
from core.schema.settings import SPLITS, AuditSettings, Split
from core.schema.tables import CATEGORY, IN_CATALOGUE, ITEM, RANK, SPLIT, USER
from core.workflow.audits.shop import Shop, catalogue_within, lists_within

TASTE, ENVY, ENVY_FREE = "taste_divergence", "envy", "envy_free"
LISTS_OF_OTHERS = 20  # that each user's own list is held against
MOST_SHOWN, MOST_HAD = 8, 12  # groups of items whose shares are told apart; all others are together


@dataclass(frozen=True)
class ListMeasures:
    """Measures of single users, and what they add to measures of groups.

    Attributes:
        single: (U,) by metric, NaN where a user has none. worth: mean of what the users' own lists are worth to them,
            the unit of envy. chances: (U, 4) of `opportunity_contributions`. lift: (U, 2) of `lift_contributions`.
        shares: (U, C) of groups of items in what is shown, divided by `by`; None where nothing divides the items.
    """

    single: dict[str, np.ndarray]
    worth: float
    chances: np.ndarray
    lift: np.ndarray
    shares: np.ndarray | None
    by: str | None


@dataclass(frozen=True)
class _Lists:
    """The audited users' lists, and purchases of what could have been shown.

    Attributes:
        shown: `user`, `item`, `rank` of the first k. items: (U, k) the same by place, NOTHING where there is none.
        weights: (k,) attention by place. before, after: `user`, `item` of all users' purchases before the split, and
            in it. catalogue: bool (I,).
    """

    codes: np.ndarray
    shown: pd.DataFrame
    items: np.ndarray
    weights: np.ndarray
    before: pd.DataFrame
    after: pd.DataFrame
    catalogue: np.ndarray


def list_measures(
    shop: Shop, lists: pd.DataFrame, codes: np.ndarray, settings: AuditSettings, *, split: Split
) -> ListMeasures:
    """All measures of the lists of some users.

    Args:
        lists: `user`, `item`, `rank`, made for the split. codes: (U,) the audited users.

    Raises:
        SettingsError, NotFound: the items cannot be grouped as the settings ask.
    """
    found = _lists(shop, lists, codes, settings, split)
    divided = _shares(shop, found, settings)
    single, worth, chances = _against_purchases(found, settings.seed)
    if divided is None:
        return ListMeasures(single, worth, chances, _lift(found), None, None)
    shown, had, by = divided
    kept = largest(had, MOST_HAD)
    taste = taste_divergence(with_others(had, kept), with_others(shown, kept))
    shares = with_others(shown, largest(shown, MOST_SHOWN))
    return ListMeasures({TASTE: taste} | single, worth, chances, _lift(found), shares, by)


def _lists(
    shop: Shop, lists: pd.DataFrame, codes: np.ndarray, settings: AuditSettings, split: Split
) -> _Lists:
    catalogue = catalogue_within(shop, settings.scope)[IN_CATALOGUE].to_numpy(bool)
    first = lists[lists[RANK] <= settings.k]
    shown = lists_within(first[catalogue[first[ITEM].to_numpy()]], shop, settings.scope)
    placed = place_items(shown, codes, k=settings.k, n_catalogue=len(catalogue))
    items = np.full((len(codes), settings.k), NOTHING)
    items[pd.Index(codes).get_indexer(placed.users)] = placed.items
    bought = shop.bought.loc[catalogue[shop.bought[ITEM].to_numpy()], [USER, ITEM, SPLIT]]
    at = SPLITS.index(split)
    return _Lists(
        codes=codes,
        shown=shown,
        items=items,
        weights=position_weights(settings.k, Attention(settings.attention, settings.going_on)),
        before=bought[bought[SPLIT] < at],
        after=bought[bought[SPLIT] == at],
        catalogue=catalogue,
    )


def _shares(shop: Shop, found: _Lists, settings: AuditSettings) -> tuple[np.ndarray, np.ndarray, str] | None:
    """Shares of groups of items in what each user is shown and had, (U, C) each, and what divides them."""
    known = shop.item_dimensions
    by = settings.items_by or (CATEGORY if CATEGORY in known else next(iter(known), None))
    if by is None:
        return None
    events = shop.events if by == AGE else None
    groups = item_groups(shop.items, by, events=events, most=max(len(shop.items), 2))
    labels = np.zeros(len(shop.items), np.int64)
    labels[: len(groups.codes)] = (
        groups.codes
    )  # the catalogue comes first, and of the others nothing is asked
    options = {"n_labels": len(groups.names)}
    shown = shares_shown(found.shown, found.codes, labels, weights=found.weights, **options)
    return shown, shares_had(found.before, found.codes, labels, **options), by


def _against_purchases(found: _Lists, seed: int) -> tuple[dict[str, np.ndarray], float, np.ndarray]:
    """Envy and freedom from it, what own lists are worth, and contributions to equal opportunity."""
    places = pd.Index(found.codes).get_indexer(found.after[USER])
    wanted = found.after.assign(place=places)[places >= 0].drop_duplicates([USER, ITEM])
    utility = purchases_as_utility(wanted["place"].to_numpy(), wanted[ITEM].to_numpy(), len(found.catalogue))
    rows, listed = np.arange(len(found.codes)), found.items != NOTHING
    hits = (utility(rows, np.where(listed, found.items, 0)) * listed).sum(axis=1)
    positives = np.bincount(wanted["place"], minlength=len(rows))
    drawn = {"others": LISTS_OF_OTHERS, "rng": np.random.default_rng(seed)}
    envies = envy_metrics(sampled_envy(found.items, utility, weights=found.weights, **drawn))
    envies[positives == 0] = np.nan  # nothing is worth anything to them
    worth = list_utilities(rows, found.items, utility, found.weights)
    return (
        {ENVY: envies[:, 0], ENVY_FREE: envies[:, 1]},
        float(worth.mean()),
        opportunity_contributions(
            hits, positives, listed.sum(axis=1), n_catalogue=int(found.catalogue.sum())
        ),
    )


def _lift(found: _Lists) -> np.ndarray:
    """Mean popularity of what each user is shown and had; popularity: users who bought the item before."""
    popularity = buyers_of(Bought(found.before), len(found.catalogue))
    users, items = (found.before[name].to_numpy() for name in (USER, ITEM))
    return lift_contributions(
        average_popularity(found.items, popularity),
        profile_popularity(found.codes, users, items, popularity),
    )
