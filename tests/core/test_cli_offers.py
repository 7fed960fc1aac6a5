"""Coupons from the shell: the plan as JSON and text, the file, and one clear line for what cannot be planned."""

import json

import pandas as pd
import pytest

from core.cli import main


def ask(prepared, capsys, *arguments: str) -> tuple[int, str, str]:
    capsys.readouterr()
    status = main(["--workspace", str(prepared.workspace.root), "offers", prepared.dataset.id, *arguments])
    return status, *capsys.readouterr()


@pytest.fixture(autouse=True)
def store(prepared, monkeypatch):
    monkeypatch.setenv("EVENHAND_STORE", f"sqlite:///{prepared.workspace.root}/evenhand.db")


def test_a_plan_is_told_and_written(prepared, capsys, tmp_path):
    out = tmp_path / "plan.parquet"
    options = ["--budget", "30", "--parity", "saving", "--by", "age", "--gap", "0.2", "--out", str(out)]
    status, said, error = ask(prepared, capsys, *options, "--json")
    assert (status, error) == (0, "")
    answer = json.loads(said)
    assert answer["settings"] == {"budget": 30, "parity": "saving", "gap": 0.2, "protected_inputs": False}
    assert answer["by"] == ["age"]
    assert answer["with parity"]["offers"] == pd.read_parquet(out)["offered"].sum()
    status, said, _ = ask(prepared, capsys, *options)
    assert status == 0
    assert said.startswith("30 coupons, put where they are worth most, are expected to save")


def test_without_parity_and_with_the_first_protected_attribute(prepared, capsys):
    status, said, _ = ask(prepared, capsys, "--budget", "20", "--parity", "none", "--json")
    assert status == 0
    answer = json.loads(said)
    assert answer["by"] == [prepared.dataset.protected[0]]
    assert answer["settings"]["parity"] is None
    assert "with parity" not in answer


def test_a_setting_lets_the_forecast_read_protected_attributes(prepared, capsys):
    plain, read = (
        json.loads(ask(prepared, capsys, "--budget", "20", *more, "--json")[1])
        for more in ([], ["--set", "protected_inputs=true"])
    )
    assert read["settings"]["protected_inputs"]
    assert read["without parity"]["value"] != plain["without parity"]["value"]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--budget", "0"], "Setting 'budget'"),
        ([], "Setting 'budget'"),
        (["--budget", "0.5"], "buys no offer"),
        (["--budget", "5", "--gap", "3"], "Setting 'gap'"),
        (["--budget", "5", "--by", "shoe"], "no user attribute 'shoe'"),
        (["--budget", "5", "--by", "age,income"], "a plan has one grouping"),
        (["--budget", "5", "--out", "plan.csv"], "must end in .parquet"),
        (["--budget", "5", "--set", "wish=1"], "'wish' is no setting"),
    ],
)
def test_what_cannot_be_planned_is_one_line(prepared, capsys, arguments, line):
    status, said, error = ask(prepared, capsys, *arguments)
    assert (status, said) == (2, "")
    assert line in error
    assert error.count("\n") == 1


def test_neither_a_run_nor_a_dataset(prepared, capsys):
    arguments = ["--workspace", str(prepared.workspace.root), "offers", "ds-none", "--budget", "5"]
    assert main(arguments) == 2
    assert "There is no dataset 'ds-none'" in capsys.readouterr().err
