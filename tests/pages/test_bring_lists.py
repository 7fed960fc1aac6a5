"""Lists of another system on the pages: the form, and every page on a run that nothing was trained for."""

import os

import pandas as pd
import pytest

from core.data.dataset import table
from core.jobs.context import JobContext
from core.jobs.queue import enqueue, jobs
from core.jobs.tasks import TASKS
from core.schema.documents import JOBS
from core.store.workspace import Workspace
from core.workflow.importing import import_lists
from core.workflow.recommending import recommend
from pages.ui import uploads
from pages.ui.shell import PAGES
from tests.conftest import copied
from tests.pages.test_actions import press
from tests.pages.test_models import UNESCAPED, every_markdown
from tests.pages.test_prepare import File
from tests.pages.test_states import words

BUTTON = "Audit these lists"
HOSTILE = "als :red[x] <b>y</b> [z](javascript:w).csv"


def copy_of(root, folder) -> Workspace:
    root = copied(root, folder / "copy")
    return Workspace.open(root, f"sqlite:///{root}/evenhand.db")


@pytest.fixture
def lists(prepared) -> pd.DataFrame:
    """The same ten products for the first hundred users."""
    users, items = (
        table(prepared.workspace, prepared.dataset, name)[id]
        for name, id in (("users", "user_id"), ("items", "item_id"))
    )
    rows = [(user, item, place + 1) for user in users[:100] for place, item in enumerate(items[:10])]
    return pd.DataFrame(rows, columns=["user_id", "item_id", "rank"])


@pytest.fixture
def untrained(prepared, tmp_path):
    """A copy of the prepared slice without any run."""
    workspace = copy_of(prepared.workspace.root, tmp_path)
    yield workspace
    workspace.close()


@pytest.fixture
def train_page(untrained, open_page):
    return open_page("train", untrained.root)


def kept_files(workspace: Workspace) -> list[str]:
    return [file.name for file in (workspace.root / "uploads").glob("*/*")]


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_an_uploaded_file_is_checked_queued_and_becomes_the_run_that_is_shown(
    form, train_page, untrained, prepared, lists, started, tmp_path
):
    file = tmp_path / f"lists.{form}"
    lists.to_csv(file, index=False) if form == "csv" else lists.to_parquet(file)
    train_page.file_uploader(key="lists-file").upload(f"ALS of May.{form.upper()}", file.read_bytes())
    app = press(train_page, BUTTON)
    assert not app.exception
    assert not app.error
    (job,) = jobs(untrained, limit=9)
    assert job.kind == "import_lists"
    assert job.params["dataset"] == prepared.dataset.id
    assert job.params["name"] == f"ALS of May.{form.upper()}"
    assert kept_files(untrained) == [f"recommendations.{form}"]
    assert job.params["path"].startswith(str(untrained.root / "uploads"))
    assert started
    assert "Bringing in lists" in app.get("progress")[0].text
    result = TASKS["import_lists"](untrained, job.params, JobContext(untrained, job))
    untrained.documents.update(JOBS, job.id, {"state": "done", "result": result})
    app.run()
    assert not app.exception
    assert app.session_state["run"] == result["run"]
    assert "holds lists that another system made" in words(app)


def test_a_name_that_was_given_is_the_runs(train_page, untrained, lists):
    train_page.file_uploader(key="lists-file").upload("a.csv", lists.to_csv(index=False).encode())
    train_page.text_input(key="lists-name").set_value(" ALS ")
    press(train_page, BUTTON)
    assert jobs(untrained, limit=1)[0].params["name"] == "ALS"


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("lists.csv", b"", "is empty"),
        ("lists.csv", b"user_id,rank\nu1,1\n", "item_id"),
        ("lists.csv", b"user_id,item_id,rank\n<b>nobody</b>,i1,1\n", "no row can be used"),
        ("lists.csv", b"PK\x03\x04" + bytes(50), "ZIP archive"),
        ("lists.parquet", b"PAR1" + bytes(50), "recommendations.parquet"),
    ],
)
def test_a_bad_file_is_one_message_and_changes_nothing(train_page, untrained, name, content, said):
    train_page.file_uploader(key="lists-file").upload(name, content)
    app = press(train_page, BUTTON)
    assert not app.exception
    (error,) = app.error
    assert said in error.value.replace("\\", "")
    assert not UNESCAPED.search(error.value)
    assert jobs(untrained, limit=9) == []
    assert list((untrained.root / "uploads").glob("*")) == []


def test_without_a_file_one_message_asks_for_it(train_page, untrained):
    app = press(train_page, BUTTON)
    assert [error.value for error in app.error] == [
        "No file was chosen. Choose a CSV or Parquet file of lists."
    ]
    assert jobs(untrained, limit=9) == []


@pytest.mark.parametrize(
    "name",
    ["../../lists.csv", "..\\lists.csv", "/etc/lists.csv", "a\0b.csv", "lists.zip", "lists", ".csv", HOSTILE],
)
def test_an_uploads_name_never_reaches_a_path(name, untrained, prepared, lists):
    file = File(name, lists.to_csv(index=False).encode())
    try:
        path = uploads.keep_lists(untrained, prepared.dataset.id, file)
    except uploads.TableError:
        assert list((untrained.root / "uploads").glob("*")) == []
    else:
        assert path.name == "recommendations.csv"
        assert path.is_relative_to(untrained.root / "uploads")
    found = [path for path in untrained.root.parent.rglob("*.csv") if "uploads" not in path.parts]
    assert found == []


def test_the_file_of_a_waiting_job_is_kept_and_a_forgotten_one_is_swept(untrained, prepared, lists):
    file = File("lists.csv", lists.to_csv(index=False).encode())
    needed, forgotten = (uploads.keep_lists(untrained, prepared.dataset.id, file) for _ in range(2))
    enqueue(untrained, "import_lists", {"dataset": prepared.dataset.id, "path": str(needed)})
    for path in (needed, forgotten):
        os.utime(path.parent, (1, 1))
    uploads.sweep(untrained)
    assert needed.is_file()
    assert not forgotten.parent.exists()


def test_beside_a_trained_run_the_page_leads_to_what_was_brought(own, trained, lists, open_page, tmp_path):
    app = open_page("train", own.root, run=trained[1][0].id)
    app.file_uploader(key="lists-file").upload("als.csv", lists.to_csv(index=False).encode())
    app = press(app, BUTTON)
    (job,) = jobs(own, limit=9)
    result = TASKS["import_lists"](own, job.params, JobContext(own, job))
    own.documents.update(JOBS, job.id, {"state": "done", "result": result})
    app.run()
    assert "als.csv" in app.success[0].value.replace("\\", "")
    app.button(key="show-made").click().run()
    assert not app.exception
    assert app.session_state["run"] == result["run"]


def brought(workspace: Workspace, dataset_id: str, lists: pd.DataFrame, folder) -> str:
    """The id of a run of these lists, under a name that tries to be markup."""
    file = folder / "lists.csv"
    lists.to_csv(file, index=False)
    return import_lists(workspace, dataset_id, file, run_id="run-brought", name=HOSTILE).id


@pytest.fixture(scope="module")
def beside(trained, tmp_path_factory):
    """A workspace with two trained runs and, newest, lists of another system with faults of several kinds."""
    folder = tmp_path_factory.mktemp("beside")
    workspace, run = copy_of(trained[0], folder), trained[1][0]
    recommend(workspace, run.id, folder / "own.parquet", k=20)
    lists = pd.read_parquet(folder / "own.parquet").drop(columns="score").astype({"rank": float})
    users = lists["user_id"].unique()
    lists = lists[lists["user_id"] != users[0]]
    lists.loc[lists["user_id"] == users[1], "rank"] *= 3
    lists.loc[lists["user_id"] == users[2], "item_id"] += " <b>gone</b>"
    brought(workspace, run.dataset, lists, folder)
    yield workspace.root, trained[1], users
    workspace.close()


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("by", ["age", "age*income"])
def test_every_page_opens_on_such_a_run(page, by, beside, open_page):
    app = open_page(page, beside[0], run="run-brought", by=by)
    assert not app.exception
    assert not app.error
    assert not [text for text in every_markdown(app) if UNESCAPED.search(text)]
    assert app.get("plotly_chart") or page in ("behaviour", "service", "tune", "report", "loop", "explain")


@pytest.mark.parametrize("page", ["overview", "recommendations", "exposure", "pricing"])
def test_pages_of_lists_are_as_full_as_on_a_trained_run(page, beside, open_page):
    ours, theirs = (open_page(page, beside[0], run=id) for id in (beside[1][0].id, "run-brought"))
    assert len(theirs.get("plotly_chart")) == len(ours.get("plotly_chart"))
    assert [block.value for block in theirs.subheader] == [block.value for block in ours.subheader]


def test_the_overview_tells_what_was_left_out(beside, open_page):
    said = words(open_page("overview", beside[0], run="run-brought"))
    for told in (
        "have an item_id that is not in the data",
        "have no list",
        "ranks with gaps",
        "minus the rank",
    ):
        assert told in said


@pytest.mark.parametrize("page", ["behaviour", "service"])
def test_pages_of_further_models_say_where_the_lists_come_from(page, beside, open_page):
    app = open_page(page, beside[0], run="run-brought")
    assert "Another system made these lists" in words(app)
    assert app.get("page_link")


def test_the_train_page_says_what_is_not_known_and_offers_no_settings(beside, open_page):
    app = open_page("train", beside[0], run="run-brought")
    said = words(app)
    assert "3 runs, 1 with lists of another system" in said
    assert "holds lists that another system made; nothing was trained here" in said
    assert "were not shown to the model" not in said
    assert "is not known here" in said
    assert "there are no settings to compare" in said
    assert "B minus A is" in said
    assert not any("als" in option for option in app.selectbox(key="search-start").options)
    line = next(frame.value for frame in app.dataframe if "Beside best rule" in frame.value).iloc[0]
    assert (line["Epochs"], line["Device"], line["Settings"]) == ("–", "–", "another system's lists")
    press(app, "Search")
    assert not app.exception


def test_two_runs_of_lists_are_compared_without_settings(beside, open_page, tmp_path):
    workspace = copy_of(beside[0], tmp_path)
    again = Workspace.open(workspace.root, workspace.store_url)
    run = next(each for each in again.documents.find("runs") if each["_id"] == "run-brought")
    again.documents.put("runs", run | {"_id": "run-again"})
    app = open_page("train", workspace.root, first="run-brought", second="run-again", run="run-again")
    assert not app.exception
    assert "Another system made the lists of A and B" in words(app)
    again.close()
    workspace.close()


def test_a_user_without_a_list_and_one_with_are_shown(beside, open_page):
    app = open_page("recommendations", beside[0], run="run-brought", user=beside[2][0])
    assert not app.exception
    assert "What the other system shows" in words(app)
    assert "without knowing the test window" not in words(app)
    app.text_input(key="user").set_value(beside[2][1]).run()
    assert not app.exception


def test_a_shop_with_reviews_is_told_of_without_a_model(reviewed, open_page, tmp_path):
    workspace, run = copy_of(reviewed[0], tmp_path), reviewed[1]
    recommend(workspace, run.id, tmp_path / "own.parquet", k=5)
    lists = pd.read_parquet(tmp_path / "own.parquet")
    brought(workspace, run.dataset, lists, tmp_path)
    app = open_page("recommendations", workspace.root, run="run-brought")
    assert not app.exception
    assert not app.error
    assert "Written by a machine" in words(app)
    app = open_page("service", workspace.root, run="run-brought")
    assert not app.exception
    assert "Train a model to have it" in words(app)
    workspace.close()
