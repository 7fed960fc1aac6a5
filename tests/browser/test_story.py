"""The real path of a newcomer, in order: each test goes on where the one before ended."""

import os
import re
import signal
import time
from contextlib import closing

import pandas as pd
import pytest

from core.jobs.queue import enqueue
from core.schema.documents import JOBS, RUNS
from core.store.trail import read as read_trail
from core.store.workspace import Workspace
from tests.browser.conftest import serving

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("story")]

PAGES = {
    "overview": "Overview",
    "data": "Data",
    "train": "Train",
    "recommendations": "Recommendations",
    "exposure": "Exposure",
    "pricing": "Pricing",
    "behaviour": "Behaviour",
    "service": "Service",
    "explain": "Explain",
    "tune": "Tune",
    "monitor": "Monitor",
    "loop": "Loop",
    "report": "Report",
}
WITHOUT_A_CHART = {  # page -> what stands there instead
    "service": "text=service table with satisfaction",  # the built-in data tell nothing of service
    "loop": "text=These settings were not simulated yet",
    "report": "text=No report of this model yet",
}
FIRST_AUDIT = 240_000  # milliseconds


def choose(visit, label: str, option: str) -> None:
    """Choose an option of a select box by keyboard-visible text."""
    visit.page.get_by_role("combobox", name=label).click()
    visit.page.get_by_role("option", name=option, exact=True).click()
    visit.settle()


def filled(visit, page: str, url: str) -> None:
    """Open a page and see it whole."""
    visit.open(f"{url}/{page}", title=PAGES[page])
    visit.page.locator(WITHOUT_A_CHART.get(page, ".js-plotly-plot:visible")).first.wait_for()
    visit.settle().check()


def runs(server) -> list[str]:
    with closing(Workspace.open(server.workspace, f"sqlite:///{server.workspace}/evenhand.db")) as workspace:
        return [run["_id"] for run in workspace.documents.find(RUNS, sort="created_at", descending=True)]


def last_told(server) -> tuple:
    """What the audit trail tells last."""
    with closing(Workspace.open(server.workspace, f"sqlite:///{server.workspace}/evenhand.db")) as workspace:
        entry = read_trail(workspace, limit=1).entries[0]
        return entry.did, entry.details


def kill_the_worker(server) -> str:
    """As a crash would, while it works on a job; the job's id."""
    with closing(Workspace.open(server.workspace, f"sqlite:///{server.workspace}/evenhand.db")) as workspace:
        for _ in range(600):
            if running := workspace.documents.find(JOBS, field="state", value="running"):
                os.kill(int(running[0]["worker"].rpartition(":")[2]), signal.SIGKILL)
                return running[0]["_id"]
            time.sleep(0.05)
    raise AssertionError("no worker took the job")


def attempts(server, job: str) -> int:
    with closing(Workspace.open(server.workspace, f"sqlite:///{server.workspace}/evenhand.db")) as workspace:
        return workspace.documents.get(JOBS, job)["attempt"]


def test_the_first_open_shows_progress_fills_the_data_page_and_then_the_audit(server, visit):
    tab = visit()
    tab.open(server.url, title="Overview").check()
    tab.page.get_by_role("progressbar").wait_for()
    assert "as soon as a first model is trained" in tab.text()
    tab.page.get_by_role("link", name="Data", exact=True).click()
    tab.page.get_by_role("heading", name="What cleaning did").wait_for()
    assert "Complete Journey, 300 users" in tab.text()
    tab.context.close()
    again = visit().open(server.url, title="Overview")  # a closed tab loses nothing
    again.page.get_by_role("heading", name="Verdict per group").wait_for(timeout=FIRST_AUDIT)
    again.settle().check()
    assert len(runs(server)) == 1


def test_another_group_shows_other_numbers_and_another_link(server, visit):
    tab = visit().open(server.url, title="Overview")
    before, link = tab.text(), tab.page.url
    assert "by=age" in link
    choose(tab, "Group users by", "Income")
    tab.page.get_by_text("groups by income").wait_for()
    assert tab.text() != before
    assert "by=income" in tab.page.url
    tab.page.get_by_role("link", name="Recommendations").click()
    tab.page.get_by_role("heading", name="What they are shown").wait_for()
    tab.settle().check()
    assert "by=income" in tab.page.url
    while "recommendations" in tab.page.url:  # a page change may be one step of the history or two
        tab.page.go_back()
        tab.settle()
    tab.page.get_by_role("heading", name="Overview", level=1).wait_for()
    tab.settle().check()
    assert "by=income" in tab.page.url
    tab.page.go_back()
    tab.page.get_by_text("groups by age").wait_for()


def test_retraining_with_another_setting_adds_a_run_to_compare(server, visit):
    tab = visit().open(f"{server.url}/train", title="Train")
    tab.page.get_by_text("Quick", exact=True).click()
    tab.settle()
    tab.page.get_by_label("Name of the run").fill("Narrow <b>one</b>")
    tab.page.locator('[data-testid="stExpander"]', has_text="Settings").first.click()
    tab.page.get_by_role("tab", name="Training", exact=True).click()
    tab.page.get_by_role("spinbutton", name="Epochs").fill("1")
    tab.page.get_by_role("button", name="Train", exact=True).click()
    tab.page.get_by_role("progressbar").wait_for()
    job = kill_the_worker(server)  # the page notices, another worker goes on
    tab.page.get_by_text("B minus A is").first.wait_for(timeout=FIRST_AUDIT)
    tab.settle().check()
    assert "They differ in epochs" in tab.text()
    assert "Narrow <b>one</b>" in tab.page.get_by_role("combobox", name="Run B").input_value()
    assert tab.page.locator("b", has_text="one").count() == 0
    assert len(runs(server)) == 2
    assert attempts(server, job) == 2


def test_a_deep_link_in_a_new_browser_restores_run_groups_and_filters(server, visit):
    older = runs(server)[-1]
    link = f"{server.url}/recommendations?run={older}&by=household_size&k=20&a=2&b=3&of=brand"
    tab = visit().open(link, title="Recommendations").check()
    assert "First model" in tab.text()
    assert "groups by household size · top 20" in tab.text()
    for part in (f"run={older}", "by=household_size", "k=20", "a=2", "b=3", "of=brand"):
        assert part in tab.page.url


def test_hostile_links_get_a_note_and_the_page(server, visit):
    tab = (
        visit().open(f"{server.url}/?k=-1&by=%3Cscript%3E&run=run-nowhere&k=%24%24", title="Overview").check()
    )
    tab.page.get_by_role("heading", name="Verdict per group").wait_for()
    assert tab.page.get_by_text("which is not here").count() == 3


def test_an_unknown_user_gets_one_clear_message(server, visit):
    tab = visit().open(f"{server.url}/recommendations?user=nobody", title="Recommendations")
    tab.page.get_by_text("There is no user “nobody”").wait_for()
    tab.check()


def test_a_table_downloads_as_csv_and_parquet(server, visit, tmp_path):
    tab = visit().open(server.url, title="Overview")
    tab.page.get_by_role("heading", name="Is the recommender any good?").wait_for()  # the last of the page
    tab.settle()
    for name, read in (("CSV", pd.read_csv), ("Parquet", pd.read_parquet)):
        with tab.page.expect_download() as download:
            tab.page.get_by_role("button", name=name, exact=True).first.click()
        path = tmp_path / download.value.suggested_filename
        download.value.save_as(path)
        assert {"group", "value", "low", "high", "n", "p_adjusted", "verdict"} <= set(read(path))
        assert last_told(server) == ("exported", {"file": download.value.suggested_filename})
    tab.check()


def test_a_job_that_comes_and_goes_leaves_what_stands_below_in_place(server, visit):
    tab = visit().open(server.url, title="Overview")
    tab.page.get_by_role("heading", name="Is the recommender any good?").wait_for()
    tab.settle()
    button = tab.page.get_by_role("button", name="CSV", exact=True).first
    button.evaluate("button => { button.stays = true }")
    with closing(Workspace.open(server.workspace, f"sqlite:///{server.workspace}/evenhand.db")) as workspace:
        enqueue(workspace, "report", {"run": runs(server)[0], "settings": {"by": "nothing"}})
    tab.page.get_by_text("Recall", exact=True).first.click()
    tab.page.get_by_text("Making a report failed").wait_for()
    tab.settle()
    assert button.evaluate("button => button.stays")
    tab.page.get_by_role("button", name="Dismiss").click()
    tab.page.get_by_text("Making a report failed").wait_for(state="detached")
    tab.settle()
    assert button.evaluate("button => button.stays")
    tab.check()


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (390, "dark")])
def test_every_page_is_whole_in_every_size_and_scheme(server, visit, width, scheme):
    tab = visit(width=width, scheme=scheme)
    for page in PAGES:
        filled(tab, page, server.url)


@pytest.mark.parametrize("page", ["overview", "tune"])  # every page begins alike: tests/pages/test_links.py
def test_a_page_opens_by_its_own_link_in_a_fresh_server(server, visit, page):
    older = runs(server)[-1]
    with serving(server.workspace) as fresh:
        tab = visit().open(f"{fresh.url}/{page}?run={older}&by=income&k=5", title=PAGES[page]).check()
        tab.page.get_by_role("link", name="Overview").wait_for()  # the entry script has drawn its navigation
        assert "groups by income · top 5" in tab.text()
        assert f"run={older}" in tab.page.url
        assert "by=income" in tab.page.url
        assert "k=5" in tab.page.url


def test_charts_describe_themselves(server, visit):
    tab = visit().open(server.url, title="Overview")
    tab.page.get_by_role("figure", name=re.compile("Gap in NDCG@10 of each group")).wait_for()
