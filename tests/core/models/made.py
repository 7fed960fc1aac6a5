"""Made histories for tests of models and training."""

import numpy as np
import pandas as pd

from core.data.content import item_content
from core.data.inputs import SECONDS_PER_DAY, ModelInputs, Positives, Sequences

DAYS = 120


def made_inputs(
    *,
    n_users: int = 12,
    n_items: int = 20,
    basket: int = 3,
    habit: float = 0.7,
    seed: int = 0,
    days: int = DAYS,
) -> ModelInputs:
    """Users who come every few days and often take one of their own few favourites; the first never comes."""
    rng = np.random.default_rng(seed)
    rows = []
    for user in range(1, n_users):
        favourites = rng.choice(n_items, min(4, n_items), replace=False)
        for day in np.sort(rng.choice(days, rng.integers(2, 20), replace=False)):
            size = min(rng.integers(1, basket + 1), n_items)
            pool = favourites if rng.random() < habit else np.arange(n_items)
            for item in rng.choice(pool, min(size, len(pool)), replace=False):
                rows.append(
                    (user, item, day * SECONDS_PER_DAY + 3600 * user, len(rows) if basket == 1 else day)
                )
    return inputs_of(rows, n_users=n_users, n_items=n_items, at=days * SECONDS_PER_DAY)


def inputs_of(rows, *, n_users: int, n_items: int, at: int) -> ModelInputs:
    """Inputs from rows (user, item, seconds, basket number within the user), in time order per user."""
    table = np.array(rows, dtype=np.int64).reshape(-1, 4)
    users, items, times, baskets = table.T
    history = Sequences(
        offsets=np.searchsorted(users, np.arange(n_users + 1)).astype(np.int64),
        items=items.astype(np.int32),
        times=times,
        baskets=np.unique(users * 10**6 + baskets, return_inverse=True)[1].astype(np.int32),
        events=np.zeros(len(items), np.int8),
    )
    return ModelInputs(n_users, n_items, history, item_content(item_table(n_items)), at)


def item_table(n_items: int) -> pd.DataFrame:
    """Items of two categories, some without one, whose titles name it."""
    categories = [("Unknown", "milk", "bread")[number % 3] for number in range(n_items)]
    return pd.DataFrame(
        {
            "item_id": [f"i{number}" for number in range(n_items)],
            "title": [f"{category} number {number}" for number, category in enumerate(categories)],
            "category": pd.Categorical(categories, ["milk", "bread", "Unknown"]),
            "in_catalogue": True,
        }
    )


def rows_of(inputs: ModelInputs) -> list[tuple[int, int, int, int]]:
    """The rows that `inputs_of` would need to make these inputs."""
    past = inputs.history
    return list(
        zip(past.users.tolist(), past.items.tolist(), past.times.tolist(), past.baskets.tolist(), strict=True)
    )


def later_positives(inputs: ModelInputs, *, seed: int = 1) -> Positives:
    """What users might take next: two items each, one of them their most frequent."""
    rng = np.random.default_rng(seed)
    chosen = []
    for user in range(inputs.n_users):
        past = inputs.history.items[slice(*inputs.history.offsets[user : user + 2])]
        usual = np.bincount(past).argmax() if len(past) else rng.integers(inputs.n_items)
        chosen.append(np.unique([usual, rng.integers(inputs.n_items)]))
    offsets = np.cumsum([0, *map(len, chosen)])
    return Positives(offsets.astype(np.int64), np.concatenate(chosen).astype(np.int32))
