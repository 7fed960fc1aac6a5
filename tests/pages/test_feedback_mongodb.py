"""Feedback from collections, chosen on the Data page, against a real MongoDB engine."""

import datetime as dt
import secrets

import pymongo
import pytest

from core.data.dataset import load, table
from core.data.sources import mongodb
from core.jobs.context import JobContext
from core.jobs.queue import jobs
from core.jobs.tasks import TASKS
from core.workflow.runs import load_run
from tests.mongodb_engine.engine import with_database
from tests.pages.test_actions import press
from tests.pages.test_mapping import choice
from tests.pages.test_states import words


@pytest.fixture
def log(mongodb_address, monkeypatch, own):
    """Impressions of thirty users of the slice as a shop's log has them; the environment names its database."""
    name = f"log_{secrets.token_hex(6)}"
    monkeypatch.setenv(mongodb.ADDRESS, with_database(mongodb_address, name))
    dataset = load(own, load_run(own, "run-second").dataset)
    users, items = (
        table(own, dataset, part)[id].head(30) for part, id in (("users", "user_id"), ("items", "item_id"))
    )
    with pymongo.MongoClient(mongodb_address) as client:
        client[name].shown.insert_many(
            {
                "customer": {"id": user},
                "sku": item,
                "position": 1,
                "at": dt.datetime(2017, 6, 1, 10),
                "clicked": place % 3 == 0,
            }
            for place, (user, item) in enumerate(zip(users, items, strict=True))
        )
        yield client[name]
        client.drop_database(name)


def test_a_collection_is_matched_and_brought_in_by_a_job_that_keeps_no_address(
    log, own, open_page, started, mongodb_address
):
    page = open_page("data", own.root)
    page.segmented_control(key="feedback-way").set_value("MongoDB").run()
    page.button(key="feedback-look").click().run()
    choice(page, "Collection of impressions").set_value("shown").run()
    assert choice(page, "user_id").value == "customer.id"
    page.text_input(key="feedback-who").set_value("Ann")
    press(page, "Bring in")
    assert not page.exception
    assert not page.error
    [job] = jobs(own, limit=1)
    assert job.kind == "feedback"
    assert mongodb_address not in str(job.params)
    TASKS["feedback"](own, job.params, JobContext(own, job))
    page.run()
    assert "**30 rows** in 1 piece: 30 shown and 10 clicked." in words(page)
