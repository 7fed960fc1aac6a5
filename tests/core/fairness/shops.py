"""Synthetic audits: users with attributes, skewed per-user metrics with many zeros, and lists."""

import numpy as np
import pandas as pd

CATALOGUE = 300


def skewed(shape, rng: np.random.Generator, zeros: float = 0.6) -> np.ndarray:
    """NDCG-like values: a share of zeros, the others Beta(1.2, 3); mean (1 - zeros) * 2 / 7."""
    return np.where(rng.random(shape) < zeros, 0.0, rng.beta(1.2, 3.0, shape))


def lists_for(n_users: int, rng: np.random.Generator, k: int = 10) -> pd.DataFrame:
    """Lists of k items, popular ones more often."""
    items = (CATALOGUE * rng.random((n_users, k)) ** 2).astype(int)
    ranks = np.tile(np.arange(1, k + 1), n_users)
    return pd.DataFrame({"user": np.repeat(np.arange(n_users), k), "item": items.ravel(), "rank": ranks})


def synthetic(sizes: dict[str, int], *, seed: int, effect: dict[str, float] | None = None):
    """per_user, top_k and users of groups of the given sizes; `effect` multiplies a group's metrics."""
    rng = np.random.default_rng(seed)
    group = np.repeat(list(sizes), list(sizes.values()))
    factor = np.array([(effect or {}).get(name, 1.0) for name in group])
    quality = skewed(len(group), rng) * factor
    per_user = pd.DataFrame({"user": np.arange(len(group)), "ndcg@10": quality, "recall@10": quality**1.5})
    users = pd.DataFrame({"user_id": [f"u{u}" for u in per_user["user"]], "age": group})
    users["region"] = rng.choice(["north", "south"], len(group))
    return per_user, lists_for(len(group), rng), users
