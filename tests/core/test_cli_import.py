"""`import-lists` as scripts see it, and every other command on the run that it makes."""

import json

import pandas as pd
import pytest

from core.cli import main
from tests.core.workflow.made_runs import prepared_tables


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The made shop, prepared: nothing was ever trained in its workspace."""
    with prepared_tables(tmp_path_factory.mktemp("import")) as (workspace, dataset):
        yield workspace, dataset


@pytest.fixture
def lists(tmp_path):
    rows = [(f"u{user}", f"i{item}", item + 1) for user in range(50) for item in range(12)]
    file = tmp_path / "als.csv"
    pd.DataFrame([*rows, ("nobody", "i1", 1)], columns=["user_id", "item_id", "rank"]).to_csv(
        file, index=False
    )
    return file


@pytest.fixture
def command(made, capsys):
    """Run a command; its status, its JSON answer if there is one, and what it said of errors."""

    def run(*arguments):
        capsys.readouterr()
        status = main(["--workspace", str(made[0].root), *map(str, arguments), "--json"])
        out, err = capsys.readouterr()
        return (
            status,
            json.loads(out) if out else None,
            [line for line in err.splitlines() if line.startswith("error")],
        )

    return run


def test_lists_become_a_run_that_is_audited_like_the_file(made, lists, command):
    dataset = made[1]
    status, answer, _ = command("import-lists", dataset.id, lists, "--name", "ALS")
    assert (status, set(answer)) == (0, {"run", "notes"})
    assert any(
        "1 of 601 rows have a user_id that is not in the data (nobody)" in note for note in answer["notes"]
    )
    options = ["--by", "sex", "--set", "draws=200", "--set", "permutations=200"]
    of_run = command("audit", answer["run"], *options)
    of_file = command("audit", "--dataset", dataset.id, "--recommendations", lists, *options)
    assert of_run == of_file
    assert of_run[0] == 0


def test_the_notes_stand_in_the_text_too(made, lists, capsys):
    capsys.readouterr()
    assert main(["--workspace", str(made[0].root), "import-lists", made[1].id, str(lists)]) == 0
    said = capsys.readouterr().out
    assert said.startswith("run run-")
    assert "10 of 60 users have no list" in said


def test_what_needs_more_than_lists_is_one_clear_line(made, lists, tmp_path, command):
    run = command("import-lists", made[1].id, lists)[1]["run"]
    assert command("evaluate", run, "--baselines")[0] == 0
    assert command("recommend", run, "--out", tmp_path / "out.parquet", "--k", "3")[1]["rows"] == 150
    for arguments in (
        ["evaluate", run, "--split", "validation"],
        ["audit", run, "--by", "sex", "--split", "validation"],
    ):
        status, answer, errors = command(*arguments)
        assert (status, answer) == (2, None)
        assert len(errors) == 1
        assert "made by another system" in errors[0]
    out = tmp_path / "now.parquet"
    status, _, errors = command("recommend", run, "--out", out, "--split", "now")
    assert (status, len(errors), out.exists()) == (2, 1, False)
    assert "Another system made the lists" in errors[0]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "lists.csv"),
        ("user_id,item_id\nu1,i1\n", "'rank'"),
        ("user_id,item_id,rank\nnobody,i1,1\n", "no row can be used"),
        ("user_id,item_id,rank\nu1,i1,first\n", "is no number"),
        ("PK\x03\x04", "ZIP archive"),
    ],
)
def test_a_file_that_cannot_be_used_is_one_line_and_makes_no_run(made, tmp_path, command, content, said):
    file = tmp_path / "lists.csv"
    file.write_text(content)
    before = made[0].documents.count("runs")
    status, answer, errors = command("import-lists", made[1].id, file)
    assert (status, answer, len(errors)) == (2, None, 1)
    assert said in errors[0]
    assert made[0].documents.count("runs") == before


def test_an_unknown_dataset_and_a_folder_are_refused(made, lists, command):
    assert "There is no dataset 'ds-nothing'" in command("import-lists", "ds-nothing", lists)[2][0]
    assert "is no file" in command("import-lists", made[1].id, lists.parent)[2][0]
