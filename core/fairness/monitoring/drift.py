"""Has what comes in changed? Values, categories and scores of a new window against a reference, overall and by group.

The user is the unit: a user's rows are shares of one, and in each window every user weighs the same.

    population stability index   PSI = sum over bins b of (q_b - p_b) log(q_b / p_b)
    Kolmogorov-Smirnov           KS = max over t of |F_new(t) - F_reference(t)|
    total variation              TV = 1/2 sum over categories c of |q_c - p_c|

None of them is below zero, so each is above it without any drift: of one value per user and other users in the new
window, PSI is (1/N + 1/M) times a chi-square with bins - 1 degrees of freedom (Yurdakul, Statistical properties of
population stability index, 2018), so that with 100 users a window and ten bins it is 0.18 on average, which the customary
threshold of 0.1 takes for a change. Here the null comes from permutation, which also holds for several rows of a user
and for users who are in both windows: these swap their windows, the others are dealt out anew. Read a value beside
`null_high`.
"""

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

import numpy as np
import pandas as pd
from scipy import stats

from core.fairness.correction import adjusted_p_values
from core.fairness.distances import distance_numbers
from core.fairness.groups import Groups
from core.fairness.stats import resampling_weights
from core.fairness.suppression import HIDDEN_TEXT, SHOWN, group_states
from core.schema.settings import ALL, Statistics

BINS = 10
CUTS = 255  # points at which distributions are compared: with more different values, KS is of these
MOST_CATEGORIES = 200  # rarer ones count as one
ADDED = 0.5  # users in each bin, so that an empty one has a logarithm
LEFT_OUT = -1
_NUMBERS_AT_ONCE = 4_000_000  # weights in one block of draws
Distance = Callable[[np.ndarray, np.ndarray], np.ndarray]  # (..., B) sums of shares of either window -> (...)


@dataclass(frozen=True)
class Window:
    """Rows of a window: user codes (N,), and the value of each, numbers (NaN where unknown) or categories (None)."""

    user: np.ndarray
    value: np.ndarray


@dataclass(frozen=True)
class DriftRow:
    """One measure of one group.

    Attributes:
        group: its name, or "all". measure: psi, ks or total_variation.
        value, low, high: the distance and its interval. n_reference, n: users in the windows; a text where hidden.
        p_value: how often windows without drift are as far apart. null_mean, null_high: how far they are on average, and once in
            twenty times (at 95 %).
        suppressed: hidden; such a row carries no number. small: fewer users than `small_group` in a window.
    """

    group: str
    measure: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    n_reference: int | str | None = None
    n: int | str | None = None
    p_value: float | None = None
    null_mean: float | None = None
    null_high: float | None = None
    suppressed: bool = False
    small: bool = False


def number_drift(reference: Window, new: Window, groups: Groups, settings: Statistics) -> list[DriftRow]:
    """PSI and KS of numbers, such as prices or scores, of everybody and of each group.

    Bins of PSI hold a tenth of all rows each; they are fewer where many rows have one value. Of the reference alone, as is
    custom, they would follow its noise. Unknown values are a bin of their own if there are any, and no part of KS.
    """
    known = [window.value[np.isfinite(window.value)] for window in (reference, new)]
    if not len(known[0]) or not len(known[1]):
        return []
    pooled = np.concatenate(known)
    edges, values = np.unique(np.quantile(pooled, np.arange(1, BINS) / BINS)), np.unique(pooled)
    cuts = values if len(values) <= CUTS else np.quantile(pooled, np.arange(1, CUTS + 1) / CUTS)
    bins = [_places(window.value, edges, unknown=len(edges) + 1) for window in (reference, new)]
    steps = [_places(window.value, cuts, unknown=LEFT_OUT) for window in (reference, new)]
    return [
        *_rows("psi", _shares(reference, new, *bins), _psi, groups, settings),
        *_rows("ks", _shares(reference, new, *steps), _ks, groups, settings),
    ]


def category_drift(reference: Window, new: Window, groups: Groups, settings: Statistics) -> list[DriftRow]:
    """PSI and total variation of categories, of everybody and of each group; unknown ones are a category."""
    both = np.concatenate([reference.value, new.value])
    codes, names = pd.factorize(both, use_na_sentinel=False)
    order = np.argsort(-np.bincount(codes, minlength=len(names)), kind="stable")
    place = np.empty(len(names), dtype=int)
    place[order] = np.minimum(np.arange(len(names)), MOST_CATEGORIES)
    shares = _shares(reference, new, *np.split(place[codes], [len(reference.value)]))
    return [
        *_rows("psi", shares, _psi, groups, settings),
        *_rows("total_variation", shares, _total_variation, groups, settings),
    ]


def drift_table(rows: Sequence[DriftRow], settings: Statistics) -> pd.DataFrame:
    """The rows as a table, with `p_adjusted`: corrected for all tests among them. Hand over all that is looked at together."""
    table = pd.DataFrame([vars(row) for row in rows], columns=[field.name for field in fields(DriftRow)])
    numbers = ["value", "low", "high", "p_value", "null_mean", "null_high"]
    table[numbers] = table[numbers].astype(float)
    tested = table["p_value"].notna()
    adjusted = adjusted_p_values(table.loc[tested, "p_value"].to_numpy(), settings.correction)
    return table.assign(p_adjusted=pd.Series(adjusted, table.index[tested], dtype=float))


@dataclass(frozen=True)
class _Shares:
    """Users of either window, and how the rows of each spread over the bins: (U,), (U, B) in the reference and the new window,
    all zero for who is not in it."""

    user: np.ndarray
    reference: np.ndarray
    new: np.ndarray

    @property
    def there(self) -> tuple[np.ndarray, np.ndarray]:
        """Who is in the reference, and in the new window, bool (U,) each."""
        return self.reference.any(axis=1), self.new.any(axis=1)

    def of(self, users: np.ndarray) -> "_Shares":
        return _Shares(self.user[users], self.reference[users], self.new[users])


def _places(values: np.ndarray, edges: np.ndarray, *, unknown: int) -> np.ndarray:
    """The bin of each value: 0 up to the first edge, which it holds, and so on."""
    return np.where(np.isfinite(values), np.searchsorted(edges, values), unknown)


def _shares(reference: Window, new: Window, bins: np.ndarray, new_bins: np.ndarray) -> _Shares:
    """Rows in the bin LEFT_OUT do not count, nor do users without others."""
    kept, new_kept = bins != LEFT_OUT, new_bins != LEFT_OUT
    users = np.union1d(reference.user[kept], new.user[new_kept])
    n_bins = 1 + max(bins.max(initial=0), new_bins.max(initial=0))
    parts = ((reference.user[kept], bins[kept]), (new.user[new_kept], new_bins[new_kept]))
    return _Shares(
        users, *(_spread(np.searchsorted(users, who), where, len(users), n_bins) for who, where in parts)
    )


def _spread(user: np.ndarray, place: np.ndarray, n_users: int, n_bins: int) -> np.ndarray:
    counts = np.bincount(user * n_bins + place, minlength=n_users * n_bins).reshape(n_users, n_bins)
    return counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)


def _psi(sums: np.ndarray, new_sums: np.ndarray) -> np.ndarray:
    """(..., B) sums of shares over users of either window -> (...)."""
    p, q = (_smooth(part) for part in (sums, new_sums))
    return ((q - p) * np.log(q / p)).sum(axis=-1)


def _smooth(sums: np.ndarray) -> np.ndarray:
    added = sums + ADDED
    return added / added.sum(axis=-1, keepdims=True)


def _ks(sums: np.ndarray, new_sums: np.ndarray) -> np.ndarray:
    return np.abs(np.cumsum(_part(new_sums) - _part(sums), axis=-1)).max(axis=-1)


def _total_variation(sums: np.ndarray, new_sums: np.ndarray) -> np.ndarray:
    return np.abs(_part(new_sums) - _part(sums)).sum(axis=-1) / 2


def _part(sums: np.ndarray) -> np.ndarray:
    return sums / sums.sum(axis=-1, keepdims=True)


def _rows(
    name: str, shares: _Shares, distance: Distance, groups: Groups, settings: Statistics
) -> list[DriftRow]:
    """Of everybody, then of each group; none where everybody is too few."""
    of_user = groups.codes[shares.user]
    counts = np.array([np.bincount(of_user[there], minlength=len(groups.names)) for there in shares.there])
    if counts.sum(axis=1).min() < settings.minimum_group:
        return []
    states = [group_states(one.reshape(groups.shape), settings.minimum_group).ravel() for one in counts]
    rows = [_row(name, ALL, shares, distance, settings)]
    for group, label in enumerate(groups.names):
        if all(state[group] == SHOWN for state in states):
            rows.append(_row(name, label, shares.of(of_user == group), distance, settings))
        elif counts[:, group].any():
            rows.append(DriftRow(label, name, n_reference=HIDDEN_TEXT, n=HIDDEN_TEXT, suppressed=True))
    return rows


def _row(name: str, group: str, shares: _Shares, distance: Distance, settings: Statistics) -> DriftRow:
    rng = np.random.default_rng((settings.seed, zlib.crc32(f"{name} {group}".encode())))
    value = float(distance(shares.reference.sum(axis=0), shares.new.sum(axis=0)))
    null = _undrifted(shares, distance, settings.permutations, rng)
    low, high = _interval(value, _redrawn(shares, distance, settings.draws, rng), settings.confidence)
    (numbers,) = distance_numbers(*(np.array([one]) for one in (value, low, high)), null[:, None], settings)
    del numbers["null_low"]  # zero
    n_reference, n = (int(there.sum()) for there in shares.there)
    small = min(n_reference, n) < settings.small_group
    return DriftRow(
        group, name, n_reference=n_reference, n=n, null_mean=float(null.mean()), small=small, **numbers
    )


def _undrifted(
    shares: _Shares, distance: Distance, permutations: int, rng: np.random.Generator
) -> np.ndarray:
    """Distances where windows mean nothing, (P,): users of both swap them or not, others are dealt out anew."""
    there, new_there = shares.there
    both, single = there & new_there, there ^ new_there
    total = shares.reference.sum(axis=0) + shares.new.sum(axis=0)
    change = shares.reference[both] - shares.new[both]
    alone = shares.reference[single] + shares.new[single]
    label = new_there[single].astype(np.float32)
    found = []
    for rows in _blocks(permutations, len(shares.user)):
        swapped = rng.integers(0, 2, (rows, len(change)), dtype=np.int8).astype(np.float32)
        dealt = rng.permuted(np.tile(label, (rows, 1)), axis=1)
        moved = shares.new[both].sum(axis=0) + swapped @ change + dealt @ alone
        found.append(distance(total - moved, moved))
    return np.concatenate(found)


def _redrawn(shares: _Shares, distance: Distance, draws: int, rng: np.random.Generator) -> np.ndarray:
    """Distances of users drawn again, with all they did in either window, (B,)."""
    found = []
    for rows in _blocks(draws, len(shares.user)):
        weights = resampling_weights(rows, len(shares.user), rng)
        found.append(distance(weights @ shares.reference, weights @ shares.new))
    return np.concatenate(found)


def _blocks(draws: int, users: int) -> list[int]:
    step = max(1, _NUMBERS_AT_ONCE // users)
    return [min(step, draws - start) for start in range(0, draws, step)]


def _interval(value: float, drawn: np.ndarray, confidence: float) -> tuple[float, float]:
    """Normal intervals around the value and around the value less its bias, from the lower end of the one to the upper end
    of the other: drawn distances are about as much too large as the value itself is."""
    corrected = 2 * value - drawn.mean()
    margin = stats.norm.isf((1 - confidence) / 2) * drawn.std()
    return max(min(corrected, value) - margin, 0.0), max(corrected, value) + margin
