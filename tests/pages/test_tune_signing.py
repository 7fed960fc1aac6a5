"""Signing off on the Tune page, and what was done: with a real store and worker."""

import pytest
import streamlit as st

from core.jobs.queue import jobs as latest_jobs
from core.jobs.worker import run_worker
from core.schema.documents import DECISIONS, TRAIL
from core.schema.policies import PolicySettings
from core.schema.settings import settings_from
from core.store import trail
from core.store.trail import PAGE, id_of, read
from core.store.trail_check import verify
from core.store.workspace import Workspace
from core.workflow.policies.governance import GovernanceSettings, govern, governance
from core.workflow.policies.publishing import publish
from core.workflow.policies.saved import Label, save_policy
from core.workflow.policies.serving import servings
from core.workflow.policies.signing import approve, decisions, lacking_approval, propose
from tests.conftest import copied
from tests.core.workflow.conftest import made_tables, trained_shop
from tests.pages.test_tune import button, text_of
from tests.pages.test_tune_policies import work

EVIL = '<b>x</b> :red[y] [z](javascript:w) {"$ne": null}'


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """A small made shop, trained once for all, with a policy that Ada saved."""
    made = trained_shop(tmp_path_factory.mktemp("original"), *made_tables())
    label = {"name": "Brands", "aim": "every brand is seen", "author": "Ada"}
    policy = save_policy(made.workspace, made.run.id, PolicySettings(), settings_from(Label, label))
    made.workspace.close()
    return made, policy


@pytest.fixture
def shop(open_page, original, tmp_path):
    """A copy that a test may write to, the policy, and how its page is opened."""
    made, policy = original
    root = copied(made.workspace.root, tmp_path / "workspace")
    workspace = Workspace.open(root, f"sqlite:///{root}/evenhand.db")

    def open_(**link):
        return open_page("tune", root, run=made.run.id, by="sex", part="Policies", **link)

    yield workspace, policy, open_
    workspace.close()


def click(app, label: str, *, by: str, comment: str = ""):
    app.text_input(key="publish-author").set_value(by).run()
    app.text_area(key="signing-comment").set_value(comment)
    return button(app, label).click().run()


def possible(app) -> set[str]:
    return {
        name
        for name in ("Propose", "Approve", "Return", "Publish its lists")
        if not button(app, name).disabled
    }


def decided(workspace, policy) -> list[tuple[str, str, str]]:
    return [(one.decided, one.author, one.comment) for one in decisions(workspace, policy.id)][::-1]


def saved_table(app):
    return next(one.value for one in app.dataframe if "Sign-off" in one.value)


def test_nothing_can_be_clicked_unsigned(shop):
    app = shop[2]()
    assert not app.exception
    assert possible(app) == set()
    assert app.toggle(key="signing-needed").disabled
    assert saved_table(app)["Sign-off"].tolist() == ["not proposed"]


def test_a_policy_is_proposed_returned_and_approved_by_somebody_else(shop):
    workspace, policy, open_ = shop
    app = click(open_(), "Propose", by="Ada", comment="please look")
    assert decided(workspace, policy) == [("proposed", "Ada", "please look")]
    assert "was proposed** by Ada" in text_of(app)
    assert app.text_area(key="signing-comment").value == ""
    assert possible(app) == {"Approve", "Return", "Publish its lists"}
    app = click(app, "Approve", by="ADA")
    assert "somebody else has to approve it" in text_of(app)
    app = click(app, "Return", by="Bo")
    assert "'comment'" in text_of(app).replace("\\", "")
    assert len(decided(workspace, policy)) == 1
    app = click(app, "Return", by="Bo", comment="too dear")
    assert saved_table(app)["Comment"].tolist() == ["too dear"]
    assert possible(app) == {"Propose", "Publish its lists"}
    app = click(app, "Propose", by="Cy")
    app = click(app, "Approve", by="Bo", comment="good")
    assert [one[:2] for one in decided(workspace, policy)][1:] == [
        ("returned", "Bo"),
        ("proposed", "Cy"),
        ("approved", "Bo"),
    ]
    assert saved_table(app)["Sign-off"].iloc[0].startswith("approved by Bo, ")
    assert possible(app) == {"Publish its lists"}


def test_a_refusal_is_told_once(shop):
    _, policy, open_ = shop
    propose(shop[0], policy.id, author="Cy")
    app = click(open_(), "Approve", by="Ada")
    assert "somebody else has to approve it" in text_of(app)
    assert "somebody else has to approve it" not in text_of(app.run())


def test_publishing_waits_for_approval_where_the_setting_says_so(shop):
    workspace, policy, open_ = shop
    app = open_()
    app.text_input(key="publish-author").set_value("Gus").run()
    app.toggle(key="signing-needed").set_value(True).run()
    assert governance(workspace).publishing_needs_approval
    assert app.toggle(key="signing-needed").value
    assert "Publish its lists" not in possible(app)
    assert "Brands@1 is not approved; it was never proposed" in text_of(app).replace("\\", "")
    app = click(app, "Propose", by="Ada")
    assert "Publish its lists" not in possible(app)
    app = click(app, "Approve", by="Bo")
    assert "Publish its lists" in possible(app)
    assert "not approved" not in text_of(app)
    button(app, "Publish its lists").click().run()
    work(workspace)
    assert servings(workspace, policy.dataset)[0].policy == policy.id
    # What the trail tells of all that stands on the page, the last thing first.
    app = open_()
    table = next(one.value for one in app.dataframe if "Did" in one.value)
    assert table["Who"].tolist()[:4] == ["Bo", "Bo", "Ada", "Gus"]
    assert table["Did"].tolist()[:2] == ["published a policy", "approved a policy"]
    assert table["About"].tolist()[:4] == [*["Brands@1"] * 3, "Publishing needs approval: on"]
    app.text_input(key="publish-author").set_value("Hal").run()
    app.toggle(key="signing-needed").set_value(False).run()
    assert not governance(workspace).publishing_needs_approval
    assert read(workspace).entries[0].who == "Hal"


def test_a_page_that_somebody_left_open_cannot_publish_without_approval(shop):
    workspace, policy, open_ = shop
    app = open_()
    app.text_input(key="publish-author").set_value("Bo").run()
    govern(workspace, GovernanceSettings(publishing_needs_approval=True), author="Gus")
    button(app, "Publish its lists").click().run()
    run_worker(workspace, idle_seconds=0.1)
    assert {job.error for job in latest_jobs(workspace)} <= {lacking_approval(workspace, policy)}
    assert servings(workspace, policy.dataset) == []


def test_hostile_names_and_comments_are_text(shop):
    workspace, policy, open_ = shop
    app = click(open_(), "Propose", by=EVIL, comment=EVIL)
    assert decided(workspace, policy) == [("proposed", EVIL, EVIL)]
    for mark in ("<b>", ":red[", "](javascript"):
        assert mark not in text_of(app)
    app = click(app, "Return", by="a\x1b[2J", comment="x")
    assert "holds a control character" in text_of(app)
    assert len(decided(workspace, policy)) == 1
    assert not app.exception


def test_the_trail_is_verified_and_damage_is_named(shop):
    workspace, _, open_ = shop
    app = open_()
    button(app, "Verify the trail").click().run()
    assert "are as they were written" in app.success[0].value
    noted = verify(workspace).head
    assert noted in [one.value for one in app.code]
    app.text_input(key="trail-noted").set_value(noted)
    button(app, "Verify the trail").click().run()
    assert "The hash that was noted is that of entry" in app.success[0].value
    app.text_input(key="trail-noted").set_value("abc")
    button(app, "Verify the trail").click().run()
    assert "64 digits" in app.error[0].value
    workspace.documents.update(TRAIL, id_of(2), {"who": EVIL, "at": "never"})
    app = open_()
    assert not app.exception
    assert "Not as written, and left out" in app.error[0].value
    button(app, "Verify the trail").click().run()
    assert "Entry 2 was changed after it was written" in "".join(one.value for one in app.error).replace(
        "\\", ""
    )
    assert not app.success


def test_lists_of_a_policy_that_is_not_approved_cannot_be_gone_back_to(shop):
    workspace, policy, open_ = shop
    label = {"name": "Plain", "aim": "as the model has it", "author": "Ada"}
    other = save_policy(workspace, policy.run, PolicySettings(), settings_from(Label, label))
    for one in (policy, other):
        publish(workspace, one.id, author="Bo")
    govern(workspace, GovernanceSettings(publishing_needs_approval=True), author="Gus")
    app = open_()
    app.text_input(key="publish-author").set_value("Bo").run()
    assert app.button(key="policy-rollback").disabled
    assert "Brands@1 is not approved; it was never proposed" in text_of(app).replace("\\", "")
    propose(workspace, policy.id, author="Bo")
    approve(workspace, policy.id, author="Cy")
    assert not app.run().button(key="policy-rollback").disabled


def test_a_file_is_told_of_when_it_is_asked_for(shop, monkeypatch):
    workspace, policy, open_ = shop
    files = {}

    def keep(label, make, *, file_name, **_):
        files[file_name] = make

    monkeypatch.setattr(st, "download_button", keep)
    before = len(read(workspace).entries)
    assert not open_().exception
    assert len(files) >= 4
    assert len(read(workspace).entries) == before  # nobody has asked for one
    assert b"Brands" in files["evenhand-saved-policies.csv"]()
    (entry, *rest) = read(workspace).entries
    assert len(rest) == before
    assert (entry.did, entry.who, entry.details) == (
        "exported",
        PAGE,
        {"file": "evenhand-saved-policies.csv"},
    )
    assert entry.about == {"dataset": policy.dataset, "run": policy.run}


def test_what_is_not_told_of_and_a_clock_that_went_back_stand_below_the_answer(shop, monkeypatch):
    workspace, policy, open_ = shop
    monkeypatch.setattr(trail, "now", lambda: "1999-01-01T00:00:00.000+00:00")
    propose(workspace, policy.id, author="Bo")
    monkeypatch.undo()
    forged = decisions(workspace, policy.id)[0].dump() | {"_id": "decision-forged-2", "number": 2}
    workspace.documents.insert(DECISIONS, forged)
    app = open_()
    button(app, "Verify the trail").click().run()
    told = [one.value.replace("\\", "") for one in app.caption]
    assert any("Of a decision there is no entry: decision-forged-2" in one for one in told)
    assert any("1 entry dated before an earlier one" in one for one in told)
    assert app.success
