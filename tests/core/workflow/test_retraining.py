"""The loop closed on a slice of real data: feedback into the next dataset, a run that goes on, and the two compared."""

import json
from contextlib import redirect_stdout
from io import StringIO

import pandas as pd
import pytest

from core.cli import main
from core.data.dataset import load, table
from core.data.feedback.keeping import keep
from core.errors import InputError
from core.schema.documents import COMPARISONS
from core.schema.policies import PolicySettings
from core.schema.settings import TrainSettings
from core.schema.tables import CLICKED, DISMISSED, ITEM, ITEM_ID, RANK, TIMESTAMP, USER, USER_ID
from core.store.trail import COMMAND_LINE
from core.store.trail import read as read_trail
from core.store.workspace import Workspace
from core.workflow.comparing import asked_anew, compare, hold_against
from core.workflow.importing import import_lists
from core.workflow.policies.compared import kept_comparison
from core.workflow.policies.publishing import publish
from core.workflow.policies.saved import Label, save_policy
from core.workflow.policies.serving import served
from core.workflow.retraining import Retrained, _next_name, retrain, since
from core.workflow.runs import list_runs, load_run, run_table
from core.workflow.training import train
from tests.conftest import copied

QUICK = TrainSettings(epochs=1, width=16, layers=1, history_length=64, ranking=False, models=())


@pytest.fixture(scope="module")
def shop(prepared, tmp_path_factory):
    """A copy of the slice with one quick run, whose first products half of the users dismissed."""
    root = tmp_path_factory.mktemp("retraining") / "shop"
    copied(prepared.workspace.root, root)
    workspace = Workspace.open(root, f"sqlite:///{root}/evenhand.db")
    run = train(workspace, prepared.dataset.id, QUICK, run_id="run-first", name="First")
    dataset = load(workspace, run.dataset)
    users, items = (
        table(workspace, dataset, name, [id])[id] for name, id in (("users", USER_ID), ("items", ITEM_ID))
    )
    lists = run_table(workspace, run, "candidates_test", [USER, ITEM, RANK])
    first = lists[(lists[RANK] == 1) & (lists[USER] % 2 == 0)]
    rows = pd.DataFrame(
        {
            USER_ID: users[first[USER]].to_numpy(),
            ITEM_ID: items[first[ITEM]].to_numpy(),
            RANK: "1",
            TIMESTAMP: "2017-06-01 10:00",
            CLICKED: None,
            DISMISSED: "yes",
        }
    )
    keep(workspace, dataset, rows, "impressions", origin="file", name="impressions.csv", who="Ann")
    yield workspace, run, rows
    workspace.close()


@pytest.fixture(scope="module")
def trained_on(shop):
    """The run that follows, made from the shell; what that printed is checked here."""
    workspace, run, _ = shop
    shell = ["--workspace", str(workspace.root), "--json", "retrain", run.id, "--name", "Second"]
    with redirect_stdout(StringIO()) as printed:
        assert main(shell) == 0
    told = json.loads(printed.getvalue())
    found = load_run(workspace, told["run"])
    kept = kept_comparison(workspace, run.id, found.id)
    assert (told["follows"], told["feedback"]) == (run.id, found.feedback)
    assert told["comparison"]["rows"] == kept.rows
    return Retrained(load(workspace, told["dataset"]), found, kept)


def test_what_came_since_a_run_is_what_it_has_not_learnt_from(shop, trained_on):
    workspace, run, rows = shop
    before, after = since(workspace, run), since(workspace, trained_on.run)
    assert (before.rows, bool(before), before.unseen) == (len(rows), True, "")
    assert (after.rows, bool(after)) == (0, False)


def test_the_new_run_follows_the_old_on_the_next_dataset_of_the_line_and_says_what_it_learnt_from(
    shop, trained_on
):
    workspace, run, _ = shop
    found = trained_on.run
    assert (found.follows, found.name) == (run.id, "Second")
    assert found.feedback == [one.id for one in since(workspace, run).feedback]
    assert trained_on.dataset.id != run.dataset
    assert trained_on.dataset.line == run.dataset


def test_dismissed_products_that_were_not_bought_since_are_in_no_list(shop, trained_on):
    workspace, _, rows = shop
    dataset = trained_on.dataset
    users, items = (
        pd.Index(table(workspace, dataset, name, [id])[id])
        for name, id in (("users", USER_ID), ("items", ITEM_ID))
    )
    events = table(workspace, dataset, "events", [USER, ITEM, TIMESTAMP, "split"])
    later = events[(events[TIMESTAMP] > "2017-06-01 10:00") & (events["split"] < 2)]
    bought = set(zip(later[USER], later[ITEM], strict=True))
    dismissed = set(zip(users.get_indexer(rows[USER_ID]), items.get_indexer(rows[ITEM_ID]), strict=True))
    lists = run_table(workspace, trained_on.run, "candidates_test", [USER, ITEM])
    listed = set(zip(lists[USER], lists[ITEM], strict=True))
    assert dismissed - bought
    assert not (dismissed - bought) & listed


def test_published_lists_hold_nothing_dismissed_though_the_run_had_not_learnt_of_it(shop):
    """Also what was dismissed in the test window, of which candidates may not know: lists that are shown judge nobody."""
    workspace, run, rows = shop
    dataset = load(workspace, run.dataset)
    late = rows.tail(1).assign(**{ITEM_ID: _second(workspace, run, rows[USER_ID].iloc[-1])})
    late[TIMESTAMP] = "2017-12-30 10:00"
    keep(workspace, dataset, late, "impressions", origin="file", name="late.csv", who="Ann")
    label = Label(name="Plain", aim="What the model makes", author="Ann", note="")
    policy = save_policy(workspace, run.id, PolicySettings(), label, measured=None)
    publish(workspace, policy.id, author="Ann")
    lists = {user: served(workspace, dataset.id, user) for user in rows[USER_ID]}
    assert {len(one.item_ids) for one in lists.values()} == {10}
    held = [item in lists[user].item_ids for user, item in zip(rows[USER_ID], rows[ITEM_ID], strict=True)]
    users = pd.Index(table(workspace, dataset, "users", [USER_ID])[USER_ID])
    items = pd.Index(table(workspace, dataset, "items", [ITEM_ID])[ITEM_ID])
    events = table(workspace, dataset, "events", [USER, ITEM, TIMESTAMP])
    later = events[events[TIMESTAMP] > "2017-06-01 10:00"]
    bought = set(zip(later[USER], later[ITEM], strict=True))
    pairs = zip(users.get_indexer(rows[USER_ID]), items.get_indexer(rows[ITEM_ID]), strict=True)
    assert held == [pair in bought for pair in pairs]
    assert late[ITEM_ID].iloc[0] not in lists[late[USER_ID].iloc[0]].item_ids


def _second(workspace, run, user_id: str) -> str:
    """The second product of a user's candidates."""
    dataset = load(workspace, run.dataset)
    users, items = (
        table(workspace, dataset, name, [id])[id] for name, id in (("users", USER_ID), ("items", ITEM_ID))
    )
    lists = run_table(workspace, run, "candidates_test", [USER, ITEM, RANK])
    own = lists[(lists[USER] == users[users == user_id].index[0]) & (lists[RANK] == 2)]
    return items[own[ITEM].iloc[0]]


def test_the_comparison_is_paired_over_the_same_users_and_kept(shop, trained_on):
    workspace, run, _ = shop
    kept = trained_on.comparison
    assert (kept.old, kept.new, kept.dataset) == (run.id, trained_on.run.id, trained_on.dataset.id)
    told = next(entry for entry in read_trail(workspace).entries if entry.about.get("comparison") == kept.id)
    assert (told.did, told.who, told.details["old"]) == ("held_against", COMMAND_LINE, run.id)
    old = workspace.artefacts.read_table(kept.per_user).set_index(USER)["ndcg@10"]
    new = run_table(workspace, trained_on.run, "per_user_test").set_index(USER)["ndcg@10"]
    row = next(one for one in kept.rows if one["group"] == "all" and one["metric"] == "ndcg@10")
    assert row["n"] == len(old) == len(new)
    assert row["change"] == pytest.approx((new - old).mean())
    assert row["low"] < row["change"] < row["high"]
    again = compare(workspace, run, trained_on.run, by=("age",), k=10).rows
    assert {"all"} < set(again["group"])


def test_the_shell_compares_again_to_the_same_answer(shop, trained_on, capsys):
    workspace, run, _ = shop
    shell = ["--workspace", str(workspace.root), "compare", run.id, trained_on.run.id]
    assert main([*shell, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["rows"] == trained_on.comparison.rows
    assert main(shell) == 0
    assert "on the same users" in capsys.readouterr().out
    assert main([*shell, "--k", "0"]) == 2
    assert main([*shell[:-1], run.id]) == 2


def test_a_comparison_of_another_length_stands_beside_the_one_that_is_kept(shop, trained_on):
    workspace, run, _ = shop
    kept = trained_on.comparison
    shorter = hold_against(workspace, run, trained_on.run, k=5)
    assert (shorter.k, kept.k) == (5, 10)
    stored = {one["_id"]: one["k"] for one in workspace.documents.find(COMPARISONS)}
    assert stored[shorter.id] == 5
    assert stored[kept.id] == 10
    told = {entry.about.get("comparison"): entry.details.get("k") for entry in read_trail(workspace).entries}
    assert (told[shorter.id], told[kept.id]) == (5, 10)


def test_a_run_held_against_itself_on_other_data_of_equal_content_does_not_differ(shop, trained_on):
    """Asking the former run anew gives what it gave, where nothing but the codes and the feedback of others changed."""
    workspace, run, _ = shop
    old = workspace.artefacts.read_table(trained_on.comparison.per_user).set_index(USER)["ndcg@10"]
    then = run_table(workspace, run, "per_user_test").set_index(USER)["ndcg@10"]
    untouched = old.index[old.index % 2 == 1].intersection(then.index)
    assert len(untouched) > 50
    assert (old[untouched] - then[untouched]).abs().max() < 1e-6


def test_runs_on_other_data_are_compared_only_once_one_was_asked_about_the_other(shop, trained_on):
    workspace, run, _ = shop
    with pytest.raises(InputError, match="different data"):
        compare(workspace, trained_on.run, run, by=(), k=10)
    with pytest.raises(InputError, match="itself"):
        hold_against(workspace, run, run)


def test_a_run_is_neither_trained_on_nor_asked_where_it_knows_the_answers(shop, trained_on, monkeypatch):
    workspace, run, _ = shop
    period = trained_on.dataset.period
    shorter = trained_on.dataset.model_copy(
        update={"period": period | {"test_start": "2017-01-01"}}
    )  # windows of a year before
    with pytest.raises(InputError, match=r"test window .* knows what would judge it"):
        asked_anew(workspace, run, shorter)
    monkeypatch.setattr("core.workflow.retraining.prepare", lambda *_, **__: shorter)
    before = len(list_runs(workspace))
    with pytest.raises(InputError, match="train a new run"):
        retrain(workspace, run.id, new_id="run-shorter")
    assert len(list_runs(workspace)) == before


@pytest.mark.parametrize(
    ("name", "following"),
    [("First model", "First model 2"), ("First model 9", "First model 10"), ("7", "7 2"), ("v²", "v² 2")],
)
def test_a_run_that_follows_has_the_next_number(name, following):
    assert _next_name(name) == following


def test_lists_of_another_system_cannot_be_trained_on(shop, tmp_path):
    workspace, run, rows = shop
    file = tmp_path / "lists.csv"
    rows[[USER_ID, ITEM_ID, RANK]].to_csv(file, index=False)
    brought = import_lists(workspace, run.dataset, file, run_id="run-brought")
    before = len(list_runs(workspace))
    with pytest.raises(InputError, match="Another system made these lists"):
        retrain(workspace, brought.id, new_id="run-third")
    assert len(list_runs(workspace)) == before
