"""Signing off on the Tune page, and what was done: with a real store and worker."""

import shutil

import pytest

from core.jobs.queue import jobs as latest_jobs
from core.jobs.worker import run_worker
from core.schema.documents import TRAIL
from core.schema.policies import PolicySettings
from core.schema.settings import settings_from
from core.store.trail import id_of, read
from core.store.trail_check import verify
from core.store.workspace import Workspace
from core.workflow.policies.governance import GovernanceSettings, govern, governance
from core.workflow.policies.saved import Label, save_policy
from core.workflow.policies.serving import servings
from core.workflow.policies.signing import decisions, lacking_approval, propose
from tests.pages.test_tune import button, text_of
from tests.pages.test_tune_policies import work

EVIL = '<b>x</b> :red[y] [z](javascript:w) {"$ne": null}'


@pytest.fixture
def shop(open_page, trained, tmp_path):
    """A copy of the trained slice with a policy that Ada saved, and how its page is opened."""
    root = shutil.copytree(trained[0], tmp_path / "workspace")
    workspace = Workspace.open(root, f"sqlite:///{root}/evenhand.db")
    run = trained[1][0]
    label = {"name": "Brands", "aim": "every brand is seen", "author": "Ada"}
    policy = save_policy(workspace, run.id, PolicySettings(), settings_from(Label, label))

    def open_(**link):
        return open_page("tune", root, run=run.id, by="age", part="Policies", **link)

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
