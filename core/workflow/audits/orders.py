"""Orders and what came of them: who waits longer in the same circumstances, and who answers at all."""

from dataclasses import replace

import numpy as np
import pandas as pd

from core.data.dataset import table
from core.data.inputs import SECONDS_PER_DAY
from core.data.service import volunteered
from core.data.splits import local_dates
from core.errors import InputError
from core.fairness.pricing.purchases import DAY
from core.fairness.rows import AuditRow
from core.fairness.service.adjusted import adjusted_rows, design
from core.fairness.service.all_or_none import all_or_none
from core.fairness.service.response import RESPONSE_METRICS, Propensities, propensities, response_rows
from core.figures.sentences import listed, plural
from core.schema.documents import Dataset
from core.schema.settings import AuditSettings, Scope
from core.schema.tables import (
    CATEGORY,
    DELIVERED_AT,
    FREIGHT,
    IN_RANDOM_5K,
    IN_RANDOM_20K,
    ITEM,
    KNOWN_AT_ORDER,
    ORDER_ID,
    PROMISED_AT,
    SATISFACTION,
    TIMESTAMP,
    USER,
)
from core.store.workspace import Workspace
from core.workflow.audits.section import Section, section, with_permutations
from core.workflow.audits.shop import Shop, in_scope, partitions

PARTS = 10  # that a number is cut into
WAITED, OVERDUE, LATE = "days_waited", "days_overdue", "late"
RAW, ADJUSTED = "_observed", "_adjusted"  # after the name of what came of an order
ANSWERED = "satisfaction_"  # before the name of a metric of answers
DISTANCE, SAME_STATE, MONTH = "distance_km", "same_state", "month"
CIRCUMSTANCES = (DISTANCE, FREIGHT, *KNOWN_AT_ORDER, SAME_STATE)  # what is known when an order is placed
NEAR = (FREIGHT, "seller_state", SAME_STATE)  # what tells something of distance
WORDS = {
    DISTANCE: "distance",
    "weight_g": "weight",
    "volume_cm3": "volume",
    "seller_state": "the seller's state",
    SAME_STATE: "whether seller and customer are of one state",
    "purchase_time_known": "whether the time of purchase is known",
    "sellers": "number of sellers",
    MONTH: "month of the order",
}


def read_orders(workspace: Workspace, dataset: Dataset) -> pd.DataFrame:
    """One row per order, and each row of feedback, which is of none.

    Raises:
        InputError: the data tell nothing of orders.
    """
    if "service" not in dataset.tables:
        raise InputError("These data do not tell what came of orders: there is no service table.")
    return one_per_order(table(workspace, dataset, "service"))


def one_per_order(lines: pd.DataFrame) -> pd.DataFrame:
    """The first line of each order, with the freight of all of them; a line without an order's id stands alone, as does one of
    feedback, whatever order it names."""
    lines = lines.reset_index(drop=True)
    if ORDER_ID not in lines:
        return lines
    named = lines[ORDER_ID].notna() & ~volunteered(lines)
    order = lines[ORDER_ID].astype(object).where(named, pd.Series(lines.index))
    if FREIGHT in lines:
        lines = lines.assign(**{FREIGHT: lines.groupby(order)[FREIGHT].transform("sum", min_count=1)})
    return lines[~order.duplicated()].reset_index(drop=True)


def delivery(shop: Shop, orders: pd.DataFrame, settings: AuditSettings) -> Section:
    """Days until delivery, days beyond the promised one and the share that is late, as observed and adjusted.

    Adjusted: given what is known when an order is placed (`core.fairness.service.adjusted`, `in_parts`). What the shop
    promises is not held equal: it is a decision about the group, too. Days matter from a share of the mean days waited.

    Args:
        orders: as `read_orders` gives. Where some were not drawn at random, they do not count, nor what is of no order.

    Raises:
        InputError: no deliveries are told, or too few. NotFound: no such group or category.
    """
    orders, alone = _placed(orders)
    if DELIVERED_AT not in orders or orders[DELIVERED_AT].isna().all():
        raise InputError("These data do not tell when orders were delivered.")
    asked, notes = _asked(orders, IN_RANDOM_20K, shop, settings.scope)
    came = deliveries(asked)
    arrived = np.isfinite(came[WAITED].to_numpy())
    kept, came = (frame[arrived].reset_index(drop=True) for frame in (asked, came))
    users = kept[USER].to_numpy()
    codes = np.unique(users)
    parts = partitions(shop.users, codes, settings)
    around = circumstances(kept, shop)
    equal = in_parts(around)
    days = settings.tolerance * came[WAITED].abs().mean()
    late = settings.tolerance * came[LATE].mean() if LATE in came else 0.0
    tolerances = {WAITED: days, OVERDUE: days, LATE: late}
    rows: list[AuditRow] = []
    for part in parts:
        for name in came:
            for suffix, known in ((RAW, None), (ADJUSTED, equal)):
                if known is None or known.shape[1]:
                    rows += adjusted_rows(
                        came[name].to_numpy(float),
                        users,
                        codes,
                        part,
                        settings,
                        metric=name + suffix,
                        circumstances=known,
                        tolerance=tolerances[name] or None,
                    )
    rows = [_as_share(row) for row in all_or_none(rows, LATE + RAW, LATE + ADJUSTED)]
    notes = [*_delivery_notes(users, int((~arrived).sum())), *held_equal(around, kept), *notes, *alone]
    return section(rows, settings, users=len(codes), notes=notes)


def deliveries(orders: pd.DataFrame) -> pd.DataFrame:
    """Days from order to delivery, days from the promised moment to delivery, and whether that is late; NaN if not
    (yet) delivered."""
    found = pd.DataFrame({WAITED: _days(orders[DELIVERED_AT] - orders[TIMESTAMP])})
    if PROMISED_AT in orders and orders[PROMISED_AT].notna().any():
        found[OVERDUE] = _days(orders[DELIVERED_AT] - orders[PROMISED_AT])
        found[LATE] = (found[OVERDUE] > 0).astype(float).where(found[OVERDUE].notna())
    return found


def circumstances(orders: pd.DataFrame, shop: Shop) -> pd.DataFrame:
    """What is known when an order is placed, as far as the data tell; what holds nothing equal is left out: what never
    varies where it is known, and text of which hardly any value comes again."""
    found = orders[[name for name in CIRCUMSTANCES if name in orders]]
    if shop.zone is not None:
        month = local_dates(orders[TIMESTAMP], shop.zone).dt.strftime("%Y-%m")
        found = found.assign(**{MONTH: month})
    return found[[name for name in found if design(found.loc[found[name].notna(), [name]]).shape[1]]]


def in_parts(known: pd.DataFrame) -> pd.DataFrame:
    """With the tenth that each number lies in as a category besides the number itself.

    Lateness is a threshold: on a straight line alone, a region that is merely far away would seem treated otherwise.
    """
    tenths = {
        f"{name} in {PARTS} parts": pd.qcut(known[name], PARTS, labels=False, duplicates="drop").astype(str)
        for name in known
        if pd.api.types.is_numeric_dtype(known[name].dtype)
        and not pd.api.types.is_bool_dtype(known[name].dtype)
        and known[name].nunique() > PARTS
    }
    return known.assign(**tenths)


def answers(shop: Shop, orders: pd.DataFrame, settings: AuditSettings) -> Section:
    """Who says how satisfied they are: response rate, mean of the answers, and that weighted for who does not answer.

    The chance of an answer is told from what is known when an order is placed, and from whether and when it arrived. Whoever
    volunteers a rating or complaint in feedback always answers, and of no order: such rows are no answers.

    Args:
        orders: as `read_orders` gives, also those without an answer.

    Raises:
        InputError: no satisfaction is told, or too few orders. NotFound: no such group or category.
    """
    orders, alone = _placed(orders)
    if orders.empty and alone:
        raise InputError(f"These data hold no orders, so nobody was asked. {' '.join(alone)}")
    if SATISFACTION not in orders or orders[SATISFACTION].isna().all():
        raise InputError("These data do not tell how satisfied customers were with their orders.")
    asked, notes = _asked(orders, IN_RANDOM_5K, shop, settings.scope)
    outcome, users = asked[SATISFACTION].to_numpy(float), asked[USER].to_numpy()
    codes, answered = np.unique(users), np.isfinite(outcome)
    parts = partitions(shop.users, codes, settings)
    settings = with_permutations(settings, parts, metrics=len(RESPONSE_METRICS))
    known = circumstances(asked, shop)
    if DELIVERED_AT in asked:
        came = deliveries(asked)
        known = known.assign(arrived=came[WAITED].notna(), **came)
    chances = propensities(answered, known)
    levels = (answered.mean(), *_means(outcome[answered], chances.values[answered]))
    tolerances = {
        ANSWERED + metric: settings.tolerance * level
        for metric, level in zip(RESPONSE_METRICS, levels, strict=True)
        if np.isfinite(level) and level > 0
    }
    rows: list[AuditRow] = []
    for part in parts:
        rows += response_rows(
            outcome, users, codes, chances, part, settings, prefix=ANSWERED, tolerances=tolerances
        )
    rows = all_or_none(rows, f"{ANSWERED}response_rate")
    notes = [*_answer_notes(answered, len(codes), chances), *notes, *alone]
    return section(rows, settings, users=len(codes), notes=notes)


def orders_behind(rows: pd.DataFrame, orders: pd.DataFrame) -> pd.DataFrame:
    """The order of each row, in the order of the rows; what is not there of one is missing.

    Args:
        rows: such as predictions: `user`, `timestamp`, and `item` and `order_id` where the data have them.
        orders: as `read_orders` gives.
    """
    keys = [name for name in (USER, TIMESTAMP, ITEM, ORDER_ID) if name in rows and name in orders]
    return rows[keys].merge(orders.drop_duplicates(keys), on=keys, how="left")


def scope_of_orders(rows: pd.DataFrame, shop: Shop, scope: Scope) -> tuple[np.ndarray, list[str]]:
    """Which orders or reviews lie within a scope, bool (N,), and what of it could not be applied.

    Args:
        rows: `timestamp`, and `item` (-1 where an order has several) where the data tell it.

    Raises:
        NotFound: no such category. InputError: a period is asked of data whose times are only an order.
    """
    lines, notes = pd.DataFrame(index=range(len(rows))), []
    if shop.zone is not None:
        days = local_dates(rows[TIMESTAMP], shop.zone).to_numpy("datetime64[D]")
        lines[DAY] = days.astype(np.int64)
    if CATEGORY in shop.items:
        items = rows[ITEM].to_numpy() if ITEM in rows else np.full(len(rows), -1)
        lines[CATEGORY] = np.where(items >= 0, shop.items[CATEGORY].cat.codes.to_numpy()[items], -1)
        without = int((items < 0).sum())
        if scope.categories and without:
            verb, which = ("belongs", "it is") if without == 1 else ("belong", "they are")
            notes.append(
                f"{plural(without, 'order')} of several products, or of one that is not known, {verb} to no category; "
                f"{which} left out."
            )
    if scope.stores:
        notes.append(
            "Orders and reviews are of no store in these data: the choice of stores is not applied here."
        )
    return in_scope(lines, shop, scope.model_copy(update={"stores": ()})), notes


def _placed(orders: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """The orders without what customers volunteered in feedback, and how much that is."""
    fed = volunteered(orders)
    if not fed.any():
        return orders, []
    number = int(fed.sum())
    which, count = ("is of no order and does", "row") if number == 1 else ("are of no order and do", "rows")
    said = f"{number:,} {count} that customers volunteered in feedback {which} not count."
    return orders[~fed].reset_index(drop=True), [said]


def _asked(orders: pd.DataFrame, flag: str, shop: Shop, scope: Scope) -> tuple[pd.DataFrame, list[str]]:
    """The orders of a scope that rates may be told from."""
    inside, notes = scope_of_orders(orders, shop, scope)
    if flag in orders:
        drawn = orders[flag].astype("boolean").fillna(False).to_numpy(bool)
        if left_out := int((inside & ~drawn).sum()):
            were, do = ("was", "does") if left_out == 1 else ("were", "do")
            notes.append(
                f"{plural(left_out, 'order')} {were} not drawn at random ({flag}) and {do} not count."
            )
        inside &= drawn
    return orders[inside].reset_index(drop=True), notes


def _as_share(row: AuditRow) -> AuditRow:
    """The interval of a share of late orders no further than a share can go."""
    if row.metric not in (LATE + RAW, LATE + ADJUSTED) or row.suppressed:
        return row
    return replace(row, low=min(max(row.low, 0.0), row.value), high=max(min(row.high, 1.0), row.value))


def _days(span: pd.Series) -> pd.Series:
    return span.dt.total_seconds() / SECONDS_PER_DAY


def words(name: str) -> str:
    """A circumstance as people say it."""
    return WORDS.get(name, name.replace("_", " "))


def _means(outcome: np.ndarray, chances: np.ndarray) -> tuple[float, float]:
    """Mean of the answers, plain and weighted; NaN where there is none."""
    if not len(outcome):
        return np.nan, np.nan
    return float(outcome.mean()), float(np.average(outcome, weights=1 / chances))


def held_equal(around: pd.DataFrame, orders: pd.DataFrame) -> list[str]:
    """What is held equal, and what of distance is not, in words.

    Args:
        around: the circumstances of the orders.
    """
    if not around.shape[1]:
        return [
            "Nothing that differs between orders is known of their circumstances, so nothing could be held equal."
        ]
    said = [f"Held equal: {', '.join(map(words, around))}."]
    if DISTANCE in around:
        return said
    if DISTANCE in orders and orders[DISTANCE].notna().any():
        where = "for all of these orders" if orders[DISTANCE].notna().all() else "wherever it is known"
        return [*said, f"Distance is the same {where}, so it explains no difference between orders."]
    near = [words(name) for name in NEAR if name in around]
    stand = "stands" if len(near) == 1 else "stand"
    stand_in = f" {listed(near).capitalize()} {stand} in for it." if near else ""
    return [
        *said,
        f"Distance is not in these data.{stand_in} What is not told of it is still in the adjusted gap.",
    ]


def _delivery_notes(users: np.ndarray, open_: int) -> list[str]:
    have, do = ("has", "does") if open_ == 1 else ("have", "do")
    rest = f"; {open_:,} more {have} not arrived, or nobody knows when, and {do} not count" if open_ else ""
    return [f"{plural(len(users), 'delivered order')} of {plural(len(np.unique(users)), 'user')}{rest}."]


def _answer_notes(answered: np.ndarray, users: int, chances: Propensities) -> list[str]:
    given = int(answered.sum())
    orders = f"{plural(len(answered), 'order')} of {plural(users, 'user')}"
    said = [f"{given:,} of {orders} {'was' if given == 1 else 'were'} rated."]
    if answered.all():
        return [
            *said,
            "Every order here was rated: either all customers answered, or others are not recorded.",
        ]
    return [
        *said,
        "The chance of a rating is told from the circumstances of the order, and from whether and when it arrived. "
        f"Chances below {chances.clip:.0%} count as {chances.clip:.0%}: so do those of {chances.clipped:.1%} of the "
        f"ratings. Weighted, they say as much as {plural(round(chances.effective), 'rating')} would.",
        "Whether somebody answers may depend on the answer itself; no weights can mend that.",
    ]
