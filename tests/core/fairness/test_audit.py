"""The audit as a whole: numbers, verdicts, what is hidden, what is refused."""

import json

import numpy as np
import pandas as pd
import pytest
from fairlearn.metrics import MetricFrame
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from core.errors import InputError, NotFound, SettingsError, TableError
from core.fairness.audit import audit_users, mean_intervals
from core.fairness.notes import notes
from core.fairness.rows import AuditRow, records
from core.schema.settings import AuditSettings
from tests.core.fairness.shops import CATALOGUE, lists_for, skewed, synthetic

QUICK = {"draws": 200, "permutations": 200}
SIZES = {"18-24": 40, "25-34": 200, "35-44": 400}


def audit(shop, **options):
    per_user, top_k, users = shop
    by = options.pop("by", (("age",),))
    return audit_users(per_user, top_k, users, CATALOGUE, AuditSettings(by=by, **QUICK | options))


def column(result, metric, name, *, attribute="age"):
    rows = result.rows[(result.rows["metric"] == metric) & (result.rows["attribute"] == attribute)]
    return rows.set_index("group")[name]


@pytest.fixture(scope="module")
def shop():
    """The middle group is served at 30 % of the others."""
    return synthetic(SIZES, seed=4, effect={"25-34": 0.3})


@pytest.fixture(scope="module")
def result(shop):
    return audit(shop)


def test_means_gaps_and_ratios_agree_with_metric_frame(shop, result):
    per_user, _, users = shop
    for metric in ("ndcg@10", "recall@10"):
        frame = MetricFrame(
            metrics=lambda y_true, y_pred: y_pred.mean(),
            y_true=np.zeros(len(per_user)),
            y_pred=per_user[metric],
            sensitive_features=users["age"],
        )
        means = column(result, metric, "value")
        assert means.drop("all").to_dict() == pytest.approx(frame.by_group.to_dict(), abs=1e-6)
        assert means["all"] == pytest.approx(frame.overall, abs=1e-6)
        assert column(result, f"{metric}_max_min", "value")["all"] == pytest.approx(
            frame.difference(), abs=1e-6
        )
        against = audit(shop, reference="35-44")
        gaps, ratios = (column(against, f"{metric}_{name}", "value") for name in ("gap", "ratio"))
        for group in ("18-24", "25-34"):
            two = frame.by_group[[group, "35-44"]]
            assert abs(gaps[group]) == pytest.approx(two.max() - two.min(), abs=1e-6)
            assert min(ratios[group], 1 / ratios[group]) == pytest.approx(two.min() / two.max(), abs=1e-6)


def test_the_gap_is_against_everyone_else_unless_a_reference_is_named(shop, result):
    per_user, _, users = shop
    value, inside = per_user["ndcg@10"], users["age"] == "25-34"
    gaps = column(result, "ndcg@10_gap", "value")
    assert gaps["25-34"] == pytest.approx(value[inside].mean() - value[~inside].mean())
    assert set(column(result, "ndcg@10_gap", "reference")) == {"rest"}
    named = audit(shop, reference="18-24")
    gaps = column(named, "ndcg@10_gap", "value")
    assert gaps["25-34"] == pytest.approx(value[inside].mean() - value[users["age"] == "18-24"].mean())
    assert "18-24" not in gaps
    assert named.tests == result.tests - 3


def test_a_planted_gap_is_found_and_only_there(result):
    verdicts = column(result, "ndcg@10_gap", "verdict")
    assert verdicts["25-34"] == "unequal"
    assert column(result, "ndcg@10_gap", "value")["25-34"] < 0
    assert column(result, "ndcg@10_gap", "p_adjusted")["25-34"] <= 0.05
    low, high, tolerance = (
        column(result, "ndcg@10_gap", name)["25-34"] for name in ("low", "high", "tolerance")
    )
    assert low < high < -tolerance
    assert verdicts["18-24"] == "not_enough_data"
    assert column(result, "ndcg@10_gap", "more_users")["18-24"] > 0


def test_the_range_names_the_worst_group_and_stands_beside_its_null(result):
    assert column(result, "ndcg@10_max_min", "reference")["all"] == "25-34"
    value, low, null = (
        column(result, "ndcg@10_max_min", name)["all"] for name in ("value", "low", "null_high")
    )
    assert 0 < low < value
    assert 0 < null < value


def test_mean_rows_carry_the_p_value_and_verdict_of_their_gap(result):
    for name in ("p_value", "p_adjusted", "verdict"):
        means, gaps = column(result, "ndcg@10", name), column(result, "ndcg@10_gap", name)
        assert means.drop("all").tolist() == gaps.tolist()


def test_every_verdict_follows_from_its_row(result):
    gaps = result.rows[result.rows["statistic"] == "gap"]
    beyond = (gaps["low"] > gaps["tolerance"]) | (gaps["high"] < -gaps["tolerance"])
    inside = (gaps["low"] >= -gaps["tolerance"]) & (gaps["high"] <= gaps["tolerance"])
    assert (beyond & (gaps["p_adjusted"] <= 0.05))[gaps["verdict"] == "unequal"].all()
    assert (inside == (gaps["verdict"] == "equal_within_tolerance")).all()
    assert (gaps["more_users"].notna() == (gaps["verdict"] == "not_enough_data")).all()
    assert ((gaps["low"] <= gaps["value"]) & (gaps["value"] <= gaps["high"])).all()


def test_the_tolerance_is_a_share_of_the_mean_over_all(shop, result):
    overall = shop[0]["ndcg@10"].mean()
    assert column(result, "ndcg@10_gap", "tolerance").tolist() == pytest.approx([0.1 * overall] * 3)
    finer = audit(shop, tolerances={"ndcg": 0.02})
    assert column(finer, "ndcg@10_gap", "tolerance")["18-24"] == pytest.approx(0.02 * overall)
    assert finer.tolerance == "10 % of the mean over all users (ndcg: 2 %)"


def test_coverage_is_a_share_of_the_catalogue_seen_by_so_many_users(shop, result):
    _, top_k, users = shop
    members = np.flatnonzero(users["age"] == "18-24")
    shown = top_k[top_k["user"].isin(members)]
    rng = np.random.default_rng(0)
    simulated = [
        shown[shown["user"].isin(rng.choice(members, 20, replace=False))]["item"].nunique() / CATALOGUE
        for _ in range(400)
    ]
    assert column(result, "coverage@10", "value")["18-24"] == pytest.approx(np.mean(simulated), abs=0.004)
    assert any("20 users of a group" in note for note in result.notes)


def test_items_beyond_k_and_lists_of_others_do_not_count(shop, result):
    per_user, top_k, users = shop
    deeper = top_k.assign(rank=top_k["rank"] + 10, item=top_k["item"] * 0 + 7)
    stranger = pd.DataFrame({"user": [len(users)], "item": [3], "rank": [1]})
    same = audit((per_user, pd.concat([top_k, deeper, stranger]), users))
    pd.testing.assert_frame_equal(same.rows, result.rows)


def test_users_without_test_purchases_are_counted_not_audited(shop):
    per_user, top_k, users = shop
    fewer = audit((per_user.iloc[5:], top_k, users))
    assert (fewer.users, fewer.users_skipped) == (635, 5)
    assert column(fewer, "ndcg@10", "n").to_dict() == {"18-24": 35, "25-34": 200, "35-44": 400, "all": 635}


def test_the_same_seed_gives_the_same_numbers_whatever_else_is_audited(shop, result):
    both = audit(shop, by=(("region",), ("age",)))
    of_age = both.rows[both.rows["attribute"] == "age"].reset_index(drop=True)
    random = ["low", "high", "value"]
    pd.testing.assert_frame_equal(of_age[random], result.rows[random])
    overall = both.rows[(both.rows["group"] == "all") & (both.rows["metric"] == "ndcg@10")]
    assert overall["low"].nunique() == 1
    interval = mean_intervals(
        shop[0][["ndcg@10", "recall@10"]].to_numpy(), AuditSettings(by=(("age",),), **QUICK)
    )
    assert interval.low[0, 0] == overall["low"].iloc[0]


def test_rows_are_json_without_nan(result):
    found = json.loads(json.dumps(records(result.rows), allow_nan=False))
    assert len(found) == len(result.rows)
    assert set(found[0]) == set(AuditRow.__dataclass_fields__)
    gap = next(row for row in found if row["metric"] == "ndcg@10_gap")
    assert isinstance(gap["n"], int)
    assert gap["null_low"] < 0 < gap["null_high"]
    assert next(row for row in found if row["group"] == "all")["p_value"] is None


def test_groups_are_in_the_order_of_their_categories(shop, result):
    assert list(column(result, "ndcg@10", "value").index) == ["18-24", "25-34", "35-44", "all"]


def test_small_groups_are_marked(result):
    assert not column(result, "ndcg@10", "small").any()
    marked = audit(synthetic({"a": 25, "b": 200, "c": 200}, seed=0))
    assert column(marked, "ndcg@10", "small").to_dict() == {"a": True, "b": False, "c": False, "all": False}


def test_a_group_under_the_minimum_carries_no_number_and_nor_does_one_that_would_betray_it():
    result = audit(synthetic({"a": 6, "b": 60, "c": 90, "d": 200}, seed=0))
    hidden = result.rows[result.rows["suppressed"]]
    assert set(hidden["group"]) == {"a", "b"}
    assert set(hidden["n"]) == {"hidden"}
    numbers = hidden[
        ["value", "low", "high", "p_value", "p_adjusted", "null_low", "null_high", "tolerance", "more_users"]
    ]
    assert numbers.isna().all(axis=None)
    assert hidden["verdict"].isna().all()
    assert not hidden["small"].any()
    shown = result.rows[~result.rows["suppressed"] & (result.rows["group"] != "all")]
    assert set(shown["group"]) == {"c", "d"}
    assert any("Hidden groups" in note for note in result.notes)


def test_hidden_users_still_count_among_everyone_else():
    shop = synthetic({"a": 6, "b": 60, "c": 90, "d": 200}, seed=0)
    gap = column(audit(shop), "ndcg@10_gap", "value")["c"]
    value, inside = shop[0]["ndcg@10"], shop[2]["age"] == "c"
    assert gap == pytest.approx(value[inside].mean() - value[~inside].mean())


def test_what_the_crossing_shows_does_not_open_the_single_groups(shop):
    crossed = audit(shop, by=(("age",), ("age", "region")))
    rows = crossed.rows[crossed.rows["attribute"] == "age × region"]
    assert set(rows[rows["metric"] == "ndcg@10"]["group"]) >= {"18-24 × north", "35-44 × south"}
    assert crossed.tests == (3 + 6) * 3


def test_an_attribute_with_one_group_is_shown_without_a_comparison():
    result = audit(synthetic({"a": 50}, seed=0))
    assert set(result.rows["statistic"]) == {"mean"}
    assert result.tests == 0


def test_with_every_group_hidden_only_the_mean_of_all_is_told():
    result = audit(synthetic({"a": 5, "b": 8}, seed=0))
    told = result.rows[~result.rows["suppressed"] & result.rows["value"].notna()]
    assert set(told["group"]) == {"all"}
    assert result.tests == 0


def test_permutations_suffice_for_the_correction(shop):
    many = audit(shop, by=(("age",), ("region",), ("age", "region")), permutations=100)
    assert many.tests == (3 + 2 + 6) * 3
    assert many.rows["p_value"].min() >= 1 / 661
    assert any("660 permutations" in note for note in many.notes)


def test_it_is_said_where_permutations_are_too_few_for_the_correction():
    few, enough = (
        notes([], (), tests, 10_000, AuditSettings(by=(("age",),), correction=correction))
        for tests, correction in ((100, "benjamini_yekutieli"), (100, "benjamini_hochberg"))
    )
    assert "too few for one finding alone" in few[0]  # c(100) = 5.19: 10,375 are needed
    assert "can survive correction for 100 tests" in enough[0]


def test_duplicating_every_user_keeps_the_gap_and_narrows_the_interval(shop, result):
    per_user, top_k, users = shop
    n = len(users)
    twice = (
        pd.concat([per_user, per_user.assign(user=per_user["user"] + n)], ignore_index=True),
        pd.concat([top_k, top_k.assign(user=top_k["user"] + n)], ignore_index=True),
        pd.concat([users, users], ignore_index=True),
    )
    doubled = audit(twice)
    for metric in ("ndcg@10_gap", "recall@10_gap"):
        before, after = (
            result.rows[result.rows["metric"] == metric],
            doubled.rows[doubled.rows["metric"] == metric],
        )
        assert after["value"].to_numpy() == pytest.approx(before["value"].to_numpy())
        widths = (after["high"] - after["low"]).to_numpy() / (before["high"] - before["low"]).to_numpy()
        assert ((widths > 0.5) & (widths < 0.9)).all()  # about the root of a half


@given(st.permutations(["18-24", "25-34", "35-44"]))
@settings(max_examples=6)
def test_renaming_groups_moves_their_numbers_and_changes_none(names):
    per_user, top_k, users = synthetic(SIZES, seed=4, effect={"25-34": 0.3})
    renamed = users.assign(age=users["age"].map(dict(zip(SIZES, names, strict=True))))
    before, after = audit((per_user, top_k, users)), audit((per_user, top_k, renamed))
    for metric in ("ndcg@10", "ndcg@10_gap", "coverage@10_gap"):
        own, other = column(before, metric, "value"), column(after, metric, "value")
        assert [other[new] for new in names] == pytest.approx([own[old] for old in SIZES])


@given(st.integers(0, 1000))
@settings(max_examples=6)
def test_groups_that_are_copies_of_each_other_have_no_gap(seed):
    rng = np.random.default_rng(seed)
    quality = skewed(40, rng)
    lists = lists_for(40, rng)
    per_user = pd.DataFrame({"user": np.arange(120), "ndcg@10": np.tile(quality, 3)})
    top_k = pd.concat([lists.assign(user=lists["user"] + 40 * copy) for copy in range(3)])
    users = pd.DataFrame({"age": np.repeat(["a", "b", "c"], 40)})
    result = audit((per_user, top_k, users))
    for metric in ("ndcg@10", "coverage@10"):
        assert column(result, f"{metric}_gap", "value").tolist() == pytest.approx([0, 0, 0], abs=1e-12)
        assert column(result, f"{metric}_ratio", "value").tolist() == pytest.approx([1, 1, 1])
        assert column(result, f"{metric}_max_min", "value")["all"] == pytest.approx(0, abs=1e-12)
        assert (column(result, f"{metric}_gap", "p_value") == 1).all()
        assert "unequal" not in set(column(result, f"{metric}_gap", "verdict"))


@given(st.integers(0, 1000))
@settings(max_examples=6)
def test_numbers_stay_in_their_bounds(seed):
    rng = np.random.default_rng(seed)
    result = audit(synthetic({f"g{i}": int(n) for i, n in enumerate(rng.integers(10, 60, 4))}, seed=seed))
    rows = result.rows
    for name in ("value", "low", "high"):
        assert rows.loc[rows["statistic"] == "mean", name].between(0, 1).all()
        assert rows.loc[rows["statistic"] == "gap", name].between(-1, 1).all()
        assert (rows.loc[rows["statistic"].isin(["ratio", "max_min"]), name].dropna() >= 0).all()
    assert rows["p_value"].dropna().between(1 / 10_000, 1).all()
    assert (rows["p_adjusted"] >= rows["p_value"])[rows["p_adjusted"].notna()].all()


@pytest.mark.parametrize("tolerance", [0.1, 0.001])
def test_identical_groups_raise_a_false_alarm_in_at_most_one_audit_in_twenty(tolerance):
    # With a tolerance of almost nothing only interval and correction hold the false alarms down.
    seeds = range(120)
    alarms = sum(
        "unequal"
        in set(audit(synthetic({"a": 30, "b": 90, "c": 250}, seed=seed), tolerance=tolerance).rows["verdict"])
        for seed in seeds
    )
    assert alarms <= binom.ppf(0.99, len(seeds), 0.05)


def test_a_planted_gap_is_found_in_nearly_every_shop():
    found = sum(
        column(audit(synthetic(SIZES, seed=seed, effect={"25-34": 0.3})), "ndcg@10_gap", "verdict")["25-34"]
        == "unequal"
        for seed in range(40)
    )
    assert found >= 36


def test_large_equal_groups_are_found_equal():
    result = audit(synthetic({"a": 6000, "b": 6000}, seed=1))
    assert set(column(result, "ndcg@10_gap", "verdict")) == {"equal_within_tolerance"}


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"by": (("gender",),)}, NotFound, "no user attribute 'gender'"),
        ({"k": 20}, SettingsError, "No metric was computed at k=20; there are k = 10"),
        ({"reference": "65+"}, NotFound, "no group '65\\+' to compare with"),
        ({"tolerances": {"ndgc": 0.1}}, SettingsError, "no metric 'ndgc'; there are ndcg, recall, coverage"),
    ],
)
def test_bad_settings_are_refused(shop, options, error, message):
    with pytest.raises(error, match=message):
        audit(shop, **options)


def test_a_hidden_group_is_no_reference():
    with pytest.raises(SettingsError, match="'a' by age is hidden"):
        audit(synthetic({"a": 6, "b": 60, "c": 90}, seed=0), reference="a")


def test_bad_tables_are_refused(shop):
    per_user, top_k, users = shop
    with pytest.raises(TableError, match=r"column 'ndcg@10': is not a number \(row 3\)"):
        audit((per_user.assign(**{"ndcg@10": per_user["ndcg@10"].where(per_user.index != 2)}), top_k, users))
    with pytest.raises(TableError, match="appears twice"):
        audit((pd.concat([per_user, per_user.iloc[:1]]), top_k, users))
    with pytest.raises(TableError, match="is no known user"):
        audit((per_user, top_k, users.iloc[:600]))


def test_too_few_users_are_not_audited(shop):
    per_user, top_k, users = shop
    with pytest.raises(InputError, match="Fewer than 10 users"):
        audit((per_user.iloc[:9], top_k, users))


def test_a_group_of_whom_few_have_a_list_is_hidden_with_another(shop):
    """Lists that are not there hit nothing: the group's mean would tell of the few who have one."""
    per_user, top_k, users = shop
    youngest = per_user["user"][users["age"].to_numpy()[per_user["user"]] == "18-24"]
    few = ~top_k["user"].isin(youngest[5:])
    found = audit((per_user, top_k[few], users)).rows
    assert set(found.loc[found["suppressed"], "group"]) >= {"18-24"}
    assert found.loc[found["suppressed"], "group"].nunique() == 2  # lest the rest be worked out
    assert found.loc[found["suppressed"], "value"].isna().all()


def test_an_audit_of_hardly_any_lists_is_refused(shop):
    per_user, top_k, users = shop
    with pytest.raises(InputError, match="have a list"):
        audit((per_user, top_k[top_k["user"] < 5], users))
