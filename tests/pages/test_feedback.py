"""Feedback on the pages: bringing it in, judging a list by hand, and what has come since a run."""

import pandas as pd
import pytest

from core.data.dataset import load, table
from core.data.feedback.keeping import feedback_of, keep
from core.jobs.context import JobContext
from core.jobs.queue import jobs
from core.jobs.tasks import TASKS
from core.workflow.runs import load_run
from tests.pages.test_actions import press
from tests.pages.test_models import UNESCAPED, every_markdown
from tests.pages.test_prepare import File
from tests.pages.test_states import words

HOSTILE = ":red[x] <b>y</b> [z](javascript:w)"


def impressions(workspace, run_id: str, n: int = 30) -> pd.DataFrame:
    """The first product of some users' lists, a third of them clicked, and one row of nobody."""
    dataset = load(workspace, load_run(workspace, run_id).dataset)
    users, items = (
        table(workspace, dataset, name)[id] for name, id in (("users", "user_id"), ("items", "item_id"))
    )
    rows = pd.DataFrame(
        {
            "user_id": users.head(n).to_numpy(),
            "item_id": items.head(n).to_numpy(),
            "rank": "1",
            "timestamp": "2017-06-01 10:00",
            "clicked": ["yes" if place % 3 == 0 else None for place in range(n)],
        }
    )
    return pd.concat([rows, rows.head(1).assign(user_id=HOSTILE)], ignore_index=True)


def test_files_are_brought_in_by_a_job_and_what_could_not_be_used_is_shown(own, open_page, started, tmp_path):
    page = open_page("data", own.root)
    assert "None has come yet." in words(page)
    content = impressions(own, "run-second").to_csv(index=False).encode()
    page.file_uploader(key="feedback-files").upload(
        File("impressions.csv", content).name, content, "text/csv"
    )
    page.text_input(key="feedback-who").set_value("Ann")
    press(page, "Bring in")
    assert not page.exception
    assert "It is being brought in" in page.info[-1].value
    [job] = jobs(own, limit=1)
    assert (job.kind, job.params["who"]) == ("feedback", "Ann")
    TASKS["feedback"](own, job.params, JobContext(own, job))
    page.run()
    assert "**30 rows** in 1 piece: 30 shown and 10 clicked. 1 more was set aside." in words(page)


@pytest.mark.parametrize(
    ("who", "message"), [("", "Say who brings the feedback in"), ("Ann", "No file was chosen")]
)
def test_what_is_missing_is_said_and_nothing_is_queued(own, open_page, started, who, message):
    page = open_page("data", own.root)
    page.text_input(key="feedback-who").set_value(who)
    press(page, "Bring in")
    assert message in words(page)
    assert not jobs(own, limit=1)


def test_rows_set_aside_and_markup_in_them_are_shown_as_text(own, open_page, started):
    dataset = load(own, load_run(own, "run-second").dataset)
    rows = impressions(own, "run-second")
    keep(own, dataset, rows, "impressions", origin="file", name=HOSTILE, who=HOSTILE)
    page = open_page("data", own.root)
    assert "1 more was set aside" in words(page)
    assert "Rows set aside: 1" in [expander.label for expander in page.expander]
    assert not [text for text in every_markdown(page) if UNESCAPED.search(text)]


def test_a_list_is_rated_and_a_product_flagged_with_a_reason(own, open_page, started):
    page = open_page("recommendations", own.root)
    press(page, "Keep")
    assert "Choose from one to five stars" in words(page)
    page.feedback(key="judge-stars").set_value(1)
    page.text_input(key="judge-who").set_value("Ann")
    press(page, "Keep")
    assert "Give a reason" in words(page)
    page.text_input(key="judge-reason").set_value(HOSTILE)
    press(page, "Keep")
    assert "The rating is kept" in page.success[0].value
    page.segmented_control(key="judge-what").set_value("Flag a product").run()
    page.text_input(key="judge-reason").set_value("bought last week, lasts for years")
    press(page, "Keep")
    assert "The flag is kept" in page.success[0].value
    dataset = load(own, load_run(own, "run-second").dataset)
    rated, flagged = feedback_of(own, dataset)
    assert (rated.reactions, rated.origin, rated.who) == ({"rated": 10}, "hand", "Ann")
    assert (flagged.reactions, flagged.count) == ({"shown": 1, "dismissed": 1}, 1)
    assert not [text for text in every_markdown(page) if UNESCAPED.search(text)]


def test_a_product_is_flagged_before_any_list_was_rated(own, open_page, started):
    page = open_page("recommendations", own.root)
    page.segmented_control(key="judge-what").set_value("Flag a product").run()
    page.text_input(key="judge-who").set_value("Ann")
    page.text_input(key="judge-reason").set_value("lasts for years")
    press(page, "Keep")
    assert not page.exception
    assert "The flag is kept" in page.success[0].value
    assert page.text_input(key="judge-reason").value == ""  # the next judgement has a reason of its own
    assert page.text_input(key="judge-who").value == "Ann"
    [said] = [table.value for table in page.dataframe if "Said" in table.value]
    assert said[["Said", "Reason", "By"]].to_numpy().tolist() == [["flagged", "lasts for years", "Ann"]]


def test_the_train_page_says_what_came_since_and_trains_on_with_it(own, open_page, started):
    page = open_page("train", own.root)
    assert "Nothing has come since it was trained" in words(page)
    assert page.button(key="train-on").disabled
    dataset = load(own, load_run(own, "run-second").dataset)
    rows = impressions(own, "run-second")
    keep(own, dataset, rows, "impressions", origin="file", name="impressions.csv", who="Ann")
    page.run()
    assert "**30 rows of feedback (30 shown and 10 clicked)** came since it was trained" in words(page)
    page.button(key="train-on").click().run()
    [job] = jobs(own, limit=1)
    assert (job.kind, job.params) == ("retrain", {"run": "run-second"})


def test_a_file_with_columns_of_other_names_is_mapped(own, open_page, started):
    page = open_page("data", own.root)
    rows = impressions(own, "run-second").rename(
        columns={"user_id": "customer", "item_id": "sku", "rank": "position", "timestamp": "shown at"}
    )
    content = rows.to_csv(index=False).encode()
    page.file_uploader(key="feedback-files").upload("log of march.csv", content, "text/csv").run()
    assert "all can be used" in page.success[0].value
    page.text_input(key="feedback-who").set_value("Ann")
    press(page, "Bring in")
    [job] = jobs(own, limit=1)
    [file] = job.params["files"]
    assert (file["name"], file["table"]) == ("log of march.csv", "impressions")
    TASKS["feedback"](own, job.params, JobContext(own, job))
    page.run()
    assert "**30 rows** in 1 piece: 30 shown and 10 clicked. 1 more was set aside." in words(page)
