"""Shown, clicked, purchased: by hand, against pandas and a regression, in bounds, and silent on the few."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyfixest import feols

from core.fairness.pricing.funnel import funnel_rows
from core.fairness.pricing.shown import shown_funnel
from core.fairness.suppression import HIDDEN_TEXT
from tests.core.fairness.pricing.pricing_shops import QUICK, two_groups

FLAGS = ("clicked", "purchased")


def log(seed, *, users=120, apart=0.0):
    """A log of impressions, the group of each user, and which impressions are deals; group b clicks more by `apart`."""
    rng = np.random.default_rng(seed)
    group = (rng.random(users) < 0.4).astype(int)
    many = rng.geometric(0.1, users) * (rng.random(users) < 0.9)
    user = np.repeat(np.arange(users), many)
    habit = rng.beta(2, 6, users)[user]
    clicked = rng.random(len(user)) < habit + apart * group[user]
    purchased = rng.random(len(user)) < np.where(clicked, 0.3, 0.02)
    deal = np.where(rng.random(len(user)) < 0.1, np.nan, rng.random(len(user)) < 0.3)
    table = pd.DataFrame({"user": user.astype(np.int32), "clicked": clicked, "purchased": purchased})
    return table.astype(dict.fromkeys(FLAGS, "boolean")), group, deal


def rows_of(impressions, group, deal=None, *, reference=0):
    found = shown_funnel(impressions, np.arange(len(group)), deal=deal)
    return funnel_rows(found, two_groups(group, reference=reference), QUICK, tolerance=0.1)


def told(rows, statistic="mean"):
    return {(row.metric, row.group): row for row in rows if row.statistic == statistic}


def test_stages_by_hand():
    impressions = pd.DataFrame({"user": [1, 1, 1, 4, 9, 7], "clicked": [1, 1, 0, 0, 1, 1]})
    impressions["purchased"] = [1, 0, 0, 1, 1, None]
    found = shown_funnel(impressions, np.array([1, 2, 4, 7]), deal=np.array([1, 0, np.nan, 1, 1, 0])).stages
    assert {name: stage.tolist() for name, stage in found.items()} == {
        "item_shown": [[1, 1], [0, 1], [1, 1], [1, 1]],
        "item_clicked": [[2, 3], [0, 0], [0, 1], [1, 1]],
        "item_clickers": [[1, 1], [0, 0], [0, 1], [1, 1]],
        "item_purchased": [[1, 3], [0, 0], [1, 1], [0, 0]],  # of user 7 it is not known
        "item_purchasers": [[1, 1], [0, 0], [1, 1], [0, 0]],
        "item_purchased_of_clicked": [[1, 2], [0, 0], [0, 0], [0, 0]],
        "deal_impressions": [[1, 2], [0, 0], [1, 1], [0, 1]],
        "deal_shown": [[1, 1], [0, 1], [1, 1], [0, 1]],
        "deal_clicked": [[1, 1], [0, 0], [0, 1], [0, 0]],
        "deal_clickers": [[1, 1], [0, 0], [0, 1], [0, 0]],
        "deal_purchased": [[1, 1], [0, 0], [1, 1], [0, 0]],
        "deal_purchasers": [[1, 1], [0, 0], [1, 1], [0, 0]],
        "deal_purchased_of_clicked": [[1, 1], [0, 0], [0, 0], [0, 0]],
    }


def test_what_the_log_does_not_know_is_absent():
    impressions, group, deal = log(1)
    users = np.arange(len(group))
    clicks = shown_funnel(impressions.drop(columns="purchased"), users).stages
    assert list(clicks) == ["item_shown", "item_clicked", "item_clickers"]
    unknown = shown_funnel(impressions, users, deal=np.full(len(deal), np.nan)).stages
    assert not [name for name in unknown if name.startswith("deal")]


@pytest.mark.filterwarnings("ignore")  # of pandas on pyfixest
def test_values_are_those_of_pandas_and_gaps_those_of_a_regression():
    impressions, group, deal = log(2)
    means, gaps = (told(rows_of(impressions, group, deal), statistic) for statistic in ("mean", "gap"))
    lines = impressions.astype(dict.fromkeys(FLAGS, float)).assign(b=group[impressions["user"]])
    n_users = pd.Series(group).value_counts()
    for kind, own in (("item", lines), ("deal", lines[deal == 1])):
        for side, name in enumerate("ab"):
            of_side = own[own["b"] == side]
            once = of_side.groupby("user")[list(FLAGS)].max()
            expected = {
                "shown": len(once) / n_users[side],
                "clicked": of_side["clicked"].mean(),
                "clickers": once["clicked"].mean(),
                "purchased": of_side["purchased"].mean(),
                "purchasers": once["purchased"].mean(),
                "purchased_of_clicked": of_side.loc[of_side["clicked"] == 1, "purchased"].mean(),
            }
            for stage, value in expected.items():
                assert means[f"{kind}_{stage}", name].value == pytest.approx(value, abs=1e-6)
        for metric in FLAGS:
            fit = feols(f"{metric} ~ b", own, vcov={"CRV1": "user"})
            gap = gaps[f"{kind}_{metric}_gap", "b"]
            assert gap.value == pytest.approx(fit.coef()["b"], abs=1e-6)
            assert gap.high - gap.low == pytest.approx(2 * 1.96 * fit.se()["b"], rel=0.25)
    shares = pd.Series(deal).groupby(lines["b"].to_numpy()).mean()
    assert [means["deal_impressions", name].value for name in "ab"] == pytest.approx(shares, abs=1e-6)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000))
def test_stages_are_shares_and_neither_order_nor_names_matter(seed):
    impressions, group, deal = log(seed)
    rng = np.random.default_rng(seed)
    names, order = rng.permutation(len(group)), rng.permutation(len(deal))
    again = impressions.assign(user=names[impressions["user"]]).iloc[order]
    found = shown_funnel(impressions, np.arange(len(group)), deal=deal).stages
    renamed = shown_funnel(again, np.arange(len(group)), deal=deal[order]).stages
    for name, stage in found.items():
        assert (stage[:, 0] <= stage[:, 1]).all()
        np.testing.assert_array_equal(renamed[name][names], stage)
    swapped = told(rows_of(impressions, 1 - group, reference=None), "gap")
    for key, row in told(rows_of(impressions, group, reference=None), "gap").items():
        other = {"a": "b", "b": "a"}[key[1]]
        assert swapped[key[0], other].value == pytest.approx(row.value)


def test_groups_who_do_the_same_have_no_gap():
    impressions, _, deal = log(3, users=60)
    twice = pd.concat([impressions, impressions.assign(user=impressions["user"] + 60)])
    rows = rows_of(twice, np.repeat([0, 1], 60), np.tile(deal, 2))
    gaps = [row for row in rows if row.statistic == "gap"]
    assert len(gaps) == 13
    assert all(row.value == pytest.approx(0, abs=1e-12) and row.p_value == 1 for row in gaps)


def test_a_planted_gap_in_clicks_is_found_and_none_is_not():
    held, found, alarms = 0, 0, 0
    for seed in range(40):
        impressions, group, _ = log(seed, users=200, apart=0.15)
        gap = told(rows_of(impressions, group), "gap")["item_clicked_gap", "b"]
        held += gap.low <= 0.15 <= gap.high
        found += gap.p_value <= 0.05
        impressions, group, _ = log(seed, users=200)
        alarms += told(rows_of(impressions, group), "gap")["item_clicked_gap", "b"].p_value <= 0.05
    assert held >= 34, held
    assert found >= 38, found
    assert alarms <= 6, alarms


def test_a_group_of_whom_few_are_shown_anything_has_no_number_and_neither_has_its_complement():
    group = np.repeat([0, 1, 2], 20)
    seen = np.concatenate([np.arange(23), np.arange(40, 60)])  # all of a and c, three of b
    impressions = pd.DataFrame({"user": np.repeat(seen, 3), "clicked": np.tile([1, 0, 0], len(seen))})
    rows = told(rows_of(impressions, group, reference=None))
    assert {name: rows["item_shown", name].value for name in "abc"} == {"a": 1, "b": 0.15, "c": 1}
    for metric in ("item_clicked", "item_clickers"):
        hidden = {name for name in "abc" if rows[metric, name].suppressed}
        assert "b" in hidden
        assert len(hidden) == 2  # all less the other two would tell of three users
        for name in hidden:
            assert (rows[metric, name].value, rows[metric, name].n) == (None, HIDDEN_TEXT)
