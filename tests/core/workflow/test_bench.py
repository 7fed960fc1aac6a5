"""The accuracy benchmark through the command line: protocol, repeats, leakage, going on where it stopped."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import core.workflow.bench as bench
from core.cli import main
from core.data.dataset import load, table
from core.data.prepare import prepare
from core.metrics import per_user_metrics
from core.models.baselines import BASELINES, baseline_candidates
from core.schema.settings import DatasetSettings, TrainSettings
from core.store.workspace import Workspace
from core.workflow.bench import METRICS, OURS, unseen
from core.workflow.bench_text import as_markdown
from core.workflow.questions import questions
from core.workflow.runs import load_run, run_table
from tests.core.workflow.conftest import made_tables

N_USERS, N_ITEMS = 30, 14
TINY = ["width=16", "layers=1", "heads=1", "epochs=1", "history_length=16", "device=cpu"]
IN_ORDER = {"split": "leave_one_out", "minimum_item_users": 0, "minimum_user_events": 1}
WINDOWS = ["validation_days=10", "test_days=10", "minimum_item_users=2", "minimum_user_events=2"]


def sequences() -> pd.DataFrame:
    """Users who take each of their items once, a day apart; item 13 is nobody's before the end."""
    rng = np.random.default_rng(5)
    rows = []
    for user in range(N_USERS):
        items = [*rng.permutation(N_ITEMS - 1)[: rng.integers(4, 9)], *([N_ITEMS - 1] * (user == 3))]
        rows += [(f"u{user:02}", f"i{item:02}", f"2024-01-{day + 1:02}") for day, item in enumerate(items)]
    return pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp"])


def as_folder(path: Path, events: pd.DataFrame) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    events.to_csv(path / "events.csv", index=False)
    return path


def bench_json(workspace: Path, folder: Path, capsys, settings: list[str], *more: str) -> dict:
    chosen = [word for setting in settings for word in ("--set", setting)]
    arguments = ["bench", "accuracy", "--data", "tables", "--path", str(folder), *chosen, *more, "--json"]
    capsys.readouterr()
    status = main(["--workspace", str(workspace), *arguments])
    out, err = capsys.readouterr()
    assert status == 0, err
    return json.loads(out)


@pytest.fixture(scope="module")
def ordered(tmp_path_factory) -> tuple[Path, Path]:
    """A workspace, and a folder of sequences."""
    root = tmp_path_factory.mktemp("ordered")
    return root / "workspace", as_folder(root / "sequences", sequences())


@pytest.fixture
def leave_one_out() -> list[str]:
    return [*TINY, *(f"{name}={value}" for name, value in IN_ORDER.items())]


def test_leave_one_out_ranks_all_unseen_items_against_the_last_one(ordered, leave_one_out, capsys):
    answer = bench_json(*ordered, capsys, leave_one_out, "--seeds", "1")
    assert answer["users"] == N_USERS  # also the one whose answer nobody took before: it counts as a miss
    assert answer["catalogue"] == N_ITEMS
    assert "new_items" not in answer["models"][OURS]
    workspace = Workspace.open(ordered[0])
    lists = run_table(workspace, load_run(workspace, answer["runs"][0]["run"]), "candidates_test")
    dataset = load(workspace, answer["dataset"])
    events, items = (table(workspace, dataset, name) for name in ("events", "items"))
    values = []
    for user, mine in events.groupby("user"):
        taken = mine["item"].tolist()
        ranked = lists.loc[lists["user"] == user].sort_values("rank")["item"].tolist()
        assert sorted(ranked) == sorted(set(range(len(items))) - set(taken[:-1]))
        place = ranked.index(taken[-1]) + 1
        values.append(1 / np.log2(place + 1) if place <= 10 else 0)
    assert answer["models"][OURS]["metrics"]["ndcg@10"]["value"] == pytest.approx(np.mean(values))
    workspace.close()


def test_seeds_are_averaged_and_finished_ones_are_not_trained_again(
    ordered, leave_one_out, capsys, monkeypatch
):
    first = bench_json(*ordered, capsys, leave_one_out, "--seeds", "1")
    trained, train = [], bench.train

    def counted(workspace, dataset, settings, **options):
        trained.append(settings.seed)
        return train(workspace, dataset, settings, **options)

    monkeypatch.setattr(bench, "train", counted)
    both = bench_json(*ordered, capsys, leave_one_out, "--seeds", "2")
    assert trained == [8]
    assert both["runs"][0] == first["runs"][0]
    ours = both["models"][OURS]
    assert ours["seeds"]["ndcg@10"][0] == pytest.approx(first["models"][OURS]["metrics"]["ndcg@10"]["value"])
    for metric in METRICS:
        assert ours["metrics"][metric]["value"] == pytest.approx(np.mean(ours["seeds"][metric]))
        assert ours["spread"][metric] == pytest.approx(np.std(ours["seeds"][metric], ddof=1))
    for name in BASELINES:
        rule = both["models"][name]["metrics"]["ndcg@10"]
        assert rule == first["models"][name]["metrics"]["ndcg@10"]
        assert rule["low"] <= rule["value"] <= rule["high"]
        gap = both["differences"][name]["ndcg@10"]["value"]
        assert gap == pytest.approx(ours["metrics"]["ndcg@10"]["value"] - rule["value"])


def test_a_run_whose_files_are_gone_is_trained_again(ordered, leave_one_out, capsys):
    first = bench_json(*ordered, capsys, leave_one_out, "--seeds", "1")
    run = first["runs"][0]["run"]
    for file in (ordered[0] / "artefacts" / "runs" / run).glob("weights*"):
        file.unlink()
    again = bench_json(*ordered, capsys, leave_one_out, "--seeds", "1")
    assert again["runs"][0]["trained_at"] > first["runs"][0]["trained_at"]
    assert again["models"][OURS]["seeds"] == first["models"][OURS]["seeds"]


def test_interrupted_training_goes_on_from_its_checkpoint(ordered, leave_one_out, capsys, monkeypatch):
    folders = []

    def interrupted(*arguments, scratch, **options):
        folders.append(scratch)
        (scratch / "checkpoint").write_text("half way")
        raise KeyboardInterrupt

    monkeypatch.setattr(bench, "train", interrupted)
    chosen = [word for setting in (*leave_one_out, "seed=70") for word in ("--set", setting)]
    arguments = ["bench", "accuracy", "--data", "tables", "--path", str(ordered[1]), *chosen]
    for _ in range(2):
        assert main(["--workspace", str(ordered[0]), *arguments]) == 130
    assert folders[0] == folders[1]
    assert (folders[0] / "checkpoint").exists()


def test_new_items_are_judged_with_repeats_out_of_lists_and_answers(tmp_path, capsys):
    folder = as_folder(tmp_path / "shop", made_tables(n_users=25)[0])
    answer = bench_json(tmp_path / "workspace", folder, capsys, [*TINY, *WINDOWS], "--seeds", "1")
    workspace = Workspace.open(tmp_path / "workspace")
    question = questions(workspace, load(workspace, answer["dataset"]), TrainSettings())["test"]
    history, wanted, n_items = question.inputs.history, question.positives, question.inputs.n_items
    popular = np.bincount(history.items, minlength=n_items)
    values = []
    for user in range(question.inputs.n_users):
        had = set(history.items[slice(*history.offsets[user : user + 2])].tolist())
        answers = set(wanted.items[slice(*wanted.offsets[user : user + 2])].tolist()) - had
        if answers:
            order = [item for item in np.argsort(-popular, kind="stable").tolist() if item not in had][:20]
            values.append(len(answers & set(order)) / len(answers))
    assert values
    found = answer["models"]["popularity"]["new_items"]["recall@20"]["value"]
    assert found == pytest.approx(np.mean(values))
    assert found == pytest.approx(1)  # twelve items: twenty places hold all that are new
    assert answer["models"][OURS]["new_items"]["recall@20"]["value"] == pytest.approx(1)
    assert answer["models"][OURS]["metrics"]["recall@10"]["value"] < 1
    for name in BASELINES:
        ours, rule = (answer["models"][each]["new_items"]["ndcg@10"]["value"] for each in (OURS, name))
        assert answer["new_differences"][name]["ndcg@10"]["value"] == pytest.approx(ours - rule)
    header, _, *rows = as_markdown(answer).splitlines()
    assert header.endswith("| this model minus it, NDCG@10 | on new items | s |")
    assert {row.count("|") for row in rows[: 1 + len(BASELINES)]} == {header.count("|")}
    new = unseen(question)
    assert len(new.items) < len(wanted.items)
    perfect = np.full((question.inputs.n_users, 10), -1, np.int32)
    for user in range(question.inputs.n_users):
        mine = new.items[slice(*new.offsets[user : user + 2])][:10]
        perfect[user, : len(mine)] = mine
    judged = per_user_metrics(perfect, new.offsets, new.items, (10,))
    assert judged["ndcg@10"].eq(1).all()
    assert len(judged) == len(values)
    workspace.close()


def test_the_text_is_a_table_of_all_models_best_first(ordered, leave_one_out, capsys):
    chosen = [word for setting in leave_one_out for word in ("--set", setting)]
    arguments = ["bench", "accuracy", "--data", "tables", "--path", str(ordered[1]), *chosen, "--seeds", "2"]
    assert main(["--workspace", str(ordered[0]), *arguments]) == 0
    rows = [line.split("|")[1:-1] for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    assert len({len(row) for row in rows}) == 1
    names = [row[0].strip() for row in rows[2:]]
    assert set(names) == {"**this model**", "popularity", "P-TopFreq", "TIFU-KNN", "item-kNN", "EASE"}
    values = [float(row[1].split()[0]) for row in rows[2:]]
    assert values == sorted(values, reverse=True)
    assert " ± " in rows[2 + names.index("**this model**")][1]


def test_baselines_do_not_see_the_answers(tmp_path):
    """Whatever users take last, their lists are the same."""
    events = sequences()
    last = ~events.duplicated("user_id", keep="last")
    other = events.copy()
    other.loc[last, "item_id"] = np.roll(events.loc[last, "item_id"], 1)  # the same items, other users
    asked = []
    for name, one in (("as it was", events), ("otherwise", other)):
        workspace = Workspace.open(tmp_path / name / "workspace")
        folder = as_folder(tmp_path / name / "files", one)
        dataset = prepare(workspace, "tables", DatasetSettings(**IN_ORDER), path=folder)
        asked.append(questions(workspace, dataset, TrainSettings())["test"])
        workspace.close()
    assert not np.array_equal(asked[0].positives.items, asked[1].positives.items)
    for name in BASELINES:
        lists = [baseline_candidates(name, question.inputs, k=N_ITEMS) for question in asked]
        pd.testing.assert_frame_equal(*lists)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["accuracy", "--data", "tables"], "needs a path"),
        (["accuracy", "--data", "nowhere"], "nowhere"),
        (["accuracy", "--data", "complete_journey", "--seeds", "0"], "'seeds'"),
        (["accuracy", "--data", "complete_journey", "--set", "depth=2"], "depth"),
        (["accuracy", "--data", "complete_journey", "--set", "split=never"], "split"),
    ],
)
def test_bad_input_is_one_clear_line(tmp_path, capsys, arguments, said):
    assert main(["--workspace", str(tmp_path / "workspace"), "bench", *arguments]) == 2
    out, err = capsys.readouterr()
    errors = [line for line in err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert said in errors[0]
    assert out == ""
