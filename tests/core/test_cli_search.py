"""`search` as a shell sees it: its answer is options for `train`, and asked again it goes on."""

import json
import shlex
from types import SimpleNamespace

import pytest

from core.cli import main, parser
from core.commands.settings import settings_given
from core.data.prepare import prepare
from core.schema.documents import Epoch
from core.schema.settings import TrainSettings, settings_from
from core.store.workspace import Workspace
from core.workflow import search as searching
from core.workflow.searches import list_searches
from tests.core.workflow.conftest import WINDOWS, made_tables

BASE = (
    "--set",
    "epochs=1",
    "--set",
    "width=16",
    "--set",
    "dropout=0.2",
    "--set",
    "models=[behaviour,service]",
)


@pytest.fixture
def shop(tmp_path, monkeypatch):
    """A prepared shop whose trials are judged by their settings alone: (workspace folder, dataset id)."""

    def judged(inputs, validation, settings, **_):
        value = 0.3 - abs(settings.dropout - 0.4) / 2
        return SimpleNamespace(history=[Epoch(epoch=1, loss=1.0, validation_ndcg=value, seconds=1.0)])

    monkeypatch.setattr(searching, "fit", judged)
    events, users = made_tables()
    events.to_csv(tmp_path / "events.csv", index=False)
    users.to_csv(tmp_path / "users.csv", index=False)
    root = tmp_path / "workspace"
    workspace = Workspace.open(root, f"sqlite:///{root}/evenhand.db")
    dataset = prepare(workspace, "tables", WINDOWS, path=tmp_path)
    workspace.close()
    return root, dataset.id


def run(shop, capsys, *arguments: str) -> tuple[int, str, str]:
    capsys.readouterr()
    status = main(["--workspace", str(shop[0]), "search", shop[1], *arguments])
    return status, *capsys.readouterr()


def searches(shop):
    workspace = Workspace.open(shop[0])
    found = list_searches(workspace, shop[1])
    workspace.close()
    return found


def test_the_answer_alone_is_on_standard_output_and_train_takes_it(shop, capsys):
    status, out, err = run(shop, capsys, "--trials", "6", *BASE)
    assert status == 0, err
    (search,) = searches(shop)
    assert search.best != 1
    # As $(...) hands it over: split at spaces, nothing unquoted.
    options = parser().parse_args(["train", shop[1], *out.split()])
    assert settings_from(TrainSettings, settings_given(options)) == settings_from(
        TrainSettings, search.best_settings
    )
    assert shlex.split(out) == out.split()
    assert "Trial 6 of 6" in err


def test_json_tells_the_settings_the_values_and_every_trial(shop, capsys):
    status, out, err = run(shop, capsys, "--trials", "4", "--json", *BASE)
    assert status == 0, err
    answer = json.loads(out)
    assert set(answer) == {"search", "settings", "value", "base_value", "importances", "trials"}
    assert answer["settings"]["models"] == ["behaviour", "service"]
    assert answer["value"] >= answer["base_value"] == pytest.approx(0.2)
    assert [trial["number"] for trial in answer["trials"]] == [1, 2, 3, 4]


def test_the_same_command_goes_on_and_another_start_is_another_search(shop, capsys):
    run(shop, capsys, "--trials", "2", *BASE)
    _, out, _ = run(shop, capsys, "--trials", "3", "--json", *BASE)
    assert len(json.loads(out)["trials"]) == 3
    assert len(searches(shop)) == 1
    run(shop, capsys, "--trials", "1", *BASE, "--set", "seed=8")
    assert len(searches(shop)) == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--trials", "0"), "'trials'"),
        (("--minutes", "0"), "'minutes'"),
        (("--set", "heads=3"), "heads must divide width"),
        (("--set", "trials=3"), "'trials' is no setting"),
    ],
)
def test_bad_settings_are_one_clear_line_and_status_2(arguments, said, shop, capsys):
    status, out, err = run(shop, capsys, *arguments)
    assert (status, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1
    assert not (shop[0] / "searches").exists()


def test_an_unknown_dataset_is_one_clear_line_and_status_2(shop, capsys):
    status, out, err = run((shop[0], "ds-nothing"), capsys)
    assert (status, out) == (2, "")
    assert "ds-nothing" in err
