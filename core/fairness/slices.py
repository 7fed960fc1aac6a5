"""Slice finder: which group of users, by one to three attributes together, is served worst, and is that chance?

Whoever looks at thousands of groups finds a bad one in any data. So the worst group is held against the worst that
is found when the metric's values are shuffled between users, in the same number of groups (Westfall & Young,
Resampling-based multiple testing, 1993: single-step max T).

Groups that an audit by their attributes would hide are not looked at, nor are crossings of three or more that could
be subtracted from what audits show so that fewer users than `minimum_group` are left.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from scipy import stats
from scipy.sparse import csr_array

from core.data.labels import BANDS, labels
from core.errors import InputError, SettingsError
from core.fairness.shrinkage import minimum_detectable_gap, shrink
from core.fairness.suppression import SHOWN, group_states
from core.schema.settings import Statistics

DEPTH, MINIMUM = 3, 30
MOST_SLICES = 50_000
MOST_SHOWN = 10
_NUMBERS_AT_ONCE = 8_000_000


class TooManySlices(SettingsError):
    """More groups than can be looked at."""


@dataclass(frozen=True)
class Slice:
    """A group of users and how it is served.

    Attributes:
        attributes, labels: what makes the group, e.g. ("age", "income") and ("65+", "Under 15K").
        n: users. mean: of the metric. rest: mean of all other users.
        gap, low, high: mean less rest, with an interval that holds for all slices looked at together.
        shrunk: the mean pulled to that of the slices by the same attributes (`core.fairness.shrinkage`).
        p_value: how often the worst of all slices of shuffled data is as bad as this one.
        detectable: how far below the rest the true mean must lie for this search to find it four times in five.
    """

    attributes: tuple[str, ...]
    labels: tuple[str, ...]
    n: int
    mean: float
    rest: float
    gap: float
    low: float
    high: float
    shrunk: float
    p_value: float
    detectable: float


@dataclass(frozen=True)
class SliceSearch:
    """What the search found, worst slice first.

    Attributes:
        slices: the worst that may be shown. looked_at: how many were compared.
        threshold: how many standard errors below the rest the worst slice is once in twenty times (at 95 %) where
        attributes say nothing. beyond: how many slices are worse than that by more than chance. alarm: whether any is.
    """

    slices: tuple[Slice, ...]
    looked_at: int
    threshold: float
    beyond: int

    @property
    def alarm(self) -> bool:
        return self.beyond > 0


@dataclass(frozen=True)
class _Profiles:
    """Users alike in all attributes, who are in the same slices: P profiles.

    Attributes:
        of_user: (U,) profile of each user. counts: (P,) users. columns: label code of each profile, by attribute.
        names: labels by attribute.
    """

    of_user: np.ndarray
    counts: np.ndarray
    columns: dict[str, np.ndarray]
    names: dict[str, list[str]]

    def sums(self, values: np.ndarray) -> np.ndarray:
        """Sum of the values of each profile's users, (U,) -> (P,)."""
        return np.bincount(self.of_user, values, len(self.counts))


@dataclass(frozen=True)
class _Slices:
    """Every slice that is large enough: attributes, labels, its profiles, float32 (S, P), its users (S,), and which
    crossing it is a cell of, (S,)."""

    attributes: list[tuple[str, ...]]
    labels: list[tuple[str, ...]]
    members: csr_array
    n: np.ndarray
    crossing: np.ndarray


@dataclass(frozen=True)
class _Critical:
    """How many standard errors below the rest, and how far off it, chance alone seldom goes in any slice."""

    low: float
    both: float


def find_slices(
    values: np.ndarray,
    attributes: pd.DataFrame,
    settings: Statistics,
    *,
    higher_is_better: bool = True,
    depth: int = DEPTH,
    minimum: int = MINIMUM,
    bins: int = BANDS,
) -> SliceSearch:
    """Search all crossings of up to `depth` attributes for the worst-served group.

    Each slice's difference to all other users is divided by its standard error under the null, from the variance of
    all users; that orders slices of one size as Student's t does, and cannot explode in a slice without spread.
    Users without a value do not count.

    Args:
        values: (U,) a metric of single users. attributes: row r is user r; numbers are cut at their quantiles.
        depth: attributes of a slice at most. minimum: users of a slice, and of the rest, at least.
        bins: groups that a number with many values is cut into (`core.data.labels`).

    Raises:
        InputError: no slice is large enough. TooManySlices: more than MOST_SLICES. SettingsError: minimum is too low.
    """
    if minimum < settings.minimum_group:
        raise SettingsError(f"Groups of fewer than {settings.minimum_group} users are never shown.")
    there = np.isfinite(values)
    values = values[there] if higher_is_better else -values[there]
    columns = {str(name): labels(attributes[name], bins=bins).array[there] for name in attributes}
    profiles = _profiles(columns)
    found = _slices(profiles, depth, minimum, settings.minimum_group)
    scores, null_worst, null_largest = _scores(values, profiles, found, settings)
    p_values = (1 + (null_worst[:, None] <= scores + 1e-5).sum(axis=0)) / (len(null_worst) + 1)
    # slices as bad as each other: the one that is said in fewer words comes first, then the larger one
    order = np.lexsort((-found.n, [len(names) for names in found.attributes], scores))
    shown = _may_be_shown(order, found, profiles, settings.minimum_group)
    critical = _Critical(
        low=float(-np.quantile(null_worst, 1 - settings.confidence)),
        both=float(np.quantile(null_largest, settings.confidence)),
    )
    sign = 1.0 if higher_is_better else -1.0
    return SliceSearch(
        slices=tuple(
            _told(values, profiles, found, place, p_values[place], critical, sign) for place in shown
        ),
        looked_at=len(scores),
        threshold=critical.low,
        beyond=int((p_values <= 1 - settings.confidence).sum()),
    )


def _profiles(columns: dict[str, pd.Categorical]) -> _Profiles:
    codes = np.column_stack([column.codes for column in columns.values()]).astype(np.int64)
    kinds, of_user, counts = np.unique(codes, axis=0, return_inverse=True, return_counts=True)
    return _Profiles(
        of_user=of_user.ravel(),
        counts=counts,
        columns=dict(zip(columns, kinds.T, strict=True)),
        names={name: [str(label) for label in column.categories] for name, column in columns.items()},
    )


def _slices(profiles: _Profiles, depth: int, minimum: int, hide_below: int) -> _Slices:
    """All cells of all crossings that are large enough, leave a large enough rest and may be shown; the same users
    only once."""
    attributes, labels, members, crossing = [], [], [], []
    seen: set[bytes] = set()
    n_users = int(profiles.counts.sum())
    for number, names in enumerate(_crossings(tuple(profiles.columns), depth)):
        open_to_all = _open(profiles, names, hide_below)
        for cell, inside in _cells(profiles, names):
            n = profiles.counts[inside].sum()
            if not minimum <= n <= n_users - minimum or inside.tobytes() in seen:
                continue
            seen.add(inside.tobytes())  # also where hidden: its users are no other crossing's to show
            if not open_to_all[cell]:
                continue
            attributes.append(names)
            labels.append(tuple(profiles.names[name][code] for name, code in zip(names, cell, strict=True)))
            members.append(inside)
            crossing.append(number)
        if len(members) > MOST_SLICES:
            raise TooManySlices(
                f"More than {MOST_SLICES:,} groups to look at; choose fewer attributes or a smaller depth."
            )
    if not members:
        raise InputError(
            f"No group by these attributes that may be shown has at least {minimum} users and leaves as many others."
        )
    ends = np.cumsum([0, *map(len, members)])
    inside = np.concatenate(members)
    shape = len(members), len(profiles.counts)
    table = csr_array((np.ones(len(inside), np.float32), inside, ends), shape=shape)
    return _Slices(attributes, labels, table, table @ profiles.counts, np.array(crossing))


def _cells(profiles: _Profiles, names: tuple[str, ...]) -> Iterator[tuple[tuple[np.intp, ...], np.ndarray]]:
    """Each cell of a crossing that anybody is in: its label codes, and the profiles in it, ascending."""
    shape = [len(profiles.names[name]) for name in names]
    cells = np.ravel_multi_index([profiles.columns[name] for name in names], shape)
    kinds, places, counts = np.unique(cells, return_inverse=True, return_counts=True)
    blocks = np.split(np.argsort(places, kind="stable"), np.cumsum(counts)[:-1])
    yield from zip(zip(*np.unravel_index(kinds, shape), strict=True), blocks, strict=True)


def _open(profiles: _Profiles, names: tuple[str, ...], hide_below: int) -> np.ndarray:
    """Which cells of a crossing may be shown, bool, one axis an attribute.

    Of one or two attributes: those that an audit shows. Of more: those that, with all margins known, part the users
    into the cell and its counterparts (with the label or without, attribute by attribute) that are empty or large.
    """
    shape = [len(profiles.names[name]) for name in names]
    cells = np.ravel_multi_index([profiles.columns[name] for name in names], shape)
    table = np.bincount(cells, profiles.counts, int(np.prod(shape))).reshape(shape).astype(np.int64)
    if len(names) <= 2:
        return group_states(table, hide_below) == SHOWN
    parts = [table]
    for axis in range(table.ndim):
        parts += [part.sum(axis=axis, keepdims=True) - part for part in parts]
    return np.all([(part == 0) | (part >= hide_below) for part in parts], axis=0)


def _crossings(names: Sequence[str], depth: int) -> list[tuple[str, ...]]:
    return [chosen for size in range(1, depth + 1) for chosen in combinations(names, size)]


def _scores(
    values: np.ndarray, profiles: _Profiles, found: _Slices, settings: Statistics
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Each slice's difference to the rest in standard errors, (S,); of each permutation the lowest and the largest
    in size, (B,)."""
    total, spread = len(values), values.std(ddof=1)
    z = ((values - values.mean()) / spread if spread > 0 else np.zeros(total)).astype(np.float32)
    # mean - rest = sum / n + sum / (U - n), with standard error sqrt(1 / n + 1 / (U - n)) at unit variance
    scale = np.sqrt(1 / found.n + 1 / (total - found.n))[:, None].astype(np.float32)
    scores = (found.members @ profiles.sums(z)[:, None] * scale)[:, 0]
    rng = np.random.default_rng(settings.seed)
    step = max(1, _NUMBERS_AT_ONCE // max(total, len(scores)))
    starts = np.cumsum([0, *profiles.counts[:-1]])
    lowest, largest = [], []
    for start in range(0, settings.permutations, step):
        rows = min(step, settings.permutations - start)
        shuffled = rng.permuted(np.tile(z, (rows, 1)), axis=1)  # (b, U), users in the order of profiles
        sums = np.add.reduceat(shuffled, starts, axis=1)  # (b, P)
        block = found.members @ np.ascontiguousarray(sums.T) * scale  # (S, b)
        lowest.append(block.min(axis=0))
        largest.append(np.abs(block).max(axis=0))
    return scores, np.concatenate(lowest), np.concatenate(largest)


def _may_be_shown(order: np.ndarray, found: _Slices, profiles: _Profiles, minimum: int) -> list[int]:
    """The worst slices, without those that beside the ones already shown would tell of few users by subtraction."""
    shown: list[int] = []
    for place in order:
        if _nests_safely(place, shown, found, profiles, minimum) and _leaves_enough(
            place, shown, found, profiles, minimum
        ):
            shown.append(int(place))
        if len(shown) == MOST_SHOWN:
            break
    return shown


def _nests_safely(place: int, shown: list[int], found: _Slices, profiles: _Profiles, minimum: int) -> bool:
    """Whether a slice differs from none that it is a part or the whole of by a few users."""
    if not shown:
        return True
    common = found.members[shown] @ (found.members[[place]].toarray()[0] * profiles.counts)
    smaller = np.minimum(found.n[shown], found.n[place])
    difference = np.abs(found.n[shown] - found.n[place])
    return not ((common == smaller) & (difference > 0) & (difference < minimum)).any()


def _leaves_enough(place: int, shown: list[int], found: _Slices, profiles: _Profiles, minimum: int) -> bool:
    """Whether a group that the slice and others of its crossing lie in has nobody besides them, or enough users."""
    together = [other for other in shown if found.crossing[other] == found.crossing[place]] + [place]
    names, own = found.attributes[place], found.labels[place]
    for size in range(len(names)):
        for kept in combinations(range(len(names)), size):
            inside = np.ones(len(profiles.counts), bool)
            for axis in kept:
                code = profiles.names[names[axis]].index(own[axis])
                inside &= profiles.columns[names[axis]] == code
            alike = [one for one in together if all(found.labels[one][axis] == own[axis] for axis in kept)]
            left = profiles.counts[inside].sum() - found.n[alike].sum()
            if 0 < left < minimum:
                return False
    return True


def _told(
    values: np.ndarray,
    profiles: _Profiles,
    found: _Slices,
    place: int,
    p_value: float,
    critical: _Critical,
    sign: float,
) -> Slice:
    inside = found.members[[place]].toarray()[0, profiles.of_user] > 0
    own, rest = values[inside], values[~inside]
    pooled = values.var(ddof=1)
    variances = [(part.var(ddof=1) or pooled) / len(part) for part in (own, rest)]
    error = float(np.sqrt(sum(variances)))
    gap, half = own.mean() - rest.mean(), critical.both * error
    ends = sorted((sign * (gap - half), sign * (gap + half)))
    return Slice(
        attributes=found.attributes[place],
        labels=found.labels[place],
        n=len(own),
        mean=float(sign * own.mean()),
        rest=float(sign * rest.mean()),
        gap=float(sign * gap),
        low=float(ends[0]),
        high=float(ends[1]),
        shrunk=float(sign * _shrunk(values, profiles, found, place)),
        p_value=float(p_value),
        detectable=float(minimum_detectable_gap(error, confidence=1 - 2 * stats.norm.sf(critical.low))),
    )


def _shrunk(values: np.ndarray, profiles: _Profiles, found: _Slices, place: int) -> float:
    """The slice's mean after partial pooling with the other cells of its crossing."""
    cells = np.flatnonzero(found.crossing == found.crossing[place])
    members, n = found.members[cells], found.n[cells]
    means, squares = (members @ profiles.sums(column) / n for column in (values, values**2))
    variances = np.maximum(squares - means**2, 0) * n / (n - 1)
    # a cell without spread gets that of all users, not certainty
    errors = np.sqrt(np.where(variances > 1e-12, variances, values.var(ddof=1)) / n)
    if not (errors > 0).all():
        return float(means[cells == place][0])
    return float(shrink(means, errors).mean[cells == place][0])
