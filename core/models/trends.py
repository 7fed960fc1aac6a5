"""How popular each item was at every time, from what was known then."""

from dataclasses import dataclass

import numpy as np

from core.data.inputs import SECONDS_PER_DAY

SHORTEST_STEP = 7 * SECONDS_PER_DAY
MOST_STEPS = 60  # the tables hold steps x items numbers
RECENT_STEPS = 4
FEATURES = ("popularity", "recent popularity", "purchases per buyer")


@dataclass(frozen=True)
class Trends:
    """Item statistics on a grid of times that ends at `at`; row s holds what happened before grid point s.

    Attributes:
        at, step: seconds; grid point s lies at `at - (S - s) step`, S the last row.
        table: float32 (S+1, n_items, 3), the FEATURES: log of the share of all purchases relative to an average item;
            log of the recent share relative to the long-run share; log of purchases per buyer. All are smoothed.
        log_counts: float32 (n_items,), log(1 + purchases) in all of the history.
    """

    at: int
    step: int
    table: np.ndarray
    log_counts: np.ndarray

    def rows(self, times: np.ndarray) -> np.ndarray:
        """The latest row that is known at each of `times` (seconds), int64."""
        ago = -((times - self.at) // self.step)  # steps back, rounded up: nothing later than the moment
        return np.clip(len(self.table) - 1 - ago, 0, len(self.table) - 1)


def trends(users: np.ndarray, items: np.ndarray, times: np.ndarray, *, n_items: int, at: int) -> Trends:
    """Tabulate purchases; `users`, `items`, `times` (E,) sorted by user, then time."""
    span = at - int(times.min(initial=at))
    step = max(SHORTEST_STEP, -(-span // MOST_STEPS))
    steps = -(-span // step)
    row = steps - (-((times - at) // step)) + 1  # first grid point at or after the event's end
    row = np.clip(row, 1, steps) if steps else row
    count = _cumulative(row, items, steps, n_items)
    first = np.zeros(len(users), bool)
    first[np.unique(users * n_items + items, return_index=True)[1]] = True
    buyers = _cumulative(row[first], items[first], steps, n_items)
    recent = count - count[np.maximum(np.arange(steps + 1) - RECENT_STEPS, 0)]
    share = (count + 1) / (count.sum(axis=1, keepdims=True) + n_items)
    expected = recent.sum(axis=1, keepdims=True) * share
    table = np.stack(
        [np.log(share * n_items), np.log((recent + 3) / (expected + 3)), np.log((count + 3) / (buyers + 2))],
        axis=2,
    )
    log_counts = np.log1p(np.bincount(items, minlength=n_items))
    return Trends(at, step, table.astype(np.float32), log_counts.astype(np.float32))


def _cumulative(rows: np.ndarray, items: np.ndarray, steps: int, n_items: int) -> np.ndarray:
    """Events per item in rows up to each grid point, float64 (steps+1, n_items)."""
    flat = np.bincount(rows * n_items + items, minlength=(steps + 1) * n_items)
    return flat.reshape(steps + 1, n_items).cumsum(axis=0).astype(float)
