"""Lists that another system made: gaps in ranks, items outside of the catalogue, users without a list."""

import pandas as pd
import pytest

from core.errors import TableError
from core.schema.settings import AuditSettings
from core.workflow.auditing import as_text, audit_recommendations, audit_run

BY_SEX = AuditSettings(by=(("sex",),), draws=200, permutations=200)


@pytest.fixture
def lists() -> pd.DataFrame:
    """Everybody is shown i0 to i11 in this order."""
    rows = [(f"u{user}", f"i{item}", item + 1) for user in range(60) for item in range(12)]
    return pd.DataFrame(rows, columns=["user_id", "item_id", "rank"])


@pytest.fixture
def audit(shop, tmp_path):
    """Audit a table of lists."""

    def audited(lists: pd.DataFrame, settings: AuditSettings = BY_SEX):
        file = tmp_path / "lists.csv"
        lists.to_csv(file, index=False)
        return audit_recommendations(shop.workspace, shop.dataset.id, file, settings)

    return audited


def test_ranks_with_gaps_count_as_places_for_every_metric(audit, lists):
    spread = lists.assign(rank=lists["rank"] * 7 + 3).sample(frac=1, random_state=2)
    pd.testing.assert_frame_equal(audit(spread).rows, audit(lists).rows)


def test_places_beyond_k_change_nothing(audit, lists):
    settings = BY_SEX.model_copy(update={"k": 4})
    pd.testing.assert_frame_equal(
        audit(lists[lists["rank"] <= 4], settings).rows, audit(lists, settings).rows
    )


def test_an_item_outside_of_the_catalogue_covers_nothing_and_is_told(audit, lists):
    rare = lists.replace({"item_id": {"i2": "i-rare"}})
    without = lists[lists["item_id"] != "i2"]
    settings = BY_SEX.model_copy(update={"k": 12})
    found, expected = (
        audit(table, settings).rows.set_index(["group", "metric"]) for table in (rare, without)
    )
    coverage = found.loc[("all", "coverage@12"), "value"]
    assert coverage == pytest.approx(expected.loc[("all", "coverage@12"), "value"])
    assert coverage == pytest.approx(11 / 12)
    assert any(
        "60 of 720 places hold items outside of the catalogue" in note for note in audit(rare, settings).notes
    )
    assert not any("outside of the catalogue" in note for note in audit(lists, settings).notes)


def test_users_without_a_list_count_as_without_a_hit_and_are_told(audit, lists):
    whole, half = audit(lists), audit(lists[lists["user_id"].isin([f"u{user}" for user in range(30)])])
    assert half.users == whole.users
    means = [
        found.rows.set_index(["group", "metric"]).loc[("all", "recall@10"), "value"]
        for found in (whole, half)
    ]
    assert 0.3 * means[0] < means[1] < 0.7 * means[0]
    assert any("have no list" in note for note in half.notes)


@pytest.mark.parametrize(
    ("change", "column", "problem"),
    [
        ({"rank": 1.5}, "rank", "is no whole number"),
        ({"rank": 1}, "rank", "stands twice for one user"),
        ({"item_id": "i-nothing"}, None, "stand more than once"),
        ({"user_id": "nobody"}, None, "stand more than once"),
    ],
)
def test_lists_that_contradict_themselves_are_refused(audit, lists, change, column, problem):
    with pytest.raises(TableError, match=problem) as caught:
        audit(lists.assign(**change))
    assert caught.value.column == column


def test_an_unknown_item_is_refused_with_its_rows(audit, lists):
    with pytest.raises(TableError, match="60 unknown ids") as caught:
        audit(lists.replace({"item_id": {"i3": "i-nothing"}}))
    assert (caught.value.column, caught.value.rows[0]) == ("item_id", 4)


def test_small_groups_are_hidden_for_lists_of_others_too(audit, lists):
    rows = audit(lists, AuditSettings(by=(("city",),), draws=200, permutations=200)).rows
    small = rows[rows["group"].str.startswith("city")]
    assert small["suppressed"].all()
    assert small[["value", "low", "high", "p_value"]].isna().all(axis=None)


def test_groups_that_the_data_call_all_and_rest_are_told_from_the_audits_own(shop):
    result = audit_run(
        shop.workspace, shop.run.id, AuditSettings(by=(("post",),), draws=200, permutations=200)
    )
    means = result.rows[(result.rows["metric"] == "ndcg@10")]
    assert sorted(means["group"]) == ["'all'", "'rest'", "all", "none"]
    assert set(means["reference"].dropna()) == {"rest"}
    assert "'all'" in as_text(result)


def test_a_grouping_given_twice_counts_once(shop):
    once, twice = (
        audit_run(shop.workspace, shop.run.id, AuditSettings(by=by, draws=200, permutations=200))
        for by in ((("sex",),), (("sex",), ("sex",)))
    )
    assert once.tests == twice.tests
    pd.testing.assert_frame_equal(once.rows, twice.rows)
