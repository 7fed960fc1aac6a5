"""The loop in a real browser: publish a policy, load feedback, train on, compare, publish again, open the report."""

from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest

from core.schema.documents import FEEDBACK, RUNS
from core.store.workspace import Workspace
from core.workflow.policies.serving import served, servings
from tests.browser.conftest import serving
from tests.conftest import copied
from tests.pages.conftest import trained  # noqa: F401  (a fixture: a workspace with two quickly trained runs)

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("loop")]

JOB = 180_000  # milliseconds
HOSTILE = "late <b>again</b> [x](javascript:y)"


@pytest.fixture(scope="module")
def shop(trained, tmp_path_factory):  # noqa: F811
    """A server on a copy of the trained workspace."""
    root = copied(trained[0], tmp_path_factory.mktemp("loop") / "workspace")
    with serving(root) as started:
        yield started


def opened(root: Path):
    return closing(Workspace.open(root, f"sqlite:///{root}/evenhand.db"))


def publish(tab, url: str, run: str, *, name: str) -> None:
    """Save what is on the desk for a run and let the shop read its lists."""
    tab.open(f"{url}/tune?run={run}", title="Tune")
    page = tab.page
    page.get_by_role("tab", name="Policies").click()
    tab.settle()
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Author", exact=True).fill("Ann")
    page.get_by_label("Aim", exact=True).fill("What the model makes")
    page.get_by_role("button", name="Save this version").click()
    page.get_by_text("is saved. Nothing changes it any more").wait_for(timeout=JOB)
    signed = page.get_by_label("Signed by").first
    signed.fill("Ann")
    signed.press("Enter")
    tab.settle()
    page.get_by_role("button", name="Publish its lists").click()
    page.get_by_text(f"The shop reads {name}").wait_for(timeout=JOB)
    tab.settle().check()


def reactions(root: Path, line: str) -> pd.DataFrame:
    """What became of the published lists: their first product shown to everyone, dismissed by some, clicked by others."""
    with opened(root) as workspace:
        from core.data.dataset import load, table

        users = table(workspace, load(workspace, line), "users", ["user_id"])["user_id"]
        lists = {user: served(workspace, line, user) for user in users}
    rows = [
        (user, found.item_ids[0], 1, "2017-12-03 10:00", place % 3 == 0, place % 3 == 1)
        for place, (user, found) in enumerate(lists.items())
        if found is not None
    ]
    columns = ["user_id", "item_id", "rank", "timestamp", "clicked", "dismissed"]
    frame = pd.DataFrame(rows, columns=columns).assign(reason=HOSTILE)
    return pd.concat([frame, frame.head(1).assign(user_id="nobody")], ignore_index=True)


def test_publish_load_feedback_train_on_compare_publish_again_and_open_the_report(shop, visit, tmp_path):
    tab, root = visit(), shop.workspace
    page = tab.page
    publish(tab, shop.url, "run-first", name="Plain")
    with opened(root) as workspace:
        line = workspace.documents.get(RUNS, "run-first")["dataset"]
    file = tmp_path / "impressions.csv"
    told = reactions(root, line)
    told.to_csv(file, index=False)

    tab.open(f"{shop.url}/data?run=run-first", title="Data")
    page.get_by_text("Bring in feedback", exact=True).click()
    page.locator('input[type="file"]').first.set_input_files(file)
    page.get_by_label("Brought in by").fill("Ann")
    page.get_by_role("button", name="Bring in", exact=True).click()
    page.get_by_text(f"{len(told) - 1:,} rows").first.wait_for(timeout=JOB)
    tab.settle().check()
    assert "1 more was set aside" in tab.text()

    page.get_by_role("link", name="Train", exact=True).click()
    page.get_by_text("came since it was trained").wait_for()
    tab.settle().check()
    page.get_by_role("button", name="Train on with it").click()
    page.get_by_role("button", name="Show it").click(timeout=JOB)
    page.get_by_role("heading", name="which it follows").wait_for()
    tab.settle().check()
    assert "on the same users" in tab.text()
    assert "Nothing has come since it was trained" in tab.text()

    with opened(root) as workspace:
        [found] = [run for run in workspace.documents.find(RUNS) if run.get("follows")]
        [piece] = workspace.documents.find(FEEDBACK)
    assert (found["follows"], found["feedback"]) == ("run-first", [piece["_id"]])
    assert found["dataset"] != line

    publish(tab, shop.url, found["_id"], name="Plain again")
    with opened(root) as workspace:
        assert [one.by for one in servings(workspace, line)] == ["publish", "publish"]
        dismissed = told[told["dismissed"] & (told["user_id"] != "nobody")]
        again = [
            item in served(workspace, line, user).item_ids
            for user, item in zip(dismissed["user_id"], dismissed["item_id"], strict=True)
        ]
    assert sum(again) < len(again) / 5  # those that were bought on the last day may be listed again

    tab.open(f"{shop.url}/report?run={found['_id']}", title="Report")
    page.get_by_role("button", name="Make the report").click()
    with page.expect_download(timeout=JOB) as download:
        page.get_by_role("button", name="Page", exact=True).click(timeout=JOB)
    written = Path(download.value.path()).read_text()
    assert "Plain again" in written
    assert found["_id"] in written
    tab.settle().check()
