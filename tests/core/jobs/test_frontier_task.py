"""The frontier as a job, and at the end of a training: there where it can be, and no run is lost where it cannot."""

import pandas as pd
import pytest

from core.data.prepare import prepare
from core.errors import InputError, NotFound
from core.jobs.context import JobContext, log_file
from core.jobs.tasks import TASKS
from core.schema.documents import FRONTIERS, Job, now
from core.store.workspace import Workspace
from core.workflow.runs import load_run
from tests.core.workflow.conftest import WINDOWS, made_tables

MODEL = {"width": 16, "layers": 1, "epochs": 1, "history_length": 32, "models": [], "device": "cpu"}


@pytest.fixture
def workspace(tmp_path):
    opened = Workspace.open(tmp_path / "workspace", f"sqlite:///{tmp_path}/workspace/evenhand.db")
    yield opened
    opened.close()


def shop_of(workspace, tmp_path, users: pd.DataFrame | None = None, **settings):
    events, people = made_tables()
    events.to_csv(tmp_path / "events.csv", index=False)
    (people if users is None else users).to_csv(tmp_path / "users.csv", index=False)
    return prepare(workspace, "tables", WINDOWS.model_copy(update=settings), path=tmp_path)


def run_task(workspace, kind: str, params: dict) -> dict:
    job = Job(_id=f"job-{kind}", kind=kind, params=params, created_at=now())
    return TASKS[kind](workspace, params, JobContext(workspace, job))


def test_a_training_ends_with_the_frontier_of_the_first_view(workspace, tmp_path):
    dataset = shop_of(workspace, tmp_path, protected=("sex",))
    result = run_task(workspace, "train", {"dataset": dataset.id, "settings": MODEL})
    assert result == {"dataset": dataset.id, "run": "run-train"}
    (found,) = workspace.documents.find(FRONTIERS)
    assert found["run"] == "run-train"
    assert found["settings"]["by"] == [["sex"]]
    log = log_file(workspace, "job-train").read_text()
    assert log.index("Comparing with baselines") < log.index("Trying policies")


def test_a_run_is_whole_where_there_can_be_no_frontier(workspace, tmp_path):
    """Every group of the protected attribute is hidden, and nobody may be told apart; or none is named."""
    _, people = made_tables()
    alone = people.assign(seat=[f"seat {n // 2}" for n in range(len(people))])
    dataset = shop_of(workspace, tmp_path, alone, protected=("seat",))
    params = {"dataset": dataset.id, "settings": MODEL}
    assert run_task(workspace, "train", params)["run"] == "run-train"
    assert load_run(workspace, "run-train").metrics["test"]
    dataset = shop_of(workspace, tmp_path, protected=())
    assert run_task(workspace, "train", {"dataset": dataset.id, "settings": MODEL})["run"] == "run-train"


def test_what_goes_wrong_is_for_the_log(workspace, tmp_path):
    dataset = shop_of(workspace, tmp_path, protected=("sex",))
    blocked = workspace.root / "artefacts" / "frontiers"
    blocked.parent.mkdir(exist_ok=True)
    blocked.write_text("a file where a folder belongs")
    result = run_task(workspace, "train", {"dataset": dataset.id, "settings": MODEL})
    assert result["run"] == "run-train"
    assert load_run(workspace, "run-train").id == "run-train"
    assert workspace.documents.count(FRONTIERS) == 0
    assert "No frontier yet" in log_file(workspace, "job-train").read_text()


def test_a_job_computes_what_it_is_asked_and_refuses_what_there_is_not(workspace, tmp_path):
    dataset = shop_of(workspace, tmp_path, protected=())
    run_task(workspace, "train", {"dataset": dataset.id, "settings": MODEL})
    against = {"steps": [{"step": "propensity", "settings": {"strength": 0.2}}], "k": 5}
    settings = {"by": [["post"]], "k": 5, "draws": 100, "permutations": 100}
    result = run_task(workspace, "frontier", {"run": "run-train", "settings": settings, "against": against})
    document = workspace.documents.get(FRONTIERS, result["frontier"])
    assert document["against"]["steps"][0]["step"] == "propensity"
    for wrong, error in (({"run": "run-nothing"}, NotFound), ({"settings": {"by": []}}, InputError)):
        with pytest.raises(error):
            run_task(workspace, "frontier", {"run": "run-train", "settings": settings} | wrong)
