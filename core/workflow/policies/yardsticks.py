"""What everyone's lists are measured by while a policy is tuned: accuracy, spending met, gaps between groups, attention."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.data.inputs import Positives
from core.fairness.exposure.attention import Attention, position_weights
from core.fairness.exposure.inference import compare_means
from core.fairness.exposure.item_groups import ItemGroups
from core.fairness.exposure.measures import Shown, shown
from core.fairness.exposure.rows import share_rows
from core.fairness.exposure.targets import Target, target_shares
from core.fairness.group_rows import generator, mean_rows
from core.fairness.judging import judged
from core.fairness.partition import Partition
from core.fairness.pricing.steering import price_percentiles
from core.fairness.rows import AuditRow, tidy
from core.metrics import NOTHING, hits, metrics_of_hits
from core.schema.settings import AuditSettings, Scope
from core.schema.tables import LIST_PRICE, PROVIDER_ID, USER
from core.workflow.audits.pricing import PERCENTILE_TOLERANCE, deals_before
from core.workflow.audits.section import with_permutations
from core.workflow.audits.shop import Shop, partitions
from core.workflow.policies.ground import Ground

NDCG, SPENDING, PERCENTILE, DEALS = "ndcg", "spending_met", "price_percentile", "deal_exposure"
SECTION = "policy"


@dataclass(frozen=True)
class Yardsticks:
    """Read once for a run, a split and a way to look at it.

    Attributes:
        wanted: what each user took in the split. listed: (U,) codes of the users with candidates. part: their groups.
        item_groups, target: whose attention is held against what. providers: the largest ones, None without any.
        of_item: (I,) by metric: price percentile, being on offer; NaN where unknown. price: (I,), None without any.
    """

    settings: AuditSettings
    shop: Shop
    wanted: Positives
    listed: np.ndarray
    part: Partition
    item_groups: ItemGroups
    target: Target
    providers: ItemGroups | None
    of_item: dict[str, np.ndarray]
    price: np.ndarray | None

    @property
    def weights(self) -> np.ndarray:
        """(k,) of places."""
        return position_weights(self.settings.k, Attention(self.settings.attention, self.settings.going_on))


@dataclass(frozen=True)
class Measured:
    """What some lists are by all yardsticks.

    Attributes:
        items: (U, k) lists of all users. per_user: `user` and columns such as `ndcg@10`, of those who took anything.
        gaps: audit rows: means and judged gaps of groups of users, and shares of groups of items against the target.
        attention, provided: (U', H) shares of each list's attention by group of items, and by provider.
    """

    items: np.ndarray
    per_user: pd.DataFrame
    gaps: pd.DataFrame
    attention: np.ndarray
    provided: np.ndarray | None


def yardsticks(ground: Ground, wanted: Positives, listed: np.ndarray, settings: AuditSettings) -> Yardsticks:
    """Everything that does not depend on the lists.

    Args:
        wanted: of the ground's split. listed: (U,) codes of the users with candidates. settings: of one grouping of users.

    Raises:
        InputError: too few users. SettingsError: the items cannot be grouped. NotFound: no such attribute.
    """
    shop = ground.shop
    (part,) = partitions(shop.users, listed, settings)
    groups = ground.item_groups(settings.items_by)
    target = target_shares(groups, settings.target, purchases=ground.taken, weight=settings.purchase_weight)
    providers = None
    if PROVIDER_ID in shop.items and shop.items[PROVIDER_ID].nunique() > 1:
        providers = ground.item_groups(PROVIDER_ID)
    of_item, price = {}, None
    if LIST_PRICE in shop.items:
        of_item[PERCENTILE] = price_percentiles(shop.items)[: ground.n_items]
        price = shop.items[LIST_PRICE].to_numpy(float)[: ground.n_items]
    on_offer = deals_before(shop, Scope(), ground.split)
    if on_offer is not None:
        of_item[DEALS] = on_offer[0][: ground.n_items]
    return Yardsticks(settings, shop, wanted, listed, part, groups, target, providers, of_item, price)


def measure(by: Yardsticks, items: np.ndarray) -> Measured:
    """Hold lists against every yardstick.

    Args:
        items: (U, k) of all users of the shop, best first; NOTHING where there are fewer.
    """
    seen = shown_of_groups(by, items)
    provided = None
    if by.providers is not None:
        provided = _shown(by, items, by.providers, np.zeros(len(by.providers.names))).shares
    per_user = metrics_of_buyers(by, items)
    return Measured(items, per_user, _gaps(by, items, per_user, seen), seen.shares, provided)


def shown_of_groups(by: Yardsticks, items: np.ndarray) -> Shown:
    """What the lists show of each group of items."""
    return _shown(by, items, by.item_groups, by.target.shares)


def _shown(by: Yardsticks, items: np.ndarray, groups: ItemGroups, target: np.ndarray) -> Shown:
    return shown(by.listed, items[by.listed], by.weights, groups, target)


def metrics_of_buyers(by: Yardsticks, items: np.ndarray) -> pd.DataFrame:
    """NDCG and spending met of each user who took anything: the price of what was in the list and was bought, once each."""
    k, count = by.settings.k, np.diff(by.wanted.offsets)
    users = np.flatnonzero(count)
    hit = hits(items, by.wanted.offsets, by.wanted.items)[users]
    found = metrics_of_hits(hit, count[users], users, (k,))[[f"{NDCG}@{k}"]]
    if by.price is not None:
        price = np.where(hit, np.nan_to_num(by.price)[items[users]], 0.0)
        found[f"{SPENDING}@{k}"] = price.sum(axis=1)
    return found.reset_index(names=USER)


def metrics_of_lists(by: Yardsticks, items: np.ndarray, per_user: pd.DataFrame) -> dict[str, np.ndarray]:
    """By metric (U',), of the users with candidates, NaN where a list or a user has no value.

    Args:
        per_user: as `metrics_of_buyers` gives it.
    """
    k = by.settings.k
    ndcg = pd.Series(per_user[f"{NDCG}@{k}"].to_numpy(), per_user[USER]).reindex(by.listed)
    values = {f"{NDCG}@{k}": ndcg.to_numpy(float)}
    for name, of_item in by.of_item.items():
        weights = np.ones(k) if name == PERCENTILE else position_weights(k)
        values[f"{name}@{k}"] = list_means(of_item, items[by.listed], weights)
    return values


def _gaps(by: Yardsticks, items: np.ndarray, per_user: pd.DataFrame, seen: Shown) -> pd.DataFrame:
    settings, values = by.settings, metrics_of_lists(by, items, per_user)
    tolerances = {}
    for name, found in values.items():
        level = np.nanmean(found) if np.isfinite(found).any() else 0.0
        share = settings.tolerances.get(name.partition("@")[0], settings.tolerance)
        relative = share * level if level > 0 else None
        tolerances[name] = PERCENTILE_TOLERANCE if name.startswith(PERCENTILE) else relative
    rows = mean_rows(
        np.column_stack(list(values.values())),
        list(values),
        by.part,
        with_permutations(settings, [by.part], metrics=len(values)),
        section=SECTION,
        tolerances=tolerances,
        bounds=dict.fromkeys(values, (0.0, 1.0)),
    )
    rows += _share_rows(by, seen)
    return tidy(judged([row for row in rows if row.statistic != "ratio"], settings))


def _share_rows(by: Yardsticks, seen: Shown) -> list[AuditRow]:
    found = compare_means(
        seen.shares,
        seen.target,
        bounded=np.ones(seen.n_groups, bool),
        draws=by.settings.draws,
        confidence=by.settings.confidence,
        rng=generator(by.part, by.settings),
        resample_up_to=by.settings.resample_up_to,
    )
    return share_rows(seen, found, by.target.name, by.settings)


def list_means(of_item: np.ndarray, items: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(U,) weighted mean over the places of each list whose item's value is known; NaN where none is.

    Args:
        of_item: (I,), NaN where unknown. items: (U, k). weights: (k,).
    """
    value = np.where(items == NOTHING, np.nan, of_item[items])
    known = np.isfinite(value)
    total = np.where(known, value, 0.0) @ weights
    whole = known @ weights
    return np.divide(total, whole, out=np.full(len(items), np.nan), where=whole > 0)
