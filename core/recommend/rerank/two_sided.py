"""Two-sided calibration: lists near their users' taste that together give groups of items a target share."""

from typing import Literal

import numpy as np
from pydantic import Field

from core.errors import InputError
from core.recommend.rerank.batch import Candidates
from core.recommend.rerank.calibrated import SMOOTHING, calibrated
from core.schema.settings import Settings

CLOSE = 1e-10  # of all attention: shares that are met up to this are met
STEPS, HALVINGS = 100, 40  # at most; a dozen steps are usual
ROUNDING = 1e-14  # of the dual's value
NOTHING_SEEN = 1e-12  # a group that should get no more of all attention gets none of anyone


class TwoSidedSettings(Settings):
    """Lists near their users' taste that together give groups of items a target share.

    Moves what the groups of the attribute get over all users, as far as the candidates and the weight of relevance allow,
    and lets those change most whose taste is nearest. Does not promise the target, nor a share for a single provider:
    floors of exposure do.
    """

    strength: float = Field(
        0.3,
        ge=0,
        le=1,
        description="Weight of the wanted shares against relevance; 0 keeps the order",
    )
    towards: float = Field(
        0.5,
        ge=0,
        le=1,
        description="How far the shares over all users are moved from what users bought (0: each list mirrors its user) to "
        "the target (1). Moves groups of items as a whole, not single providers",
    )
    target: Literal["catalogue", "purchases", "equal"] = Field(
        "catalogue", description="Shares that groups of items should get over all users: their shares of what"
    )
    items_by: str = Field(
        "provider_size",
        description="Groups of items whose shares are moved: provider_size, brand, category, ...",
    )


def two_sided(
    candidates: Candidates,
    groups: np.ndarray,
    tastes: np.ndarray,
    target: np.ndarray,
    *,
    weights: np.ndarray,
    strength: float,
    towards: float,
) -> Candidates:
    """Calibrated lists whose wanted shares are `user_targets`: at `towards` 0 the same as `calibrated` to taste.

    Source: Wang et al., Two-sided calibration for quality-aware responsible recommendation, RecSys 2023. They solve the
    first step as a linear programme; with KL as the distance it has one unknown per group.

    Args:
        tastes, target, towards: see `user_targets`. groups, weights, strength: see `calibrated`.

    Raises:
        InputError: as these two do.
    """
    wanted = user_targets(tastes, target, towards=towards)
    return calibrated(candidates, groups, wanted, weights=weights, strength=strength)


def system_target(tastes: np.ndarray, target: np.ndarray, *, towards: float) -> np.ndarray:
    """The shares that the targets of all users come to on average, (H,): from their mean taste (0) to the target (1)."""
    return (1 - towards) * np.nanmean(tastes, axis=0) + towards * target


def user_targets(tastes: np.ndarray, target: np.ndarray, *, towards: float) -> np.ndarray:
    """Each user's shares q_u, nearest to taste and on average those of `system_target` t, (U, H).

        min sum_u KL(q_u || p_u)  s.t.  mean_u q_u = t,   so   q_uh = p_uh e^{mu_h} / sum_g p_ug e^{mu_g}

    One mu for everybody, found by Newton steps on the dual mean_u ln sum_h p_uh e^{mu_h} - mu . t, which is convex. So that
    there always are such shares, `towards` / 100 of each p_u is taken from the target.
    Example: tastes (0.9, 0.1) and (0.5, 0.5), target (0.5, 0.5): odds of 9 and 1 are both divided by 3, which gives
    (0.75, 0.25) and (0.25, 0.75), but for what is taken from the target.

    Args:
        tastes: (U, H) p, rows sum to 1; NaN where nothing is known of a user, which stays so.
        target: (H,) that sum to 1.

    Raises:
        InputError: another number of groups, or a target that is no shares.
    """
    if target.shape != tastes.shape[1:] or target.min() < 0 or abs(target.sum() - 1) > 1e-6:
        raise InputError(f"The target must be {tastes.shape[1]:,} shares, one per group, that sum to 1.")
    known = np.isfinite(tastes).all(axis=1)
    if towards == 0 or not known.any():
        return tastes
    lent = SMOOTHING * towards
    start = (1 - lent) * tastes[known] + lent * target
    found = np.full(tastes.shape, np.nan)
    found[known] = _with_mean(start, system_target(tastes[known], target, towards=towards))
    return found


def _with_mean(start: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Rows start_h e^{mu_h}, scaled to sum to 1, whose mean is that: start and result (U, H)."""
    found = np.zeros(start.shape)
    some = mean > NOTHING_SEEN
    start, mean = start[:, some], mean[some] / mean[some].sum()
    power = np.log(mean / start.mean(axis=0))
    value, shares = _dual(start, mean, power)
    for _ in range(STEPS):
        now = shares.mean(axis=0)
        slope = now - mean
        if np.abs(slope).max() < CLOSE:
            break
        # In units of the square roots of the shares, so that tiny groups weigh as much as large ones. Adding 1 to every
        # power changes nothing, which the last term takes out
        unit = np.sqrt(now)
        scaled = shares / unit
        curve = np.eye(len(mean)) - scaled.T @ scaled / len(shares) + np.outer(unit, unit)
        step = -np.linalg.solve(curve, slope / unit) / unit
        for _ in range(HALVINGS):
            tried = _dual(start, mean, power + step)
            if tried[0] <= value + 1e-4 * step @ slope + ROUNDING * max(abs(value), 1):
                break
            step /= 2
        power = power + step
        value, shares = tried
    found[:, some] = shares
    return found


def _dual(start: np.ndarray, mean: np.ndarray, power: np.ndarray) -> tuple[float, np.ndarray]:
    """Value of the dual at these powers, and everyone's shares."""
    highest = power.max()
    shares = start * np.exp(power - highest)
    total = shares.sum(axis=1, keepdims=True)
    return float(np.log(total).mean() + highest - power @ mean), shares / total
