"""Who is shown items, and deals, who clicks on them and who buys them, from logged impressions."""

import numpy as np
import pandas as pd

from core.data.splits import local_dates
from core.errors import InputError
from core.fairness.pricing.funnel import funnel_rows
from core.fairness.pricing.purchases import DAY, FIRST_MONDAY, Purchases, only
from core.fairness.pricing.shown import shown_funnel
from core.fairness.pricing.steering import on_offer
from core.fairness.rows import AuditRow
from core.figures.sentences import plural
from core.schema.settings import AuditSettings, Scope
from core.schema.tables import CATEGORY, CLICKED, ITEM, LIST_PRICE, PURCHASED, TIMESTAMP, USER, WEEK
from core.workflow.audits.section import Section, section, with_permutations
from core.workflow.audits.shop import Shop, buyers_within, in_scope, partitions

FLAGS = (CLICKED, PURCHASED)


def what_is_shown(shop: Shop, impressions: pd.DataFrame, settings: AuditSettings) -> Section:
    """The funnel of what is shown: users shown something, clicks, purchases; of all items, and of those on offer.

    Of the users who buy in the scope's stores and period, and, where no store is named, of those who are shown anything.

    Args:
        impressions: of `core.workflow.audits.clicks.logged_impressions`.

    Raises:
        InputError: nothing was shown there and then, or too few users. NotFound: no such group, category or store.
    """
    seen, users = _within(impressions, shop, settings.scope)
    deal = _on_offer(seen, shop)
    found, parts = shown_funnel(seen, users, deal=deal), partitions(shop.users, users, settings)
    settings = with_permutations(settings, parts, metrics=len(found.stages))
    rows: list[AuditRow] = []
    for part in parts:
        rows += funnel_rows(found, part, settings, tolerance=settings.tolerance)
    return section(rows, settings, users=len(users), notes=_notes(seen, deal))


def _within(impressions: pd.DataFrame, shop: Shop, scope: Scope) -> tuple[pd.DataFrame, np.ndarray]:
    """The impressions of a scope with their day and week, and the codes of the users who are audited."""
    lines = impressions
    if shop.zone is not None:
        day = local_dates(lines[TIMESTAMP], shop.zone).to_numpy("datetime64[D]").astype(np.int64)
        lines = lines.assign(**{DAY: day, WEEK: (day - FIRST_MONDAY) // 7})
    if CATEGORY in shop.items:
        lines = lines.assign(**{CATEGORY: shop.items[CATEGORY].cat.codes.to_numpy()[lines[ITEM]]})
    users = buyers_within(shop, scope)
    seen = lines[in_scope(lines, shop, scope.model_copy(update={"stores": ()}))]
    if scope.stores:
        seen = seen[seen[USER].isin(users)]
    if seen.empty:
        raise InputError("Nothing was shown in this part of the shop.")
    return seen, np.union1d(users, seen[USER])


def _on_offer(seen: pd.DataFrame, shop: Shop) -> np.ndarray | None:
    """(N,) whether each impression shows an item on offer, as all purchases of its week tell; None where none can."""
    known = _discounts_known(shop)
    if known is None or WEEK not in seen:
        return None
    return on_offer(seen[ITEM].to_numpy(), seen[WEEK].to_numpy(), known)


def _discounts_known(shop: Shop) -> Purchases | None:
    """Purchases of which it is known whether they were discounted; None where there are none."""
    try:
        return only(shop.priced, shop.priced.lines[LIST_PRICE].notna().to_numpy())
    except InputError:
        return None


def _notes(seen: pd.DataFrame, deal: np.ndarray | None) -> list[str]:
    told = [
        f"{plural(len(seen), 'impression')} of {plural(seen[USER].nunique(), 'user')}; they belong to no store."
    ]
    for name in FLAGS:
        missing = int(seen[name].isna().sum()) if name in seen else 0
        if missing:
            told.append(
                f"Whether it was {name} is not known of {plural(missing, 'impression')}: these count there nowhere."
            )
    if deal is None:
        return [*told, "Which items were on offer is not known: that takes weeks and list prices."]
    said = "On offer is an item of which at least half of the week's purchases had a discount."
    unknown = int(np.isnan(deal).sum())
    if unknown:
        said += f" Of {plural(unknown, 'impression')} that is not known, as nobody bought the item that week."
    return [*told, said]
