"""Accuracy with intervals: one way for the command line and for the pages, also with a single user."""

import json

import pytest

from core.data.dataset import table
from core.errors import SettingsError
from core.workflow.comparing import BASELINE_TITLES, THIS_RUN, beside_baselines
from core.workflow.describing import group_sizes
from core.workflow.evaluation import as_table, evaluate
from core.workflow.showing import REPEAT, one_user, shown_to_groups
from tests.core.workflow.conftest import made_tables, trained_shop


def test_the_chart_and_the_command_line_give_the_same_numbers(shop):
    answer = evaluate(shop.workspace, shop.run.id, baselines=True)
    rows = beside_baselines(shop.workspace, shop.run, metric="ndcg@10").set_index("name")
    own = answer["metrics"]["ndcg@10"]
    assert rows.loc[THIS_RUN, ["value", "low", "high"]].to_dict() == pytest.approx(own)
    for name, means in answer["baselines"].items():
        assert rows.loc[BASELINE_TITLES[name], "value"] == pytest.approx(means["ndcg@10"])
    assert set(answer["differences"]) == set(answer["baselines"]) == set(BASELINE_TITLES)


def test_baselines_stand_on_the_test_split_alone(shop):
    with pytest.raises(SettingsError, match="test split only"):
        evaluate(shop.workspace, shop.run.id, split="validation", baselines=True)
    assert evaluate(shop.workspace, shop.run.id, split="validation")["baselines"] == {}


def test_one_user_has_a_value_and_no_interval(tmp_path):
    events, users = made_tables()
    left = (events["user_id"] == "u2") & (events["timestamp"] < "2024-03-01")
    alone = trained_shop(tmp_path, events[(events["user_id"] == "u1") | left], users, minimum_item_users=1)
    answer = evaluate(alone.workspace, alone.run.id, baselines=True)
    assert answer["users"] == 1
    assert all(row["low"] is row["high"] is None for row in answer["metrics"].values())
    assert 0 <= answer["metrics"]["ndcg@10"]["value"] <= 1
    json.dumps(answer, allow_nan=False)
    assert "one user, no interval" in as_table(answer)
    rows = beside_baselines(alone.workspace, alone.run, metric="ndcg@10")
    assert rows["low"].isna().all()
    shown = shown_to_groups(alone.workspace, alone.run, by=("sex",), k=5)  # the only group is too small
    assert len(shown.hidden) == len(shown.groups)
    assert shown.rows.empty
    assert "dimension" in shown.rows
    alone.workspace.close()


def test_in_data_of_views_alone_views_count_for_every_number(tmp_path):
    events, users = made_tables()
    viewed = trained_shop(tmp_path, events.assign(event="view"), users)
    assert any("No event is a 'purchase' (there are: view)" in note for note in viewed.dataset.notes)
    judged = evaluate(viewed.workspace, viewed.run.id)["users"]
    sizes = group_sizes(viewed.workspace, viewed.dataset, ("sex",))
    assert sizes["test_users"].sum() == judged > 0
    rows = shown_to_groups(viewed.workspace, viewed.run, by=("sex",), k=10).rows
    assert rows.loc[rows["dimension"] == REPEAT, "value"].min() > 0
    history = one_user(viewed.workspace, viewed.run, user=3, k=10).history
    before = table(viewed.workspace, viewed.dataset, "events").query("user == 3 and split < 2")
    assert history["times"].sum() == len(before)
    viewed.workspace.close()
