"""The gate at a shell: exit statuses, what is said of broken rules, alerts and the webhook."""

import json

import pytest

from core.cli import main
from core.schema.documents import DATASETS
from core.store.workspace import Workspace
from core.workflow.gate import gate_of_run
from core.workflow.rules_file import read_rules
from tests.conftest import copied
from tests.core.workflow.conftest import made_tables, trained_shop
from tests.core.workflow.test_webhook import listening

QUICK = {"draws": 200, "permutations": 200}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    shop = trained_shop(tmp_path_factory.mktemp("gate"), *made_tables())
    yield shop
    shop.workspace.close()


@pytest.fixture
def command(made, capsys):
    """Run a command; its status, its JSON answer or text, and what stood on standard error but progress."""

    def run(*arguments, json_answer: bool = True):
        capsys.readouterr()
        asked = ["--workspace", str(made.workspace.root), *map(str, arguments)]
        try:
            status = main([*asked, "--json"] if json_answer else asked)
        except SystemExit as ended:  # argparse
            status = ended.code
        out, err = capsys.readouterr()
        lines = [line for line in err.splitlines() if "%" not in line[:5]]
        return status, (json.loads(out) if json_answer else out) if out else None, lines

    return run


@pytest.fixture
def rules(tmp_path):
    """A file of rules; each is given by what differs from a rule that anything keeps."""

    def file(*changes, audit=None):
        base = {"owner": "ann", "section": "users", "metric": "ndcg@10", "grouping": "sex", "at_least": -1}
        told = [{"name": f"rule {number}", **base, **change} for number, change in enumerate(changes)]
        path = tmp_path / "rules.yaml"
        path.write_text(json.dumps({"audit": QUICK | (audit or {}), "rules": told}))
        return path

    return file


def test_kept_rules_open_the_gate_with_the_numbers_of_the_audit(made, command, rules):
    asked = {"section": "users", "metric": "ndcg@10", "statistic": "mean", "grouping": "sex"}
    status, told, errors = command("gate", made.run.id, "--rules", rules({}, asked | {"at_least": 0}))
    assert (status, errors) == (0, [])
    assert (told["run"], told["dataset"], told["split"], told["passed"]) == (
        made.run.id,
        made.dataset.id,
        "test",
        True,
    )
    assert [rule["outcome"] for rule in told["rules"]] == ["kept", "kept"]
    quick = [argument for name, value in QUICK.items() for argument in ("--set", f"{name}={value}")]
    rows = command("audit", made.run.id, "--by", "sex", *quick)[1]["users"]
    for rule, metric in zip(told["rules"], ("ndcg@10_gap", "ndcg@10"), strict=True):
        numbers = {one["group"]: (one["value"], one["low"], one["high"], one["n"]) for one in rule["found"]}
        assert numbers == {
            row["group"]: (row["value"], row["low"], row["high"], row["n"])
            for row in rows
            if row["metric"] == metric and row["group"] != "all"
        }


def test_a_broken_rule_closes_it_and_says_which_number_with_its_interval_n_and_owner(made, command, rules):
    file = rules({}, {"at_least": 0.9, "owner": "bob <b>", "group": "f"})
    status, told, errors = command("gate", made.run.id, "--rules", file)
    assert (status, told["passed"], errors) == (1, False, [])
    kept, broken = told["rules"]
    assert (kept["outcome"], broken["outcome"], broken["owner"]) == ("kept", "broken", "bob <b>")
    (found,) = broken["found"]
    assert found["low"] <= found["value"] <= found["high"] < 0.9
    status, text, _ = command("gate", made.run.id, "--rules", file, json_answer=False)
    assert status == 1
    assert "of 2 rules 1 kept, 1 broken, 0 unknown" in text
    (line,) = [line for line in text.splitlines() if line.startswith("broken: rule 1")]
    assert "owner: bob <b>" in line
    assert f"f: {found['value']:.4f} ({found['low']:.4f} to {found['high']:.4f}), n = {found['n']}" in text


def test_what_the_data_do_not_tell_fails_unless_the_rule_says_otherwise(made, command, rules):
    lacking = {"section": "pricing", "metric": "price_gap_conditional"}
    status, told, _ = command("gate", made.run.id, "--rules", rules(lacking))
    assert (status, told["rules"][0]["outcome"]) == (1, "unknown")
    status, told, _ = command("gate", made.run.id, "--rules", rules(lacking | {"if_unknown": "pass"}))
    assert (status, told["rules"][0]["outcome"], told["passed"]) == (0, "unknown", True)
    text = command(
        "gate", made.run.id, "--rules", rules(lacking | {"if_unknown": "pass"}), json_answer=False
    )[1]
    assert "the gate passes where this is unknown" in text


def test_hidden_groups_give_no_number_away(made, command, rules):
    status, told, _ = command("gate", made.run.id, "--rules", rules({"grouping": "city"}))
    assert status == 1
    (rule,) = told["rules"]
    assert rule["outcome"] == "unknown"
    hidden = [found for found in rule["found"] if found["n"] == "hidden"]
    assert hidden
    assert all(found["value"] is found["low"] is found["high"] is None for found in hidden)


def test_rules_on_items_and_on_crossings(made, command, rules):
    by_band = {"section": "exposure", "metric": "exposure_share@10", "statistic": "mean", "at_least": 0}
    status, told, _ = command(
        "gate",
        made.run.id,
        "--rules",
        rules(
            by_band | {"grouping": "popularity_band"},
            by_band | {"grouping": "sex*popularity_band"},
            {"grouping": "sex*post", "if_unknown": "pass"},
        ),
    )
    assert status == 0
    of_items, cells, _ = told["rules"]
    assert (of_items["outcome"], cells["outcome"]) == ("kept", "kept")
    assert all("×" in found["group"] for found in cells["found"])
    assert len(cells["found"]) == 2 * len(of_items["found"])


def test_another_length_of_list_is_a_setting_of_the_audit(made, command, rules):
    other = {"metric": "ndcg@5"}
    assert command("gate", made.run.id, "--rules", rules(other, audit={"k": 5}))[0] == 0
    status, _, errors = command("gate", made.run.id, "--rules", rules(other))
    assert (status, len(errors)) == (2, 1)
    assert "'ndcg@5' is of lists of 5 and the audit of lists of 10; write audit: {k: 5}" in errors[0]


def test_lists_of_another_system_pass_through_the_same_gate(made, command, rules, tmp_path):
    out, file = tmp_path / "lists.parquet", rules({}, {"at_least": 0.9})
    command("recommend", made.run.id, "--out", out, "--k", "10")
    of_run = command("gate", made.run.id, "--rules", file)
    status, told, _ = command(
        "gate", "--dataset", made.dataset.id, "--recommendations", out, "--rules", file, "--alert"
    )
    assert (status, told["rules"]) == (of_run[0], of_run[1]["rules"])
    assert (told["run"], told["recommendations"]) == (None, "lists.parquet")
    (alert,) = told["alerts"]
    again = command(
        "gate", "--dataset", made.dataset.id, "--recommendations", out, "--rules", file, "--alert"
    )
    assert again[1]["alerts"] == [alert]


def test_alerts_are_kept_where_asked_and_acknowledged_by_name(made, command, rules):
    file = rules({"at_least": 0.9, "name": "Never"}, {})
    before = len(command("alerts")[1]["alerts"])
    assert command("gate", made.run.id, "--rules", file)[0] == 1
    assert len(command("alerts")[1]["alerts"]) == before
    status, told, _ = command("gate", made.run.id, "--rules", file, "--alert")
    assert status == 1
    (id,) = told["alerts"]
    (alert,) = [one for one in command("alerts")[1]["alerts"] if one["alert"] == id]
    assert (alert["rule"], alert["owner"], alert["run"], alert["acknowledged"]) == (
        "Never",
        "ann",
        made.run.id,
        [],
    )
    assert alert["found"] == told["rules"][0]["found"]
    assert "nobody has acknowledged it" in command("alerts", json_answer=False)[1]
    said = ("--author", "Bob <i>", "--comment", "We look into it")
    status, answer, _ = command("acknowledge", id, *said)
    assert (status, answer["alert"], answer["author"]) == (0, id, "Bob <i>")
    assert "Bob <i>: We look into it" in command("alerts", json_answer=False)[1]
    assert command("acknowledge", "alert-none", *said)[0] == 2
    assert command("acknowledge", id, "--author", " ", "--comment", "x")[0] == 2


def test_the_webhook_is_told_what_is_answered_and_changes_no_exit_status(made, command, rules):
    for change, expected in (({}, 0), ({"at_least": 0.9}, 1)):
        file = rules(change)
        with listening() as (address, told):
            status, answer, errors = command("gate", made.run.id, "--rules", file, "--webhook", address)
        assert (status, errors) == (expected, [])
        assert [body for _, _, body in told] == [answer]
        status, answer, errors = command("gate", made.run.id, "--rules", file, "--webhook", address)
        assert (status, answer["passed"], len(errors)) == (expected, expected == 0, 1)
        assert "127.0.0.1 was not told" in errors[0]


REFUSED = [
    ({"metric": "ndgc@10"}, "has no metric 'ndgc@10'; did you mean ndcg"),
    ({"metric": "ndcg"}, "did you mean ndcg@10?"),
    ({"metric": "price_gap_raw"}, "section users has no metric 'price_gap_raw'"),
    ({"statistic": "average"}, "'statistic' is 'average'"),
    ({"metric": "coverage@10", "statistic": "max_min", "section": "exposure", "grouping": "popularity_band"}, "has no statistic max_min; it has mean"),
    ({"grouping": "sexx"}, "there is no grouping 'sexx'; there are users by sex, post, city."),
    ({"grouping": "sex*sex"}, "is no grouping"),
    ({"grouping": "sex*post*city"}, "cross two"),
    ({"grouping": "popularity_band"}, "there is no grouping 'popularity_band'"),
    ({"section": "exposure", "metric": "gini_items@10", "grouping": "brandd"}, "items by"),
    ({"group": "x"}, "no group 'x' by sex; there are f, m"),
    ({"at_least": "much"}, "'at_least' is 'much'"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "said"), REFUSED, ids=[said[:30] for _, said in REFUSED])
def test_a_typo_is_one_line_and_status_2(made, command, rules, change, said):
    status, answer, errors = command("gate", made.run.id, "--rules", rules({}, change))
    assert (status, answer, len(errors)) == (2, None, 1)
    assert errors[0].startswith("error: ")
    assert said in errors[0]
    assert "rule 1" in errors[0] or "'rule 1'" in errors[0]


def test_what_there_is_not_is_one_line_and_status_2(made, command, rules, tmp_path):
    good = rules({})
    other = tmp_path / "other.yaml"
    other.write_text("rules: []")
    for arguments, said in [
        (("gate", "run-none", "--rules", good), "no run 'run-none'"),
        (("gate", "--rules", good), "Name a run"),
        (("gate", made.run.id, "--dataset", made.dataset.id, "--rules", good), "Name a run"),
        (("gate", made.run.id), "--rules"),
        (("gate", made.run.id, "--rules", tmp_path / "absent.yaml"), "absent.yaml cannot be read"),
        (("gate", made.run.id, "--rules", other), "there is no rule"),
        (("gate", made.run.id, "--rules", good, "--webhook", "file:///etc/passwd"), "http:// or https://"),
        (("gate", made.run.id, "--rules", good, "--split", "train"), "--split"),
        (("gate", "--dataset", "ds-none", "--recommendations", good, "--rules", good), "no dataset"),
    ]:
        status, answer, errors = command(*arguments)
        assert (status, answer, len(errors)) == (2, None, 1), (arguments, errors)
        assert said in errors[0], (arguments, errors)


def test_a_shop_without_protected_attributes_can_have_its_products_judged(made, rules, tmp_path):
    root = copied(made.workspace.root, tmp_path / "plain")
    workspace = Workspace.open(root, f"sqlite:///{root}/evenhand.db")
    plain = made.dataset.model_copy(update={"protected": []})
    workspace.documents.put(DATASETS, plain.dump())
    bands = {"section": "exposure", "metric": "exposure_share@10", "statistic": "mean", "at_least": 0}
    read = read_rules(rules(bands | {"grouping": "popularity_band"}))
    outcome = gate_of_run(workspace, made.run.id, read).outcomes[0]
    workspace.close()
    assert outcome.outcome == "kept"


def test_a_metric_in_capitals_is_named_as_it_is_written(made, command, rules):
    status, _, errors = command("gate", made.run.id, "--rules", rules({"metric": "NDCG@10"}))
    assert status == 2
    assert "has no metric 'NDCG@10'; did you mean ndcg" in errors[0]


def test_one_rule_is_no_rules(made, command, rules):
    text = command("gate", made.run.id, "--rules", rules({}), json_answer=False)[1]
    assert "of 1 rule 1 kept, 0 broken, 0 unknown." in text


@pytest.mark.parametrize(
    ("audit", "said"),
    [
        ({"k": 0}, "'k'"),
        ({"kk": 3}, "'kk' is no setting"),
        ({"by": [["sex"]]}, "groupings come from the rules"),
        ({"items_by": ["brand"]}, "'items_by'"),
        ({"items_by": "brandd"}, "Items cannot be grouped by 'brandd'"),
    ],
)
def test_settings_of_the_audit_are_checked_as_everywhere(made, command, rules, audit, said):
    status, _, errors = command("gate", made.run.id, "--rules", rules({}, audit=audit))
    assert (status, len(errors)) == (2, 1)
    assert said in errors[0]


def test_no_alert_is_told_as_such(command, tmp_path):
    capsys_status, text, _ = command("--workspace", tmp_path / "empty", "alerts", json_answer=False)
    assert (capsys_status, text.strip()) == (0, "There is no alert.")
