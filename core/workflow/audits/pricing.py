"""Who pays more for the same, who gets discounts and offers, and who is shown dearer products."""

from dataclasses import replace

import numpy as np
import pandas as pd

from core.errors import InputError
from core.fairness.group_rows import generator, mean_rows
from core.fairness.judging import judged
from core.fairness.partition import Partition
from core.fairness.pricing.decomposition import decompose_discount
from core.fairness.pricing.discounts import ANY, discount_outcomes, discount_rows, within_strata_gaps
from core.fairness.pricing.funnel import OFFERED, funnel, funnel_rows, offered_given_spending, spending_before
from core.fairness.pricing.ladder import ladder
from core.fairness.pricing.observed_prices import incomes, observed_price_rows
from core.fairness.pricing.purchases import Purchases, only
from core.fairness.pricing.same_product import SAME_PRODUCT, WithinStrata, same_product_gap
from core.fairness.pricing.sides import SECTION, gap_rows
from core.fairness.pricing.steering import deals, steering_metrics
from core.fairness.rows import AuditRow
from core.fairness.standing_out import note_on_one
from core.fairness.suppression import HIDDEN_TEXT
from core.figures.sentences import plural
from core.schema.settings import KNOWN_BEFORE, SPLITS, AuditSettings, Moment, Scope, Split
from core.schema.tables import CATEGORY, LIST_PRICE, PAID_PRICE, SPLIT, START, USER
from core.workflow.audits.section import Section, of_judged, section, with_permutations
from core.workflow.audits.shop import Shop, day_number, in_scope, lists_within, partitions, prices_within

SHELF = "same_product_shelf_price"
COVERAGE = "same_product_coverage"
GIVEN_SPENDING = "offered_given_spending"
WITHIN = (
    "_same_product"  # after the name of a discount metric: among lines of the same product, time and store
)
UNEXPLAINED = "unexplained"
OBSERVED = 4  # metrics of prices as they were paid
PERCENTILE_TOLERANCE = (
    0.05  # of price percentiles and rank correlations, which have no useful mean to be a share of
)
STRATA_WORDS = {
    "product": "the same product",
    "product_time": "the same product in the same week",
    "product_time_store": "the same product in the same week and store",
}


def same_product(shop: Shop, settings: AuditSettings) -> Section:
    """How much more each group pays, and what the shelf asks of it, for the same product at the same time and place.

    Raises:
        InputError: no prices, or too few buyers. NotFound: no such group, category or store.
    """
    purchases = prices_within(shop, settings.scope, comparable=True)
    parts = partitions(shop.users, purchases.users, settings)
    listed = purchases.lines[LIST_PRICE].notna().all()
    settings = with_permutations(settings, parts, metrics=1 + listed)
    rows: list[AuditRow] = []
    for part in parts:
        found = _same_product(purchases, part, settings)
        rows += _price_rows(part, found, settings)
        rows += _coverage_rows(part, found, settings)
        if listed:
            shelf = _same_product(purchases, part, settings, price=LIST_PRICE)
            rows += gap_rows(part, SHELF, shelf.gaps, tolerance=settings.price_tolerance, settings=settings)
    told = judged(rows, settings)
    notes = [*_notes(purchases), *_notes_on_one(told, purchases, parts, settings)]
    return of_judged(told, users=len(purchases.users), notes=notes)


def _same_product(
    purchases: Purchases, part: Partition, settings: AuditSettings, *, price: str = PAID_PRICE
) -> WithinStrata:
    options = {"permutations": settings.permutations, "rng": generator(part, settings), "price": price}
    return same_product_gap(purchases, part, settings=settings, **options)


def _price_rows(part: Partition, found: WithinStrata, settings: AuditSettings) -> list[AuditRow]:
    tolerance = settings.price_tolerance
    return gap_rows(part, SAME_PRODUCT, found.gaps, tolerance=tolerance, settings=settings)


def _notes_on_one(
    told: list[AuditRow], purchases: Purchases, parts: list[Partition], settings: AuditSettings
) -> list[str]:
    """For each grouping whether most gaps come from one group."""

    def again(part: Partition, users: np.ndarray) -> list[AuditRow]:
        left = only(purchases, users[purchases.place])
        return _price_rows(part, _same_product(left, part, settings), settings)

    prices = [row for row in told if row.metric == SAME_PRODUCT]
    found = [
        note_on_one([row for row in prices if row.attribute == part.attribute], part, settings, again)
        for part in parts
    ]
    return [note for note in found if note]


def _coverage_rows(part: Partition, found: WithinStrata, settings: AuditSettings) -> list[AuditRow]:
    """What share of the money of a group and its reference lies where they can be compared; counted, not estimated.

    Hidden where the gap cannot be told: it would tell of the few users on whom that rests.
    """
    told = dict(zip(part.compared.tolist(), np.isfinite(found.gaps.interval.low), strict=True))
    shares = dict(zip(part.compared.tolist(), found.coverage, strict=True))
    rows = []
    for name, place in part.positions():
        row = AuditRow(SECTION, part.attribute, name, COVERAGE, "mean")
        if place in told and not told[place]:
            rows.append(replace(row, n=HIDDEN_TEXT, suppressed=True))
        elif place in told and np.isfinite(shares[place]):
            n = int(part.n[place])
            rows.append(replace(row, value=float(shares[place]), n=n, small=n < settings.small_group))
    return rows


def price_ladder(shop: Shop, settings: AuditSettings) -> Section:
    """Each group's price gap with more and more held equal.

    Raises:
        InputError: no prices, too few buyers, or one group only. NotFound: no such group, category or store.
    """
    purchases = prices_within(shop, settings.scope, comparable=True)
    rows: list[AuditRow] = []
    for part in partitions(shop.users, purchases.users, settings):
        for rung in ladder(purchases, part, settings=settings):
            rows += gap_rows(
                part, rung.name, rung.gaps, tolerance=settings.price_tolerance, settings=settings
            )
    return section(rows, settings, users=len(purchases.users), notes=_notes(purchases))


def discounts(shop: Shop, settings: AuditSettings) -> Section:
    """Rate and depth of discounts by kind, over all purchases of a group.

    Raises:
        InputError: no list prices, or too few buyers. NotFound: no such group, category or store.
    """
    purchases = prices_within(shop, settings.scope)
    parts, outcomes = partitions(shop.users, purchases.users, settings), discount_outcomes(purchases)
    settings = with_permutations(settings, parts, metrics=len(outcomes))
    rows: list[AuditRow] = []
    for part in parts:
        rows += discount_rows(purchases, part, settings, tolerance=settings.tolerance)
    return section(rows, settings, users=len(purchases.users), notes=_notes(purchases))


def discounts_for_the_same(shop: Shop, settings: AuditSettings) -> Section:
    """Rate and depth of discounts by kind among purchases of the same product, in the same week and store where known.

    Raises:
        InputError: no list prices, or too few buyers. NotFound: no such group, category or store.
    """
    purchases = prices_within(shop, settings.scope)
    parts, outcomes = partitions(shop.users, purchases.users, settings), discount_outcomes(purchases)
    settings = with_permutations(settings, parts, metrics=len(outcomes))
    rows: list[AuditRow] = []
    for part in parts:
        options = {"permutations": settings.permutations, "rng": generator(part, settings)}
        found = within_strata_gaps(purchases, outcomes, part, settings=settings, **options)
        for name, within in found.items():
            level = settings.tolerance * float(outcomes[name].mean())
            rows += gap_rows(part, name + WITHIN, within.gaps, tolerance=level or None, settings=settings)
    return section(rows, settings, users=len(purchases.users), notes=_notes(purchases))


def why_discounts_differ(shop: Shop, settings: AuditSettings) -> Section:
    """The gap in discount depth taken apart: what is bought, when, where, and what is left (judged).

    Raises:
        InputError: no list prices, too few buyers, or one group only. NotFound: no such group, category or store.
    """
    purchases = prices_within(shop, settings.scope)
    depth = float(discount_outcomes(purchases)[f"{ANY}_discount_depth"].mean())
    rows: list[AuditRow] = []
    for part in partitions(shop.users, purchases.users, settings):
        found = decompose_discount(purchases, part, settings=settings, rng=generator(part, settings))
        for name in found.parts:
            tolerance = settings.tolerance * depth if name == UNEXPLAINED and depth > 0 else None
            metric = "discount_gap" if name == "gap" else f"discount_gap_{name}"
            rows += gap_rows(part, metric, found.gaps(name), tolerance=tolerance, settings=settings)
    return section(rows, settings, users=len(purchases.users), notes=_notes(purchases))


def offers(shop: Shop, settings: AuditSettings) -> Section:
    """Who is offered campaigns, redeems them and saves; and who is offered any, given the same spending.

    Raises:
        InputError: no offers, no prices, or too few buyers. NotFound: no such group, category or store.
    """
    if shop.offers is None:
        raise InputError("These data hold no offers (campaigns), so there is no funnel to show.")
    purchases = prices_within(shop, settings.scope)
    given = shop.offers[_offered_within(shop, settings)]
    if given.empty:
        raise InputError("No offer began in this period.")
    parts, found = partitions(shop.users, purchases.users, settings), funnel(given, purchases)
    settings = with_permutations(settings, parts, metrics=len(found.stages) + 1)
    everywhere = only(shop.priced, np.isin(shop.priced.lines[USER].to_numpy(), purchases.users))
    spending = spending_before(everywhere, _days(given[START]).min())
    level = settings.tolerance * float(found.stages[OFFERED][:, 0].mean())
    rows: list[AuditRow] = []
    for part in parts:
        rows += funnel_rows(found, part, settings, tolerance=settings.tolerance)
        options = {"settings": settings, "permutations": settings.permutations}
        same = offered_given_spending(found, spending, part, rng=generator(part, settings), **options)
        rows += gap_rows(part, GIVEN_SPENDING, same.gaps, tolerance=level or None, settings=settings)
    notes = [
        *_notes(purchases),
        "Offers are those that began in the period; they belong to no store or category.",
    ]
    return section(rows, settings, users=len(purchases.users), notes=notes)


def _offered_within(shop: Shop, settings: AuditSettings) -> np.ndarray:
    begins = _days(shop.offers[START])
    low, high = (day and day_number(day) for day in (settings.scope.start, settings.scope.end))
    kept = np.ones(len(begins), bool) if low is None else begins >= low
    return kept if high is None else kept & (begins <= high)


def _days(times: pd.Series) -> np.ndarray:
    return times.to_numpy("datetime64[D]").astype(np.int64)


def observed(shop: Shop, settings: AuditSettings) -> Section:
    """Access, burden, envy and level of prices as they were paid for the products of the scope.

    Raises:
        InputError: no prices, or too few buyers. NotFound: no such group, category or store.
    """
    purchases, chosen, called = asked_products(shop, settings)
    parts, income = partitions(shop.users, purchases.users, settings), incomes(shop.users)
    settings = with_permutations(settings, parts, metrics=OBSERVED)
    rows: list[AuditRow] = []
    for part in parts:
        rows += observed_price_rows(
            purchases,
            part,
            chosen,
            settings,
            income=None if income is None else income[purchases.users],
            envied=settings.price_tolerance,
            tolerance=settings.tolerance,
            price_tolerance=settings.price_tolerance,
            rng=generator(part, settings),
        )
    notes = [f"Products: {called}.", *_notes(purchases)]
    return section(rows, settings, users=len(purchases.users), notes=notes)


def asked_products(shop: Shop, settings: AuditSettings) -> tuple[Purchases, np.ndarray, str]:
    """Comparable purchases of the scope's stores and period; which lines are of its categories, bool (N,); their name.

    Without categories the one on which most was spent: products of one kind are what a price is for.

    Raises:
        InputError: no prices, or nothing was bought there and then. NotFound: no such category or store.
    """
    anywhere = settings.scope.model_copy(update={"categories": ()})
    purchases = prices_within(shop, anywhere, comparable=True)
    if CATEGORY not in purchases.lines:
        return purchases, np.ones(len(purchases.lines), bool), "all"
    if settings.scope.categories:
        chosen = in_scope(purchases.lines, shop, Scope(categories=settings.scope.categories))
        return purchases, chosen, ", ".join(settings.scope.categories)
    code = purchases.lines[CATEGORY].to_numpy()
    most = int(np.bincount(np.maximum(code, 0), purchases.revenue * (code >= 0)).argmax())
    return purchases, code == most, shop.categories[most]


def steering(shop: Shop, lists: pd.DataFrame, settings: AuditSettings, *, split: Split = "test") -> Section:
    """Are groups shown dearer products of their kind, than they buy and than others are shown, and fewer deals?

    Deals are told from the purchases just before the lists were made: of the window before the split where the calendar
    is split into such, else of all that was bought before.

    Args:
        lists: `user`, `item`, `rank`, of all users, made for the split; the first k are looked at.

    Raises:
        InputError: items have no prices, or too few users have a list. NotFound: no such group, category or store.
    """
    if LIST_PRICE not in shop.items:
        raise InputError("The items of these data have no price, so no list can be dear or cheap.")
    shown = lists_within(lists, shop, settings.scope)
    past = _past(shop, settings.scope, SPLITS.index(split))
    deal, depth = deals_before(shop, settings.scope, split) or (None, None)
    found = steering_metrics(shown, shop.items, past, k=settings.k, deal=deal, depth=depth)
    parts = partitions(shop.users, found.index.to_numpy(), settings)
    settings = with_permutations(settings, parts, metrics=len(found.columns))
    tolerances = {
        name: settings.tolerance * level if name.startswith("deal") and level > 0 else PERCENTILE_TOLERANCE
        for name, level in found.mean().items()
        if np.isfinite(level)
    }
    rows: list[AuditRow] = []
    for part in parts:
        rows += mean_rows(
            found.to_numpy(float),
            list(found.columns),
            part,
            settings,
            section=SECTION,
            tolerances=tolerances,
            bounds={name: _bounds(name) for name in found.columns},
        )
    return section([row for row in rows if row.statistic != "ratio"], settings, users=len(found))


def deals_before(shop: Shop, scope: Scope, split: Moment) -> tuple[np.ndarray, np.ndarray] | None:
    """What is on offer when the lists of a split, or of now, are made (`deals`); None where no purchase tells."""
    before = KNOWN_BEFORE[split]
    past = _past(shop, scope, before)
    latest = None if past is None else _latest(past, shop, before - 1)
    return None if latest is None else deals(latest, len(shop.items))


def _past(shop: Shop, scope: Scope, split: int) -> Purchases | None:
    """Priced purchases of the scope before a split; None where there are none."""
    if not shop.has_prices:
        return None
    lines = shop.priced.lines
    before = in_scope(lines, shop, scope) & (lines[SPLIT].to_numpy() < split)
    return only(shop.priced, before) if before.any() else None


def _latest(past: Purchases, shop: Shop, window: int) -> Purchases | None:
    """Those of which it is known whether they were discounted, just before the lists were made."""
    lines = past.lines
    known = lines[LIST_PRICE].notna().to_numpy()
    if shop.dataset.settings["split"] == "temporal":
        known = known & (lines[SPLIT].to_numpy() == window)
    return only(past, known) if known.any() else None


def _bounds(name: str) -> tuple[float, float]:
    signed = name.startswith(("price_steering", "price_rank_correlation"))
    return (-1.0, 1.0) if signed else (0.0, 1.0)


def _notes(purchases: Purchases) -> list[str]:
    """How many purchases stand behind the numbers, and what of the shop's was left out, by reason."""
    dropped = ", ".join(f"{count:,} ({reason})" for reason, count in purchases.dropped.items() if count)
    lines, users = plural(len(purchases.lines), "purchase line"), plural(len(purchases.users), "user")
    said = [f"{lines} of {users}.", *purchases.notes]
    return (
        [*said, f"Of the whole shop's lines these have no comparable price: {dropped}."] if dropped else said
    )
