"""The numbers behind the recommendations page, from a trained slice."""

import numpy as np
import pytest

from core.data.dataset import load, table
from core.fairness.groups import group_labels
from core.models.baselines import BASELINES
from core.store.workspace import Workspace
from core.workflow.comparing import beside_baselines, compare
from core.workflow.runs import run_table
from core.workflow.showing import REPEAT, one_user, shown_to_groups


@pytest.fixture(scope="module")
def slice_(trained):
    root, runs = trained
    workspace = Workspace.open(root, f"sqlite:///{root}/evenhand.db")
    yield workspace, runs
    workspace.close()


def test_shares_of_each_dimension_add_up_to_the_whole_list(slice_):
    workspace, (run, _) = slice_
    rows = shown_to_groups(workspace, run, by=("age",), k=10).rows
    sums = rows[rows["dimension"] != REPEAT].groupby(["dimension", "group"])["value"].sum()
    assert np.allclose(sums, 1)
    assert (rows["low"] <= rows["value"] + 1e-9).all()
    assert (rows["value"] <= rows["high"] + 1e-9).all()
    assert rows["n"].min() >= 10


def test_hidden_groups_have_no_row(slice_):
    workspace, (run, _) = slice_
    shown = shown_to_groups(workspace, run, by=("age", "income"), k=10)
    assert shown.hidden
    assert not set(shown.hidden) & set(shown.rows["group"])


def test_a_repeat_share_agrees_with_a_count_by_hand(slice_):
    workspace, (run, _) = slice_
    dataset = load(workspace, run.dataset)
    events = table(workspace, dataset, "events")
    bought = set(map(tuple, events.loc[events["split"] < 2, ["user", "item"]].to_numpy()))
    lists = run_table(workspace, run, "candidates_test")
    lists = lists[lists["rank"] <= 5]
    lists["again"] = [pair in bought for pair in map(tuple, lists[["user", "item"]].to_numpy())]
    groups = group_labels(table(workspace, dataset, "users"), ("age",))
    lists["group"] = np.array(groups.names)[groups.codes[lists["user"]]]
    by_hand = lists.groupby(["group", "user"])["again"].mean().groupby("group").mean()
    rows = shown_to_groups(workspace, run, by=("age",), k=5).rows
    repeat = rows[rows["dimension"] == REPEAT].set_index("group")["value"]
    assert np.allclose(repeat, by_hand[repeat.index])


def test_one_users_list_is_the_runs_and_the_history_ends_before_the_test(slice_):
    workspace, (run, _) = slice_
    dataset = load(workspace, run.dataset)
    lists = run_table(workspace, run, "candidates_test")
    events = table(workspace, dataset, "events")
    items = table(workspace, dataset, "items", ["item_id"])["item_id"].to_numpy()
    found = one_user(workspace, run, user=3, k=10)
    expected = lists[(lists["user"] == 3) & (lists["rank"] <= 10)].sort_values("rank")["item"]
    assert found.shown["item_id"].tolist() == items[expected].tolist()
    before = events[(events["user"] == 3) & (events["split"] < 2)]
    assert found.history["times"].sum() == len(before)
    assert found.history["last"].max() == before["timestamp"].max()


def test_the_run_stands_beside_every_baseline_with_intervals(slice_):
    workspace, (run, _) = slice_
    rows = beside_baselines(workspace, run, metric="ndcg@10")
    assert len(rows) == 1 + len(BASELINES)
    assert rows["is_model"].sum() == 1
    assert rows["value"].is_monotonic_decreasing
    own = rows[rows["is_model"]].iloc[0]
    assert own["value"] == pytest.approx(run.metrics["test"]["ndcg@10"])
    assert (rows["low"] < rows["value"]).all()
    assert (rows["value"] < rows["high"]).all()


def test_a_comparison_is_the_difference_of_means_and_turns_its_sign(slice_):
    workspace, (second, first) = slice_
    there, back = (
        compare(workspace, *pair, by=("age",), k=10).rows for pair in ((first, second), (second, first))
    )
    overall = there[(there["group"] == "all") & (there["metric"] == "ndcg@10")]["difference"].iloc[0]
    assert overall == pytest.approx(second.metrics["test"]["ndcg@10"] - first.metrics["test"]["ndcg@10"])
    assert np.allclose(there["difference"], -back["difference"], equal_nan=True)
