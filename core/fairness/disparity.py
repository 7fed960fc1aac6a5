"""How unequal several ways to make everyone's lists are, and what each changes against the first, paired by user.

Each way is a column; the first is the one that all are held against. One set of bootstrap draws of the users serves all
columns, so what two ways have in common cancels in their difference.
"""

from dataclasses import dataclass, fields

import numpy as np

from core.fairness.group_rows import among
from core.fairness.partition import Partition
from core.fairness.stats import (
    bootstrap,
    intervals,
    p_values,
    permuted_means,
    range_interval,
    sign_flipped_means,
)
from core.schema.settings import Statistics

TO_MOVE, SHORTFALL = "attention_to_move", "attention_shortfall"


@dataclass(frozen=True)
class Levels:
    """A measure of P ways to make lists; all (P,), NaN where it is undefined.

    Attributes:
        value, low, high: the measure. null: 95 % point of a range without any disparity; NaN of other measures.
        change, change_low, change_high, p_value: value minus that of the first way, on the same users.
        n: users.
    """

    value: np.ndarray
    low: np.ndarray
    high: np.ndarray
    null: np.ndarray
    change: np.ndarray
    change_low: np.ndarray
    change_high: np.ndarray
    p_value: np.ndarray
    n: np.ndarray


def mean_levels(values: np.ndarray, settings: Statistics) -> Levels:
    """Means over users, such as NDCG: studentised intervals, p-values from flipping the signs of the differences.

    Args:
        values: (U, P) finite, of at least two users.
    """
    rng, everybody = np.random.default_rng(settings.seed), np.zeros(len(values), dtype=int)
    difference, options = values - values[:, :1], {"n_groups": 1, "rng": rng}
    moments = bootstrap(np.column_stack([values, difference]), everybody, draws=settings.draws, **options)
    found = intervals(moments, np.ones((1, 1)), confidence=settings.confidence)
    null = sign_flipped_means(difference, everybody, permutations=settings.permutations, **options)
    (value, change), (low, change_low), (high, change_high) = (
        np.split(ends[0], 2) for ends in (found.value, found.low, found.high)
    )
    return Levels(
        value=value,
        low=low,
        high=high,
        null=np.full(len(value), np.nan),
        change=change,
        change_low=change_low,
        change_high=change_high,
        p_value=p_values(change, null[:, 0]),
        n=np.full(len(value), len(values)),
    )


def range_levels(values: np.ndarray, part: Partition, settings: Statistics) -> Levels:
    """The largest minus the smallest mean of the shown groups of users.

        d = max_g m(g) - min_g m(g);  change = d - d of the first way

    The range of noisy means is above zero without any disparity (`null`), and the noisier the means the further; its
    interval holds all pairs of groups at once (`core.fairness.stats.range_interval`). The change is biased far less, as
    the same users are in both of its terms: what is left is the difference of the two biases. It lies within `c +- q`,
    q the 95 % point of |c* - c| over the draws, and p is how often |c* - c| is at least |c| (centred as Hall & Wilson,
    Biometrics 47, 1991, ask), so that both agree. Where groups are nearly tied for an end this errs on the side of no
    change: of 300 simulated pairs without one, six groups of 50 to 300 users, 0 to 3 % had p <= 0.05.

    Args:
        values: (U, P), NaN where a user has no value; a way is judged on the users with a value in it and in the first.
            part: their groups; those that become too small among these users are hidden, and count for nothing.
    """
    found = {field.name: np.full(values.shape[1], np.nan) for field in fields(Levels)}
    there = np.isfinite(values) & np.isfinite(values[:, :1])
    patterns, which = np.unique(there.T, axis=0, return_inverse=True)
    for number, users in enumerate(patterns):
        columns = np.flatnonzero(which.ravel() == number)
        own = among(part, users, minimum=settings.minimum_group)
        if own is None or own.n_shown < 2:
            continue
        together = np.column_stack([values[users, 0], values[users][:, columns]])
        levels = _range_levels(together, own, settings)
        for name, numbers in found.items():
            numbers[columns] = getattr(levels, name)[1:]
    return Levels(**found)


def _range_levels(values: np.ndarray, part: Partition, settings: Statistics) -> Levels:
    rng, shown = np.random.default_rng(settings.seed), np.arange(part.n_shown)
    options = {"n_groups": part.n_strata, "rng": rng}
    moments = bootstrap(values, part.strata, draws=settings.draws, **options)
    level = range_interval(moments, shown, confidence=settings.confidence)
    labels = permuted_means(values, part.strata, permutations=settings.permutations, **options)
    return Levels(
        value=level.value[0],
        low=level.low[0],
        high=level.high[0],
        null=np.quantile(np.ptp(labels[:, shown], axis=1), settings.confidence, axis=0),
        **_change(level.value[0], np.ptp(moments.mean_draws[:, shown], axis=1), _same(values), settings),
        n=np.full(values.shape[1], len(values)),
    )


def share_levels(
    shares: np.ndarray, target: np.ndarray, named: np.ndarray, settings: Statistics
) -> dict[str, Levels]:
    """How far the attention that groups of items get is from their target.

        attention_to_move = 1/2 sum_h |x(h) - t(h)|,  x(h) = mean_u x(u, h)
        attention_shortfall = max_h 1 - x(h) / t(h), over named groups with a target, or 0

    Both lie in [0, 1] and are 0 where every group gets its target; the least share of its target that any named group gets
    is 1 - attention_shortfall. Unknown is nobody's: it counts in the first, and is not told as worst off in the second. Example: x = (0.7, 0.3), t = (0.5, 0.5): 0.2 has to move, and the second group lacks 0.4
    of its target. Near zero both are biased upwards, as noisy means are off target by chance: by no more than the
    interval `d +- q` is wide, q the 95 % point of |d* - d|, and the shortfall most where a group's target is small.
    Changes are as in `range_levels`. Lists that all users of a group have alike show no spread, and so none here.

    Args:
        shares: (U, P, H) share of each list's attention. target: (H,). named: bool (H,), all but Unknown.
    """
    users, ways, groups = shares.shape
    rng = np.random.default_rng(settings.seed)
    moments = bootstrap(
        shares.reshape(users, -1), np.zeros(users, dtype=int), n_groups=1, draws=settings.draws, rng=rng
    )
    mean, drawn = moments.mean.reshape(ways, groups), moments.mean_draws.reshape(-1, ways, groups)
    same = (shares == shares[:, :1]).all(axis=(0, 2))
    own = named & (target > 0)
    measured = {
        TO_MOVE: (attention_to_move(mean, target), attention_to_move(drawn, target)),
        SHORTFALL: tuple(attention_shortfall(x[..., own], target[own]) for x in (mean, drawn)),
    }
    return {name: _share_levels(*found, same, users, settings) for name, found in measured.items()}


def _share_levels(
    value: np.ndarray, draws: np.ndarray, same: np.ndarray, users: int, settings: Statistics
) -> Levels:
    margin = np.quantile(np.abs(draws - value), settings.confidence, axis=0)
    return Levels(
        value=value,
        low=np.maximum(value - margin, 0.0),
        high=np.minimum(value + margin, 1.0),
        null=np.full(len(value), np.nan),
        **{
            name: numbers if name == "p_value" else np.clip(numbers, -1.0, 1.0)
            for name, numbers in _change(value, draws, same, settings).items()
        },
        n=np.full(len(value), users),
    )


def attention_to_move(shares: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Half the distance of shares (..., H) from the target (H,)."""
    return np.abs(shares - target).sum(axis=-1) / 2


def attention_shortfall(shares: np.ndarray, target: np.ndarray) -> np.ndarray:
    """What the group furthest below its target lacks of it, as a share of it; 0 where none lacks anything.

    Args:
        shares: (..., H). target: (H,) above zero.
    """
    return (1 - shares / target).max(axis=-1, initial=0.0)


def _same(values: np.ndarray) -> np.ndarray:
    return (values == values[:, :1]).all(axis=0)


def _change(
    value: np.ndarray, draws: np.ndarray, same: np.ndarray, settings: Statistics
) -> dict[str, np.ndarray]:
    """What each way changes; nothing, surely, where every user has the same as in the first one.

    Args:
        value: (P,). draws: (B, P). same: bool (P,).
    """
    change = value - value[0]
    off = draws - draws[:, :1] - change
    margin = np.where(same, 0.0, np.quantile(np.abs(off), settings.confidence, axis=0))
    ends = {"change": change, "change_low": change - margin, "change_high": change + margin}
    return ends | {"p_value": p_values(change, off)}
