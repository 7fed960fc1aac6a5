"""Saving, publishing and rolling back policies at a shell, and saved policies in place of files."""

import json

import pandas as pd
import pytest

from core.cli import main
from core.schema.documents import COMPARISONS, DATASETS, RUNS
from core.schema.policies import PolicySettings
from core.schema.settings import settings_from
from core.workflow.policies.saved import Label, save_policy
from core.workflow.policies.serving import served
from tests.core.workflow.conftest import made_tables, trained_shop
from tests.core.workflow.policies.made_line import made_comparison

STEPS = "steps:\n- step: propensity\n  settings: {strength: 0.9}\n"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    shop = trained_shop(tmp_path_factory.mktemp("policies"), *made_tables())
    yield shop
    shop.workspace.close()


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "policy.yaml"
    path.write_text(STEPS)
    return path


@pytest.fixture
def command(made, capsys):
    """Run a command; its status, its JSON answer or text, and the lines of errors."""

    def run(*arguments, json_answer: bool = True):
        capsys.readouterr()
        asked = ["--workspace", str(made.workspace.root), *map(str, arguments)]
        status = main([*asked, "--json"] if json_answer else asked)
        out, err = capsys.readouterr()
        errors = [line for line in err.splitlines() if line.startswith("error")]
        return status, (json.loads(out) if json_answer else out) if out else None, errors

    return run


@pytest.fixture
def save(made, command, file):
    """Save a policy under a name; its answer."""

    def saved(name: str, *, policy=file):
        label = ("--name", name, "--aim", "Rare goods are seen", "--author", "Ann", "--note", "as agreed")
        status, answer, errors = command("save-policy", made.run.id, "--policy", policy, *label)
        assert status == 0, errors
        return answer

    return saved


def test_a_saved_policy_is_measured_listed_and_shown(made, command, save):
    first, second = save("Rare goods"), save("Rare goods")
    assert (first["name"], first["version"], second["version"]) == ("Rare goods", 1, 2)
    measured = first["measured"]
    assert (measured["run"], measured["split"], measured["k"]) == (made.run.id, "validation", 10)
    assert measured["gain"] + measured["lose"] + measured["same"] == measured["users"]
    assert command("show-policy", "Rare goods@1")[1] == first
    listed = command("policies", "--dataset", made.dataset.id)[1]["policies"]
    assert [one["policy"] for one in listed][:2] == [second["policy"], first["policy"]]
    text = command("policies", json_answer=False)[1]
    assert f"Rare goods@2 ({second['policy']})" in text
    assert "step: propensity" in command("show-policy", first["policy"], json_answer=False)[1]


def test_a_saved_policy_stands_wherever_a_file_does(made, command, save, file, tmp_path):
    saved = save("Wherever")
    outs = []
    for policy in (file, "Wherever", "Wherever@1", saved["policy"]):
        out = tmp_path / f"{len(outs)}.parquet"
        assert command("recommend", made.run.id, "--out", out, "--k", "5", "--policy", policy)[0] == 0
        outs.append(pd.read_parquet(out))
    assert all(out.equals(outs[0]) for out in outs)
    for asked in (("rerank", made.run.id), ("audit", made.run.id, "--by", "sex", "--set", "draws=200")):
        assert command(*asked, "--policy", "Wherever") == command(*asked, "--policy", file)
    assert save("Wherever", policy="Wherever@1")["settings"] == saved["settings"]


def test_a_path_that_exists_is_a_file_and_a_folder_is_none(made, command, save, file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save("shadow")
    (tmp_path / "shadow").mkdir()
    assert command("rerank", made.run.id, "--policy", "shadow")[1]["moved"] > 0
    (tmp_path / "shadow").rmdir()
    (tmp_path / "shadow").write_text("steps: []\n")
    assert command("rerank", made.run.id, "--policy", "shadow")[1]["moved"] == 0


def test_publishing_serves_what_recommend_writes_and_rolling_back_what_was_before(
    made, command, save, tmp_path
):
    saved, still = save("Published"), tmp_path / "still.yaml"
    still.write_text("steps: []\n")
    save("Published", policy=still)
    answers = [command("publish", f"Published@{version}", "--author", "Bob")[1] for version in (1, 2)]
    assert answers[0]["policy"] == saved["policy"]
    assert answers[1]["replaced"] == answers[0]["publication"]
    back = command("rollback", made.dataset.id, "--author", "Cid")[1]
    assert (back["publication"], back["replaced"]) == (answers[0]["publication"], answers[1]["publication"])
    out = tmp_path / "lists.parquet"
    command("recommend", made.run.id, "--out", out, "--k", "10", "--policy", "Published@1")
    lists = pd.read_parquet(out)
    assert pd.read_parquet(back["file"]).equals(lists)
    assert back["users"] == lists["user_id"].nunique()
    for user, rows in lists.groupby("user_id"):
        found = served(made.workspace, made.dataset.id, user)
        assert found.item_ids == tuple(rows["item_id"])
        assert found.scores == tuple(rows["score"].astype(float))
    log = command("publications", made.dataset.id)[1]["log"]
    assert [(one["by"], one["author"]) for one in log] == [
        ("rollback", "Cid"),
        ("publish", "Bob"),
        ("publish", "Bob"),
    ]
    assert [one["replaced"] for one in log] == [one["publication"] for one in log[1:]] + [None]
    assert "rollback by Cid" in command("publications", made.dataset.id, json_answer=False)[1]
    assert command("rollback", made.dataset.id, "--to", "Published@2", "--author", "Cid")[0] == 0
    assert "is served: lists of" in command("publish", "Published", "--author", "Bob", json_answer=False)[1]


def test_lists_that_know_everything_are_published_as_recommend_writes_them(made, command, save, tmp_path):
    save("Latest")
    files = []
    for split in ("test", "now"):
        files.append(tmp_path / f"{split}.parquet")
        command(
            "recommend", made.run.id, "--out", files[-1], "--k", "10", "--policy", "Latest", "--split", split
        )
    judged, latest = map(pd.read_parquet, files)
    assert not latest.equals(judged)
    answer = command("publish", "Latest", "--author", "Bob", "--split", "now")[1]
    assert answer["split"] == "now"
    assert pd.read_parquet(answer["file"]).equals(latest)
    user, rows = next(iter(latest.groupby("user_id")))
    assert served(made.workspace, made.dataset.id, user).item_ids == tuple(rows["item_id"])
    assert command("publications", made.dataset.id)[1]["log"][0]["split"] == "now"
    assert command("publish", "Latest", "--author", "Bob")[1]["split"] == "test"
    assert command("publications", made.dataset.id)[1]["log"][0]["split"] == "test"


def test_what_there_is_not_is_one_clear_line(made, command, save, file, tmp_path):
    save("There")
    label = ("--name", "x", "--aim", "y", "--author", "z")
    run, dataset, out = made.run.id, made.dataset.id, tmp_path / "o.parquet"
    for arguments, said in [
        (("recommend", run, "--out", out, "--policy", "absent.yaml"), "There is no file 'absent.yaml'"),
        (("rerank", run, "--policy", "absent"), "no saved policy 'absent'. Latest saved: "),
        (("audit", run, "--by", "sex", "--policy", "There@9"), "no saved policy 'There@9'"),
        (("rerank", run, "--policy", ""), "no file ''"),
        (("rerank", run, "--policy", "x" * 5000), "no file"),
        (("save-policy", run, "--policy", file, *label[:-1], ""), "'author'"),
        (("save-policy", run, "--policy", file, *label, "--name", "a@2"), "holds @"),
        (("save-policy", run, "--policy", file, *label, "--note", "\x1b[2J"), "'note': holds a control"),
        (("save-policy", "run-none", "--policy", file, *label), "no run"),
        (("show-policy", "absent"), "no saved policy"),
        (("policies", "--dataset", "ds-none"), "no dataset"),
        (("publications", "ds-none"), "no dataset"),
        (("publish", "absent", "--author", "Bob"), "no saved policy"),
        (("publish", "There", "--author", " "), "'author'"),
        (("rollback", "ds-none", "--author", "Bob"), "no dataset"),
        (("save-policy", run, "--policy", file, "--author", "z"), "'name'"),
        (("rollback", dataset, "--to", "absent", "--author", "Bob"), "no"),
    ]:
        status, answer, errors = command(*arguments)
        assert (status, answer, len(errors)) == (2, None, 1), arguments
        assert said in errors[0], (arguments, errors)
    assert not out.exists()


def test_a_policy_saved_for_another_dataset_is_refused(made, command, save, tmp_path):
    saved = save("Elsewhere")
    lists = tmp_path / "lists.parquet"
    assert command("recommend", made.run.id, "--out", lists)[0] == 0
    other = command("prepare", "tables", "--path", made.folder, "--set", "test_days=9", "--set", "validation_days=9",
                    "--set", "minimum_item_users=2", "--set", "minimum_user_events=2")[1]["dataset"]  # fmt: skip
    run = command("import-lists", other, lists)[1]["run"]
    for policy in (saved["policy"], "Elsewhere", "Elsewhere@1"):
        status, _, errors = command("recommend", run, "--out", tmp_path / "o.parquet", "--policy", policy)
        assert (status, len(errors)) == (2, 1)
        assert f"was saved for dataset {made.dataset.id}, not for {other}" in errors[0]


def test_a_policy_is_carried_over_to_a_run_on_newer_data_and_served_under_the_same_key(
    made, command, save, tmp_path
):
    saved, lists = save("Carried"), tmp_path / "lists.parquet"
    first = command("publish", "Carried@1", "--author", "Bob")[1]
    assert command("recommend", made.run.id, "--out", lists)[0] == 0
    newer = command("prepare", "tables", "--path", made.folder, "--set", "test_days=8", "--set", "validation_days=8",
                    "--set", "minimum_item_users=2", "--set", "minimum_user_events=2")[1]["dataset"]  # fmt: skip
    made.workspace.documents.update(DATASETS, newer, {"first": made.dataset.id})
    run = command("import-lists", newer, lists)[1]["run"]
    second = command("save-policy", run, "--policy", "Carried", "--author", "Cid")[1]
    assert (second["name"], second["version"], second["run"]) == ("Carried", 2, run)
    assert (second["aim"], second["note"], second["author"]) == (saved["aim"], saved["note"], "Cid")
    assert second["settings"] == saved["settings"]
    listed = [one["policy"] for one in command("policies", "--dataset", newer)[1]["policies"]]
    assert listed[:2] == [second["policy"], saved["policy"]]
    answer = command("publish", "Carried", "--author", "Bob")[1]
    assert (answer["dataset"], answer["replaced"]) == (made.dataset.id, first["publication"])
    log = command("publications", newer)[1]
    assert log == command("publications", made.dataset.id)[1]
    assert [one["run"] for one in log["log"]][:2] == [run, made.run.id]
    assert command("rollback", newer, "--author", "Bob")[1]["publication"] == first["publication"]
    missing = {"steps": [{"step": "calibrated"}, {"step": "price_guard", "settings": {"by": "wealth"}}]}
    label = settings_from(Label, {"name": "Gone", "aim": "x", "author": "Ann"})
    save_policy(made.workspace, made.run.id, settings_from(PolicySettings, missing), label)
    status, _, errors = command("save-policy", run, "--policy", "Gone", "--author", "Cid")
    assert status == 2
    assert (
        f"The data of run {run} do not have all that Gone@1 names. calibrated: Items cannot be" in errors[0]
    )
    assert "price_guard: There is no user attribute 'wealth'" in errors[0]


def test_lists_of_a_run_that_follows_another_are_published_once_they_were_compared(made, command, save):
    save("Followed")
    made.workspace.documents.update(RUNS, made.run.id, {"follows": "run-former"})
    status, _, errors = command("publish", "Followed", "--author", "Bob")
    assert (status, len(errors)) == (2, 1)
    assert f"`compare run-former {made.run.id}` or the Train page" in errors[0]
    made.workspace.documents.insert(COMPARISONS, made_comparison("run-former", made.run.id).dump())
    assert command("publish", "Followed", "--author", "Bob")[0] == 0
    made.workspace.documents.update(RUNS, made.run.id, {"follows": None})


def test_lists_of_another_system_are_published_too_and_measured_on_nothing(made, command, tmp_path, file):
    lists = tmp_path / "lists.parquet"
    command("recommend", made.run.id, "--out", lists)
    run = command("import-lists", made.dataset.id, lists)[1]["run"]
    label = ("--name", "Brought", "--aim", "theirs", "--author", "Ann")
    saved = command("save-policy", run, "--policy", file, *label)[1]
    assert (saved["measured"], saved["run"]) == (None, run)
    assert command("publish", "Brought", "--author", "Ann")[1]["users"] == 60
