"""Further measures of a shop's lists: right by another way of counting, zero where groups are twins, silent on few."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from core.errors import InputError, NotFound, SettingsError
from core.fairness.definitions import definition_of
from core.schema.settings import AuditSettings, Scope
from core.workflow.audits.quality import predicted_ratings, quality
from tests.core.workflow.made_runs import run_with
from tests.core.workflow.made_shops import (
    CATEGORIES,
    N_ITEMS,
    K,
    dataset_with,
    random_shop,
    shop_of,
    twin_shop,
)

SETTINGS = AuditSettings(by=(("group",),), k=K, draws=200, permutations=200)


def users_of(**sizes: int) -> pd.DataFrame:
    return pd.DataFrame({"group": np.repeat(list(sizes), list(sizes.values()))})


def asked(made, settings=SETTINGS, **more):
    return quality(made.shop, made.lists, made.per_user, settings, **more)


def value(section, metric: str, group: str = "all") -> float:
    rows = section.rows
    return rows[(rows["metric"] == metric) & (rows["group"] == group)]["value"].item()


@pytest.fixture(scope="module")
def two():
    """60 users of a group, 90 of another, at random."""
    return random_shop(users_of(a=60, b=90))


@pytest.fixture(scope="module")
def found(two):
    return asked(two)


def test_every_metric_is_there_and_defined(found):
    metrics = set(found.rows["metric"])
    assert not [metric for metric in metrics if definition_of(metric, "users") is None]
    single = ("taste_divergence", "envy", "envy_free", "opportunity", "false_exposure", "popularity_lift")
    distances = ("parity_js", "parity_tv", "differential_fairness")
    assert {f"{name}@{K}_gap" for name in (*single, *distances)} <= metrics
    assert {f"ndcg@{K}_{name}" for name in ("madr", "worst", "cvar", "theil", "between_share")} <= metrics
    assert {f"ndcg@{K}_{name}" for name in ("cv", "variance", "atkinson")} <= metrics
    assert f"popularity_lift@{K}_ratio" not in metrics
    assert set(found.rows["section"]) == {"users"}
    assert found.users == 150


def pairs(two, split):
    """Distinct (user, item) bought in a split, within the catalogue."""
    bought = two.shop.bought
    own = bought[(bought["split"] == split) & (bought["item"] < N_ITEMS - 1)]
    return set(zip(own["user"], own["item"], strict=True))


def test_equal_opportunity_and_false_exposure_are_counted_as_by_hand(two, found):
    wanted = pairs(two, 2)
    listed = two.lists[two.lists["item"] < N_ITEMS - 1]
    shown = set(zip(listed["user"], listed["item"], strict=True))
    for group, inside in (("a", range(60)), ("b", range(60, 150))):
        hits = sum(user in inside for user, _ in shown & wanted)
        positives = sum(user in inside for user, _ in wanted)
        in_vain = sum(user in inside for user, _ in shown) - hits
        others = len(inside) * (N_ITEMS - 1) - positives
        assert value(found, f"opportunity@{K}", group) == pytest.approx(hits / positives)
        assert value(found, f"false_exposure@{K}", group) == pytest.approx(in_vain / others)


def test_inequality_of_ndcg_is_scipys_and_numpys(two, found):
    ndcg = two.per_user.set_index("user")[f"ndcg@{K}"].loc[:59].to_numpy()
    assert value(found, f"ndcg@{K}_cv", "a") == pytest.approx(stats.variation(ndcg))
    assert value(found, f"ndcg@{K}_variance", "a") == pytest.approx(ndcg.var())
    assert value(found, f"ndcg@{K}_atkinson", "a") == pytest.approx(
        1 - np.sqrt(ndcg).mean() ** 2 / ndcg.mean()
    )
    rows = found.rows.set_index(["metric", "group"])
    for metric in ("cv", "variance", "atkinson"):
        for row in (rows.loc[(f"ndcg@{K}_{metric}", "a")], rows.loc[(f"ndcg@{K}_{metric}", "all")]):
            assert row["low"] < row["value"] < row["high"]


def test_parity_and_taste_are_those_of_shares_by_category(two, found):
    """Another way of counting: weights by rank summed in pandas, over the six categories."""
    weights = 1 / np.log2(np.arange(1, K + 1) + 1)
    listed = two.lists[two.lists["item"] < N_ITEMS - 1]
    listed = listed.assign(weight=weights[listed["rank"] - 1], category=listed["item"] % CATEGORIES)
    shown = listed.pivot_table(index="user", columns="category", values="weight", aggfunc="sum", fill_value=0)
    shown = shown.div(shown.sum(axis=1), axis=0)
    bought = two.shop.bought[(two.shop.bought["split"] < 2) & (two.shop.bought["item"] < N_ITEMS - 1)]
    had = pd.crosstab(bought["user"], bought["item"] % CATEGORIES, normalize="index")
    a, b = shown.loc[:59].mean(), shown.loc[60:].mean()
    assert value(found, f"parity_tv@{K}_gap", "a") == pytest.approx((a - b).abs().sum() / 2)
    mixed = 0.99 * shown + 0.01 * had
    terms = (had * np.log((had / mixed).where(had > 0, 1))).sum(axis=1)
    assert value(found, f"taste_divergence@{K}", "b") == pytest.approx(terms.loc[60:].mean())


def test_popularity_lift_is_that_of_shares_of_users(two, found):
    before = pd.DataFrame(pairs(two, 0) | pairs(two, 1), columns=["user", "item"])
    popularity = before.groupby("item")["user"].nunique()
    listed = two.lists[two.lists["item"] < N_ITEMS - 1]
    listed, had = (
        frame.assign(popular=frame["item"].map(popularity)).groupby("user")["popular"].mean()
        for frame in (listed, before)
    )
    expected = listed.loc[:59].mean() / had.loc[:59].mean() - 1
    assert value(found, f"popularity_lift@{K}", "a") == pytest.approx(expected)


def test_groups_of_twins_differ_in_nothing():
    """But for envy, which draws other lists for each user."""
    rows = asked(twin_shop()).rows
    gaps = rows[(rows["statistic"] == "gap") & ~rows["metric"].str.startswith("envy")]
    assert len(gaps) > 15
    np.testing.assert_allclose(gaps["value"].astype(float), 0, atol=1e-9)
    assert value(asked(twin_shop()), f"ndcg@{K}_between_share") == pytest.approx(0, abs=1e-9)
    assert "unequal" not in set(rows["verdict"])


def test_chance_alone_is_seldom_called_unequal():
    alarms = sum(
        "unequal" in set(asked(random_shop(users_of(a=50, b=50, c=50), seed=seed)).rows["verdict"])
        for seed in range(20)
    )
    assert alarms <= 3


def test_nobody_envies_where_all_have_the_same_list():
    made = random_shop(users_of(a=40, b=40))
    same = shop_of(
        made.shop.users[["group"]],
        made.shop.bought["item"].to_numpy().reshape(80, 3, 8),
        np.tile(np.arange(K), (80, 1)),
    )
    found = asked(same)
    assert value(found, f"envy@{K}") == 0
    assert value(found, f"envy_free@{K}") == 1
    assert value(found, f"parity_tv@{K}_gap", "a") == pytest.approx(0, abs=1e-12)


def test_a_group_that_is_shown_other_categories_is_told_apart():
    rng = np.random.default_rng(3)
    own = np.where(np.arange(120)[:, None] < 60, 0, 3) + CATEGORIES * np.argsort(rng.random((120, 4)), axis=1)
    found = asked(shop_of(users_of(a=60, b=60), rng.integers(0, N_ITEMS, (120, 3, 8)), own))
    assert value(found, f"parity_tv@{K}_gap", "a") == pytest.approx(1)
    rows = found.rows.set_index(["metric", "group"])
    for metric in ("parity_tv", "differential_fairness"):
        assert rows.loc[(f"{metric}@{K}_gap", "a"), "verdict"] == "unequal"


def test_a_small_group_has_no_number_anywhere():
    found = asked(random_shop(users_of(a=60, b=50, few=5, some=20)))
    rows = found.rows[found.rows["group"].isin(["few", "some"])]  # the next smallest is hidden with it
    assert set(rows["group"]) == {"few", "some"}
    assert rows["suppressed"].all()
    numbers = rows[["value", "low", "high", "p_value", "null_low", "null_high", "tolerance", "more_users"]]
    assert numbers.isna().all(axis=None)
    assert set(rows["n"]) == {"hidden"}
    assert not set(found.rows["reference"].dropna()) & {"few", "some"}


def test_a_scope_by_category_leaves_nothing_but_its_items(two):
    scope = Scope(categories=("c0", "c1"))
    found = asked(two, SETTINGS.model_copy(update={"scope": scope}))
    wanted = {(user, item) for user, item in pairs(two, 2) if item % CATEGORIES < 2}
    listed = two.lists[(two.lists["item"] < N_ITEMS - 1) & (two.lists["item"] % CATEGORIES < 2)]
    shown = set(zip(listed["user"], listed["item"], strict=True))
    assert value(found, f"opportunity@{K}") == pytest.approx(len(shown & wanted) / len(wanted))


def test_a_scope_by_store_leaves_those_who_bought_there(two):
    found = asked(two, SETTINGS.model_copy(update={"scope": Scope(stores=("south",))}))
    bought = two.shop.events
    assert found.users == bought.loc[bought["channel"] == "south", "user"].nunique() < 150


def test_the_validation_split_is_judged_on_its_own_purchases(two):
    found = asked(two, split="validation")
    wanted = pairs(two, 1)
    listed = set(zip(two.lists["user"], two.lists["item"], strict=True))
    assert value(found, f"opportunity@{K}") == pytest.approx(len(listed & wanted) / len(wanted))


def ratings_of(two, *, shift: float = 0.0) -> pd.DataFrame:
    """Everybody rates ten items; those of the first group are predicted too high by `shift`."""
    rng = np.random.default_rng(5)
    rows = pd.DataFrame({"user": np.repeat(np.arange(150), 10), "item": np.tile(np.arange(10), 150)})
    observed = rng.integers(1, 6, len(rows)).astype(float)
    predicted = observed + rng.normal(0, 0.3, len(rows)) + shift * (rows["user"] < 60)
    return rows.assign(observed=observed, predicted=predicted)


def test_unfair_ratings_are_found_where_there_are_ratings(two, found):
    told = asked(two, ratings=ratings_of(two, shift=2.0))
    assert value(told, "value_unfairness_gap", "a") == pytest.approx(2.0, abs=0.1)
    rows = told.rows.set_index(["metric", "group"])
    assert rows.loc[("over_unfairness_gap", "a"), "verdict"] == "unequal"
    assert rows.loc[("under_unfairness_gap", "a"), "verdict"] == "equal_within_tolerance"
    assert not found.rows["metric"].str.contains("unfairness").any()


def test_too_few_raters_are_not_spoken_of(two):
    few = ratings_of(two)
    told = asked(two, ratings=few[few["user"] < 9])
    assert not told.rows["metric"].str.contains("unfairness").any()
    assert not any("ratings" in note for note in told.notes)


def test_ratings_of_a_run_are_those_of_its_test_rows(workspace):
    rows = pd.DataFrame(
        {
            "user": [0, 1, 2, 3],
            "item": [4, 5, 6, 7],
            "outcome": ["rating", "rating", "delivery_days", "rating"],
            "observed": [1.0, 2, 3, 4],
            "expected": [1.5, 2.5, 3.5, 4.5],
            "split": [2, 0, 2, 2],
        }
    )
    run = run_with(workspace, dataset_with(["group"]), {"service_predictions": rows})
    found = predicted_ratings(workspace, run)
    assert found[["user", "item", "predicted", "observed"]].to_numpy().tolist() == [
        [0, 4, 1.5, 1],
        [3, 7, 4.5, 4],
    ]
    assert predicted_ratings(workspace, run_with(workspace, dataset_with([]), {})) is None


def test_without_categories_what_is_shown_is_not_compared_and_this_is_said(two):
    bare = replace(two.shop, items=two.shop.items[["in_catalogue"]], zone=None)
    told = asked(two._replace(shop=bare))
    assert not told.rows["metric"].str.contains("parity|taste|differential").any()
    assert any("Nothing divides the items" in note for note in told.notes)


def test_numbers_are_cut_into_as_many_groups_as_asked():
    made = random_shop(pd.DataFrame({"age": np.arange(20, 110).repeat(2)}))
    for bins in (2, 3):
        settings = SETTINGS.model_copy(update={"by": (("age",),), "bins": bins})
        rows = asked(made, settings).rows
        assert rows.loc[rows["metric"] == f"envy@{K}_gap", "group"].nunique() == bins


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"k": 7}, SettingsError, "No NDCG was computed at k=7"),
        ({"by": (("size",),)}, NotFound, "no user attribute 'size'"),
        ({"items_by": "brand"}, NotFound, "cannot be grouped by 'brand'"),
        ({"scope": Scope(categories=("tea",))}, NotFound, "no category 'tea'"),
    ],
)
def test_what_is_not_there_is_one_clear_error(two, changes, error, words):
    with pytest.raises(error, match=words):
        asked(two, SETTINGS.model_copy(update=changes))


def test_too_few_users_are_an_error():
    with pytest.raises(InputError, match="Fewer than 10 users"):
        asked(random_shop(users_of(a=9)))


def test_a_group_of_whom_few_have_a_list_has_no_number(two):
    """What nobody shows hits nothing, so the group's numbers would tell of the few who have a list."""
    users = two.shop.users
    few = two.lists["user"].isin(users.index[users["group"] == "a"][4:])
    rows = quality(two.shop, two.lists[~few], two.per_user, SETTINGS).rows
    assert rows.loc[rows["group"].isin(["a", "b"]), "value"].isna().all()
    with pytest.raises(InputError, match="Fewer than"):
        quality(two.shop, two.lists[two.lists["user"] < 4], two.per_user, SETTINGS)
