"""IPS and SNIPS: by hand, against simulated truth, and what is refused."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import InputError, SettingsError, TableError
from core.fairness.partition import Partition
from core.fairness.quality.off_policy import off_policy
from core.fairness.suppression import HIDDEN, SHOWN
from core.schema.settings import Statistics
from tests.core.fairness.parts import FAST, part_of, row_of

QUICK = Statistics(draws=300, permutations=100, seed=5)
RANKS, VISITS = 3, 4
QUALITY = np.array([0.6, 0.5, 0.4, 0.2, 0.1])
SHOWN_BY_LOG = np.array([0.1, 0.15, 0.2, 0.25, 0.3])  # the worst items most, at every rank alike
LIST = np.array([0, 1, 2])


def table(**columns):
    frame = pd.DataFrame(columns)
    return frame.astype({"clicked": "boolean"}) if "clicked" in frame else frame


def everyone_gets(items, n_users):
    """The same list for every user."""
    k = len(items)
    return table(
        user=np.repeat(np.arange(n_users), k),
        item=np.tile(items, n_users),
        rank=np.tile(np.arange(1, k + 1), n_users),
    )


def logged(n_users, rng):
    """A log of `VISITS` lists of each user, whose places were drawn alone; liking differs between users."""
    shape = n_users, VISITS, RANKS
    item = rng.choice(len(QUALITY), p=SHOWN_BY_LOG, size=shape)
    liking = rng.beta(4, 2, n_users)
    clicked = rng.random(shape) < liking[:, None, None] * QUALITY[item]
    user, rank = (
        np.broadcast_to(one, shape) for one in (np.arange(n_users)[:, None, None], np.arange(1, RANKS + 1))
    )
    return table(
        user=user.ravel(),
        item=item.ravel(),
        rank=rank.ravel().astype(float),
        clicked=clicked.ravel(),
        propensity=SHOWN_BY_LOG[item].ravel(),
    )


TRUTH = 4 / 6 * QUALITY[LIST].mean()


def asked(impressions, lists, n_users, *, part=None, options=FAST, **chosen):
    part = part_of(np.repeat([0, 1], [n_users // 2, n_users - n_users // 2])) if part is None else part
    return off_policy(
        impressions, lists, np.arange(n_users), part, options, **{"k": RANKS, "clip": np.inf} | chosen
    )


def two_impressions(n_users=20):
    """Each user saw item 0 at rank 1 (chance 1/2) and item 9 at rank 2 (chance 1/4); the list has 0 and 1 there."""
    return table(
        user=np.repeat(np.arange(n_users), 2),
        item=np.tile([0, 9], n_users),
        rank=np.tile([1.0, 2.0], n_users),
        clicked=np.tile([True, True], n_users),
        propensity=np.tile([0.5, 0.25], n_users),
    )


def test_estimates_by_hand():
    found = asked(two_impressions(), everyone_gets([0, 1], 20), 20, k=2)
    values = {name: row_of(found.rows, f"clicked_{name}@2", "a").value for name in ("logged", "ips", "snips")}
    assert values == pytest.approx({"logged": 1.0, "ips": 1 / 0.5 / 2, "snips": 1.0})
    assert found.support.set_index("group").loc["a"].to_dict() == pytest.approx(
        {"users": 10, "impressions": 20, "matched": 10, "mean_weight": 1.0, "effective": 10.0, "clipped": 0.0}
    )


def test_clipping_and_the_effective_sample_by_hand():
    impressions = two_impressions().assign(item=np.tile([0, 1], 20), clicked=np.tile([True, False], 20))
    found = asked(impressions, everyone_gets([0, 1], 20), 20, k=2, clip=3.0)
    assert row_of(found.rows, "clicked_ips@2").value == pytest.approx(2 / 2)  # weights 2 and 4, clipped to 3
    assert row_of(found.rows, "clicked_snips@2").value == pytest.approx(2 / 5)
    everyone = found.support.set_index("group").loc["all"]
    assert everyone["effective"] == pytest.approx((20 * 5) ** 2 / (20 * (4 + 9)))
    assert everyone["clipped"] == pytest.approx(0.5)
    assert everyone["mean_weight"] == pytest.approx(2.5)


def test_a_row_by_row_computation_agrees():
    rng = np.random.default_rng(3)
    impressions = logged(60, rng)
    picked = np.argsort(rng.random((60, len(QUALITY))), axis=1)[:, :RANKS]
    lists = everyone_gets(LIST, 60).assign(item=picked.ravel())
    found = asked(impressions, lists, 60, clip=6.0)
    for name, users in (("a", range(30)), ("b", range(30, 60))):
        earned = weights = rows = 0.0
        for line in impressions[impressions["user"].isin(users)].itertuples():
            weight = (
                min(1 / line.propensity, 6.0) if picked[line.user, int(line.rank) - 1] == line.item else 0.0
            )
            earned, weights, rows = earned + weight * line.clicked, weights + weight, rows + 1
        assert row_of(found.rows, "clicked_ips@3", name).value == pytest.approx(earned / rows, abs=1e-6)
        assert row_of(found.rows, "clicked_snips@3", name).value == pytest.approx(earned / weights, abs=1e-6)


def test_estimates_are_unbiased_and_their_intervals_hold_the_truth():
    # 150 simulated logs at 95 %; the standard error is 1.8 points; four of them.
    lists, values, held = everyone_gets(LIST, 200), [], []
    for seed in range(150):
        rows = asked(logged(200, np.random.default_rng(seed)), lists, 200, options=QUICK).rows
        both = [row_of(rows, f"clicked_{name}@3", "a") for name in ("ips", "snips")]
        values.append([row.value for row in both])
        held.append([row.low <= TRUTH <= row.high for row in both])
    off = np.mean(values, axis=0) - TRUTH
    assert (np.abs(off) <= 3 * np.std(values, axis=0) / np.sqrt(150)).all(), off
    assert (np.abs(np.mean(held, axis=0) - 0.95) <= 0.071).all(), np.mean(held, axis=0)
    shown = SHOWN_BY_LOG @ QUALITY * 4 / 6
    assert shown < 0.6 * TRUTH  # what was logged says nothing of it
    assert row_of(rows, "clicked_logged@3", "all").value == pytest.approx(shown, abs=0.04)


def test_a_log_of_the_lists_themselves_with_equal_users_leaves_no_doubt():
    lists = everyone_gets([0, 1], 20)
    found = asked(lists.assign(clicked=True, propensity=1.0), lists, 20, k=2)
    for name in ("logged", "ips", "snips"):
        row = row_of(found.rows, f"clicked_{name}@2")
        assert (row.low, row.value, row.high) == (1.0, 1.0, 1.0)
    assert found.support["effective"].tolist() == [40.0, 20.0, 20.0]


@settings(max_examples=20)
@given(st.integers(0, 2**31), st.permutations([0, 1, 2]))
def test_estimates_keep_their_bounds_and_follow_their_group(seed, names):
    rng = np.random.default_rng(seed)
    strata = rng.permutation(np.arange(60) % 3)
    impressions, lists = logged(60, rng), everyone_gets(LIST, 60)
    one, other = (
        asked(impressions, lists, 60, part=part_of(groups), options=QUICK)
        for groups in (strata, np.asarray(names)[strata])
    )
    for row in one.rows:
        if row.group == "all" or row.statistic != "mean":
            continue
        same = row_of(other.rows, row.metric, "abc"[names["abc".index(row.group)]])
        assert same.value == pytest.approx(row.value)
        assert 0 <= row.value <= (np.inf if "_ips" in row.metric else 1)
    support = one.support
    assert (support["effective"] <= support["matched"] + 1e-9).all()


def test_ranks_users_and_lists_that_are_not_asked_about_do_not_count():
    impressions, lists = two_impressions(30), everyone_gets([0, 1], 30)
    found = asked(impressions, lists[lists["user"] < 25], 20, k=1)  # users 20 to 29 are not audited
    assert found.support.set_index("group").loc["all", ["users", "impressions"]].tolist() == [20, 20]
    found = asked(impressions, lists[lists["user"] < 25], 30, k=1)  # users 25 to 29 have no list
    assert found.support.set_index("group").loc["all", "users"] == 25


def test_hidden_groups_carry_no_number():
    strata = np.repeat([0, 1, 2], [20, 20, 10])
    part = Partition("kind", ("a", "b", "few"), np.array([SHOWN, SHOWN, HIDDEN]), strata, None)
    found = asked(logged(50, np.random.default_rng(0)), everyone_gets(LIST, 50), 50, part=part)
    hidden = [row for row in found.rows if row.group == "few"]
    assert hidden
    assert all(row.suppressed and row.value is None and row.n == "hidden" for row in hidden)
    assert found.support["group"].tolist() == ["all", "a", "b"]


def test_self_normalised_estimates_of_a_few_matched_users_are_hidden():
    impressions = two_impressions(40)
    impressions.loc[impressions["user"].between(0, 15), "item"] = 7  # of group a four users are matched
    found = asked(impressions, everyone_gets([0, 1], 40), 40, k=2)
    assert row_of(found.rows, "clicked_ips@2", "a").n == 20
    support = found.support.set_index("group")
    assert support.loc["a", ["matched", "mean_weight", "effective", "clipped"]].isna().all()
    assert support.loc["a", "users"] == 20
    assert not [
        row for row in found.rows if row.metric == "clicked_snips@2" and row.group == "a" and row.value
    ]


def test_propensities_are_never_made_up():
    impressions, lists = two_impressions(), everyone_gets([0, 1], 20)
    with pytest.raises(InputError, match="no column 'propensity'"):
        asked(impressions.drop(columns="propensity"), lists, 20)
    given_by_hand = impressions["propensity"].to_numpy()
    found = asked(impressions.drop(columns="propensity"), lists, 20, propensity=given_by_hand)
    assert found.support.equals(asked(impressions, lists, 20).support)
    for bad, problem in ((np.nan, "is missing"), (0.0, "above 0"), (1.5, "at most 1")):
        with pytest.raises(TableError, match=rf"{problem}.*\(row 4\)"):
            asked(
                impressions.assign(propensity=impressions["propensity"].where(impressions.index != 3, bad)),
                lists,
                20,
            )


def test_other_input_that_tells_nothing_is_refused():
    impressions, lists = two_impressions(), everyone_gets([0, 1], 20)
    with pytest.raises(InputError, match="no column 'purchased'"):
        asked(impressions, lists, 20, reward="purchased")
    with pytest.raises(TableError, match="'clicked': is missing"):
        asked(impressions.assign(clicked=impressions["clicked"].where(impressions.index != 3)), lists, 20)
    with pytest.raises(InputError, match="None of the 20 logged impressions"):
        asked(impressions.assign(clicked=impressions["item"] == 9), lists, 20)
    with pytest.raises(InputError, match="no impression at ranks 1 to 3"):
        asked(impressions.assign(rank=50.0), lists, 20)
    with pytest.raises(SettingsError, match="clipped"):
        asked(impressions, lists, 20, clip=0.5)
    with pytest.raises(SettingsError, match="no reward"):
        asked(impressions, lists, 20, reward="liked")
