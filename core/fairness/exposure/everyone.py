"""Rows of an audit of exposure over all users: shares, metrics per user, pooled ones, and those of purchases."""

from dataclasses import replace

import numpy as np

from core.fairness.exposure.divergence import (
    list_divergences,
    ndkl_of_prefixes,
    prefix_shares,
    random_lists,
    random_means,
)
from core.fairness.exposure.engine import Engine
from core.fairness.exposure.inequity import inequity_by_chance
from core.fairness.exposure.inference import MeanTest
from core.fairness.exposure.measures import (
    Answered,
    Bought,
    Shown,
    answered,
    could_be_listed,
    list_columns,
    pooled_columns,
    purchases_of,
)
from core.fairness.exposure.parity import (
    disparate_impact_ratio,
    equal_opportunity_contributions,
    equal_opportunity_ratio,
    impact_contributions,
    log_ratio_values,
)
from core.fairness.exposure.pooled import (
    hits_and_wanted,
    listed_and_could,
    seen_groups,
    share_statistics,
)
from core.fairness.exposure.rows import estimate_row, parity_rows, random_filling_row, share_rows
from core.fairness.rows import AuditRow
from core.fairness.stats import Interval

ROUNDING = 1e-12  # up to which users show no spread, which is no certainty
RANDOM_LISTS = 10_000  # for how far single ones are from their mean
IN_UNIT_RANGE = ("awrf_js_user", "awrf_js_pooled", "aplt", "coverage", "min_max")
IN_UNIT_RANGE += ("ee_d_items_user", "ee_d_groups_user", "ee_r_items_user", "ee_r_groups_user")


def everyone_rows(lists: Shown, target_name: str, bought: Bought | None, engine: Engine) -> list[AuditRow]:
    """Rows over all users: shares, per-user metrics, pooled metrics, and those that need purchases."""
    popularity = None if bought is None else purchases_of(bought, lists.n_items)
    bounded = np.ones(lists.n_groups, bool)
    shares = engine.means("shares", lists.shares, lists.target, bounded)
    merit = popularity if popularity is None else np.bincount(lists.item_groups.codes, weights=popularity)
    k, n = engine.settings.k, len(lists.users)
    rows = share_rows(lists, shares, target_name, engine.settings)
    rows += parity_rows(lists, shares, merit, k)
    rows += _list_rows(lists, list_columns(lists, popularity), engine)
    pooled = _mean_rows("pooled", pooled_columns(lists), lists, n, engine)
    null = _ndkl_null(lists, engine)
    rows += [_with_null(row, null, engine) if row.metric.startswith("ndkl_pooled") else row for row in pooled]
    rows += _pooled_rows(lists, shares, engine)
    could = could_be_listed(lists, bought and bought.before)
    rows.append(_spread_row(lists, "rsp", listed_and_could(lists, could), n, engine))
    return rows + (_answer_rows(lists, bought, engine) if bought is not None else [])


def _list_rows(lists: Shown, columns: dict[str, np.ndarray], engine: Engine) -> list[AuditRow]:
    """Means of per-user metrics; those of divergence are compared with lists filled at random by the target."""
    table = np.column_stack(list(columns.values()))
    known = np.isfinite(table).all(axis=0)
    names, table = [name for name, fine in zip(columns, known, strict=True) if fine], table[:, known]
    filled = random_lists(lists.groups, lists.target, n_lists=RANDOM_LISTS, rng=engine.rng("random lists"))
    spreads = list_divergences(filled, lists.weights, lists.target).std(axis=0)
    means = random_means(lists.groups, lists.weights, lists.target)
    random = {
        name: (float(mean), float(spread))
        for name, mean, spread in zip(columns, means, spreads, strict=False)
    }
    level = np.array([random[name][0] if name in random else np.nan for name in names])
    found = engine.means("lists", table, level, np.isin(names, IN_UNIT_RANGE))
    attribute, n = lists.item_groups.attribute, len(lists.users)
    rows = [
        estimate_row(
            attribute, f"{name}@{engine.settings.k}", found.interval.within(*_limits(name, lists)), q, n
        )
        for q, name in enumerate(names)
    ]
    for q, name in enumerate(names):
        if name in random:
            rows.append(random_filling_row(attribute, name, found, q, *random[name], n, engine.settings))
    return rows


def _pooled_rows(lists: Shown, shares: MeanTest, engine: Engine) -> list[AuditRow]:
    """Metrics of the pooled shares, with what they would be by chance if the mean shares were on target.

    All are on target at an end of their range, so users' differences alone push them off it.
    """
    names, statistic = share_statistics(lists.target, seen_groups(lists))
    found = engine.totals("pooled shares", lists.shares, statistic)
    null = statistic(np.maximum(shares.null_means, 0)[:, None])  # (B, Q)
    n, k, attribute = len(lists.users), engine.settings.k, lists.item_groups.attribute
    return [
        _with_null(
            estimate_row(attribute, f"{name}@{k}", found.within(*_limits(name, lists)), q, n),
            null[:, q],
            engine,
        )
        for q, name in enumerate(names)
    ]


def _ndkl_null(lists: Shown, engine: Engine) -> np.ndarray:
    """Pooled NDKL by chance if the mean shares of every prefix were on target, (B,)."""
    target = np.tile(lists.target, lists.items.shape[1])
    prefixes = prefix_shares(lists.groups, lists.n_groups)
    found = engine.means("prefixes", prefixes, target, np.zeros(len(target), bool))
    return ndkl_of_prefixes(found.null_means, lists.target)


def _with_null(row: AuditRow, null: np.ndarray, engine: Engine) -> AuditRow:
    tail = (1 - engine.settings.confidence) / 2
    low, high = np.quantile(null, [tail, 1 - tail])
    return replace(row, null_low=float(low), null_high=float(high))


def _limits(name: str, lists: Shown) -> tuple[float, float]:
    """How far a metric can go."""
    seen = max(int(seen_groups(lists).sum()), 1)
    highest = dict.fromkeys(IN_UNIT_RANGE, 1.0) | {
        "entropy_items": np.log(lists.n_items),
        "entropy_groups": np.log(lists.n_groups),
        "gini_items": 1 - 1 / lists.n_items,
        "gini_groups": 1 - 1 / seen,
        "aclt": lists.items.shape[1],
        "iaa": 2.0,
    }
    if name.startswith("mmf_"):
        return 0.0, int(name.removeprefix("mmf_")) / seen
    return 0.0, float(highest.get(name, np.inf))


def _mean_rows(
    part: str, columns: dict[str, np.ndarray], lists: Shown, n: int, engine: Engine
) -> list[AuditRow]:
    """Rows of metrics whose value is the mean of a column."""
    table = np.column_stack(list(columns.values()))
    none = np.full(len(columns), np.nan)
    found = engine.means(part, table, none, np.zeros(len(columns), bool)).interval
    return [
        estimate_row(
            lists.item_groups.attribute,
            f"{name}@{engine.settings.k}",
            found.within(*_limits(name, lists)),
            q,
            n,
        )
        for q, name in enumerate(columns)
    ]


def _spread_row(
    lists: Shown, name: str, counts: tuple[np.ndarray, np.ndarray], n: int, engine: Engine
) -> AuditRow:
    """RSP or REO, with what it would be by chance if all groups had the same chance to be listed.

    Args:
        counts: what was listed and what could have been, (U, H) each.
    """
    found = engine.spread(name, *counts)
    row = estimate_row(lists.item_groups.attribute, f"{name}@{engine.settings.k}", found.interval, 0, n)
    return _with_null(row, found.null, engine) if np.isfinite(found.null).all() else row


def _answer_rows(lists: Shown, bought: Bought, engine: Engine) -> list[AuditRow]:
    """Metrics that need to know what users bought afterwards; over users who bought something of the catalogue."""
    truth = None if bought.after is None else answered(lists, bought.after)
    if truth is None or len(truth.rows) < engine.settings.minimum_group:
        return []
    n = len(truth.rows)
    rows = _mean_rows("answered", truth.columns, lists, n, engine)
    null = inequity_by_chance(truth.differences, draws=engine.settings.draws, rng=engine.rng("inequity"))
    rows = [_with_null(row, null, engine) if row.metric.startswith("iaa") else row for row in rows]
    rows.append(_spread_row(lists, "reo", hits_and_wanted(truth), n, engine))
    return rows + _opportunity_rows(lists, truth, engine)


def _opportunity_rows(lists: Shown, truth: Answered, engine: Engine) -> list[AuditRow]:
    """DIR and EOR of each item group against the rest; without a hit on either side they have no interval."""
    attended, wanted = truth.attended, truth.wanted
    impact = disparate_impact_ratio(attended.sum(axis=0), wanted.sum(axis=0))
    each = equal_opportunity_contributions(attended, wanted)
    values = np.concatenate([impact, equal_opportunity_ratio(each.sum(axis=0))])
    logs = np.hstack([log_ratio_values(impact_contributions(attended, wanted)), log_ratio_values(each)])
    known = np.isfinite(logs).all(axis=0)
    columns, none = np.where(known, logs, 0.0), np.full(len(known), np.nan)
    found = engine.means("opportunity", columns, none, np.zeros(len(known), bool)).interval
    known &= found.error[0] > ROUNDING
    low, high = (np.where(known, np.exp(part[0]), np.nan) for part in (found.low, found.high))
    ratios = Interval(values, low, high, found.error[0])
    names = [(metric, name) for metric in ("dir", "eor") for name in lists.item_groups.names]
    return [
        estimate_row(
            lists.item_groups.attribute,
            f"{metric}@{engine.settings.k}_ratio",
            ratios,
            place,
            len(truth.rows),
            group=name,
            statistic="ratio",
        )
        for place, (metric, name) in enumerate(names)
    ]
