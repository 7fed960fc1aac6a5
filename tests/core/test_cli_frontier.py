"""The frontier from a shell: JSON in the published shape, one line for what there is not."""

import json

import pytest

from core.cli import main
from core.schema.documents import FRONTIERS
from tests.core.workflow.conftest import made_tables, trained_shop


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    shop = trained_shop(tmp_path_factory.mktemp("cli"), *made_tables(), protected=("sex", "post"))
    yield shop
    shop.workspace.close()


def run(made, capsys, *arguments: str) -> tuple[int, str, str]:
    capsys.readouterr()
    status = main(["--workspace", str(made.workspace.root), "frontier", *arguments])
    return status, *capsys.readouterr()


def test_the_curve_of_one_algorithm_with_intervals(made, capsys):
    status, out, err = run(made, capsys, made.run.id, "--algorithm", "propensity", "--json")
    assert status == 0, err
    told = json.loads(out)
    assert (told["run"], told["split"], told["k"]) == (made.run.id, "validation", 10)
    assert told["by"] == [["sex"]]
    assert {point["algorithm"] for point in told["points"]} == {"current", "propensity"}
    for point in told["points"]:
        assert {"value", "low", "high", "change", "p_value"} <= set(point["measures"]["ndcg@10"])
        assert set(point["standing"]["attention_to_move@10"]) == {
            "ndcg_p_adjusted",
            "disparity_p_adjusted",
            "dominated",
            "same",
        }
    again = run(made, capsys, made.run.id, "--algorithm", "xquad")
    assert again[0] == 0
    assert made.workspace.documents.count(FRONTIERS) == 1  # one frontier, whichever algorithm is asked for


def test_people_get_lines(made, capsys):
    status, out, _ = run(
        made, capsys, made.run.id, "--by", "post", "--k", "5", "--items-by", "popularity_band"
    )
    assert status == 0
    assert "validation split, lists of 5" in out
    assert "price_guard: 8 points left out." in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("run-nothing",), "no run"),
        (("--algorithm", "wish"), "no re-ranker"),
        (("--by", "sex,post"), "one grouping"),
        (("--by", "shoe"), "shoe"),
        (("--items-by", "colour"), "colour"),
        (("--k", "0"), "k"),
    ],
)
def test_what_there_is_not_is_one_line(made, capsys, arguments, said):
    own = arguments if arguments[0].startswith("run-") else (made.run.id, *arguments)
    status, out, err = run(made, capsys, *own)
    assert (status, out) == (2, "")
    assert said in err.splitlines()[-1]
    assert "Traceback" not in err
