"""Made lists with known exposure."""

import numpy as np
import pandas as pd

from core.fairness.exposure.item_groups import ItemGroups

PER_GROUP = 40


def groups_of(*names):
    return ItemGroups("brand", names, np.repeat(np.arange(len(names)), PER_GROUP))


def lists_from(item_groups, rng):
    """Lists whose places hold a random item of the given groups, (U, k) -> user, item, rank; no item twice."""
    n_users, k = item_groups.shape
    picked = np.argsort(rng.random((n_users, PER_GROUP)), axis=1)[:, :k]
    items = item_groups * PER_GROUP + picked
    users, ranks = np.repeat(np.arange(n_users), k), np.tile(np.arange(1, k + 1), n_users)
    return pd.DataFrame({"user": users, "item": items.ravel(), "rank": ranks})


def filled_at_random(n_users, k, target, rng, *, loyalty=0.0):
    """Groups by place whose mean is the target; a share `loyalty` of users sees one group only."""
    places = rng.choice(len(target), size=(n_users, k), p=target)
    loyal = rng.random(n_users) < loyalty
    places[loyal] = places[loyal][:, :1]
    return places
