"""The re-rankers that a policy may be made of: one line each, with what each asks of the shop."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from core.errors import SettingsError
from core.fairness.exposure.item_groups import ItemGroups
from core.recommend.rerank.batch import Candidates
from core.recommend.rerank.calibrated import CalibratedSettings, calibrated
from core.recommend.rerank.constrained_sort import ConstrainedSortSettings, constrained_sort
from core.recommend.rerank.deal_access import DealAccessSettings, access_limits, deal_kinds
from core.recommend.rerank.exposure_limits import ExposureLimitSettings, exposure_limits
from core.recommend.rerank.fa_star_ir import FaStarIrSettings, fa_star_ir, passes
from core.recommend.rerank.greedy_exposure import GreedyExposureSettings, greedy_exposure
from core.recommend.rerank.item_target import ItemTargetSettings
from core.recommend.rerank.marginal_relevance import MarginalRelevanceSettings, marginal_relevance
from core.recommend.rerank.market import Kinds, Market, respond
from core.recommend.rerank.max_min import MaxMinSettings, max_min
from core.recommend.rerank.price_guard import PriceGuardSettings, guard_limits, price_kinds
from core.recommend.rerank.propensity import PropensitySettings, corrected, popularity_propensity
from core.recommend.rerank.two_sided import TwoSidedSettings, two_sided
from core.recommend.rerank.two_sided_penalty import TwoSidedPenaltySettings, two_sided_penalty
from core.recommend.rerank.xquad import XquadSettings, xquad
from core.schema.settings import Settings
from core.schema.tables import CATEGORY, ITEM, USER
from core.workflow.policies.engine import Reranked, Shortfall, keeping, market_of, priced
from core.workflow.policies.ground import Ground, UserGroups

CORRECT, CALIBRATE, EXPOSURE, DIVERSITY = range(4)  # the order in which steps follow each other


@dataclass(frozen=True)
class Reranker:
    """A kind of step.

    Attributes:
        run: takes everyone's candidates, the shop before the split, and settings of its own kind.
        works_by: how an item gets its new place: a price is added to its relevance, its relevance is multiplied, or it is
            chosen for its place among the items above it.
    """

    stage: int
    settings: type[Settings]
    run: Callable[[Candidates, Ground, Settings], Reranked]
    works_by: Literal["price", "factor", "place"] = "place"


def _exposure(candidates: Candidates, ground: Ground, settings: ExposureLimitSettings) -> Reranked:
    groups = ground.item_groups(settings.items_by)
    target, kinds = ground.target(groups, settings), _kinds(groups)
    opened = market_of(candidates, kinds, ground)
    asked = exposure_limits(target, floor=settings.floor, ceiling=settings.ceiling)
    return keeping(candidates, kinds, opened, asked, groups.names, amount="{} % of the attention")


def _greedy(candidates: Candidates, ground: Ground, settings: GreedyExposureSettings) -> Reranked:
    groups = ground.item_groups(settings.items_by)
    return Reranked(
        greedy_exposure(
            candidates,
            groups.codes,
            ground.target(groups, settings),
            weights=ground.weights,
            strength=settings.strength,
            rng=np.random.default_rng(0),
        )
    )


def _propensity(candidates: Candidates, ground: Ground, settings: PropensitySettings) -> Reranked:
    propensity = popularity_propensity(ground.taken, power=settings.power)
    asked = {"strength": settings.strength, "clip": settings.clip, "normalise": settings.normalise}
    return Reranked(corrected(candidates, propensity, **asked))


def _max_min(candidates: Candidates, ground: Ground, settings: MaxMinSettings) -> Reranked:
    groups = ground.item_groups(settings.items_by)
    kinds = _kinds(groups)
    opened = market_of(candidates, kinds, ground)
    aim = np.minimum(ground.target(groups, settings), opened.reach.high[0])
    prices, _, _ = max_min(opened.market, aim, settings.strength)
    return Reranked(priced(candidates, kinds, prices))


def _penalty(candidates: Candidates, ground: Ground, settings: TwoSidedPenaltySettings) -> Reranked:
    inside = ground.items_of(settings.items_by, settings.item_group)
    own = ground.users_of(settings.by, settings.user_group, settings.bins)
    two = UserGroups(("all others", settings.user_group), own.astype(np.int32))
    kinds = Kinds(inside.astype(np.int64), np.eye(2))
    sizes = np.bincount(kinds.codes, minlength=2) / len(inside)
    opened = market_of(candidates, kinds, ground, two)
    prices, _, _ = two_sided_penalty(opened.market, sizes, items=settings.items, users=settings.users)
    return Reranked(priced(candidates, kinds, prices, two))


def _price_guard(candidates: Candidates, ground: Ground, settings: PriceGuardSettings) -> Reranked:
    percentile, users = ground.price_percentiles, ground.user_groups(settings.by, settings.bins)
    kinds = price_kinds(percentile)
    opened = market_of(candidates, kinds, ground, users)
    if settings.around == "history":
        middle = _paid_percentile(percentile, ground, users)
    else:
        middle = np.full(len(users.names), _shown_to_all(opened.market))
    asked = guard_limits(middle, settings.band)
    amount = "a mean price percentile of {}"
    return keeping(candidates, kinds, opened, asked, users.names, amount=amount, users=users)


def _shown_to_all(market: Market) -> float:
    """Exposure of the one amount in the lists as they are, mean over the users of all groups."""
    shown = respond(market, np.zeros((len(market.sizes), 1))).exposure[:, 0]
    return float(market.sizes @ shown / max(market.sizes.sum(), 1))


def _paid_percentile(percentile: np.ndarray, ground: Ground, users: UserGroups) -> np.ndarray:
    """(G,) mean price percentile of what each group bought before."""
    bought = ground.before
    group, value = users.codes[bought[USER].to_numpy()], percentile[bought[ITEM].to_numpy()]
    counted = np.isfinite(value) & (group < len(users.names))
    n = np.bincount(group[counted], minlength=len(users.names))
    total = np.bincount(group[counted], value[counted], minlength=len(users.names))
    return np.divide(total, n, out=np.full(len(n), np.nan), where=n > 0)


def _deal_access(candidates: Candidates, ground: Ground, settings: DealAccessSettings) -> Reranked:
    users, kinds = ground.user_groups(settings.by, settings.bins), deal_kinds(ground.deals)
    opened = market_of(candidates, kinds, ground, users)
    asked = access_limits(_shown_to_all(opened.market), len(users.names), settings.gap)
    amount = "{} % of its attention on offers"
    return keeping(candidates, kinds, opened, asked, users.names, amount=amount, users=users)


def _fa_star_ir(candidates: Candidates, ground: Ground, settings: FaStarIrSettings) -> Reranked:
    protected = ground.items_of(settings.items_by, settings.protected)
    asked = {"k": ground.k, "p": settings.share, "alpha": settings.alpha}
    found = fa_star_ir(candidates, protected, **asked)
    failing = int((~passes(found, protected, **asked) & candidates.filled[:, 0]).sum())
    too_few = f"{failing:,} users have too few protected items among their candidates; they get all of them."
    return Reranked(found, (Shortfall(too_few),) if failing else ())


def _constrained_sort(candidates: Candidates, ground: Ground, settings: ConstrainedSortSettings) -> Reranked:
    groups = ground.item_groups(settings.items_by)
    target = ground.target(groups, settings)
    return Reranked(
        constrained_sort(candidates, groups.codes, k=ground.k, target=target, strength=settings.strength)
    )


def _calibrated(candidates: Candidates, ground: Ground, settings: CalibratedSettings) -> Reranked:
    groups = ground.item_groups(settings.items_by)
    wanted = ground.tastes(groups)
    return Reranked(
        calibrated(candidates, groups.codes, wanted, weights=ground.weights, strength=settings.strength)
    )


def _two_sided(candidates: Candidates, ground: Ground, settings: TwoSidedSettings) -> Reranked:
    groups = ground.item_groups(settings.items_by)
    aim = ItemTargetSettings(target=settings.target)
    return Reranked(
        two_sided(
            candidates,
            groups.codes,
            ground.tastes(groups),
            ground.target(groups, aim),
            weights=ground.weights,
            strength=settings.strength,
            towards=settings.towards,
        )
    )


def _marginal_relevance(
    candidates: Candidates, ground: Ground, settings: MarginalRelevanceSettings
) -> Reranked:
    return Reranked(marginal_relevance(candidates, ground.vectors(), k=ground.k, strength=settings.strength))


def _xquad(candidates: Candidates, ground: Ground, settings: XquadSettings) -> Reranked:
    groups = ground.item_groups(CATEGORY)
    wanted = np.nan_to_num(ground.tastes(groups), nan=1 / len(groups.names))
    return Reranked(xquad(candidates, groups.codes, wanted, k=ground.k, strength=settings.strength))


def _kinds(groups: ItemGroups) -> Kinds:
    return Kinds(groups.codes, np.eye(len(groups.names)))


RERANKERS: Mapping[str, Reranker] = {
    "propensity": Reranker(CORRECT, PropensitySettings, _propensity, "factor"),
    "calibrated": Reranker(CALIBRATE, CalibratedSettings, _calibrated),
    "two_sided_calibration": Reranker(CALIBRATE, TwoSidedSettings, _two_sided),
    "exposure_limits": Reranker(EXPOSURE, ExposureLimitSettings, _exposure, "price"),
    "greedy_exposure": Reranker(EXPOSURE, GreedyExposureSettings, _greedy),
    "max_min_exposure": Reranker(EXPOSURE, MaxMinSettings, _max_min, "price"),
    "two_sided_penalty": Reranker(EXPOSURE, TwoSidedPenaltySettings, _penalty, "price"),
    "price_guard": Reranker(EXPOSURE, PriceGuardSettings, _price_guard, "price"),
    "deal_access": Reranker(EXPOSURE, DealAccessSettings, _deal_access, "price"),
    "fa_star_ir": Reranker(EXPOSURE, FaStarIrSettings, _fa_star_ir),
    "constrained_sort": Reranker(EXPOSURE, ConstrainedSortSettings, _constrained_sort),
    "marginal_relevance": Reranker(DIVERSITY, MarginalRelevanceSettings, _marginal_relevance),
    "xquad": Reranker(DIVERSITY, XquadSettings, _xquad),
}


def reranker(name: str) -> Reranker:
    """The re-ranker of that name; SettingsError where there is none."""
    if name not in RERANKERS:
        raise SettingsError(f"'{name[:60]}' is no re-ranker; there are: {', '.join(RERANKERS)}.")
    return RERANKERS[name]
