"""The command line, as scripts see it: JSON in the published shape, exit codes, one clear line for bad input."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from core.cli import main

ROOT = Path(__file__).resolve().parents[2]
AUDIT_FIELDS = {
    "group",
    "metric",
    "value",
    "low",
    "high",
    "n",
    "p_value",
    "p_adjusted",
    "verdict",
    "reference",
    "suppressed",
}
VERDICTS = {"unequal", "equal_within_tolerance", "not_enough_data", None}


def run_json(workspace: Path, capsys, *arguments: str) -> dict:
    """Run one command in this process; its JSON answer."""
    capsys.readouterr()
    status = main(["--workspace", str(workspace), *arguments, "--json"])
    out, err = capsys.readouterr()
    assert status == 0, err
    return json.loads(out)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("cli")


@pytest.fixture(scope="module")
def trained_run(folder) -> tuple[str, str]:
    """Prepare and train through the real command in processes of their own; (dataset, run)."""

    def command(*arguments: str) -> dict:
        done = subprocess.run(
            [sys.executable, "-m", "core", "--workspace", str(folder), *arguments, "--json"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            env=os.environ | {"OMP_NUM_THREADS": "2"},
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stderr
        return json.loads(done.stdout)

    prepared = command(
        "prepare", "complete_journey", "--protected", "age,income", "--set", "sample_users=200"
    )
    assert set(prepared) == {"dataset", "quality"}
    assert {"table", "rule", "action", "read", "affected"} <= set(prepared["quality"][0])
    trained = command(
        "train",
        prepared["dataset"],
        "--set",
        "epochs=1",
        "--set",
        "width=16",
        "--set",
        "models=[]",
        "--device",
        "cpu",
    )
    assert set(trained) == {"run", "device", "seconds"}
    assert trained["device"] == "cpu"
    return prepared["dataset"], trained["run"]


def test_evaluate_gives_intervals_and_every_baseline(folder, trained_run, capsys):
    answer = run_json(folder, capsys, "evaluate", trained_run[1], "--baselines")
    assert answer["run"] == trained_run[1]
    assert answer["split"] == "test"
    assert {"ndcg@10", "recall@10", "mrr@10", "coverage@10"} <= set(answer["metrics"])
    for interval in answer["metrics"].values():
        assert 0 <= interval["low"] <= interval["value"] <= interval["high"] <= 1
    assert set(answer["baselines"]) == {"popularity", "p_topfreq", "tifu_knn", "item_knn", "ease"}
    assert answer["baselines"]["p_topfreq"]["ndcg@10"] > answer["baselines"]["popularity"]["ndcg@10"] > 0


def test_audit_gives_the_published_shape(folder, trained_run, capsys):
    answer = run_json(folder, capsys, "audit", trained_run[1], "--by", "age,income")
    assert list(answer) == ["users", "exposure", "pricing", "service"]
    assert answer["exposure"]
    rungs = {row["metric"] for row in answer["pricing"] if row["metric"].startswith("price_gap_")}
    assert rungs == {
        "price_gap_raw",
        "price_gap_product",
        "price_gap_product_time",
        "price_gap_product_time_store",
        "price_gap_conditional",
    }
    for section in answer.values():
        for row in section:
            assert set(row) >= AUDIT_FIELDS
            assert row["verdict"] in VERDICTS
            if row["suppressed"]:
                assert row["value"] is row["low"] is row["high"] is row["p_value"] is None
    rows = answer["users"]
    assert {row["attribute"] for row in rows} == {"age", "income"}
    gaps = [row for row in rows if row["metric"] == "ndcg@10_gap" and not row["suppressed"]]
    assert gaps
    assert all(row["null_low"] <= 0 <= row["null_high"] for row in gaps)
    assert all(row["low"] <= row["value"] <= row["high"] for row in gaps)


def test_crossed_audit_names_both_attributes(folder, trained_run, capsys):
    rows = run_json(folder, capsys, "audit", trained_run[1], "--by", "age*income")["users"]
    assert any("×" in row["group"] for row in rows)


def test_human_readable_audit_says_what_is_unequal_and_for_how_many_tests(folder, trained_run, capsys):
    assert main(["--workspace", str(folder), "audit", trained_run[1], "--by", "age"]) == 0
    text = capsys.readouterr().out
    assert "ndcg@10" in text
    assert "corrected" in text


def test_a_list_length_that_was_not_kept_is_computed_on_demand(folder, trained_run, capsys):
    rows = run_json(folder, capsys, "audit", trained_run[1], "--by", "age", "--k", "11")["users"]
    assert any(row["metric"] == "ndcg@11" and row["value"] is not None for row in rows)


def test_recommend_writes_ranked_lists_with_the_shops_own_ids(folder, trained_run, tmp_path, capsys):
    out = tmp_path / "lists.parquet"
    run_json(folder, capsys, "recommend", trained_run[1], "--out", str(out), "--k", "7")
    lists = pd.read_parquet(out)
    assert list(lists.columns) == ["user_id", "item_id", "rank", "score"]
    assert (
        lists.groupby("user_id")["rank"].apply(list).map(lambda ranks: ranks == [1, 2, 3, 4, 5, 6, 7])
    ).all()
    assert not lists.duplicated(["user_id", "item_id"]).any()


def test_recommend_follows_a_policy_and_says_what_it_reached(folder, trained_run, tmp_path, capsys):
    out, policy = tmp_path / "lists.parquet", tmp_path / "policy.yaml"
    policy.write_text("steps:\n- step: exposure_limits\n  settings: {items_by: price_band, floor: 0.9}\n")
    asked = ("recommend", trained_run[1], "--out", str(out), "--k", "7")
    run_json(folder, capsys, *asked)
    plain = pd.read_parquet(out)
    said = run_json(folder, capsys, *asked, "--policy", str(policy))
    lists = pd.read_parquet(out)
    assert "more relevant" in said["notes"][0]
    assert said["rows"] == len(lists) == len(plain)
    assert (lists["rank"] == plain["rank"]).all()
    assert (lists["item_id"] != plain["item_id"]).any()
    policy.write_text("steps: [{step: wishful}]\n")
    assert main(["--workspace", str(folder), *asked, "--policy", str(policy)]) == 2
    assert "no re-ranker" in capsys.readouterr().err


def test_what_an_audit_has_to_say_stands_beside_its_json(folder, trained_run, tmp_path, capsys):
    out = tmp_path / "lists.parquet"
    run_json(folder, capsys, "recommend", trained_run[1], "--out", str(out), "--k", "10")
    lists = pd.read_parquet(out)
    lists.loc[0, "item_id"] = "nowhere"
    lists.to_parquet(out)
    asked = ("--dataset", trained_run[0], "--recommendations", str(out), "--by", "age", "--json")
    quick = ("--set", "draws=200", "--set", "permutations=200")
    assert main(["--workspace", str(folder), "audit", *asked, *quick]) == 0
    said, told = capsys.readouterr()
    assert set(json.loads(said)) == {"users", "exposure", "pricing", "service"}
    assert "not in the data (nowhere)" in told


def test_rerank_says_what_a_policy_costs_and_whom(folder, trained_run, tmp_path, capsys):
    policy = tmp_path / "policy.yaml"
    policy.write_text("steps:\n- step: exposure_limits\n  settings: {items_by: price_band, floor: 1.0}\n")
    found = run_json(folder, capsys, "rerank", trained_run[1], "--policy", str(policy), "--k", "7")
    assert found["split"] == "validation"
    assert found["gain"] + found["lose"] + found["same"] == found["users"]
    change = found["change"]["ndcg@7"]
    assert change["value"] == pytest.approx(
        found["after"]["ndcg@7"]["value"] - found["before"]["ndcg@7"]["value"]
    )
    assert change["low"] <= change["value"] <= change["high"]
    assert 0 < found["moved"] < 1
    policy.write_text("steps: []\n")
    still = run_json(folder, capsys, "rerank", trained_run[1], "--policy", str(policy), "--split", "test")
    assert (still["gain"], still["lose"], still["moved"]) == (0, 0, 0)
    evaluated = run_json(folder, capsys, "evaluate", trained_run[1])["metrics"]["ndcg@10"]["value"]
    assert still["after"]["ndcg@10"]["value"] == pytest.approx(evaluated)
    assert main(["--workspace", str(folder), "rerank", trained_run[1], "--policy", str(policy)]) == 0
    assert "0 users are served better, 0 worse" in capsys.readouterr().out


def test_an_audit_of_a_policy_judges_the_lists_that_it_makes(folder, trained_run, tmp_path, capsys):
    policy, out = tmp_path / "policy.yaml", tmp_path / "lists.parquet"
    policy.write_text("steps:\n- step: exposure_limits\n  settings: {items_by: price_band, floor: 0.9}\n")
    asked = ("--by", "age", "--set", "items_by=price_band", "--set", "draws=200", "--set", "permutations=200")

    def shares(*arguments):
        rows = run_json(folder, capsys, "audit", *arguments, *asked)["exposure"]
        return {
            row["group"]: row["value"]
            for row in rows
            if row["metric"] == "exposure_share@10" and row["attribute"] == "price_band"
        }

    plain, repaired = shares(trained_run[1]), shares(trained_run[1], "--policy", str(policy))
    assert min(repaired.values()) > min(plain.values())
    run_json(
        folder, capsys, "recommend", trained_run[1], "--out", str(out), "--k", "10", "--policy", str(policy)
    )
    of_file = shares("--dataset", trained_run[0], "--recommendations", str(out))
    assert of_file == pytest.approx(repaired)


def test_own_lists_audited_from_a_file_equal_the_audit_of_the_run(folder, trained_run, tmp_path, capsys):
    dataset, run = trained_run
    out = tmp_path / "lists.parquet"
    run_json(folder, capsys, "recommend", run, "--out", str(out), "--k", "10")
    from_run = run_json(folder, capsys, "audit", run, "--by", "age")
    from_file = run_json(
        folder, capsys, "audit", "--dataset", dataset, "--recommendations", str(out), "--by", "age"
    )
    assert from_file == from_run


def test_an_audit_of_a_part_of_the_shop_and_one_that_is_not_there(folder, trained_run, capsys):
    store = "scope={start: 2017-06-01, end: 2017-06-03}"
    part = run_json(folder, capsys, "audit", trained_run[1], "--by", "age", "--set", store)
    whole = run_json(folder, capsys, "audit", trained_run[1], "--by", "age")
    for section in ("users", "exposure", "pricing"):
        assert part[section] != whole[section]
    n = {
        name: next(row["n"] for row in found["users"] if (row["group"], row["metric"]) == ("all", "ndcg@10"))
        for name, found in (("part", part), ("whole", whole))
    }
    assert n["part"] < n["whole"]
    grouped = run_json(
        folder, capsys, "audit", trained_run[1], "--by", "age", "--set", "scope={categories: [Soft drinks]}"
    )
    of_drinks = next(row for row in grouped["users"] if (row["group"], row["metric"]) == ("all", "ndcg@10"))
    assert 0 < of_drinks["n"] < n["whole"]
    arguments = ["--workspace", str(folder), "audit", trained_run[1], "--set", "scope={stores: [nowhere]}"]
    assert main(arguments) == 2
    assert "There is no store 'nowhere'" in capsys.readouterr().err


BAD = [
    (["train", "ds-nothing"], "ds-nothing"),
    (["audit", "run-nothing", "--by", "age"], "run-nothing"),
    (["evaluate", "../../etc/passwd"], "no run"),
    (["prepare", "nowhere"], "complete_journey"),
    (["prepare", "tables"], "needs a path"),
    (["prepare", "tables", "--path", "/nonexistent/folder"], "folder"),
    (["prepare", "complete_journey", "--protected", "shoe_size", "--set", "sample_users=200"], "shoe_size"),
    (["prepare", "complete_journey", "--set", "test_days=0"], "test_days"),
    (["prepare", "complete_journey", "--set", "test_dayz=3"], "test_dayz"),
    (["prepare", "complete_journey", "--set", "novalue"], "KEY=VALUE"),
    (["audit"], "Name a run"),
]


@pytest.mark.parametrize(("arguments", "said"), BAD, ids=[" ".join(arguments)[:40] for arguments, _ in BAD])
def test_bad_input_is_one_clear_line_and_status_2(folder, capsys, arguments, said):
    capsys.readouterr()
    assert main(["--workspace", str(folder), *arguments]) == 2
    out, err = capsys.readouterr()
    errors = [line for line in err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert said in errors[0]
    assert "Traceback" not in err
    assert out == ""


def test_bad_arguments_for_an_existing_run_are_refused(folder, trained_run, tmp_path, capsys):
    dataset, run = trained_run
    unknown_user = tmp_path / "users.csv"
    unknown_user.write_text("user_id\nnobody-of-that-name\n")
    lists = tmp_path / "lists.csv"
    lists.write_text("user_id,item_id,rank\nnobody,nothing,1\n")
    for arguments, said in [
        (["audit", run, "--by", "shoe_size"], "shoe_size"),
        (["audit", run, "--by", "age*income*age"], "grouping"),
        (["audit", run, "--by", "age", "--k", "0"], "'k'"),
        (["audit", run, "--by", "age", "--k", "201"], "'k'"),
        (["recommend", run, "--out", str(tmp_path / "x.csv")], ".parquet"),
        (
            ["recommend", run, "--out", str(tmp_path / "x.parquet"), "--users", str(unknown_user)],
            "nobody-of-that-name",
        ),
        (["audit", "--dataset", dataset, "--recommendations", str(lists), "--by", "age"], "user_id"),
        (["train", dataset, "--set", "heads=3"], "heads"),
        (["train", dataset, "--set", "learning_rate=nan"], "learning_rate"),
        (["train", dataset, "--config", str(tmp_path / "missing.yaml")], "missing.yaml"),
    ]:
        capsys.readouterr()
        assert main(["--workspace", str(folder), *arguments]) == 2, arguments
        out, err = capsys.readouterr()
        assert said in err, (arguments, err)
        assert out == ""
    assert not (tmp_path / "x.parquet").exists()
