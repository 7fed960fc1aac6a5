"""What logged clicks say of other lists: a planted difference between groups is found, and refusals are clear."""

import numpy as np
import pandas as pd
import pytest

from core.errors import InputError
from core.fairness.verdicts import UNEQUAL
from core.schema.settings import AuditSettings
from core.workflow.audits.clicks import clicks
from tests.core.workflow.audits.test_pricing import made_shop

USERS, ITEMS, PLACES = 150, 20, 3
SETTINGS = AuditSettings(by=(("side",),), k=PLACES, draws=300, permutations=300)


@pytest.fixture(scope="module")
def made():
    """A log that shows each of 20 items at each place alike; b clicks twice as often, and likes item 0 most."""
    shop = made_shop(3, users=USERS)
    rng = np.random.default_rng(5)
    user = np.repeat(np.arange(USERS), 60 * PLACES)
    rank = np.tile(np.arange(1, PLACES + 1), 60 * USERS)
    item = rng.integers(0, ITEMS, len(user))
    chance = np.where(shop.users["side"].to_numpy()[user] == "b", 0.4, 0.2) * np.where(item == 0, 2.0, 1.0)
    log = pd.DataFrame({"user": user, "item": item, "rank": rank, "propensity": 1 / ITEMS})
    log["clicked"] = rng.random(len(log)) < chance
    lists = pd.DataFrame({"user": np.repeat(np.arange(USERS), PLACES), "item": np.tile([0, 1, 2], USERS)})
    return shop, log, lists.assign(rank=np.tile([1, 2, 3], USERS))


def test_what_lists_would_have_earned_and_for_whom_less(made):
    rows = clicks(made[0], made[1], made[2], SETTINGS).rows.set_index(["group", "metric"])
    for group, truth in (("a", (0.4 + 0.2 + 0.2) / 3), ("b", (0.8 + 0.4 + 0.4) / 3)):
        found = rows.loc[(group, f"clicked_snips@{PLACES}")]
        assert found["low"] <= truth <= found["high"]
    assert rows.loc[("b", f"clicked_snips@{PLACES}_gap"), "verdict"] == UNEQUAL


def test_the_log_is_told_with_its_weights(made):
    first, second = clicks(*made, SETTINGS).notes
    assert "27,000 logged impressions" in first
    assert "0.0% of the matched ones" in second
    assert "The mean weight is 1.0" in second


def test_a_log_that_never_showed_what_the_lists_hold_is_refused(made):
    shop, log, lists = made
    with pytest.raises(InputError, match="cannot be told from this log"):
        clicks(shop, log[log["item"] > 2], lists, SETTINGS)


def test_too_few_users_in_the_log_are_refused(made):
    shop, log, lists = made
    with pytest.raises(InputError, match="Fewer than 10 users"):
        clicks(shop, log[log["user"] < 5], lists, SETTINGS)
