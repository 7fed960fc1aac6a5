"""Two runs on the same users: paired differences, overall and by group."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from core.errors import InputError
from core.fairness.compare import compare_runs
from core.schema.settings import Statistics
from tests.core.fairness.shops import synthetic

OPTIONS = {"by": (("age",),), "k": 10, "settings": Statistics(draws=300, permutations=400)}


@pytest.fixture(scope="module")
def run():
    per_user, _, users = synthetic({"a": 6, "b": 40, "c": 200, "d": 200}, seed=2)
    return per_user, users


def changed(per_user, shift, seed=0):
    rng = np.random.default_rng(seed)
    noise = rng.normal(0, 0.02, len(per_user))
    return per_user.assign(**{"ndcg@10": per_user["ndcg@10"] + shift + noise})


def row(comparison, group, metric="ndcg@10"):
    rows = comparison.rows
    return rows[(rows["group"] == group) & (rows["metric"] == metric)].iloc[0]


def test_a_run_compared_with_itself_shows_no_difference(run):
    per_user, users = run
    rows = compare_runs(per_user, per_user, users=users, **OPTIONS).rows
    shown = rows[~rows["suppressed"]]
    assert (shown[["difference", "low", "high"]] == 0).all(axis=None)
    assert set(shown["verdict"]) == {"no difference shown"}
    assert (shown["p_value"] == 1).all()


def test_pairing_finds_a_small_gain_that_two_separate_means_would_not(run):
    per_user, users = run
    found = row(compare_runs(per_user, changed(per_user, 0.02), users=users, **OPTIONS), "all")
    assert found["verdict"] == "better"
    assert found["low"] < found["difference"] < found["high"]
    apart = stats.ttest_ind(per_user["ndcg@10"], changed(per_user, 0.02)["ndcg@10"])
    assert apart.pvalue > 0.05


def test_swapping_the_runs_turns_the_answer_around(run):
    per_user, users = run
    other = changed(per_user, 0.05)
    one, two = (
        row(compare_runs(*pair, users=users, **OPTIONS), "c")
        for pair in ((per_user, other), (other, per_user))
    )
    assert (one["verdict"], two["verdict"]) == ("better", "worse")
    assert one["difference"] == pytest.approx(-two["difference"])
    assert (one["first"], one["second"]) == (two["second"], two["first"])


def test_a_gain_of_one_group_is_told_of_that_group(run):
    per_user, users = run
    lifted = changed(per_user, 0).assign(**{"ndcg@10": lambda t: t["ndcg@10"] + 0.1 * (users["age"] == "d")})
    comparison = compare_runs(per_user, lifted, users=users, **OPTIONS)
    assert row(comparison, "d")["verdict"] == "better"
    assert row(comparison, "c")["verdict"] == "no difference shown"


def test_without_groupings_only_everybody_is_compared(run):
    per_user, users = run
    rows = compare_runs(per_user, changed(per_user, 0.05), users=users, **OPTIONS | {"by": ()}).rows
    assert set(rows["group"]) == {"all"}
    assert not rows["metric"].duplicated().any()


def test_only_users_of_both_runs_are_compared(run):
    per_user, users = run
    comparison = compare_runs(
        per_user.iloc[:-3], per_user.iloc[2:].sample(frac=1, random_state=0), users=users, **OPTIONS
    )
    assert (comparison.users, comparison.users_left_out) == (441, 5)
    assert row(comparison, "all")["difference"] == 0


def test_hidden_groups_carry_no_number(run):
    per_user, users = run
    rows = compare_runs(per_user, changed(per_user, 0.05), users=users, **OPTIONS).rows
    hidden = rows[rows["suppressed"]]
    assert set(hidden["group"]) == {"a", "b"}
    assert set(hidden["n"]) == {"hidden"}
    assert (
        hidden[["first", "second", "difference", "low", "high", "p_value", "p_adjusted", "verdict"]]
        .isna()
        .all(axis=None)
    )


def test_the_correction_counts_all_shown_rows(run):
    per_user, users = run
    comparison = compare_runs(per_user, changed(per_user, 0.05), users=users, **OPTIONS)
    shown = comparison.rows[~comparison.rows["suppressed"]]
    assert comparison.tests == len(shown) == 2 * 3
    assert shown["p_adjusted"].to_numpy(float) == pytest.approx(
        stats.false_discovery_control(shown["p_value"].to_numpy(float))
    )


def test_runs_without_users_in_common_are_refused(run):
    per_user, users = run
    with pytest.raises(InputError, match="share too few users"):
        compare_runs(per_user.iloc[:100], per_user.iloc[100:], users=users, **OPTIONS)
    with pytest.raises(InputError, match="share too few users, or no metric"):
        compare_runs(per_user[["user", "ndcg@10"]], per_user[["user", "recall@10"]], users=users, **OPTIONS)


def test_noise_alone_is_no_difference_in_nineteen_of_twenty_comparisons():
    alarms = 0
    for seed in range(60):
        per_user, _, users = synthetic({"b": 40, "c": 100}, seed=seed)
        noisy = per_user.assign(
            **{"ndcg@10": per_user["ndcg@10"] + np.random.default_rng(seed).normal(0, 0.05, 140)}
        )
        rows = compare_runs(
            per_user[["user", "ndcg@10"]], noisy[["user", "ndcg@10"]], users=users, **OPTIONS
        ).rows
        alarms += bool(pd.Series(rows["verdict"]).isin(["better", "worse"]).any())
    assert alarms <= stats.binom.ppf(0.99, 60, 0.05)
