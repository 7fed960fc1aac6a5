"""Signing off, alike on both engines: who may decide what and when, that it is kept, and that publishing waits for it."""

import unicodedata

import pytest

from core.errors import NotFound, SettingsError
from core.schema.documents import DECISIONS, GOVERNANCE, POLICIES
from core.schema.settings import settings_from
from core.store.trail import read
from core.store.trail_check import verify
from core.store.workspace import Workspace
from core.workflow.policies.governance import GovernanceSettings, govern, governance
from core.workflow.policies.publishing import publish, rollback
from core.workflow.policies.signing import (
    approve,
    decisions,
    lacking_approval,
    last_decisions,
    propose,
    same_person,
    send_back,
)
from tests.core.workflow.policies.publishing.made_publications import (
    DATASET,
    all_served,
    expected,
    log,
    made_policy,
    publish_made,
    rows_by_publication,
)

ONE, TWO = "policy-one-1", "policy-two-1"
NEEDED = GovernanceSettings(publishing_needs_approval=True)


def decided(workspace: Workspace, policy: str = ONE) -> list[tuple[int, str, str]]:
    """The first decision first."""
    return [(one.number, one.decided, one.author) for one in decisions(workspace, policy)][::-1]


def test_it_is_proposed_returned_proposed_again_and_approved(shelf):
    propose(shelf, "one", author="Bo", comment=" first\n try ")
    send_back(shelf, "one@1", author="Cid", comment="too dear")
    propose(shelf, ONE, author="Dee")
    last = approve(shelf, ONE, author="Bo", comment="good")
    assert decided(shelf) == [
        (1, "proposed", "Bo"),
        (2, "returned", "Cid"),
        (3, "proposed", "Dee"),
        (4, "approved", "Bo"),
    ]
    assert [one.comment for one in decisions(shelf, ONE)] == ["good", "", "too dear", "first\ntry"]
    assert decisions(shelf, TWO) == []
    propose(shelf, TWO, author="Bo")
    assert last_decisions(shelf, DATASET) == {ONE: last, TWO: decisions(shelf, TWO)[0]}
    assert last_decisions(shelf, "ds-other") == {}


def test_what_cannot_be_decided_now_is_one_clear_sentence_and_changes_nothing(shelf):
    refused(shelf, approve, "one@1 was never proposed; what is approved has to be proposed first")
    refused(shelf, send_back, "one@1 was never proposed; what is returned has to be proposed first")
    propose(shelf, ONE, author="Bo")
    refused(shelf, propose, "one@1 is proposed already")
    send_back(shelf, ONE, author="Cid", comment="no")
    refused(shelf, approve, "one@1 was returned")
    refused(shelf, send_back, "one@1 was returned")
    propose(shelf, ONE, author="Bo")
    approve(shelf, ONE, author="Cid")
    for decide in (propose, approve, send_back):
        refused(shelf, decide, "one@1 is approved")
    for decide in (propose, approve, send_back):
        with pytest.raises(NotFound, match="no saved policy"):
            decide(shelf, "three", author="Cid", comment="x")
    assert shelf.documents.count(DECISIONS) == 4


def refused(workspace: Workspace, decide, said: str, author: str = "Cid") -> None:
    before = decided(workspace)
    with pytest.raises(SettingsError) as caught:
        decide(workspace, ONE, author=author, comment="because")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert decided(workspace) == before


@pytest.mark.parametrize("name", ["Ann", "ANN", "  ann  ", "A\u200dnn", "Ａｎｎ"])
def test_its_author_cannot_approve_it_however_the_name_is_written(shelf, name):
    propose(shelf, ONE, author="Bo")
    refused(shelf, approve, "saved one@1; somebody else has to approve it", name)
    approve(shelf, ONE, author="Anna")


@pytest.mark.parametrize("name", ["Zoë Strauß", "ZOË STRAUSS", "zoe\u0308 strauß", "Zoë  Strauß"])
def test_its_proposer_cannot_approve_it_however_the_name_is_written(shelf, name):
    propose(shelf, ONE, author="Zoë Strauß")
    refused(shelf, approve, "proposed one@1; somebody else has to approve it", name)
    send_back(shelf, ONE, author=name, comment="withdrawn")  # but may take it back
    propose(shelf, ONE, author="Bo")
    approve(shelf, ONE, author=name)  # of what another one proposed


def test_names_are_the_same_in_composed_and_decomposed_form():
    for name in ("Ångström", "Çelik", "Đặng", "İnci", "Σίσυφος"):
        assert same_person(name, unicodedata.normalize("NFD", name).upper().lower())
        assert same_person(name, unicodedata.normalize("NFD", name))
    assert not same_person("Ann", "Anne")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"author": ""}, "'author'"),
        ({"author": " \n"}, "'author'"),
        ({"author": "x" * 10_000}, "'author'"),
        ({"author": "a\x1b[2J"}, "'author': holds a control"),
        ({"author": "\u202eannA"}, "'author': holds a control"),
        ({"author": {"$ne": None}}, "'author'"),
        ({"comment": "x" * 10_000}, "'comment': String should have at most 2000"),
        ({"comment": "a\n\0"}, "'comment': holds a control"),
        ({"comment": {"$ne": None}}, "'comment'"),
    ],
    ids=str,
)
def test_what_is_no_plain_text_is_refused(shelf, wrong, said):
    propose(shelf, TWO, author="Bo")
    for policy, decide in ((ONE, propose), (TWO, approve), (TWO, send_back)):
        with pytest.raises(SettingsError) as caught:
            decide(shelf, policy, **{"author": "Cid", "comment": "x"} | wrong)
        assert said in str(caught.value)
    with pytest.raises(SettingsError, match="'comment'"):
        send_back(shelf, TWO, author="Cid", comment="  ")
    assert shelf.documents.count(DECISIONS) == 1


@pytest.mark.parametrize("text", ["<b>x</b>", '{"$ne": null}', "$where", "'; drop", "2024-12-24 sale", "é"])
def test_text_is_text(shelf, text):
    made = propose(shelf, ONE, author=text, comment=text)
    assert decisions(shelf, ONE) == [made]
    assert (made.author, made.comment) == (text, text)
    assert read(shelf).entries[0].who == text


@pytest.mark.parametrize("id", ['{"$ne": null}', "$ne", "", "a\0b", "x" * 10_000])
def test_an_id_is_never_part_of_a_query(shelf, id):
    propose(shelf, ONE, author="Bo")
    with pytest.raises(NotFound):
        approve(shelf, id, author="Cid")


def test_every_decision_is_an_entry_of_the_trail(shelf):
    propose(shelf, ONE, author="Bo")
    send_back(shelf, ONE, author="Cid", comment="no")
    propose(shelf, ONE, author="Bo")
    approve(shelf, ONE, author="Cid")
    found = read(shelf).entries[::-1]
    assert [(one.did, one.who) for one in found] == [
        ("proposed", "Bo"),
        ("returned", "Cid"),
        ("proposed", "Bo"),
        ("approved", "Cid"),
    ]
    assert {one.about["policy"] for one in found} == {ONE}
    shelf.documents.update(DECISIONS, found[3].about["decision"], {"author": "Eve"})
    assert [one.number for one in verify(shelf).damage] == [4]


def test_an_approval_that_was_written_into_the_store_by_hand_is_not_told_of(shelf):
    made = propose(shelf, ONE, author="Bo")
    forged = made.dump() | {"_id": f"{made.id[:-1]}2", "number": 2, "decided": "approved", "author": "Cid"}
    shelf.documents.insert(DECISIONS, forged)
    assert forged["_id"] in [one.id for one in verify(shelf).untold]


def test_publishing_needs_no_approval_unless_the_setting_says_so(shelf):
    assert governance(shelf) == GovernanceSettings(publishing_needs_approval=False)
    assert lacking_approval(shelf, made_policy("one")) is None
    publish_made(shelf, "a")
    govern(shelf, NEEDED, author="Gus")
    for decide in (None, propose):
        if decide:
            decide(shelf, ONE, author="Bo")
        for attempt in (
            lambda: publish_made(shelf, "b"),
            lambda: publish(shelf, "one", author="Ann"),
        ):
            with pytest.raises(SettingsError, match="Publishing needs approval here: one@1 is not approved"):
                attempt()
    assert all_served(shelf) == expected("a")
    assert len(log(shelf)) == 1
    approve(shelf, ONE, author="Cid")
    publish_made(shelf, "b")
    assert all_served(shelf) == expected("b")
    with pytest.raises(SettingsError, match="two@1 is not approved; it was never proposed"):
        publish_made(shelf, "c", policy="two")
    govern(shelf, GovernanceSettings(), author="Gus")
    publish_made(shelf, "c", policy="two")


def test_lists_that_were_served_before_are_gone_back_to_only_if_their_policy_is_approved(shelf):
    publish_made(shelf, "a", policy="two")
    publish_made(shelf, "b")
    govern(shelf, NEEDED, author="Gus")
    before, rows = log(shelf), rows_by_publication(shelf)
    for to in (None, "two", before[0][0]):
        with pytest.raises(SettingsError, match="two@1 is not approved; it was never proposed"):
            rollback(shelf, DATASET, author="Ann", to=to)
    assert (log(shelf), rows_by_publication(shelf)) == (before, rows)
    propose(shelf, "two", author="Bo")
    approve(shelf, "two", author="Cid")
    rollback(shelf, DATASET, author="Ann")
    assert all_served(shelf) == expected("a")
    assert [entry[2] for entry in log(shelf)] == ["publish", "publish", "rollback"]


def test_lists_whose_policy_is_gone_are_gone_back_to_where_no_approval_is_needed(shelf):
    publish_made(shelf, "a", policy="two")
    publish_made(shelf, "b")
    shelf.documents.delete(POLICIES, TWO)
    govern(shelf, NEEDED, author="Gus")
    with pytest.raises(NotFound, match=TWO):
        rollback(shelf, DATASET, author="Ann")
    govern(shelf, GovernanceSettings(), author="Gus")
    rollback(shelf, DATASET, author="Ann")
    assert all_served(shelf) == expected("a")


def test_approval_that_is_needed_from_now_on_also_stops_who_is_writing_lists(shelf):
    publish_made(shelf, "a")
    for before in (1, 2, 4):  # the table, the publication, that its rows are stored
        other = meanwhile(shelf, lambda: govern(shelf, NEEDED, author="Gus"), before=before)
        with pytest.raises(SettingsError, match="one@1 is not approved"):
            publish_made(other, "b")
        assert all_served(shelf) == expected("a")
        govern(shelf, GovernanceSettings(), author="Gus")
    assert len(log(shelf)) == 1


@pytest.mark.parametrize(
    "change", [{"settings": {"steps": [], "k": 9}}, {"run": "run-other"}, {"wish": 1}], ids=str
)
def test_a_policy_that_was_edited_in_the_store_after_its_approval_is_not_published(shelf, change):
    govern(shelf, NEEDED, author="Gus")
    propose(shelf, ONE, author="Bo")
    approve(shelf, ONE, author="Cid")
    publish_made(shelf, "a")
    publish_made(shelf, "b", policy="one")
    shelf.documents.update(POLICIES, ONE, change)
    with pytest.raises(SettingsError, match="one@1 is not approved; it was changed in the store after"):
        publish_made(shelf, "c")
    with pytest.raises(SettingsError, match="was changed in the store"):
        rollback(shelf, DATASET, author="Ann", to=log(shelf)[0][0])
    assert all_served(shelf) == expected("b")


def test_what_was_approved_is_what_was_proposed(shelf):
    propose(shelf, ONE, author="Bo")
    shelf.documents.update(POLICIES, ONE, {"aim": "another"})
    refused(shelf, approve, "one@1 was changed in the store after it was proposed")
    send_back(shelf, ONE, author="Cid", comment="what is that?")


def test_a_policy_that_was_returned_is_not_published(shelf):
    govern(shelf, NEEDED, author="Gus")
    propose(shelf, ONE, author="Bo")
    send_back(shelf, ONE, author="Cid", comment="no")
    with pytest.raises(SettingsError, match="it was returned"):
        publish_made(shelf, "a")


def test_approval_is_for_one_version(shelf):
    govern(shelf, NEEDED, author="Gus")
    second = made_policy("one").model_copy(update={"id": "policy-one-2", "version": 2})
    shelf.documents.insert(POLICIES, second.dump())
    propose(shelf, "one@1", author="Bo")
    approve(shelf, "one@1", author="Cid")
    assert lacking_approval(shelf, made_policy("one")) is None
    assert "one@2 is not approved" in lacking_approval(shelf, second)


def test_the_setting_is_a_log_and_every_change_an_entry_of_the_trail(shelf):
    govern(shelf, GovernanceSettings(), author="Gus")  # holds already
    assert shelf.documents.count(GOVERNANCE) == 0
    govern(shelf, NEEDED, author="Gus")
    govern(shelf, NEEDED, author="Hal")
    govern(shelf, GovernanceSettings(), author=" Ida ")
    assert governance(shelf) == GovernanceSettings()
    assert [(one.did, one.who, one.details["publishing_needs_approval"]) for one in read(shelf).entries] == [
        ("governed", "Ida", False),
        ("governed", "Gus", True),
    ]
    for author in ("", "x" * 10_000, "a\0"):
        with pytest.raises(SettingsError, match="'author'"):
            govern(shelf, NEEDED, author=author)
    with pytest.raises(SettingsError, match="'wish' is no setting"):
        settings_from(GovernanceSettings, {"wish": True})
    assert {one.what for one in verify(shelf).untold} == {
        "dataset",
        "run",
        "policy",
    }  # those that the test wrote by hand


def meanwhile(workspace: Workspace, deed, *, before: int = 1) -> Workspace:
    """The same workspace; before its write of that number somebody else does something."""
    deeds = [deed, *[lambda: None] * (before - 1)]
    return workspace.guarded(lambda: deeds.pop()() if deeds else None)


def test_of_two_who_decide_at_the_same_moment_the_second_is_asked_again(shelf):
    propose(shelf, ONE, author="Bo")
    other = meanwhile(shelf, lambda: send_back(shelf, ONE, author="Dee", comment="no"))
    with pytest.raises(SettingsError, match="one@1 was returned"):
        approve(other, ONE, author="Cid")
    assert decided(shelf) == [(1, "proposed", "Bo"), (2, "returned", "Dee")]
    other = meanwhile(shelf, lambda: propose(shelf, TWO, author="Dee"))
    propose(other, ONE, author="Bo")  # of another policy: both
    assert decided(shelf)[2:] == [(3, "proposed", "Bo")]
    assert decided(shelf, TWO) == [(1, "proposed", "Dee")]


def test_of_two_who_change_the_rules_at_the_same_moment_the_later_one_holds(shelf):
    other = meanwhile(shelf, lambda: govern(shelf, NEEDED, author="Gus"))
    govern(other, NEEDED, author="Hal")  # holds by now
    assert [one.who for one in read(shelf).entries] == ["Gus"]
    govern(shelf, GovernanceSettings(), author="Gus")
    other = meanwhile(shelf, lambda: govern(shelf, GovernanceSettings(), author="Gus"), before=2)
    govern(other, NEEDED, author="Hal")  # and Gus at once turns it off again
    assert governance(shelf) == GovernanceSettings()
    assert shelf.documents.count(GOVERNANCE) == 4


def decide_in_a_process(root: str, url: str, author: str) -> str:
    workspace = Workspace.open(root, url)
    try:
        return approve(workspace, ONE, author=author).author
    except SettingsError:
        return ""
    finally:
        workspace.close()


def test_of_many_who_approve_at_once_one_does(shelf, url, processes):
    propose(shelf, ONE, author="Bo")
    arguments = [(str(shelf.root), url, f"Cid {number}") for number in range(4)]
    with processes.Pool(4) as pool:
        made = [author for author in pool.starmap(decide_in_a_process, arguments) if author]
    assert decided(shelf) == [(1, "proposed", "Bo"), (2, "approved", made[0])]
    assert len(made) == 1
    assert [entry.did for entry in read(shelf).entries] == ["approved", "proposed"]


def test_publishing_and_rolling_back_are_entries_of_the_trail(shelf):
    first = publish_made(shelf, "a")
    publish_made(shelf, "b", policy="two")
    back = rollback(shelf, DATASET, author="Cid")
    found = read(shelf, dataset=DATASET).entries
    assert [(one.did, one.who, one.about["policy"]) for one in found] == [
        ("rolled_back", "Cid", ONE),
        ("published", "Ann", TWO),
        ("published", "Ann", ONE),
    ]
    assert found[0].about["serving"] == back.serving.id
    assert found[0].details["publication"] == first.publication.id
    assert {one.what for one in verify(shelf).untold} == {
        "dataset",
        "run",
        "policy",
    }  # those that the test wrote by hand
    assert verify(shelf).damage == ()
