"""Are groups shown dearer products? Prices of lists against own purchases, by rank, and deals in them."""

import numpy as np
import pandas as pd

from core.fairness.pricing.discounts import discount_outcomes
from core.fairness.pricing.purchases import Purchases
from core.schema.tables import CATEGORY, IN_CATALOGUE, ITEM, LIST_PRICE, RANK, USER, WEEK

DEAL_SHARE = 0.5  # of an item's lines with a discount, for it to count as on offer


def price_percentiles(items: pd.DataFrame) -> np.ndarray:
    """(I,) where an item's price stands among the catalogue's items of its category, 0 cheapest to 1 dearest.

    (number cheaper + half of the number as dear, itself included) / number: the middle of equals. NaN where the price is
    unknown, where nothing else of the category has a price, or outside of the catalogue.

    Args:
        items: row r is item code r; `list_price`, `category`; `in_catalogue` if there is one.
    """
    counted = items[LIST_PRICE].notna().to_numpy()
    if IN_CATALOGUE in items:
        counted = counted & items[IN_CATALOGUE].to_numpy()
    price = items[LIST_PRICE].where(counted)
    by = items[CATEGORY].astype("str") if CATEGORY in items else pd.Series("", index=items.index)
    grouped = price.groupby(by)
    n = grouped.transform("count").to_numpy()
    rank = grouped.rank(method="average").to_numpy()
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(n > 1, (rank - 0.5) / n, np.nan)


def steering_metrics(
    lists: pd.DataFrame,
    items: pd.DataFrame,
    purchases: Purchases | None,
    *,
    k: int,
    deal: np.ndarray | None = None,
    depth: np.ndarray | None = None,
) -> pd.DataFrame:
    """Price metrics of each user's list; each a column, NaN where it cannot be told of the user.

    - `price_percentile@k`: mean over the top k of `price_percentiles`, in [0, 1]: are dearer ones of their kind shown?
    - `price_percentile_history`: the same mean over the user's purchases (lines).
    - `price_steering@k`: the first minus the second, in [-1, 1]: above zero, the list is dearer than what the user buys.
    - `price_rank_correlation@k`: Spearman's correlation of price and closeness to the top, in [-1, 1]: above zero, dear
      ones come first. It takes prices as they are, not within category. Hannak et al. measure the order by nDCG with
      price as gain; a correlation has zero for an order without regard to price.
    - `deal_exposure@k`, `deal_depth@k`: sum_k v_k deal(R_k) / sum_k v_k with v_k = 1 / log2(k + 1), in [0, 1].

    Source of the question and of comparing lists by price: Hannak et al., Measuring price discrimination and steering on
    e-commerce web sites, IMC 2014. Deal exposure: ours, after Singh & Joachims, KDD 2018.

    Args:
        lists: `user`, `item` codes, `rank` (1 is the top). purchases: the users' own past; None: no history.
        deal, depth: (I,) whether an item is on offer, and how deep (`deals`).

    Returns:
        index: codes of the users with a list, ascending.
    """
    top = lists[lists[RANK] <= k]
    users, place = np.unique(top[USER].to_numpy(), return_inverse=True)
    item, rank = top[ITEM].to_numpy(), top[RANK].to_numpy(float)
    percentile = price_percentiles(items)
    columns = {f"price_percentile@{k}": _means(percentile[item], place, len(users))}
    if purchases is not None:
        own = pd.Index(users).get_indexer(purchases.lines[USER])
        bought = percentile[purchases.lines[ITEM].to_numpy()]
        history = _means(bought[own >= 0], own[own >= 0], len(users))
        columns["price_percentile_history"] = history
        columns[f"price_steering@{k}"] = columns[f"price_percentile@{k}"] - history
    price = items[LIST_PRICE].to_numpy(float)[item]
    columns[f"price_rank_correlation@{k}"] = _rank_correlations(price, -rank, place, len(users))
    weight = 1 / np.log2(rank + 1)
    for name, of_item in (("deal_exposure", deal), ("deal_depth", depth)):
        if of_item is not None:
            columns[f"{name}@{k}"] = _means(of_item[item], place, len(users), weight)
    return pd.DataFrame(columns, index=pd.Index(users, name=USER))


def _means(values: np.ndarray, place: np.ndarray, n: int, weight: np.ndarray | None = None) -> np.ndarray:
    """(n,) weighted mean of the known values at each place; NaN where there is none."""
    weight = np.ones(len(values)) if weight is None else weight
    known = np.isfinite(values)
    total = np.bincount(place[known], (weight * values)[known], minlength=n)
    whole = np.bincount(place[known], weight[known], minlength=n)
    return np.divide(total, whole, out=np.full(n, np.nan), where=whole > 0)


def _rank_correlations(one: np.ndarray, other: np.ndarray, place: np.ndarray, n: int) -> np.ndarray:
    """(n,) Spearman's correlation at each place over the known pairs; NaN where either is constant."""
    known = np.isfinite(one) & np.isfinite(other)
    place = place[known]
    first, second = (_centred_ranks(values[known], place, n) for values in (one, other))
    products = (np.bincount(place, values, minlength=n) for values in (first * second, first**2, second**2))
    both, spread, other_spread = products
    scale = np.sqrt(spread * other_spread)
    return np.divide(both, scale, out=np.full(n, np.nan), where=scale > 0)


def _centred_ranks(values: np.ndarray, place: np.ndarray, n: int) -> np.ndarray:
    ranks = pd.Series(values).groupby(place).rank(method="average").to_numpy()
    return ranks - _means(ranks, place, n)[place]


def deals(purchases: Purchases, n_items: int) -> tuple[np.ndarray, np.ndarray]:
    """Which items are on offer, 0 or 1, and the mean depth of their discounts, (I,) each; NaN where nobody bought one.

    An item is on offer if at least half of its lines had a discount. What is on offer at the moment of a list is told
    from purchases just before it: pass those, of all users, and with what was free.
    """
    outcomes = discount_outcomes(purchases)
    item = purchases.lines[ITEM].to_numpy()
    rate, depth = (
        _means(outcomes[name], item, n_items) for name in ("any_discount_rate", "any_discount_depth")
    )
    return np.where(np.isfinite(rate), (rate >= DEAL_SHARE).astype(float), np.nan), depth


def on_offer(items: np.ndarray, weeks: np.ndarray, purchases: Purchases) -> np.ndarray:
    """(N,) whether an item was on offer in a week, 1 or 0: at least half of its lines had a discount; NaN if nobody bought it.

    Args:
        items, weeks: (N,) codes and numbers of local weeks. purchases: of all users, with weeks and what was free.
    """
    lines, rate = purchases.lines, discount_outcomes(purchases)["any_discount_rate"]
    n_items = max(items.max(initial=0), lines[ITEM].max()) + 1
    share = pd.Series(rate).groupby((lines[WEEK] * n_items + lines[ITEM]).to_numpy()).mean()
    found = share.reindex(weeks * n_items + items).to_numpy()
    return np.where(np.isfinite(found), (found >= DEAL_SHARE).astype(float), np.nan)
