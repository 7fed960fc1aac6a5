"""The audit of exposure on made lists: what is planted is found, what is not is not, and nothing hidden is told."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from core.errors import InputError
from core.fairness.exposure.attention import exposure_shares, position_weights
from core.fairness.exposure.audit import audit_exposure
from core.fairness.exposure.measures import Bought
from core.fairness.exposure.notes import disagreement, view_verdicts
from core.fairness.exposure.targets import Target
from core.fairness.groups import Groups
from core.fairness.judging import judged
from core.fairness.rows import SECTIONS, records, tidy
from core.schema.settings import AuditSettings
from tests.core.fairness.exposure.made_lists import filled_at_random, groups_of, lists_from

TARGET = np.array([0.5, 0.3, 0.2])
BRANDS = groups_of("x", "y", "z")


def settings(**changes):
    return AuditSettings(by=(("age",),), **{"k": 5, "draws": 300, "permutations": 300} | changes)


def audited(lists, n_users, *, target=TARGET, brands=BRANDS, **options):
    chosen = options.pop("settings", settings())
    return audit_exposure(lists, np.arange(n_users), brands, Target("planned", target), chosen, **options)


def rows_of(found, chosen=None):
    return tidy(judged(found.rows, chosen or settings())).set_index(["attribute", "group", "metric"])


def on_target(n_users, seed=0, **options):
    rng = np.random.default_rng(seed)
    return lists_from(filled_at_random(n_users, 5, options.pop("shares", TARGET), rng, **options), rng)


def in_groups(*sizes):
    codes = np.repeat(np.arange(len(sizes)), sizes).astype(np.int32)
    return Groups("age", tuple("abcdef"[: len(sizes)]), codes, (len(sizes),))


def test_shares_gaps_and_their_units():
    places = filled_at_random(200, 5, TARGET, np.random.default_rng(3))
    found = rows_of(audited(lists_from(places, np.random.default_rng(4)), 200))
    shares = exposure_shares(places, position_weights(5), 3).mean(axis=0)
    for h, name in enumerate("xyz"):
        share, gap = (
            found.loc[("brand", name, "exposure_share@5")],
            found.loc[("brand", name, "exposure_share@5_gap")],
        )
        assert share["value"] == pytest.approx(shares[h])
        assert gap["value"] == pytest.approx(shares[h] - TARGET[h])
        assert share["low"] < share["value"] < share["high"]
        assert gap["low"] == pytest.approx(share["low"] - TARGET[h])
        assert (gap["n"], gap["reference"]) == (200, "planned")
        assert gap["tolerance"] == pytest.approx(0.1 * min(TARGET[h], 1 - TARGET[h]))
        ratio = found.loc[("brand", name, "exposure_dp@5_ratio")]
        assert ratio["value"] == pytest.approx(2 * shares[h] / (1 - shares[h]))
        assert ratio["low"] < ratio["value"] < ratio["high"]
    assert set(found["section"]) == {"exposure"} <= set(SECTIONS)


def test_a_planted_lean_is_found():
    lists = on_target(600, shares=[0.65, 0.3, 0.05])
    found = rows_of(audited(lists, 600))
    verdict = found.xs("exposure_share@5_gap", level="metric")["verdict"]
    assert dict(verdict.droplevel("attribute")) | {"y": None} == {"x": "unequal", "y": None, "z": "unequal"}
    awrf = found.loc[("brand", "all", "awrf_js_pooled@5")]
    assert awrf["value"] < awrf["null_low"]


def test_lists_on_target_raise_few_false_alarms_also_where_users_have_tastes():
    alarms = 0
    for seed in range(60):
        found = audited(on_target(80, seed, loyalty=0.4), 80, settings=settings(draws=200))
        shares = [row for row in judged(found.rows, settings()) if row.metric == "exposure_share@5_gap"]
        alarms += any(row.verdict == "unequal" for row in shares)
    assert alarms <= 6  # 5 % of 60, and two standard errors


def test_users_of_one_taste_each_are_on_target_together_and_off_it_alone():
    lists = on_target(3000, loyalty=1.0)
    chosen = settings(tolerance=0.15)
    found = judged(audited(lists, 3000, settings=chosen).rows, chosen)
    views = view_verdicts(found, "brand")
    assert views == ("unequal", "equal_within_tolerance")
    assert "single lists are further" in disagreement(views)


def test_a_small_lean_of_every_list_shows_in_the_pool_alone():
    lists = on_target(3000, shares=[0.57, 0.3, 0.13])
    found = judged(audited(lists, 3000).rows, settings())
    views = view_verdicts(found, "brand")
    assert views == ("equal_within_tolerance", "unequal")
    assert "together they lean" in disagreement(views)
    even = judged(audited(on_target(3000), 3000).rows, settings())
    assert disagreement(view_verdicts(even, "brand")) is None
    assert view_verdicts(even, "age") is disagreement(None) is None


def test_random_lists_score_what_random_lists_score():
    found = rows_of(audited(on_target(500), 500))
    for metric in ("awrf_js_user@5_gap", "ndkl_user@5_gap"):
        gap = found.loc[("brand", "all", metric)]
        assert gap["null_low"] < 0 < gap["null_high"]
        assert abs(gap["value"]) < 2 * gap["null_high"]
        assert gap["verdict"] == "equal_within_tolerance"


def test_the_level_of_lists_filled_at_random_has_no_error_of_its_own():
    """Whatever the seed, the same lists are as far from lists filled at random."""
    lists = on_target(200)
    gaps = [
        rows_of(audited(lists, 200, settings=settings(seed=seed))).loc[("brand", "all", "awrf_js_user@5_gap")]
        for seed in (1, 2)
    ]
    assert gaps[0]["value"] == pytest.approx(gaps[1]["value"], abs=1e-9)


def test_intervals_end_where_the_metrics_do():
    even = on_target(40, shares=np.ones(3) / 3)
    after = pd.DataFrame({"user": np.arange(40), "item": np.repeat([7, 50], 20)})
    found = rows_of(audited(even, 40, target=np.ones(3) / 3, bought=Bought(after, after)))
    ends = {"mmf_1": 1 / 3, "entropy_groups": np.log(3), "entropy_items": np.log(120), "iaa": 2, "aclt": 5}
    for metric, most in ends.items():
        assert found.loc[("brand", "all", f"{metric}@5"), "high"] <= most + 1e-12
    one = pd.DataFrame({"user": np.repeat(np.arange(12), 5), "item": np.tile(np.arange(5), 12)})
    one = one.assign(rank=one["item"] + 1)
    one.loc[55:, "item"] += 40
    uneven = rows_of(audited(one, 12))
    for metric, most in (("gini_items", 119 / 120), ("gini_groups", 2 / 3)):
        assert uneven.loc[("brand", "all", f"{metric}@5"), "high"] <= most + 1e-12


def test_purchases_of_too_few_users_are_not_told():
    lists = on_target(100)
    after = lists[(lists["rank"] <= 2) & (lists["user"] < 9)][["user", "item"]]
    before = pd.DataFrame({"user": np.arange(100), "item": np.arange(100)})
    found = rows_of(audited(lists, 100, bought=Bought(before, after)))
    names = {metric.partition("@")[0] for metric in found.index.get_level_values("metric")}
    assert "arp" in names
    assert not {"iaa", "reo", "dir", "eor", "ee_l_items_user"} & names


def test_popularity_lift_is_hidden_anew_among_users_who_bought_before():
    """Of c nine bought before: hidden, and b goes with it."""
    lists, n = on_target(100), 100
    before = pd.DataFrame({"user": np.arange(79), "item": np.arange(79)})
    bought = Bought(before, lists[["user", "item"]])
    found = rows_of(audited(lists, n, bought=bought, user_groups=[in_groups(50, 20, 30)])).loc["age"]
    assert list(found["suppressed"]) == [False, True, True]
    assert list(found["n"]) == [50, "hidden", "hidden"]
    assert found["value"].notna().tolist() == [True, False, False]


def test_relabelling_item_groups_and_shuffling_rows_change_nothing():
    lists = on_target(100)
    first = rows_of(audited(lists, 100))
    order = np.array([2, 0, 1])
    renamed = replace(BRANDS, names=("y", "z", "x"), codes=order[BRANDS.codes])
    again = rows_of(
        audited(lists.sample(frac=1, random_state=1), 100, brands=renamed, target=TARGET[[1, 2, 0]])
    )
    assert set(first.index) == set(again.index)
    np.testing.assert_allclose(first["value"], again.loc[first.index, "value"], atol=1e-9)
    assert rows_of(audited(lists, 100)).equals(first)


def test_everyone_with_the_same_list_is_told_with_the_doubt_of_their_number():
    lists = pd.DataFrame({"user": np.repeat(np.arange(40), 5), "item": np.tile([0, 1, 2, 40, 41], 40)})
    lists["rank"] = np.tile(np.arange(1, 6), 40)
    found = rows_of(audited(lists, 40))
    never = found.loc[("brand", "z", "exposure_share@5")]
    assert (never["value"], never["low"]) == (0, 0)
    assert never["high"] == pytest.approx(1 - 0.025 ** (1 / 40))
    assert found.loc[("brand", "all", "coverage@5"), "value"] == pytest.approx(5 / 120)


def test_who_sees_what_is_told_of_shown_groups_alone():
    lists = on_target(100)
    found = rows_of(audited(lists, 100, user_groups=[in_groups(60, 30, 3, 7)]))
    cells = found.loc["age × brand"]
    hidden = cells[cells["suppressed"]]
    names = {name.split(" × ")[0] for name in hidden.index.get_level_values("group")}
    assert names == {"c", "d"}
    assert hidden[["value", "low", "high", "p_value", "null_low", "tolerance"]].isna().all(axis=None)
    assert set(hidden["n"]) == {"hidden"}
    shown = cells[~cells["suppressed"]]
    assert {name.split(" × ")[0] for name in shown.index.get_level_values("group")} == {"a", "b"}
    assert shown["value"].notna().all()
    by_group = shown.xs("exposure_share@5", level="metric")["value"]
    assert by_group[[f"a × {name}" for name in "xyz"]].sum() == pytest.approx(1)


def test_a_group_is_hidden_if_too_few_of_it_have_a_list():
    lists = on_target(100)
    lists = lists[(lists["user"] < 60) | (lists["user"] >= 95) | (lists["user"] < 90) & (lists["user"] >= 65)]
    found = audited(lists, 100, user_groups=[in_groups(60, 30, 10)])
    assert found.users == 60 + 25 + 5
    cells = rows_of(found).loc["age × brand"]
    assert cells["suppressed"].any()
    assert all(
        "c" in name or "b" in name for name in cells[cells["suppressed"]].index.get_level_values("group")
    )
    assert found.matrices[0].user_groups == ("a",)
    assert any("10 users have no list" in note for note in found.notes)


def test_purchases_add_merit_relevance_and_popularity():
    rng, n = np.random.default_rng(5), 120
    lists = on_target(n)
    before = pd.DataFrame({"user": rng.integers(0, n, 900), "item": (120 * rng.random(900) ** 2).astype(int)})
    after = lists[lists["rank"] <= 2][["user", "item"]]
    found = rows_of(audited(lists, n, bought=Bought(before, after), user_groups=[in_groups(70, 50)]))
    metrics = {name.partition("@")[0] for name in found.loc["brand"].index.get_level_values("metric")}
    assert {"arp", "aplt", "aclt", "dtr", "dir", "eor", "reo", "rsp", "iaa"} <= metrics
    assert "ee_l_items_user" in metrics
    popularity = np.bincount(before["item"], minlength=120)
    assert found.loc[("brand", "all", "arp@5"), "value"] == pytest.approx(popularity[lists["item"]].mean())
    assert found.loc[("brand", "all", "reo@5"), "value"] == pytest.approx(0)  # all that was bought was listed
    lift = found.loc["age"]
    assert list(lift.index.get_level_values("group")) == ["a", "b"]
    assert lift["value"].notna().all()
    alone = rows_of(audited(lists, n)).loc["brand"].index.get_level_values("metric")
    assert not {"dtr", "arp", "iaa"} & {name.partition("@")[0] for name in alone}


def test_what_follows_purchases_lies_in_the_null_bands_and_what_does_not_above_them():
    rng, lists = np.random.default_rng(6), on_target(300)
    alike = pd.DataFrame({"user": np.repeat(np.arange(300), 5), "item": on_target(300, seed=7)["item"]})
    of_x = pd.DataFrame({"user": np.repeat(np.arange(300), 2), "item": rng.integers(0, 5, 600)})
    listed = lists.sample(frac=0.5, random_state=1)
    leaning = pd.concat(
        [alike, listed[listed["item"] < 40][["user", "item"]]]
    )  # only of x are wanted items listed
    for after, metrics, side in (
        (alike, ("iaa", "reo"), False),
        (of_x, ("iaa",), True),
        (leaning, ("reo",), True),
    ):
        found = rows_of(audited(lists, 300, bought=Bought(after, after)))
        for metric in metrics:
            row = found.loc[("brand", "all", f"{metric}@5")]
            assert 0 < row["null_low"] < row["null_high"]
            assert (row["value"] > row["null_high"]) == side
            assert (row["low"] > row["null_high"]) == side
    ratio = rows_of(audited(lists, 300, bought=Bought(leaning, leaning))).loc[("brand", "x", "eor@5_ratio")]
    assert ratio["value"] > ratio["low"] > 1


def test_rows_are_plain_and_within_bounds():
    lists = on_target(50)
    bought = Bought(
        lists[["user", "item"]].sample(80, random_state=1), lists[["user", "item"]].sample(60, random_state=2)
    )
    found = audited(
        lists, 50, target=np.array([0.6, 0.4, 0.0]), bought=bought, user_groups=[in_groups(25, 25)]
    )
    table = tidy(judged(found.rows, settings()))
    assert not np.isinf(table.select_dtypes("number").to_numpy(dtype=float, na_value=np.nan)).any()
    told = table.dropna(subset=["low"])
    slack = 1e-9
    assert (told["low"] <= told["value"] + slack).all()
    assert (told["value"] <= told["high"] + slack).all()
    assert len(records(table)) == len(found.rows)
    assert not table.duplicated(["attribute", "group", "metric"]).any()
    beyond = table[(table["group"] == "z") & (table["metric"] == "exposure_share@5_gap")].iloc[0]
    assert beyond["verdict"] is None or pd.isna(beyond["verdict"])
    assert "ndkl_user@5" not in set(table["metric"])


def test_more_users_narrow_the_interval_and_keep_the_share():
    lists = on_target(100)
    twice = pd.concat([lists, lists.assign(user=lists["user"] + 100)])
    few, many = (
        rows_of(audited(table, n, settings=settings(draws=2000))).loc[("brand", "x", "exposure_share@5")]
        for table, n in ((lists, 100), (twice, 200))
    )
    assert few["value"] == pytest.approx(many["value"])
    ratio = (many["high"] - many["low"]) / (few["high"] - few["low"])
    assert ratio == pytest.approx(1 / np.sqrt(2), rel=0.08)


def test_too_few_lists_and_bad_rows_are_said():
    lists = on_target(30)
    with pytest.raises(InputError, match="Fewer than 10 users"):
        audited(lists[lists["user"] < 9], 30)
    worse = pd.concat([lists, pd.DataFrame({"user": [0, 1], "item": [999, 3], "rank": [1.0, -1.0]})])
    found = audited(worse, 31)
    assert (found.counts.bad_ranks, found.counts.outside_catalogue, found.counts.users_without_list) == (
        1,
        1,
        1,
    )
    assert any("not in the catalogue" in note for note in found.notes)


def test_a_group_too_small_to_be_listed_does_not_decide_the_worst_of_all():
    lists = on_target(60, shares=[0.5, 0.5, 0.0])
    small = np.array([0.5, 0.4995, 0.0005])  # of 300 places less than one
    found = audited(lists, 60, target=small)
    table = rows_of(found)
    assert table.loc[("brand", "all", "min_max@5"), "value"] > 0.5
    assert any(note.startswith("z: so small") for note in found.notes)
    assert table.loc[("brand", "z", "exposure_share@5_gap"), "verdict"] == "not_enough_data"
    lone = rows_of(audited(lists, 60, target=np.array([1.0, 0.0, 0.0])))
    assert ("brand", "all", "min_max@5") not in lone.index
    assert np.isnan(lone.loc[("brand", "all", "rsp@5"), "value"])


def test_two_groups_share_one_verdict_as_their_gaps_are_mirror_images():
    brands, target = groups_of("x", "y"), np.array([0.8, 0.2])
    places = filled_at_random(500, 5, [0.7, 0.3], np.random.default_rng(8))
    found = rows_of(audited(lists_from(places, np.random.default_rng(9)), 500, brands=brands, target=target))
    gaps = found.xs("exposure_share@5_gap", level="metric")
    assert list(gaps["verdict"]) == ["unequal", "unequal"]
    assert gaps["value"].sum() == pytest.approx(0)
    np.testing.assert_allclose(gaps["tolerance"], 0.02)
