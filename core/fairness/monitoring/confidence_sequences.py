"""Anytime-valid confidence sequences: intervals that may be looked at as often as one likes, and stopped on at will.

An interval for a fixed number of users misses its target at one look in twenty, so somebody who looks daily sees a false
alarm sooner or later. A confidence sequence misses it at any look, ever, in at most one history out of twenty.

Which dependence is allowed: values in their order are martingale differences around their mean, that is, the expected
value of the next one, given all before, is the mean. Independent users satisfy that, in any order that does not look at
their values. The same user again does not: who was served well before will be again, and a sequence that takes that for
news raises false alarms in most histories (a test shows it). So a user's value counts once (`new_users.py`), or
standard errors take a user for one unit, however often seen (`returning_users.py`).

References: Waudby-Smith & Ramdas, Estimating means of bounded random variables by betting, JRSS-B 86 (2024);
Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas, Time-uniform central limit theory and asymptotic confidence sequences,
Annals of Statistics 52 (2024).
"""

from itertools import pairwise

import numpy as np
from scipy import stats
from scipy.special import lambertw

LARGEST_BET = 0.75  # share of the capital that may be lost at once: c in the paper
STEPS = 24  # parts of the unit interval, in each of which bets are the same against all means
PRIOR_MEAN, PRIOR_VARIANCE = 0.5, 0.25  # one imagined value, so that the first bets are defined


def betting_ends(values: np.ndarray, seen: np.ndarray, *, alpha: float) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper ends at each look for means of values in [0, 1], (L, K) each: hedged capital, without asymptotics.

    Two players start with 1 each and bet that the mean is above, or below, a candidate m; under m neither multiplies the
    capital by 2 / alpha with a chance above alpha / 2, ever (Ville). Candidates at which one did are left out.

    If the mean stays the same, both ends enclose it at all looks with a chance of 1 - alpha. If it moves, the lower end is
    still below the largest mean there was, and the upper end above the smallest, with that chance: an interval
    that leaves out zero is no artefact of drift.

    Bets may depend on m, lest they lose everything; here they are the same for all m of a part of the unit interval. In it
    the logarithm of the capital is falling and concave in m, so that a straight line between the ends of the part errs on
    the safe side, by less than the bet times h^2 / 8 for parts of width h.

    Args:
        values: (T, K) in [0, 1], in order. seen: (L,) how many of them there are at each look, rising.
    """
    bets = _bets(values, alpha)
    low = _lower_ends(values, bets, seen, alpha)
    return low, 1 - _lower_ends(1 - values, bets, seen, alpha)


def _bets(values: np.ndarray, alpha: float) -> np.ndarray:
    """How much is bet on each value, from those before it, (T, K): large where these vary little, less as time goes on."""
    t = np.arange(1, len(values) + 1)[:, None]
    mean = (PRIOR_MEAN + values.cumsum(axis=0)) / (t + 1)
    variance = (PRIOR_VARIANCE + ((values - mean) ** 2).cumsum(axis=0)) / (t + 1)
    before = np.concatenate([np.full((1, values.shape[1]), PRIOR_VARIANCE), variance[:-1]])
    return np.sqrt(2 * np.log(2 / alpha) / (before * t * np.log1p(t)))


def _lower_ends(values: np.ndarray, bets: np.ndarray, seen: np.ndarray, alpha: float) -> np.ndarray:
    """The smallest mean that the player who bets on larger ones has not ruled out, at each look, (L, K)."""
    grid, needed = np.linspace(0, 1, STEPS + 1), np.log(2 / alpha)
    ends = np.ones((len(seen), values.shape[1]))
    ruled_out = np.ones_like(ends, dtype=bool)
    for low, high in pairwise(grid):
        bet = np.minimum(bets, LARGEST_BET / high)
        against_low, against_high = (_log_capital(values, bet, seen, mean) for mean in (low, high))
        here = ruled_out & (against_high < needed)
        fall = np.where(here, against_low - against_high, 1.0)
        share = np.clip((against_low - needed) / np.where(fall > 0, fall, 1.0), 0, 1)
        ends = np.where(here, low + (high - low) * share, ends)
        ruled_out &= ~here
        if not ruled_out.any():
            break
    return ends


def _log_capital(values: np.ndarray, bets: np.ndarray, seen: np.ndarray, mean: float) -> np.ndarray:
    """Logarithm of the capital at each look from betting on more than this mean, (L, K)."""
    gains = np.log1p(bets * (values - mean)).cumsum(axis=0)
    return np.concatenate([np.zeros((1, values.shape[1])), gains])[seen]


def asymptotic_ends(
    value: np.ndarray, error: np.ndarray, degrees: np.ndarray, *, alpha: float
) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper ends at each look for estimates of any range, each of the shape of `value`: Gaussian mixture.

    With many users the scores (estimates over their squared errors) move like a Brownian motion whose clock is the
    information, 1 / error^2; the boundary of Robbins' normal mixture holds for that at all times at once. It is set to
    be tightest at the first look, and widens slowly from there (3.0 errors; 3.7 at 200 times the information). Asymptotic:
    few users are allowed for by taking Student's quantile of the same tail, which is ours.

    If what is estimated moves, the ends enclose its average up to now (the paper's Lindeberg form).

    Args:
        value, error: (L, ...) estimates and standard errors; NaN at looks without. degrees: (L, ...) of freedom.
    """
    first = np.take_along_axis(error, (error > 0).argmax(axis=0)[None], axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        clock = tightest(alpha) * (first / error) ** 2
        beyond = np.sqrt((clock + 1) / clock * (np.log1p(clock) - 2 * np.log(alpha)))
    few = stats.t.isf(stats.norm.sf(beyond), np.maximum(degrees, 1))
    margin = np.where(error > 0, few * error, error)  # where nobody differs from anybody, there is none
    return value - margin, value + margin


def tightest(alpha: float) -> float:
    """The time of the clock at which the boundary is nearest to zero in standard errors: x + 1 = -W(-alpha^2 / e)."""
    return float(-lambertw(-(alpha**2) / np.e, k=-1).real - 1)
