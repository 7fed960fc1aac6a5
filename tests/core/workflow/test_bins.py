"""Numbers of users are cut into groups when an audit asks, not for good when the data are prepared."""

import pandas as pd
import pytest

from core.data.dataset import load, table
from core.schema.settings import AuditSettings
from core.workflow.auditing import audit_run
from core.workflow.audits.shop import read_shop
from tests.core.workflow.conftest import made_tables, trained_shop

SETTINGS = AuditSettings(by=(("age",),), draws=100, permutations=100)


@pytest.fixture(scope="module")
def aged(tmp_path_factory):
    """A shop whose users have an age, missing for the last."""
    events, users = made_tables()
    ages = pd.Series(range(20, 20 + len(users)), dtype="float").where(lambda age: age.index < len(users) - 1)
    made = trained_shop(tmp_path_factory.mktemp("aged"), events, users.assign(age=ages))
    yield made
    made.workspace.close()


@pytest.mark.parametrize("bins", [2, 3])
def test_an_audit_cuts_numbers_into_as_many_groups_as_asked(aged, bins):
    rows = audit_run(aged.workspace, aged.run.id, SETTINGS.model_copy(update={"bins": bins})).rows
    assert rows.loc[rows["statistic"] == "mean", "group"].nunique() == bins + 2  # all, Unknown


def test_by_default_the_groups_are_those_that_pages_and_models_know(aged):
    prepared = table(aged.workspace, aged.dataset, "users")["age"].cat.categories
    rows = audit_run(aged.workspace, aged.run.id, SETTINGS).rows
    assert set(rows["group"]) - {"all"} == set(prepared)


def test_the_numbers_themselves_are_no_attribute_of_the_users(aged):
    assert "age" in load(aged.workspace, aged.dataset.id).attributes
    assert table(aged.workspace, aged.dataset, "users")["age"].dtype == "category"
    assert read_shop(aged.workspace, aged.dataset).users["age"].dtype == float
