"""Whole distributions of residuals or predictions: is a group's the same as everybody else's?"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from core.fairness.distances import distance_numbers, pair_rows
from core.fairness.group_rows import among_rows, generator
from core.fairness.partition import Partition
from core.fairness.rows import AuditRow
from core.fairness.stats import resampling_weights
from core.schema.settings import Statistics

DISTRIBUTION_METRICS = ("ks", "w1")
_NUMBERS_AT_ONCE = 4_000_000


@dataclass(frozen=True)
class _Sample:
    """Values in ascending order: their user (N,), the last place of each distinct value (M,), and the steps between
    distinct values (M - 1,)."""

    users: np.ndarray
    last: np.ndarray
    steps: np.ndarray


def distribution_rows(
    values: np.ndarray,
    users: np.ndarray,
    codes: np.ndarray,
    part: Partition,
    settings: Statistics,
    *,
    metric: str,
    section: str = "service",
    tolerances: Mapping[str, float] | None = None,
) -> list[AuditRow]:
    """Kolmogorov-Smirnov and Wasserstein-1 distance of each group's values to those of the reference or the rest.

        KS = sup_t |F_g(t) - F_h(t)| in [0, 1];   W1 = integral |F_g(t) - F_h(t)| dt, in the unit of the values

    Of residuals: is the model wrong in the same way for all? Of predictions: strong demographic parity (Jiang et al.,
    UAI 2019). Both are above zero by chance alone: see `null_high`. Labels are shuffled and users drawn again with all
    their rows. Both are norms of F_g - F_h, so the true one is off by at most the norm of the error of F_g - F_h,
    whose quantile is the margin of the interval; it errs on the wide side, and reaches 0 unless the test rejects.

    Args:
        values, users: (N,) finite, with the user code of each. codes: (U,) audited users, in the partition's order.
        metric: rows are named `<metric>_ks_gap` and `<metric>_w1_gap`.
    """
    found = among_rows(users, codes, part, minimum=settings.minimum_group)
    if found is None or found[0].n_strata < 2:
        return []
    own, kept, places = found
    values = np.asarray(values, float)[kept]
    names = [f"{metric}_{one}" for one in DISTRIBUTION_METRICS]

    def compare(shown: int) -> list[dict[str, float]]:
        return _compare(values, places, own, shown, settings)

    return pair_rows(compare, names, own, settings, section=section, tolerances=tolerances)


def _compare(
    values: np.ndarray, places: np.ndarray, part: Partition, shown: int, settings: Statistics
) -> list[dict[str, float]]:
    member, other = part.sides(shown)
    asked = member | other
    kept = asked[places]
    member, places = member[asked], (np.cumsum(asked) - 1)[places[kept]]
    sample = _sample(values[kept], places)
    rng = generator(part, settings)
    ones = np.ones((1, len(member)), np.float32)
    gap = _gaps(sample, ones * member, ones * ~member)
    value = _norms(gap, sample)[0]
    off = _in_blocks(sample, settings.draws, lambda rows: _redrawn(member, rows, rng), minus=gap)
    null = _in_blocks(sample, settings.permutations, lambda rows: _shuffled(member, rows, rng))
    margin = np.quantile(off, settings.confidence, axis=0)
    high = np.minimum(value + margin, [1.0, np.inf])
    return distance_numbers(value, value - margin, high, null, settings)


def _sample(values: np.ndarray, users: np.ndarray) -> _Sample:
    order = np.argsort(values, kind="stable")
    ascending = values[order]
    last = np.flatnonzero(np.append(np.diff(ascending) > 0, True))
    return _Sample(users[order], last, np.diff(ascending[last]))


def _gaps(sample: _Sample, own: np.ndarray, other: np.ndarray) -> np.ndarray:
    """F_g - F_h at each distinct value, (b, M), under weights of users (b, U) for either side."""
    curves = [np.cumsum(weights[:, sample.users], axis=1, dtype=np.float64) for weights in (own, other)]
    first, second = (curve[:, sample.last] / np.maximum(curve[:, -1:], 1e-9) for curve in curves)
    return first - second


def _norms(gaps: np.ndarray, sample: _Sample) -> np.ndarray:
    """KS and W1 of each row, (b, M) -> (b, 2)."""
    sizes = np.abs(gaps)
    return np.column_stack([sizes.max(axis=1), sizes[:, :-1] @ sample.steps])


def _in_blocks(sample: _Sample, total: int, weights, *, minus: np.ndarray | float = 0.0) -> np.ndarray:
    """Norms under weights that `weights(rows)` makes for both sides, less `minus`, (total, 2)."""
    step = max(1, _NUMBERS_AT_ONCE // len(sample.users))
    blocks = [
        _norms(_gaps(sample, *weights(min(step, total - start))) - minus, sample)
        for start in range(0, total, step)
    ]
    return np.concatenate(blocks)


def _redrawn(member: np.ndarray, rows: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Users of each side drawn again."""
    sides = np.zeros((2, rows, len(member)), np.float32)
    for side, inside in zip(sides, (member, ~member), strict=True):
        side[:, inside] = resampling_weights(rows, int(inside.sum()), rng)
    return sides[0], sides[1]


def _shuffled(member: np.ndarray, rows: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Labels shuffled between users."""
    own = rng.permuted(np.tile(member, (rows, 1)), axis=1).astype(np.float32)
    return own, 1 - own
