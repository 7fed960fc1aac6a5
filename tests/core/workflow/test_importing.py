"""Lists of another system kept as a run: the same numbers as the audit of their file, and everything told."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.data.dataset import load, table
from core.data.prepare import prepare
from core.data.splits import TEST
from core.errors import Cancelled, InputError, NotFound, TableError
from core.schema.documents import RUNS
from core.schema.settings import LONGEST_LIST, AuditSettings
from core.schema.tables import ITEM_ID, USER_ID
from core.store.workspace import Workspace
from core.workflow.audits.whole import audit_of_lists, audit_of_run
from core.workflow.evaluation import evaluate
from core.workflow.importing import import_lists
from core.workflow.own_lists import read_own_lists
from core.workflow.recommending import recommend
from core.workflow.runs import load_run, run_table
from tests.conftest import copied
from tests.core.workflow.conftest import WINDOWS, made_tables

COLUMNS = ["user_id", "item_id", "rank"]


@pytest.fixture
def own(shop, tmp_path) -> Workspace:
    """A copy of the made shop that a test may write to."""
    root = copied(shop.workspace.root, tmp_path / "workspace")
    workspace = Workspace.open(root, f"sqlite:///{root}/evenhand.db")
    yield workspace
    workspace.close()


@pytest.fixture
def lists() -> pd.DataFrame:
    """Everybody is shown i0 to i11 in this order."""
    rows = [(f"u{user}", f"i{item}", item + 1) for user in range(60) for item in range(12)]
    return pd.DataFrame(rows, columns=COLUMNS)


@pytest.fixture
def odd(lists) -> pd.DataFrame:
    """Lists with something wrong of every kind."""
    lists = lists[lists["user_id"] != "u7"].assign(score=1.0 / lists["rank"]).astype({"rank": float})
    lists.loc[lists["item_id"] == "i3", "item_id"] = "i-rare"
    lists.loc[lists["item_id"] == "i5", "rank"] = 6.5
    lists.loc[(lists["user_id"] == "u3") & (lists["item_id"] == "i1"), ["rank", "score"]] = [1, np.nan]
    lists.loc[(lists["user_id"] == "u4") & (lists["item_id"] == "i2"), "score"] = np.nan
    lists.loc[(lists["user_id"] == "u5") & lists["item_id"].isin(["i8", "i9"]), "rank"] = [0, -2]
    strangers = [("nobody", "i1", 1.0, 1.0), ("u1", "nothing", 30.0, 1.0)]
    return pd.concat([lists, pd.DataFrame(strangers, columns=[*COLUMNS, "score"])])


def file_of(lists: pd.DataFrame, folder: Path, name: str = "lists.csv") -> Path:
    lists.to_csv(folder / name, index=False)
    return folder / name


def bring(workspace: Workspace, dataset_id: str, path: Path, **options):
    return import_lists(workspace, dataset_id, path, run_id=options.pop("run_id", "run-brought"), **options)


@pytest.mark.parametrize("k", [10, 7])  # a length that runs keep, and one that they do not
def test_the_whole_audit_of_the_run_equals_that_of_the_file(own, shop, odd, tmp_path, k):
    settings = AuditSettings(by=(("sex",),), k=k, draws=200, permutations=200)
    file = file_of(odd, tmp_path)
    run = bring(own, shop.dataset.id, file)
    of_run, of_file = (
        audit_of_run(own, run.id, settings),
        audit_of_lists(own, shop.dataset.id, file, settings),
    )
    assert of_run.sections() == of_file.sections()
    assert of_run.absent == of_file.absent
    assert set(read_own_lists(own, shop.dataset.id, file).notes) <= set(of_run.users.notes)


def test_everything_that_was_left_out_stands_in_the_notes(own, shop, odd, tmp_path):
    run = bring(own, shop.dataset.id, file_of(odd, tmp_path))
    notes = load_run(own, run.id).reports["recommender"].notes
    for said in (
        "have a user_id that is not in the data (nobody)",
        "have an item_id that is not in the data (nothing)",
        "61 of 710 rows have a rank that is no whole number from 1 on (6.5, 0, -2)",
        "share a place with another item",
        "59 users have ranks with gaps",
        "1 of 60 users have no list",
        "1 of 646 rows have no score",
        "minus the rank",
        "59 of 646 places hold items outside of the catalogue",
        "cannot be told here",
    ):
        assert len([note for note in notes if said in note]) == 1, (said, notes)


def test_lists_of_what_was_bought_are_perfect_and_others_miss(own, shop, tmp_path):
    dataset = load(own, shop.dataset.id)
    events, users, items = (table(own, dataset, name) for name in ("events", "users", "items"))
    wanted = events[(events["split"] == TEST) & (events["item"] < dataset.counts["catalogue"])]
    pairs = wanted[["user", "item"]].drop_duplicates()
    rows = {
        USER_ID: users[USER_ID].to_numpy()[pairs["user"]],
        ITEM_ID: items[ITEM_ID].to_numpy()[pairs["item"]],
    }
    ranks = pairs.groupby("user").cumcount().to_numpy() + 1
    run = bring(own, dataset.id, file_of(pd.DataFrame(rows | {"rank": ranks}), tmp_path))
    assert run.metrics.keys() == {"test"}
    assert {run.metrics["test"][name] for name in ("ndcg@10", "ndcg@20", "mrr@10", "recall@20")} == {1.0}
    rare = pd.DataFrame({"user_id": users[USER_ID], "item_id": "i-rare", "rank": 1})
    missed = bring(own, dataset.id, file_of(rare, tmp_path))
    assert set(missed.metrics["test"].values()) == {0.0}


def test_a_models_own_lists_brought_back_have_its_accuracy_and_its_rules(own, shop, tmp_path):
    file = tmp_path / "lists.parquet"
    recommend(own, shop.run.id, file, k=LONGEST_LIST)
    run = bring(own, shop.dataset.id, file)
    assert run.metrics["test"] == pytest.approx(shop.run.metrics["test"], abs=1e-12)
    assert run.baselines == shop.run.baselines
    for name in ("per_user_test", "baselines_test"):
        pd.testing.assert_frame_equal(run_table(own, run, name), run_table(own, shop.run, name))
    brought, trained = (run_table(own, each, "candidates_test") for each in (run, shop.run))
    pd.testing.assert_frame_equal(brought, trained, check_dtype=False)


def test_the_order_of_rows_changes_nothing(own, shop, odd, tmp_path):
    given = odd[~odd.duplicated(["user_id", "rank"])]
    kept = [
        run_table(own, bring(own, shop.dataset.id, file_of(rows, tmp_path)), "candidates_test")
        for rows in (given, given.sample(frac=1, random_state=3))
    ]
    pd.testing.assert_frame_equal(*kept)


def test_scores_are_the_files_where_every_place_has_one_and_never_missing(own, shop, lists, tmp_path):
    scored = lists.assign(score=100.5 - lists["rank"])
    kept = run_table(own, bring(own, shop.dataset.id, file_of(scored, tmp_path)), "candidates_test")
    assert (kept["score"] == 100.5 - kept["rank"]).all()
    scored.loc[5, "score"] = np.nan
    kept = run_table(own, bring(own, shop.dataset.id, file_of(scored, tmp_path)), "candidates_test")
    assert (kept["score"] == -kept["rank"]).all()


def test_places_beyond_the_longest_list_are_left_out_and_told(tmp_path):
    folder, many = tmp_path / "shop", LONGEST_LIST + 20
    folder.mkdir()
    for name, rows in zip(("events", "users"), made_tables(n_items=many), strict=True):
        rows.to_csv(folder / f"{name}.csv", index=False)
    workspace = Workspace.open(tmp_path / "workspace", f"sqlite:///{tmp_path}/workspace/evenhand.db")
    dataset = prepare(workspace, "tables", WINDOWS, path=folder)
    items = table(workspace, dataset, "items")[ITEM_ID].iloc[:many]
    rows = pd.DataFrame({"user_id": "u1", "item_id": items, "rank": np.arange(1, len(items) + 1)})
    run = bring(workspace, dataset.id, file_of(rows, tmp_path))
    assert run_table(workspace, run, "candidates_test")["rank"].tolist() == list(range(1, LONGEST_LIST + 1))
    said = f"{len(items) - LONGEST_LIST} of {len(items)} places lie beyond the first {LONGEST_LIST}"
    assert any(said in note for note in run.reports["recommender"].notes)
    workspace.close()


def test_a_repeated_call_repeats_its_write(own, shop, lists, tmp_path):
    file = file_of(lists, tmp_path)
    first, second = (bring(own, shop.dataset.id, file) for _ in range(2))
    assert first.artefacts == second.artefacts
    assert own.documents.count(RUNS) == 2  # with the trained one


def test_the_run_is_called_as_asked_or_after_its_file(own, shop, lists, tmp_path):
    file = file_of(lists, tmp_path, "als [x](y)\n.csv")
    assert bring(own, shop.dataset.id, file).name == "als [x](y)\n.csv"
    assert bring(own, shop.dataset.id, file, name=" ALS ").name == "ALS"
    broken = bring(own, shop.dataset.id, file, name="A\udcff")
    assert load_run(own, broken.id).name == "A?"


def refused(own: Workspace, dataset_id: str, path: Path, kind: type, said: str) -> None:
    with pytest.raises(kind, match=said):
        bring(own, dataset_id, path)
    assert own.documents.count(RUNS) == 1
    assert not (own.root / "artefacts" / "runs" / "run-brought").exists()


def test_what_cannot_be_used_is_refused_and_nothing_is_kept(own, shop, lists, tmp_path):
    id, file = shop.dataset.id, file_of(lists, tmp_path)
    refused(own, "ds-nothing", file, NotFound, "no dataset 'ds-nothing'")
    refused(own, id, tmp_path / "gone.csv", TableError, "no such file")
    refused(own, id, file_of(lists.iloc[:0], tmp_path, "heads.csv"), TableError, "no rows")
    strangers = lists.assign(user_id="x" + lists["user_id"])
    refused(own, id, file_of(strangers, tmp_path, "x.csv"), InputError, r"no row can be used\. 720 of 720")
    refused(own, id, file_of(lists.assign(user_id="u1"), tmp_path, "a.csv"), TableError, "more than once")
    refused(own, id, file_of(lists.drop(columns="rank"), tmp_path, "b.csv"), TableError, "'rank'")
    refused(own, id, file_of(lists.assign(score="inf"), tmp_path, "c.csv"), TableError, "infinite")
    for name, content in {
        "empty.csv": b"",
        "zip.csv": b"PK\x03\x04" + bytes(99),
        "noise.csv": bytes(range(256)),
    }.items():
        (tmp_path / name).write_bytes(content)
        refused(own, id, tmp_path / name, TableError, name)


def test_a_cancelled_import_keeps_no_run(own, shop, lists, tmp_path):
    def until_the_rules(stage: str, fraction: float, message: str = "") -> None:
        if stage != "Reading":
            raise Cancelled("Stopped.")

    with pytest.raises(Cancelled):
        bring(own, shop.dataset.id, file_of(lists, tmp_path), progress=until_the_rules)
    assert own.documents.count(RUNS) == 1


def test_progress_rises_from_nothing_to_nearly_all(own, shop, lists, tmp_path):
    seen = []
    bring(
        own, shop.dataset.id, file_of(lists, tmp_path), progress=lambda stage, part, _="": seen.append(part)
    )
    assert seen == sorted(seen)
    assert seen[0] == 0
    assert 0.7 < seen[-1] < 1


def test_the_run_is_judged_and_given_back_and_says_that_it_has_no_validation(own, shop, lists, tmp_path):
    run = bring(own, shop.dataset.id, file_of(lists, tmp_path))
    assert evaluate(own, run.id, baselines=True)["baselines"]
    recommend(own, run.id, tmp_path / "out.parquet", k=12)
    given = pd.read_parquet(tmp_path / "out.parquet")[COLUMNS]
    keys = ["user_id", "rank"]
    pd.testing.assert_frame_equal(
        given.sort_values(keys, ignore_index=True),
        lists.sort_values(keys, ignore_index=True),
        check_dtype=False,
    )
    with pytest.raises(NotFound, match="made by another system, for the test split alone"):
        evaluate(own, run.id, split="validation")
