import numpy as np

from core.data.dataset import table
from core.workflow.describing import calendar, crossing, group_sizes, price_coverage


def test_the_calendar_counts_every_event_once_and_weeks_begin_on_mondays(prepared):
    workspace, dataset = prepared
    weeks = calendar(workspace, dataset)
    assert weeks["events"].sum() == dataset.counts["events"]
    by_split = weeks.groupby("split")["events"].sum()
    assert by_split.to_dict() == {split: dataset.counts[f"events_{split}"] for split in by_split.index}
    assert set(weeks["week"].dt.day_of_week) == {0}


def test_group_sizes_agree_with_the_user_table_and_hide_small_groups(prepared):
    workspace, dataset = prepared
    sizes = group_sizes(workspace, dataset, ("age",)).set_index("group")
    counts = table(workspace, dataset, "users", ["age"])["age"].astype(str).value_counts()
    shown = sizes[~sizes["suppressed"]]
    assert len(shown)
    assert (shown["users"] == counts[shown.index]).all()
    assert (shown["test_users"] <= shown["users"]).all()
    assert (shown["test_users"] >= 10).all()
    assert sizes.loc[sizes["suppressed"], ["users", "test_users"]].isna().all(axis=None)


def test_no_crossing_cell_under_ten_is_told(prepared):
    workspace, dataset = prepared
    cells = crossing(workspace, dataset, ("age", "income")).to_numpy()
    assert np.nanmin(cells) >= 10
    assert np.isnan(cells).any()


def test_price_coverage_is_a_share_of_purchase_lines(prepared):
    workspace, dataset = prepared
    rows = price_coverage(workspace, dataset).set_index("column")
    assert rows.loc["list_price", "share"] == 1.0
    assert 0 < rows.loc["coupon_discount", "above_zero"] < rows.loc["loyalty_discount", "above_zero"] < 1


def test_a_hidden_group_does_not_tell_that_it_is_empty(shop):
    users = table(shop.workspace, shop.dataset, "users")
    cells = users.groupby(["sex", "city"], observed=False).size()
    assert (cells == 0).any()
    sizes = group_sizes(shop.workspace, shop.dataset, ("sex", "city")).set_index("group")
    assert sizes["suppressed"].all()
    empty = {f"{sex} × {city}" for (sex, city), count in cells.items() if count == 0}
    assert empty <= set(sizes.index)
