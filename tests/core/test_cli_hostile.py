"""What may go wrong at a shell: always one line, the right status, and nothing left behind."""

import json

import pytest

from core.cli import main
from tests.core.workflow.conftest import made_tables, trained_shop


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    shop = trained_shop(tmp_path_factory.mktemp("hostile"), *made_tables())
    yield shop
    shop.workspace.close()


@pytest.fixture
def refused(made, capsys):
    """Run a command that must fail; the one line that it says."""

    def line(*arguments, status: int = 2) -> str:
        capsys.readouterr()
        try:
            found = main(["--workspace", str(made.workspace.root), *map(str, arguments)])
        except SystemExit as ended:  # argparse
            found = ended.code
        out, err = capsys.readouterr()
        assert (found, out) == (status, ""), err
        (said,) = [line for line in err.splitlines() if "%" not in line[:5]]  # less the progress
        assert said.startswith("error: ")
        return said

    return line


@pytest.fixture
def audited(made, capsys):
    """Audit the made run; the metrics and attributes of its rows."""

    def rows(*arguments) -> tuple[set[str], set[str]]:
        capsys.readouterr()
        place = ["--workspace", str(made.workspace.root)]
        assert main([*place, "audit", made.run.id, *map(str, arguments), "--set", "draws=200", "--json"]) == 0
        found = json.loads(capsys.readouterr().out)["users"]
        return {row["metric"] for row in found}, {row["attribute"] for row in found}

    return rows


@pytest.mark.parametrize(
    "value",
    [
        "2024-13-45",
        "0x_",
        "9" * 5000,
        "[" * 3000,
        "!!python/name:os.system",
        "{a",
        "null",
        "[1]",
        "1e9",
        ".nan",
    ],
    ids=lambda value: value[:12],
)
def test_a_value_that_means_nothing_is_refused_from_both_ways_in(made, refused, tmp_path, value):
    assert "draws" in refused("audit", made.run.id, "--by", "sex", "--set", f"draws={value}")
    file = tmp_path / "settings.yaml"
    file.write_text(f"draws: {value}")
    said = refused("audit", made.run.id, "--by", "sex", "--config", file)
    assert "draws" in said or "settings.yaml: cannot be read as YAML" in said


@pytest.mark.parametrize("content", ["[1, 2]", "7", "", "1: 2", "a: \x00"])
def test_a_settings_file_that_holds_no_settings_is_refused(made, refused, tmp_path, content):
    file = tmp_path / "settings.yaml"
    file.write_text(content)
    refused("audit", made.run.id, "--by", "sex", "--config", file)


def test_options_win_over_set_and_set_wins_over_the_file(audited, tmp_path):
    file = tmp_path / "settings.yaml"
    file.write_text("k: 20\nby: [[post]]")
    metrics, attributes = audited("--config", file)
    assert "ndcg@20" in metrics
    assert attributes == {"post"}
    assert "ndcg@5" in audited("--config", file, "--set", "k=5")[0]
    metrics, attributes = audited("--config", file, "--set", "k=5", "--k", "3", "--by", "sex")
    assert "ndcg@3" in metrics
    assert attributes == {"sex"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--by", ""], "names no grouping"),
        (["--by", "sex", "--set", "by=[]", "--k", "0"], "'k'"),
        (["--set", "by=[]"], "'by'"),
        (["--by", "sex", "--k", "-1"], "'k'"),
        (["--by", "sex", "--k", "many"], "argument --k"),
        (["--by", "sex", "--set", "a\nb=1"], "'a b' is no setting"),
        (["--by", "sex", "--set", "tolerances={ndcg: -1}"], "tolerances.ndcg"),
        (["--by", "sex", "--split", "train"], "argument --split"),
        (["--by", "sex", "--config", "y" * 300], "cannot be read"),
        ([], "names no protected attributes"),
    ],
    ids=str,
)
def test_nonsense_for_an_audit_is_one_line(made, refused, arguments, said):
    assert said in refused("audit", made.run.id, *arguments)


@pytest.mark.parametrize("command", ["evaluate", "audit", "train"])
@pytest.mark.parametrize("id", ["", " ", "$ne", "../x", "run-abc\n", "a" * 5000])
def test_an_id_that_is_none_is_refused(refused, command, id):
    refused(command, id)


def test_a_training_that_cannot_begin_leaves_nothing(made, refused):
    before = sorted(made.workspace.root.rglob("*"))
    refused("train", "ds-nothing")
    refused("train", made.dataset.id, "--set", "heads=3")
    assert sorted(path for path in made.workspace.root.rglob("*") if "-wal" not in path.name) == [
        path for path in before if "-wal" not in path.name
    ]


def test_lists_that_cannot_be_written_leave_no_half_file(made, refused, tmp_path):
    folder = tmp_path / "taken.parquet"
    folder.mkdir()
    assert "cannot be written: Is a directory" in refused("recommend", made.run.id, "--out", folder, status=1)
    too_long = tmp_path / ("z" * 300 + ".parquet")
    assert "File name too long" in refused("recommend", made.run.id, "--out", too_long, status=1)
    assert list(tmp_path.iterdir()) == [folder]


@pytest.mark.parametrize(
    ("path", "said"),
    [("x" * 300, "cannot be opened"), ("absent", "there is no such folder"), ("", "holds no events.csv")],
    ids=lambda text: text[:8],
)
def test_a_folder_that_is_none_is_one_line(refused, tmp_path, monkeypatch, path, said):
    monkeypatch.chdir(tmp_path)
    assert said in refused("prepare", "tables", "--path", path)


def test_a_folder_in_place_of_a_table_is_refused(made, refused, tmp_path):
    (tmp_path / "events.csv").write_bytes((made.folder / "events.csv").read_bytes())
    (tmp_path / "users.csv").mkdir()
    assert "users.csv: is no file" in refused("prepare", "tables", "--path", tmp_path)


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("foo://x", 2),
        ("mongodb://", 2),
        ("mongodb://127.0.0.1:99999/x", 2),
        ("mongodb://[bad", 2),
        ("mongodb://ann:secret@127.0.0.1:9/?tls=true&tlsCAFile=/nowhere", 2),
        ("mongodb://ann:secret@127.0.0.1:9/x", 1),
        ("sqlite:///", 2),
        ("sqlite:////proc/x/y.db", 1),
    ],
)
def test_a_store_address_that_leads_nowhere_is_one_line_without_the_password(
    refused, monkeypatch, address, status
):
    monkeypatch.setattr("core.store.backends.SERVER_SECONDS", 0.6)
    monkeypatch.setenv("EVENHAND_STORE", address)
    assert "secret" not in refused("evaluate", "run-abc", status=status)


def test_a_workspace_that_is_no_folder_is_one_line(refused, tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    assert "Cannot open the workspace" in refused("--workspace", file, "evaluate", "run-abc", status=1)
