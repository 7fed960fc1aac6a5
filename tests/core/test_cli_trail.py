"""The audit trail and signing off at a shell: what is told of, exit statuses, and one clear line for what cannot be."""

import json
import os

import pandas as pd
import pytest

from core.cli import main
from core.errors import StoreUnavailable
from core.schema.documents import FRONTIERS, TRAIL
from core.store.trail import COMMAND_LINE, PROGRAM, id_of
from core.store.trail_witness import witness_of
from core.store.workspace import Workspace
from core.workflow.recommending import recommend
from tests.conftest import copied
from tests.core.workflow.conftest import made_tables, trained_shop

QUICK = (
    "--set",
    "epochs=1",
    "--set",
    "width=16",
    "--set",
    "layers=1",
    "--set",
    "ranking=false",
    "--set",
    "models=[]",
)


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """A made shop, trained once for all."""
    shop = trained_shop(tmp_path_factory.mktemp("original"), *made_tables())
    shop.workspace.close()
    return shop


@pytest.fixture
def made(original, tmp_path):
    """A copy that a test may write to."""
    root = copied(original.workspace.root, tmp_path / "workspace")
    workspace = Workspace.open(root, f"sqlite:///{root}/evenhand.db")
    yield original._replace(workspace=workspace)
    workspace.close()


@pytest.fixture
def command(made, capsys):
    """Run a command; its status, its JSON answer or text, and the lines of errors."""

    def run(*arguments, json_answer: bool = True):
        capsys.readouterr()
        asked = ["--workspace", str(made.workspace.root), *map(str, arguments)]
        try:
            status = main([*asked, "--json"] if json_answer else asked)
        except SystemExit as ended:  # argparse
            status = ended.code
        out, err = capsys.readouterr()
        errors = [line for line in err.splitlines() if line.startswith("error")]
        return status, (json.loads(out) if json_answer else out) if out else None, errors

    return run


@pytest.fixture
def saved(made, command, tmp_path):
    """A policy that Ann saved."""
    file = tmp_path / "policy.yaml"
    file.write_text("steps:\n- step: propensity\n  settings: {strength: 0.9}\n")
    label = ("--name", "Rare goods", "--aim", "Rare goods are seen", "--author", "Ann")
    return command("save-policy", made.run.id, "--policy", file, *label)[1]["policy"]


def deeds(command, *arguments) -> list[tuple[str, str]]:
    """What was done and who did it, the first first."""
    return [(one["did"], one["who"]) for one in command("trail", *arguments)[1]["entries"]][::-1]


def test_every_deed_of_a_shell_is_told_of(made, command, saved, tmp_path):
    dataset, lists = made.dataset.id, tmp_path / "lists.parquet"
    run = command("train", dataset, *QUICK, "--device", "cpu")[1]["run"]
    assert command("recommend", run, "--out", lists)[0] == 0
    brought = command("import-lists", dataset, lists)[1]["run"]
    assert command("publish", saved, "--author", "Bo")[0] == 0
    other = ("--name", "Other", "--aim", "x", "--author", "Ann")
    command("save-policy", made.run.id, "--policy", "Rare goods", *other)
    assert command("publish", "Other", "--author", "Bo")[0] == 0
    assert command("rollback", dataset, "--author", "Cid")[0] == 0
    few = ("--set", "draws=100", "--set", "permutations=100")
    compared = command("frontier", made.run.id, "--by", "sex", "--k", "5", *few)
    assert compared[0] == 0
    assert (
        command("frontier", made.run.id, "--by", "sex", "--k", "5", *few) == compared
    )  # known: not done again
    sought = [command("search", dataset, *QUICK, "--trials", "1")[1]["search"] for _ in range(2)]
    again = command("prepare", "tables", "--path", made.folder, "--set", "test_days=9", "--set", "validation_days=9",
                    "--set", "minimum_item_users=2", "--set", "minimum_user_events=2")[1]["dataset"]  # fmt: skip
    assert deeds(command) == [
        ("prepared", PROGRAM),
        ("trained", PROGRAM),
        ("saved", "Ann"),
        ("trained", COMMAND_LINE),
        ("exported", COMMAND_LINE),
        ("imported", COMMAND_LINE),
        ("published", "Bo"),
        ("saved", "Ann"),
        ("published", "Bo"),
        ("rolled_back", "Cid"),
        ("compared", COMMAND_LINE),
        ("tuned", COMMAND_LINE),
        ("prepared", COMMAND_LINE),
    ]
    assert deeds(command, "--dataset", again) == [("prepared", COMMAND_LINE)]
    entries = {one["number"]: one for one in command("trail")[1]["entries"]}
    assert entries[4]["about"] == {"dataset": dataset, "run": run}
    assert entries[5]["details"] == {"file": "lists.parquet", "rows": len(pd.read_parquet(lists))}
    assert entries[6]["about"]["run"] == brought
    assert entries[10]["about"]["policy"] == saved
    assert entries[11]["about"]["frontier"] == made.workspace.documents.find(FRONTIERS)[0]["_id"]
    assert (entries[12]["about"]["search"], entries[12]["details"]) == (sought[0], {"trials": 1})
    assert str(tmp_path) not in json.dumps(entries)
    status, found, _ = command("verify-trail")
    assert (status, found["damage"], found["untold"]) == (0, [], [])
    # What was there already is not prepared again.
    command("prepare", "tables", "--path", made.folder, "--set", "test_days=9", "--set", "validation_days=9",
            "--set", "minimum_item_users=2", "--set", "minimum_user_events=2")  # fmt: skip
    assert len(deeds(command)) == 13


def test_no_file_is_written_that_cannot_be_told_of(made, tmp_path):
    def no_store():
        raise StoreUnavailable("The document store does not answer.")

    out = tmp_path / "lists.parquet"
    with pytest.raises(StoreUnavailable):
        recommend(made.workspace.guarded(no_store), made.run.id, out)
    assert not out.exists()


def test_a_file_whose_name_is_no_text_is_told_of(made, command, tmp_path):
    assert command("recommend", made.run.id, "--out", os.fsdecode(bytes(tmp_path) + b"/\xff.parquet"))[0] == 0
    assert command("trail")[1]["entries"][0]["details"]["file"] == "\\udcff.parquet"


def test_a_damaged_trail_is_told_and_the_status_is_1(made, command, saved):
    status, whole, _ = command("verify-trail")
    assert (status, whole["entries"], len(whole["head"])) == (0, 3, 64)
    assert (
        f"3 entries as written. Hash of the last one: {whole['head']}"
        in command("verify-trail", json_answer=False)[1]
    )
    status, found, _ = command("verify-trail", "--head", whole["head"])
    assert (status, found["noted"]) == (0, 3)
    made.workspace.documents.update(TRAIL, id_of(2), {"who": "\x1b[2JEve"})
    status, found, errors = command("verify-trail")
    assert (status, errors) == (1, [])
    assert found["damage"] == [{"number": 2, "what": "Entry 2 was changed after it was written."}]
    status, text, _ = command("verify-trail", json_answer=False)
    assert status == 1
    assert text.splitlines() == [
        "Damaged: 1 fault in 3 entries.",
        "Entry 2 was changed after it was written.",
    ]
    assert command("trail")[1]["spoilt"] == [id_of(2)]
    text = command("trail", json_answer=False)[1]
    assert f"{id_of(2)} is not as it was written" in text
    assert "\x1b" not in text
    made.workspace.documents.delete(TRAIL, id_of(2))
    made.workspace.documents.delete(TRAIL, id_of(3))
    status, found, _ = command("verify-trail")
    assert (status, [one["number"] for one in found["damage"]]) == (1, [2])
    witness_of(made.workspace).unlink()
    status, found, _ = command("verify-trail", "--head", whole["head"])
    assert (status, found["noted"], len(found["damage"])) == (1, None, 1)
    status, found, _ = command("verify-trail")
    assert (status, found["damage"]) == (0, [])
    assert {one["id"] for one in found["untold"]} == {made.run.id, saved}
    assert f"Not told of: policy {saved}" in command("verify-trail", json_answer=False)[1]
    assert command("complete-trail", "--author", " ")[0] == 2
    assert set(command("complete-trail", "--author", "Gus")[1]["told"]) == {made.run.id, saved}
    assert deeds(command)[1:] == [("found", "Gus")] * 2
    assert command("verify-trail")[1]["untold"] == []
    assert command("complete-trail", "--author", "Gus", json_answer=False)[1] == "0 deeds told of.\n"


def test_an_empty_workspace_has_an_empty_trail(tmp_path, capsys):
    for asked, said in (("trail", "Nothing was done yet"), ("verify-trail", "No entry.")):
        assert main(["--workspace", str(tmp_path / "new"), asked]) == 0
        assert said in capsys.readouterr().out


def test_a_policy_is_signed_off_before_it_is_published(made, command, saved):
    assert command("governance")[1] == {"publishing_needs_approval": False}
    change = ("governance", "--set", "publishing_needs_approval=true", "--author", "Gus")
    assert command(*change)[1] == {"publishing_needs_approval": True}
    assert command("governance", json_answer=False)[1] == "publishing_needs_approval: true\n"
    status, _, errors = command("publish", "Rare goods", "--author", "Bo")
    assert status == 2
    assert errors == [
        "error: Publishing needs approval here: Rare goods@1 is not approved; it was never proposed."
    ]
    assert (
        command("propose", "Rare goods", "--author", "Bo", "--comment", "please")[1]["decided"] == "proposed"
    )
    assert command("return-policy", saved, "--author", "Cid", "--comment", "too dear")[0] == 0
    assert command("publish", saved, "--author", "Bo")[0] == 2
    assert command("propose", "Rare goods@1", "--author", "Bo")[0] == 0
    assert (
        command("approve", "Rare goods@1", "--author", "Cid", json_answer=False)[1]
        == f"{saved} is approved by Cid\n"
    )
    listed = command("policies")[1]["policies"][0]
    assert (listed["decision"]["decided"], listed["decision"]["number"]) == ("approved", 4)
    assert "approved by Cid" in command("policies", json_answer=False)[1]
    assert command("publish", "Rare goods", "--author", "Bo")[0] == 0
    assert deeds(command)[-6:] == [
        ("governed", "Gus"),
        ("proposed", "Bo"),
        ("returned", "Cid"),
        ("proposed", "Bo"),
        ("approved", "Cid"),
        ("published", "Bo"),
    ]


def test_what_cannot_be_is_one_clear_line(made, command, saved):
    by = ("--author", "Bo")
    for arguments, said in [
        (("propose", "absent", *by), "no saved policy"),
        (("propose", saved, "--author", " "), "'author'"),
        (("propose", saved, "--author", "x" * 10_000), "'author'"),
        (("propose", saved, "--author", "\x1b[2J"), "'author': holds a control"),
        (("propose", saved, *by, "--comment", "x" * 10_000), "'comment'"),
        (("approve", saved, *by), "never proposed"),
        (("return-policy", saved, *by, "--comment", "x"), "never proposed"),
        (("return-policy", saved, *by, "--comment", " "), "'comment'"),
        (("return-policy", saved, *by), "--comment"),
        (("approve", '{"$ne": null}', *by), "no saved policy"),
        (("governance", "--set", "publishing_needs_approval=true"), "--author"),
        (("governance", "--set", "publishing_needs_approval=maybe", *by), "'publishing_needs_approval'"),
        (("governance", "--set", "wish=true", *by), "'wish' is no setting"),
        (("governance", "--set", "publishing_needs_approval=true", "--author", ""), "'author'"),
        (("trail", "--dataset", "ds-none"), "no dataset"),
        (("trail", "--dataset", '{"$ne": null}'), "no dataset"),
        (("verify-trail", "--head", "abc"), "64 digits"),
    ]:
        status, answer, errors = command(*arguments)
        assert (status, answer, len(errors)) == (2, None, 1), arguments
        assert said in errors[0], (arguments, errors)
    assert command("governance")[1] == {"publishing_needs_approval": False}
    assert [did for did, _ in deeds(command)] == ["prepared", "trained", "saved"]


def test_a_coupon_plan_that_is_written_is_told_of(prepared, capsys, monkeypatch, tmp_path):
    root = copied(prepared.workspace.root, tmp_path / "copy")
    monkeypatch.setenv("EVENHAND_STORE", f"sqlite:///{root}/evenhand.db")
    asked = ["--workspace", str(root), "offers", prepared.dataset.id, "--budget", "20", "--parity", "none"]
    odd = "plan <b>\u202e.parquet"

    def entries():
        capsys.readouterr()
        assert main(["--workspace", str(root), "trail", "--json"]) == 0
        return json.loads(capsys.readouterr().out)["entries"]

    before = entries()
    assert main(asked) == 0
    assert entries() == before
    assert main([*asked, "--out", str(tmp_path / odd)]) == 0
    first, *rest = entries()
    assert (first["did"], first["who"], first["about"]) == (
        "exported",
        COMMAND_LINE,
        {"dataset": prepared.dataset.id},
    )
    assert (first["details"]["file"], first["details"]["rows"] > 0) == (odd, True)
    assert rest == before
