"""Explanations from a shell: one JSON object each, and one line for what there is not."""

import json

import pytest

from core.cli import main
from core.workflow.runs import run_table
from tests.core.workflow.explaining.conftest import made_shop


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    made = made_shop(tmp_path_factory.mktemp("cli"))
    yield made
    made.workspace.close()


def run(shop, capsys, *arguments: str) -> tuple[int, str, str]:
    capsys.readouterr()
    status = main(["--workspace", str(shop.workspace.root), "explain", *arguments])
    return status, *capsys.readouterr()


def told(shop, capsys, *arguments: str) -> dict:
    status, out, err = run(shop, capsys, shop.run.id, *arguments, "--json")
    assert status == 0, err
    return json.loads(out)


def test_what_can_be_explained_and_then_has_been(shop, capsys):
    models = {one["model"]: one["explained"] for one in told(shop, capsys)["models"]}
    assert models["ranking_again"] is False
    found = told(shop, capsys, "--model", "ranking_again", "--by", "sex")
    assert found["incomplete"] == 0
    assert found["features"][0]["value"] >= found["features"][1]["value"]
    assert {row["group"] for row in found["groups"]} == {"all", "f", "m"}
    models = {one["model"]: one["explained"] for one in told(shop, capsys)["models"]}
    assert models["ranking_again"] is True


def test_one_prediction_and_one_product(shop, capsys):
    lists = run_table(shop.workspace, shop.run, "candidates_test")
    users, items = (
        shop.workspace.artefacts.read_table(shop.dataset.tables[name])[f"{name[:-1]}_id"]
        for name in ("users", "items")
    )
    row = lists[lists["rank"] == 1].iloc[20]
    user, item = users.iloc[int(row["user"])], items.iloc[int(row["item"])]
    case = told(shop, capsys, "--model", "intent_7", "--user", user)
    assert case["expected"] + sum(part["value"] for part in case["parts"]) == pytest.approx(
        case["output"], abs=case["allowed"]
    )
    why = told(shop, capsys, "--user", user, "--item", item, "--k", "5")
    assert (why["place"], why["k"]) == (1, 5)
    assert sum(part["value"] for part in why["parts"]) == pytest.approx(why["score"], abs=1e-3)
    status, out, _ = run(shop, capsys, shop.run.id, "--user", user, "--item", item)
    assert status == 0
    assert "stands at place 1" in out


def test_a_gap(shop, capsys):
    found = told(shop, capsys, "--gap", "recall", "--k", "5")
    assert found["metric"] == "recall@5"
    assert {row["attribute"] for row in found["rows"]} == {"sex"}
    status, out, _ = run(shop, capsys, shop.run.id, "--gap", "ndcg", "--by", "post")
    assert status == 0
    assert "would remain" in out.lower()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--model", "wish"), "no model 'wish' to explain; there are: ranking_again"),
        (("--model", "intent_7", "--user", '{"$ne": null}'), "no user '{\"$ne\": null}'"),
        (("--user", "u1"), "Say --model or --item"),
        (("--item", "i1"), "--item goes with --user"),
        (("--gap", "ndcg", "--user", "u1"), "--gap is of groups"),
        (("--gap", "profit"), "cannot be taken apart"),
        (("--gap", "ndcg", "--by", "sex,post"), "one grouping"),
        (("--gap", "ndcg", "--by", "shoe"), "shoe"),
        (("--user", "u1", "--item", "i-none"), "no item 'i-none'"),
    ],
)
def test_bad_input_is_one_line(shop, capsys, arguments, said):
    status, out, err = run(shop, capsys, shop.run.id, *arguments)
    assert (status, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1


def test_an_unknown_run(shop, capsys):
    status, _, err = run(shop, capsys, "run-none", "--gap", "ndcg")
    assert status == 2
    assert "no run" in err
