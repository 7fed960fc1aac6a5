"""Who would redeem a coupon, and what it would save: learnt from a shop's past offers, judged on later ones.

Letters in shapes: U users, N offers, F inputs, V days on which a user shopped.
"""

from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression, PoissonRegressor

from core.data.splits import local_dates
from core.errors import InputError
from core.fairness.groups import group_labels
from core.fairness.pricing.purchases import DAY, HALF_CENT
from core.fairness.probabilities import difference, measured, reliability, score_all
from core.schema.documents import Measured
from core.schema.settings import Split, Statistics
from core.schema.tables import (
    CAMPAIGN_ID,
    COUPON_DISCOUNT,
    COUPON_MATCH,
    END,
    ITEM,
    PAID_PRICE,
    QUANTITY,
    REDEEMED_AT,
    REDEMPTIONS,
    START,
    USER,
)
from core.workflow.audits.shop import Shop, day_number

FORECAST, ALIKE, OWN_RECORD = "forecast", "everyone alike", "own record"
RECENT, HABITS = 84, 182  # days
SHORTEST = 7  # days that a rate is taken over, at the beginning of the data
PRIOR_OFFERS, PRIOR_VISITS = 3, 5  # what all users do counts as much as so many offers or visits of one's own
FEWEST = 20  # redeemed offers to learn from, and to judge by
NEVER = 10**6  # day of a redemption that there was not
ANY_ITEM = -1  # of an offer that is for no single item
EPOCH = date(1970, 1, 1).toordinal()


@dataclass(frozen=True)
class Fit:
    """How the forecasts stood up to offers that were open on the day or began later, and ended within the data.

    Of those already redeemed on the day nothing is left to foretell; they are left out.

    Attributes:
        offers, redeemed: how many there were, and how many of them were redeemed from the day on.
        scores: `auc` and `brier` of the forecast, of one chance for all (the share redeemed before) and of the user's own
            share of redeemed offers. lead: how much lower the Brier score is than that of the better of these two rules,
            paired; below 0 the forecast is worse.
        expected, observed: share of the offers that is redeemed. saving_expected, saving_observed: coupon money of an
            offer, NaN where it is not known. bins: of `reliability`, of the forecast and the own record (`model`).
    """

    offers: int
    redeemed: int
    scores: dict[str, dict[str, Measured]]
    lead: Measured
    expected: float
    observed: float
    saving_expected: float
    saving_observed: float
    bins: pd.DataFrame


@dataclass(frozen=True)
class Past:
    """Offers that were learnt from: inputs (N, F), users (N,), and whether each was redeemed, bool (N,)."""

    inputs: np.ndarray
    users: np.ndarray
    redeemed: np.ndarray


@dataclass(frozen=True)
class Redemption:
    """What an offer made on a day is expected to come to, for each user who had bought anything before it.

    Attributes:
        day: the first that is not known. users: (U,) codes. chance: (U,) that the user redeems it at least once.
        saving: (U,) coupon money of a redeemed offer; None where the data do not tell. inputs: (U, F) standardised.
        past: what was learnt from. fit: None where too few later offers ended.
    """

    day: date
    users: np.ndarray
    chance: np.ndarray
    saving: np.ndarray | None
    inputs: np.ndarray
    past: Past
    fit: Fit | None

    @property
    def value(self) -> np.ndarray:
        """(U,) expected saving of an offer; where money is not known, expected redemptions."""
        return self.chance if self.saving is None else self.chance * self.saving


@dataclass(frozen=True)
class _Offers:
    """Past offers; days are local, counted from 1970.

    Attributes:
        begins, ends: (N,) days; the latter is the first after it. redeemed_on: (N,) NEVER where it was not.
        table: the offers as they are, for which coupons belong to which.
    """

    user: np.ndarray
    begins: np.ndarray
    ends: np.ndarray
    redeemed_on: np.ndarray
    table: pd.DataFrame

    def only(self, kept: np.ndarray) -> "_Offers":
        parts = (self.user, self.begins, self.ends, self.redeemed_on, self.table)
        return _Offers(*(part[kept] for part in parts))

    def from_day(self, day: int) -> "_Offers":
        """As they stand on a day: what is under way begins then."""
        return replace(self, begins=np.maximum(self.begins, day))


class _Dated:
    """Amounts of users by day, summed over any days of a user at once; what is beyond the last day counts nowhere."""

    def __init__(self, user: np.ndarray, day: np.ndarray, amount: np.ndarray, first: int, last: int):
        self.first, self.width = first, last - first + 2
        key = user.astype(np.int64) * self.width + np.clip(day - first, 0, self.width - 1)
        order = np.argsort(key, kind="stable")
        self.key, self.sums = key[order], np.concatenate([[0.0], np.cumsum(amount[order])])

    def between(self, user: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """(N,) sums over days low <= day < high of each user."""
        base = user.astype(np.int64) * self.width
        ends = (np.clip(day - self.first, 0, self.width - 1) for day in (low, high))
        start, stop = (np.searchsorted(self.key, base + day) for day in ends)
        return self.sums[stop] - self.sums[start]

    def before(self, user: np.ndarray, day: np.ndarray) -> np.ndarray:
        """(N,) sums over all days before."""
        return self.between(user, np.full(len(day), self.first), day)


@dataclass(frozen=True)
class _History:
    """What users did: days shopped, with and without a coupon, money spent, offers had and redeemed.

    Attributes:
        first: day of a purchase. rate: share of the offers learnt from that were redeemed. coupon_rate: share of days shopped with a coupon. Of
            users' own shares, which are drawn towards these.
    """

    first: int
    visits: _Dated
    with_coupon: _Dated | None
    spent: _Dated | None
    offers: _Dated
    redeemed: _Dated
    rate: float
    coupon_rate: float

    def record(self, user: np.ndarray, day: np.ndarray) -> np.ndarray:
        """(N,) each user's share of redeemed offers before a day, drawn towards everybody's."""
        redeemed, offers = (known.before(user, day) for known in (self.redeemed, self.offers))
        return (redeemed + PRIOR_OFFERS * self.rate) / (np.maximum(offers, redeemed) + PRIOR_OFFERS)

    def inputs(self, user: np.ndarray, day: np.ndarray) -> np.ndarray:
        """(N, F) what is known of each user when a day begins; nothing of that day."""
        weeks = np.clip(day - self.first, SHORTEST, RECENT) / 7
        record = self.record(user, day)
        columns = [
            np.log1p(self.visits.between(user, day - RECENT, day) / weeks),
            np.log(record / (1 - record)),
            self.offers.before(user, day) > 0,
        ]
        if self.spent is not None:
            columns.append(np.log1p(np.maximum(self.spent.between(user, day - RECENT, day), 0) / weeks))
        if self.with_coupon is not None:
            visits = self.visits.between(user, day - HABITS, day)
            coupons = self.with_coupon.between(user, day - HABITS, day)
            columns.append((coupons + PRIOR_VISITS * self.coupon_rate) / (visits + PRIOR_VISITS))
        return np.column_stack(columns).astype(float)


def redemption(
    shop: Shop,
    coupons: pd.DataFrame | None,
    *,
    split: Split = "validation",
    protected_inputs: bool = False,
    settings: Statistics,
) -> Redemption:
    """Learn from the offers that had ended when a split began, and judge by those that ended after.

        chance of redeeming: logistic regression;  coupon money of a redeemed offer: Poisson regression, log link

    on days shopped a week and money spent a week (12 weeks), the share of days shopped with a coupon (26 weeks), the
    user's share of redeemed offers, and whether the user had any; all as of the day on which an offer began.

    What it cannot do. The shop chose whom to offer what: of users it never chose, the forecast is a guess from those it
    did. Chances are of an offer like the past ones, on average; single campaigns differ. A redemption is not a purchase
    that would not have been made without.

    Args:
        coupons: which items the coupons of a campaign are good for (`campaign_id`, `item`); with them the money saved by
            an offer is that on its own items while it runs, else all coupon money of the user meanwhile.
        protected_inputs: read the protected attributes of users too.

    Raises:
        InputError: no offers, no calendar, or too few redeemed offers to learn from.
    """
    day = _first_day(shop, split)
    offers = _offers(shop)
    learnt = offers.only(offers.ends <= day)
    redeemed = learnt.redeemed_on < day
    if redeemed.sum() < FEWEST or redeemed.all():
        raise InputError(
            f"Of {len(redeemed):,} offers that had ended by {date.fromordinal(day + EPOCH)}, {redeemed.sum():,} were "
            f"redeemed; at least {FEWEST} are needed, and some that were not, to learn who redeems."
        )
    history = _history(shop, offers, day, rate=float(redeemed.mean()))
    people = _protected(shop) if protected_inputs else np.zeros((len(shop.users), 0))

    def inputs(user: np.ndarray, days: np.ndarray) -> np.ndarray:
        return np.column_stack([history.inputs(user, days), people[user]])

    known = inputs(learnt.user, learnt.begins)
    centre, scale = known.mean(axis=0), known.std(axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    past = Past((known - centre) / scale, learnt.user, redeemed)
    model = _Model(past, _saved(shop, coupons, learnt))
    users = np.unique(shop.bought[USER].to_numpy()[shop.bought[DAY].to_numpy() < day])
    asked = (inputs(users, np.full(len(users), day)) - centre) / scale
    later = _later(shop, offers, day)
    seen = (inputs(later.user, later.begins) - centre) / scale
    chance, saving = model(asked)
    return Redemption(
        day=date.fromordinal(day + EPOCH),
        users=users,
        chance=chance,
        saving=saving,
        inputs=asked,
        past=past,
        fit=_fit(model(seen), later, history, _saved(shop, coupons, later), settings),
    )


class _Model:
    """Chance of a redemption, and coupon money of one; the latter None where the past offers saved none that is known."""

    def __init__(self, past: Past, saved: np.ndarray | None):
        self.chance = LogisticRegression(max_iter=1000).fit(past.inputs, past.redeemed)
        self.saving = None
        if saved is not None and saved[past.redeemed].sum() > 0:
            self.most = saved[past.redeemed].max()
            self.saving = PoissonRegressor(max_iter=1000).fit(
                past.inputs[past.redeemed], saved[past.redeemed]
            )

    def __call__(self, inputs: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        if not len(inputs):
            return np.zeros(0), None
        chance = self.chance.predict_proba(inputs)[:, 1]
        if self.saving is None:
            return chance, None
        return chance, np.minimum(self.saving.predict(inputs), self.most)


def _first_day(shop: Shop, split: Split) -> int:
    begins = shop.dataset.period.get(f"{split}_start")
    if begins is None or shop.zone is None:
        raise InputError("Offers are learnt from by the calendar: prepare the data with split=temporal.")
    return day_number(date.fromisoformat(begins))


def _offers(shop: Shop) -> _Offers:
    if shop.offers is None:
        raise InputError("These data hold no offers, so nobody's redemptions can be learnt from.")
    table = shop.offers
    begins, ends = _days(table[START], shop), _days(table[END], shop)
    redeemed_on = np.full(len(table), NEVER)
    if REDEMPTIONS in table:  # without a day it is known when the offer has ended
        redeemed_on = np.where(table[REDEMPTIONS].fillna(0) > 0, ends - 1, redeemed_on)
    elif REDEEMED_AT not in table:
        raise InputError("The offers of these data do not say whether they were redeemed.")
    if REDEEMED_AT in table:
        told = table[REDEEMED_AT].notna().to_numpy()
        redeemed_on[told] = _days(table[REDEEMED_AT][told], shop)
    return _Offers(table[USER].to_numpy(), begins, ends, redeemed_on, table)


def _days(times: pd.Series, shop: Shop) -> np.ndarray:
    return local_dates(times, shop.zone).to_numpy("datetime64[D]").astype(np.int64)


def _history(shop: Shop, offers: _Offers, begins: int, *, rate: float) -> _History:
    """What is known of users; what all do is taken from before the day."""
    user, day = shop.bought[USER].to_numpy(), shop.bought[DAY].to_numpy()
    first, last = min(day.min(), offers.begins.min()), max(day.max(), offers.ends.max())
    width = int(last - first + 1)
    trip, place = np.unique(user.astype(np.int64) * width + (day - first), return_inverse=True)
    visited = trip // width, trip % width + first

    def dated(amount: np.ndarray) -> _Dated:
        return _Dated(*visited, amount, first, last)

    money = _coupon_money(shop)
    couponed = None if money is None else np.bincount(place, money) > HALF_CENT
    known = offers.redeemed_on < NEVER
    one_each = np.ones(len(offers.user))
    return _History(
        first=int(day.min()),
        visits=dated(np.ones(len(trip))),
        with_coupon=None if couponed is None else dated(couponed.astype(float)),
        spent=dated(np.bincount(place, _money(shop, [PAID_PRICE]))) if PAID_PRICE in shop.events else None,
        offers=_Dated(offers.user, offers.begins, one_each, first, last),
        redeemed=_Dated(offers.user[known], offers.redeemed_on[known], one_each[known], first, last),
        rate=rate,
        coupon_rate=0.0 if couponed is None else float(couponed[visited[1] < begins].mean()),
    )


def _coupon_money(shop: Shop) -> np.ndarray | None:
    """(E,) taken off each purchase line by coupons and their match; None where the data do not say."""
    names = [name for name in (COUPON_DISCOUNT, COUPON_MATCH) if name in shop.events]
    return _money(shop, names) if names else None


def _money(shop: Shop, names: list[str]) -> np.ndarray:
    """(E,) columns per unit, times units."""
    units = shop.events[QUANTITY].fillna(1.0) if QUANTITY in shop.events else 1.0
    return (sum(shop.events[name].fillna(0.0) for name in names) * units).to_numpy(float)


def _saved(shop: Shop, coupons: pd.DataFrame | None, offers: _Offers) -> np.ndarray | None:
    """(N,) coupon money of each offer's user while it ran, on its own items where these are known."""
    money = _coupon_money(shop)
    if money is None:
        return None
    some = money > HALF_CENT
    lines = shop.bought.loc[some, [USER, ITEM, DAY]].assign(money=money[some])
    asked = pd.DataFrame({USER: offers.user, "begins": offers.begins, "ends": offers.ends})
    asked["offer"] = np.arange(len(asked))
    asked["own"] = offers.table[ITEM].to_numpy() if ITEM in offers.table else ANY_ITEM
    own_items = coupons is not None and CAMPAIGN_ID in offers.table
    if own_items:
        asked[CAMPAIGN_ID] = offers.table[CAMPAIGN_ID].astype(str).to_numpy()
    pairs = lines.merge(asked, on=USER)
    pairs = pairs[(pairs[DAY] >= pairs["begins"]) & (pairs[DAY] < pairs["ends"])]
    pairs = pairs[(pairs["own"] == ANY_ITEM) | (pairs["own"] == pairs[ITEM])]
    if own_items:
        good_for = coupons[[CAMPAIGN_ID, ITEM]].astype({CAMPAIGN_ID: str}).drop_duplicates()
        pairs = pairs.merge(good_for, on=[CAMPAIGN_ID, ITEM])
    return np.bincount(pairs["offer"], pairs["money"], minlength=len(asked))


def _protected(shop: Shop) -> np.ndarray:
    """(users, groups) one column for each group of each protected attribute."""
    found = [group_labels(shop.users, (name,)) for name in shop.dataset.protected]
    columns = [np.eye(len(groups.names))[groups.codes] for groups in found]
    return np.column_stack(columns) if columns else np.zeros((len(shop.users), 0))


def _later(shop: Shop, offers: _Offers, day: int) -> _Offers:
    """Offers that can be foretold on the day and of which the data tell the end, as they stand on it."""
    after = day_number(date.fromisoformat(shop.dataset.period["end"])) + 1
    return offers.only((offers.ends > day) & (offers.ends <= after) & (offers.redeemed_on >= day)).from_day(
        day
    )


def _fit(
    forecast: tuple[np.ndarray, np.ndarray | None],
    later: _Offers,
    history: _History,
    saved: np.ndarray | None,
    settings: Statistics,
) -> Fit | None:
    chance, saving = forecast
    happened = later.redeemed_on < NEVER
    if happened.sum() < FEWEST or happened.all():
        return None
    rules = {
        ALIKE: np.full(len(happened), history.rate),
        OWN_RECORD: history.record(later.user, later.begins),
    }
    scores = score_all({FORECAST: chance, **rules}, happened, later.user, settings=settings)
    best = min(rules, key=lambda name: scores[name].value["brier"])
    n = len(np.unique(later.user))
    told = saving is not None and saved is not None
    return Fit(
        offers=len(happened),
        redeemed=int(happened.sum()),
        scores={
            name: {
                metric: one
                for metric, one in measured(own, n=n, settings=settings).items()
                if metric in ("auc", "brier")
            }
            for name, own in scores.items()
        },
        lead=difference(scores[best], scores[FORECAST], "brier", n=n, settings=settings),
        expected=float(chance.mean()),
        observed=float(happened.mean()),
        saving_expected=float((chance * saving).mean()) if told else float("nan"),
        saving_observed=float((saved * happened).mean()) if told else float("nan"),
        bins=_bins({FORECAST: chance, OWN_RECORD: rules[OWN_RECORD]}, happened, later.user, settings),
    )


def _bins(
    predictions: dict[str, np.ndarray], happened: np.ndarray, users: np.ndarray, settings: Statistics
) -> pd.DataFrame:
    found = [
        reliability(chance, happened, users, settings=settings).assign(model=name)
        for name, chance in predictions.items()
    ]
    return pd.concat(found, ignore_index=True)
