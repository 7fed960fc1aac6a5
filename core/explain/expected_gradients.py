"""Expected gradients: what each feature adds to a prediction, against what is usual."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from core.progress import Progress, quiet

Function = Callable[[Tensor], Tensor]  # (M, D) -> (M,), differentiable
POINTS = (
    4,
    8,
    16,
    32,
    64,
)  # on the way from a usual row to the explained one; more where the sum does not come out
TOLERANCE = 0.005  # of the spread of the outputs: what a sum may be off
NUMBERS_AT_ONCE = 2**23  # inputs in memory
STAGE = "Explaining"


@dataclass(frozen=True)
class Attributions:
    """N predictions as the usual one plus what K features add.

    Attributes:
        values: float64 (N, K). expected: mean output over the background. outputs: float64 (N,).
        allowed: what a row's sum may be off, in units of the output.
    """

    values: np.ndarray
    expected: float
    outputs: np.ndarray
    allowed: float

    @property
    def errors(self) -> np.ndarray:
        """Output minus the sum of its parts, (N,): zero for an exact explanation (completeness)."""
        return self.outputs - self.expected - self.values.sum(axis=1)

    @property
    def complete(self) -> np.ndarray:
        """Which sums come out within what is allowed, bool (N,)."""
        return np.abs(self.errors) <= self.allowed


def attributed(
    function: Function,
    rows: Tensor,
    background: Tensor,
    owners: np.ndarray,
    *,
    points: Sequence[int] = POINTS,
    progress: Progress = quiet,
) -> Attributions:
    """Take predictions apart:

        phi_k(x) = sum over columns j of k of E_b [(x_j - b_j) int_0^1 df/dx_j (b + t (x - b)) dt]

    Expected gradients (Erion, Janizek, Sturmfels, Lundberg & Lee, Nature Machine Intelligence 3, 2021): integrated
    gradients (Sundararajan, Taly & Yan, ICML 2017) averaged over what is usual, so that sum_k phi_k = f(x) - E f(b).
    There both averages are drawn; here the one over the background is whole and the one along the way is
    Gauss-Legendre quadrature, with more points for the rows whose sum does not come out. So nothing is random but the
    choice of the background, and few evaluations do.

    Args:
        function: of rows that do not depend on each other. rows: float32 (N, D). background: float32 (B, D).
        owners: int (D,), the feature 0..K-1 that each column belongs to, as the columns of a vector do.
        points: of the quadrature, one number after another for the rows whose sum does not come out.
        progress: told of each part; may raise Cancelled.
    """
    expected, outputs = _asked(function, background), _asked(function, rows)
    everything = np.concatenate([expected, outputs])
    allowed = TOLERANCE * max(float(expected.std()), 1e-6 * float(np.abs(everything).max(initial=0)), 1e-9)
    features = int(owners.max(initial=-1)) + 1
    found = Attributions(np.zeros((len(rows), features)), float(expected.mean()), outputs, allowed)
    left = np.arange(len(rows))
    for count in points:
        finished = 0
        for part in _parts(left, len(background) * count * rows.shape[1]):
            progress(STAGE, finished / len(left), f"{len(left):,} predictions, {count} points")
            columns = _integrated(function, rows[part], background, count)
            finished += len(part)
            found.values[part] = _by_feature(columns, owners, features)
        left = np.flatnonzero(~found.complete)
    return found


def usual_rows(n: int, users: np.ndarray, *, seed: int) -> np.ndarray:
    """Places of at most n rows to compare with, each of another user as far as there are enough, sorted."""
    order = np.random.default_rng(seed).permutation(len(users))
    first = np.zeros(len(users), bool)
    first[np.unique(users[order], return_index=True)[1]] = True
    return np.sort(np.concatenate([order[first], order[~first]])[:n])


def _asked(function: Function, rows: Tensor) -> np.ndarray:
    with torch.no_grad():
        parts = [function(rows[part]) for part in _parts(np.arange(len(rows)), rows.shape[1])]
    return torch.cat([rows.new_zeros(0), *parts]).double().numpy()


def _integrated(function: Function, rows: Tensor, background: Tensor, points: int) -> np.ndarray:
    """Attributions of single columns, float64 (n, D)."""
    places, weights = np.polynomial.legendre.leggauss(points)
    t, w = (torch.tensor(part, dtype=rows.dtype) for part in ((places + 1) / 2, weights / 2))
    away = rows[:, None, None, :] - background[:, None, :]  # (n, B, 1, D)
    inputs = (background[:, None, :] + t[:, None] * away).flatten(0, 2).requires_grad_()  # (n * B * P, D)
    (slopes,) = torch.autograd.grad(function(inputs).sum(), inputs)
    mean = torch.einsum("nbpd,p->nbd", slopes.view(len(rows), len(background), points, -1), w)
    return (mean * away.squeeze(2)).double().mean(dim=1).numpy()


def _by_feature(columns: np.ndarray, owners: np.ndarray, features: int) -> np.ndarray:
    """(n, D) -> (n, K)."""
    member = owners[:, None] == np.arange(features)
    return columns @ member.astype(float)


def _parts(rows: np.ndarray, numbers_each: int) -> Iterator[np.ndarray]:
    """Rows a few at a time, so that their inputs fit into memory."""
    step = max(1, NUMBERS_AT_ONCE // max(numbers_each, 1))
    for start in range(0, len(rows), step):
        yield rows[start : start + step]
