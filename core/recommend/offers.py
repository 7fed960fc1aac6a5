"""Who gets which coupon: the most expected value that a budget buys, with offers spread evenly over groups of users."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from fairlearn.postprocessing import ThresholdOptimizer
from fairlearn.reductions import DemographicParity, ErrorRate, ExponentiatedGradient
from pydantic import Field
from scipy.optimize import OptimizeResult, linprog
from scipy.sparse import csr_array, eye_array, hstack, vstack
from sklearn.linear_model import LogisticRegression

from core.errors import InputError, SettingsError
from core.metrics import NOTHING
from core.schema.settings import Settings

Parity = Literal["offer_rate", "saving"]

SAMPLED = 400  # users of each group in a programme
NARROWER = 5  # times fewer users are open from one programme to the next
FEWEST = 50  # users of each group who stay open
LOTTERY = 1e-5  # of the largest value: added at random, so that of equal users some come first
EXACT = 1e-9  # the solver's tolerances, of the largest value
ROUNDING = 1e-8  # of the largest value
WHOLE = 1e-6  # shares of an offer closer than this to 0 or 1 are whole


class OfferSettings(Settings):
    """Coupons under a budget, with groups of users treated alike.

    Moves who gets an offer, never what an offer is worth. Parity of offer rate says nothing about savings, nor the other
    way round; a budget that is enough for everyone leaves nothing to share out.
    """

    budget: float = Field(gt=0, description="What all offers may cost together, in the unit of their cost")
    parity: Parity | None = Field(
        "offer_rate",
        description="What groups should have alike: the share of users with an offer, or the mean expected saving; null: "
        "offers go where they are worth most",
    )
    gap: float = Field(
        0.1,
        ge=0,
        le=1,
        description="Largest gap between two groups, as a share of the mean over all users",
    )
    protected_inputs: bool = Field(
        False, description="Let the forecast of who redeems read protected attributes of users"
    )


@dataclass(frozen=True)
class Allocation:
    """Offers, whole ones, and what they come to.

    Attributes:
        offers: (U,) number of the offer that each user gets, NOTHING for none.
        value: expected, of all offers. cost: of all.
        bound: no allocation within the limits has a higher expected value, even with shares of offers.
        offer_rate, saving: (G,) users with an offer, and mean expected saving, by group; NaN where a group is empty.
    """

    offers: np.ndarray
    value: float
    cost: float
    bound: float
    offer_rate: np.ndarray
    saving: np.ndarray

    @property
    def lost(self) -> float:
        """Share of the bound that whole offers fall short of."""
        return max(1 - self.value / self.bound, 0.0) if self.bound > 0 else 0.0


def allocate_offers(
    value: np.ndarray,
    cost: np.ndarray,
    groups: np.ndarray,
    *,
    budget: float,
    parity: Parity | None,
    tolerance: float,
) -> Allocation:
    """At most one offer for each user, for the most expected value within the budget.

        max  sum value x   s.t.  sum_o x_uo <= 1,  sum cost x <= budget,  0 <= x <= 1,
        max_g m_g - min_g m_g <= tolerance * m,    m: mean over users of sum_o x_uo, or of sum_o value_uo x_uo

    A linear programme, solved to its optimum. But for the few users whose offer is a share, its solution is whole; those
    are rounded so that the budget is kept, and parity up to one offer in a group. Without parity and with one kind of
    offer, those with the most value for their cost get it.
    Example: values 4, 3, 2, 1, cost 1 each, budget 2; the first two are one group, the others another. Without parity the
    first two users get the offers; with parity of the offer rate, tolerance 0, the first and the third.

    Args:
        value: (U,), or (U, O) of O different offers: the chance that the user redeems it times what it is worth to the
            user, which is the expected saving.
        cost: above 0, of the same shape, or (O,); 1 everywhere where the budget is a number of offers.
        groups: (U,) 0 .. G - 1; NOTHING where a user is in no group, or in one too small to be
            shown, and so does not count for parity.

    Raises:
        SettingsError: the budget buys no offer at all. InputError: numbers that are missing, or costs that are not above 0.
    """
    value = np.asarray(value, float)
    cost = np.asarray(cost, float)
    if value.ndim == 1:
        value, cost = value[:, None], np.broadcast_to(cost, value.shape)[:, None]
    cost = np.broadcast_to(cost, value.shape)
    if not np.isfinite(value).all() or not (np.isfinite(cost) & (cost > 0)).all():
        raise InputError("Each offer needs an expected value, and a cost above 0.")
    least = cost.min(initial=np.inf)
    if not budget >= least:
        raise SettingsError(f"A budget of {budget:g} buys no offer; the cheapest costs {least:g}.")
    programme = _programme(value, cost, groups, budget, parity, tolerance)
    shares, bound = _solve(programme)
    offers = _whole(programme, shares)
    given = offers != NOTHING
    worth = np.where(given, value[np.arange(len(value)), offers], 0)
    return Allocation(
        offers=offers,
        value=float(worth.sum()),
        cost=float(cost[given, offers[given]].sum()),
        bound=bound,
        offer_rate=group_means(given, groups),
        saving=group_means(worth, groups),
    )


def group_means(amounts: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Mean of each group, (G,); NaN where a group is empty.

    Args:
        groups: (U,) 0 .. G - 1; NOTHING where a user is in no group.
    """
    known = groups != NOTHING
    size = np.bincount(groups[known])
    total = np.bincount(groups[known], amounts[known].astype(float))
    return np.divide(total, size, out=np.full(len(size), np.nan), where=size > 0)


@dataclass(frozen=True)
class _Programme:
    """What is to be decided of U users, O offers and the H groups that have users.

    Attributes:
        value, lottery, cost, counted: (U, O); lottery is added to the value to put equal users in an order; counted is what
            parity is of. groups: (U,) 0 .. H - 1, NOTHING. sizes: (H,).
    """

    value: np.ndarray
    lottery: np.ndarray
    cost: np.ndarray
    counted: np.ndarray
    groups: np.ndarray
    sizes: np.ndarray
    budget: float
    tolerance: float


def _programme(
    value: np.ndarray,
    cost: np.ndarray,
    groups: np.ndarray,
    budget: float,
    parity: Parity | None,
    tolerance: float,
) -> _Programme:
    known = (groups != NOTHING) & (parity is not None)
    codes = np.full(len(groups), NOTHING)
    names, codes[known] = np.unique(groups[known], return_inverse=True)
    sizes = np.bincount(codes[known], minlength=len(names))
    counted = value if parity == "saving" else np.ones(value.shape)
    lottery = LOTTERY * _scale(value) * np.random.default_rng(0).random(value.shape) * (value > 0)
    return _Programme(value, lottery, cost, counted, codes, sizes, budget, tolerance)


def _solve(programme: _Programme) -> tuple[np.ndarray, float]:
    """Shares of offers, (U, O), at the optimum, and the bound that its prices prove.

    The programme has few rows besides one per user, so from few prices follows what everyone gets who is not all but
    indifferent. A sample gives prices; these say who is nearest to indifferent; a sample of them gives better prices with
    all others fixed, until those who are left open are few enough to be all in. The result is the optimum when at its own
    prices nobody who was fixed would have anything else; otherwise more are left open.
    """
    scale, rng = _scale(programme.value), np.random.default_rng(0)
    profit, fraction, most = np.zeros(programme.value.shape), 1.0, SAMPLED
    while True:
        near, rows, stand_for = _open(programme, _margin(profit), fraction, most, rng)
        fixed = np.where(profit.max(axis=1) > 0, profit.argmax(axis=1), NOTHING)
        fixed[near] = NOTHING
        found = _optimum(programme, rows, stand_for, fixed)
        if found.status == 0:
            profit = _profit(programme, found)
            if len(rows) < len(near):
                fraction /= NARROWER
                continue
            if _settled(profit, fixed, near, scale):
                break
        # Those who are open could not make up for what the others have
        fraction, most = min(fraction * NARROWER, 1.0), most * 2
    shares = np.zeros(programme.value.shape)
    given = np.flatnonzero(fixed != NOTHING)
    shares[given, fixed[given]] = 1
    shares[rows] = found.x[: len(rows) * shares.shape[1]].reshape(len(rows), -1)
    most = np.maximum((profit - programme.lottery).max(axis=1), 0)
    return shares, float(most.sum() - scale * found.ineqlin.marginals[0])


def _settled(profit: np.ndarray, fixed: np.ndarray, is_open: np.ndarray, scale: float) -> bool:
    """Whether nobody would have anything else at these prices than what is fixed for them."""
    has = np.take_along_axis(profit, np.maximum(fixed, 0)[:, None], axis=1)[:, 0]
    regret = np.maximum(profit.max(axis=1), 0) - np.where(fixed == NOTHING, 0, has)
    regret[is_open] = 0
    return bool(regret.max() <= ROUNDING * scale)


def _open(
    programme: _Programme, margin: np.ndarray, fraction: float, most: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Users of each group who are nearest to indifferent.

    Args:
        margin: (U,) how far from it. fraction: of the group. most: who are drawn of them.

    Returns:
        These users, those drawn, and how many of these users each of those drawn stands for.
    """
    near, drawn, stand_for = [], [], []
    for code in np.unique(programme.groups):
        users = np.flatnonzero(programme.groups == code)
        count = min(max(math.ceil(fraction * len(users)), FEWEST), len(users))
        users = users[np.argsort(margin[users], kind="stable")[:count]]
        some = rng.choice(users, most, replace=False) if count > most else users
        near.append(users)
        drawn.append(some)
        stand_for.append(np.full(len(some), count / len(some)))
    return np.concatenate(near), np.concatenate(drawn), np.concatenate(stand_for)


def _optimum(programme: _Programme, rows: np.ndarray, most: np.ndarray, fixed: np.ndarray) -> OptimizeResult:
    """The programme over some users, with the offers of others fixed.

    Unknown are shares of offers (rows, O), the measure of each group, and the lowest of these.

    Args:
        most: shares that each may have together: 1, or how many users one stands for. fixed: (U,) offers, NOTHING for none.
    """
    n_offers, n_groups = programme.value.shape[1], len(programme.sizes)
    n_shares = len(rows) * n_offers
    given = np.flatnonzero(fixed != NOTHING)
    spent = programme.cost[given, fixed[given]].sum()
    measures = n_groups + 1 if n_groups else 0
    above = [csr_array(np.append(programme.cost[rows].ravel() / programme.budget, np.zeros(measures))[None])]
    limits = [np.array([1 - spent / programme.budget])]
    if n_offers > 1:
        one_each = csr_array(
            (np.ones(n_shares), (np.repeat(np.arange(len(rows)), n_offers), np.arange(n_shares))),
            shape=(len(rows), n_shares + measures),
        )
        above.append(one_each)
        limits.append(most)
    equal, reached = None, None
    if n_groups:
        above.append(hstack([csr_array((2 * n_groups, n_shares)), _parity(programme)]))
        limits.append(np.zeros(2 * n_groups))
        known = given[programme.groups[given] != NOTHING]
        counted = programme.counted[known, fixed[known]]
        reached = -np.bincount(programme.groups[known], counted, minlength=n_groups) / programme.sizes
        equal = hstack(
            [_measured(programme, rows), -eye_array(n_groups), csr_array((n_groups, 1))], format="csc"
        )
    bounds = np.zeros((n_shares + measures, 2))
    bounds[:n_shares, 1] = np.repeat(most, n_offers)
    bounds[n_shares:] = -np.inf, np.inf
    return linprog(
        -np.append(
            (programme.value + programme.lottery)[rows].ravel() / _scale(programme.value), np.zeros(measures)
        ),
        A_ub=vstack(above, format="csc"),
        b_ub=np.concatenate(limits),
        A_eq=equal,
        b_eq=reached,
        bounds=bounds,
        method="highs-ds",
        options={"primal_feasibility_tolerance": EXACT, "dual_feasibility_tolerance": EXACT},
    )


def _scale(value: np.ndarray) -> float:
    """The largest value, so that the solver's tolerances fit."""
    return float(np.abs(value).max(initial=0)) or 1.0


def _measured(programme: _Programme, rows: np.ndarray) -> csr_array:
    """What the shares of these users add to each group's measure, (H, rows * O)."""
    n_offers = programme.value.shape[1]
    group = np.repeat(programme.groups[rows], n_offers)
    known = np.flatnonzero(group != NOTHING)
    group = group[known]
    amounts = programme.counted[rows].ravel()[known] / programme.sizes[group]
    return csr_array((amounts, (group, known)), shape=(len(programme.sizes), len(rows) * n_offers))


def _parity(programme: _Programme) -> np.ndarray:
    """Rows that must not be above 0, of the groups' measures and the lowest: each is at least that, and not far above."""
    n_groups = len(programme.sizes)
    each, lowest = np.eye(n_groups), np.ones((n_groups, 1))
    mean = np.tile(programme.sizes / programme.sizes.sum(), (n_groups, 1))
    return np.block([[-each, lowest], [each - programme.tolerance * mean, -lowest]])


def _profit(programme: _Programme, found: OptimizeResult) -> np.ndarray:
    """What each offer is worth at the prices of a solution, (U, O): its value less its cost, and what parity makes of it."""
    scale = _scale(programme.value)
    profit = (
        programme.value
        + programme.lottery
        + scale * found.ineqlin.marginals[0] * programme.cost / programme.budget
    )
    if len(programme.sizes):
        price = scale * found.eqlin.marginals / programme.sizes
        profit = profit + np.append(price, 0)[programme.groups][:, None] * programme.counted
    return profit


def _margin(profit: np.ndarray) -> np.ndarray:
    """How much more each user's best choice is worth than the next best, nothing being one of them, (U,)."""
    best = np.sort(np.column_stack([profit, np.zeros(len(profit))]), axis=1)
    return best[:, -1] - best[:, -2]


def _whole(programme: _Programme, shares: np.ndarray) -> np.ndarray:
    """Offers without shares, (U,): the budget is kept, and each group's measure up to one offer.

    What is left of the budget goes to the group that is furthest below its measure, as the offer nearest to what it lacks,
    again and again; the rest of it to users in no group.
    """
    users = np.arange(len(shares))
    largest = shares.argmax(axis=1)
    offers = np.where(shares[users, largest] > 1 - WHOLE, largest, NOTHING)
    left = programme.budget - programme.cost[users, offers][offers != NOTHING].sum()
    partly = (offers == NOTHING) & (shares.sum(axis=1) > WHOLE)
    missing = _missing(programme, shares, offers)
    closed = np.zeros(len(missing), bool)
    closed[np.setdiff1d(np.arange(len(missing)), programme.groups[partly])] = True
    while not closed.all():
        group = np.where(closed, -np.inf, missing / programme.sizes).argmax()
        members = np.flatnonzero((programme.groups == group) & (offers == NOTHING))
        fits = (programme.cost[members] <= left) & (programme.counted[members] > 0)
        if missing[group] <= WHOLE * programme.sizes[group] or not fits.any():
            closed[group] = True
            continue
        off = np.where(fits, np.abs(programme.counted[members] - missing[group]), np.inf)
        nearest = np.lexsort((-shares[members].ravel(), np.round(off.ravel(), 12)))[0]
        user, offer = members[nearest // off.shape[1]], nearest % off.shape[1]
        offers[user] = offer
        left -= programme.cost[user, offer]
        missing[group] -= programme.counted[user, offer]
    alone = np.flatnonzero(partly & (programme.groups == NOTHING))
    for user in alone[np.argsort(-shares[alone].sum(axis=1), kind="stable")]:
        for offer in np.argsort(-shares[user], kind="stable"):
            if shares[user, offer] > WHOLE and programme.cost[user, offer] <= left:
                offers[user] = offer
                left -= programme.cost[user, offer]
                break
    return offers


def _missing(programme: _Programme, shares: np.ndarray, offers: np.ndarray) -> np.ndarray:
    """(H,) how much the whole offers of each group lack of what its shares come to."""
    known, n_groups = programme.groups != NOTHING, len(programme.sizes)
    wanted = (shares * programme.counted).sum(axis=1)
    has = np.where(offers != NOTHING, programme.counted[np.arange(len(offers)), offers], 0)
    return np.bincount(programme.groups[known], (wanted - has)[known], minlength=n_groups)


Method = Literal["threshold", "reduction"]


@dataclass(frozen=True)
class Decisions:
    """Who is to get an offer, bool (U,), and the share of each group that is: by one rule for all, and by these decisions.

    Attributes:
        before, after: (G,) NaN where a group is empty.
    """

    offered: np.ndarray
    before: np.ndarray
    after: np.ndarray


def offer_classifier(
    features: np.ndarray,
    redeemed: np.ndarray,
    groups: np.ndarray,
    *,
    asked_features: np.ndarray,
    asked_groups: np.ndarray,
    method: Method,
    tolerance: float,
    seed: int,
) -> Decisions:
    """Who gets an offer, learnt from a past campaign so that every group gets offers about as often (demographic parity).

    A logistic regression whose two mistakes, an offer wasted and a taker left out, weigh the same in total.
    threshold: every group has its own threshold on the chance, or a lottery between two (Hardt, Price & Srebro, NIPS 2016),
    so it needs the group of those who are asked. reduction: models learnt with group weights that parity asks for, and a
    lottery between them (Agarwal et al., ICML 2018), which does not look at the group when asked. Both by fairlearn.

    Args:
        features: (N, F) of users of the past campaign; a single column of chances will do. redeemed: bool (N,).
        groups: (N,) 0 .. G - 1; NOTHING: nothing is learnt of parity from the user, who if asked gets what the one rule
            for all says.
        asked_features, asked_groups: (U, F) and (U,) of the users to decide on.
        tolerance: largest difference between two groups' rates. seed: of the lotteries.

    Raises:
        InputError: a group in which all redeemed, or none, teaches no threshold; or a group of those asked is not known.
    """
    grouped, alone = groups != NOTHING, asked_groups == NOTHING
    known = np.unique(groups[grouped])
    one_sided = [code for code in known if len(np.unique(redeemed[groups == code])) < 2]
    if not len(known) or one_sided or not np.isin(asked_groups[~alone], known).all():
        raise InputError("Each group needs users in the past campaign who redeemed, and some who did not.")
    plain = LogisticRegression(class_weight="balanced", max_iter=1000).fit(features, redeemed)
    before = plain.predict(asked_features).astype(bool)
    after = before.copy()
    if method == "threshold":
        fair = ThresholdOptimizer(
            estimator=plain,
            constraints="demographic_parity",
            objective="balanced_accuracy_score",
            predict_method="predict_proba",
            prefit=True,
            tol=tolerance,
        )
        reads = {"sensitive_features": asked_groups[~alone]}
    else:
        share = redeemed.mean()
        fair = ExponentiatedGradient(
            LogisticRegression(max_iter=1000),
            DemographicParity(difference_bound=tolerance / 2),  # from the mean, on either side
            objective=ErrorRate(costs={"fp": share, "fn": 1 - share}),
        )
        reads = {}
    fair.fit(features[grouped], redeemed[grouped].astype(int), sensitive_features=groups[grouped])
    decided = fair.predict(asked_features[~alone], random_state=seed, **reads)
    after[~alone] = np.asarray(decided).astype(bool)
    return Decisions(after, group_means(before, asked_groups), group_means(after, asked_groups))
