"""Lists that another system made: gaps in ranks, items outside of the catalogue, users without a list."""

import pandas as pd
import pytest

from core.errors import InputError, TableError
from core.schema.settings import AuditSettings
from core.workflow.auditing import audit_run
from core.workflow.audits.whole import as_text, audit_of_lists, audit_of_run

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
        return audit_of_lists(shop.workspace, shop.dataset.id, file, settings).users

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


@pytest.mark.parametrize("change", [{"item_id": "i0"}, {"user_id": "u1"}])
def test_lists_that_name_an_item_twice_for_a_user_are_refused(audit, lists, change):
    with pytest.raises(TableError, match="stand more than once"):
        audit(lists.assign(**change))


def notes_of(audit, lists, said: str) -> str:
    found = [note for note in audit(lists).notes if said in note]
    assert len(found) == 1, audit(lists).notes
    return found[0]


def test_unknown_items_and_users_are_left_out_and_told(audit, lists):
    renamed = lists.replace({"item_id": {"i3": "i-nothing"}, "user_id": {"u7": "nobody"}})
    assert "12 of 720 rows" in notes_of(audit, renamed, "user_id that is not in the data")
    assert "59 of 720 rows" in (note := notes_of(audit, renamed, "item_id that is not in the data"))
    assert "(i-nothing)" in note
    known = lists[(lists["item_id"] != "i3") & (lists["user_id"] != "u7")]
    pd.testing.assert_frame_equal(audit(renamed).rows, audit(known).rows)


def test_ranks_that_are_none_or_shared_or_have_gaps_are_told(audit, lists):
    odd = lists.astype({"rank": float})
    odd.loc[odd["item_id"] == "i5", "rank"] = 5.5
    assert "60 of 720 rows have a rank that is no whole number" in notes_of(audit, odd, "(5.5)")
    assert "60 users have ranks with gaps" in notes_of(audit, odd, "gaps")
    shared = lists.assign(rank=lists["rank"].replace(2, 1))
    assert "60 of 720 rows share a place" in notes_of(audit, shared, "share a place")
    assert "720 of 720 rows have no score" in notes_of(audit, lists, "score")
    assert not any("score" in note for note in audit(lists.assign(score=1.0)).notes)


def test_lists_of_which_nothing_can_be_used_are_refused_with_the_reason(audit, lists):
    with pytest.raises(InputError, match=r"no row can be used.*720 of 720 rows have a user_id that is not"):
        audit(lists.assign(user_id="x" + lists["user_id"]))


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
    whole = audit_of_run(
        shop.workspace, shop.run.id, AuditSettings(by=(("post",),), draws=200, permutations=200)
    )
    assert "'all'" in as_text(whole)


def test_a_grouping_given_twice_counts_once(shop):
    once, twice = (
        audit_run(shop.workspace, shop.run.id, AuditSettings(by=by, draws=200, permutations=200))
        for by in ((("sex",),), (("sex",), ("sex",)))
    )
    assert once.tests == twice.tests
    pd.testing.assert_frame_equal(once.rows, twice.rows)
