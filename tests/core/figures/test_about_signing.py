"""Signing off and the audit trail in words: what stands where, what is wrong, and hostile names as plain text."""

import pytest

from core.figures import about_signing, about_trail
from core.schema.documents import Decision, Deed, Policy
from core.store.trail import Trail, read, record
from core.store.trail_check import Checked, Damage, Untold
from tests.core.workflow.policies.publishing.made_publications import made_policy

EVIL = '<b>x</b> :red[y] [z](javascript:w) {"$ne": null}'
WHEN = "2026-11-24T20:41:00.000+00:00"


def decision(decided: str, *, author: str = "Bo", comment: str = "") -> Decision:
    return Decision(
        _id="decision-1",
        policy="policy-one-1",
        dataset="ds-made",
        number=1,
        decided=decided,
        author=author,
        comment=comment,
        at=WHEN,
    )


@pytest.fixture
def policy() -> Policy:
    return made_policy("one")


def test_each_policy_stands_where_its_last_decision_left_it(policy):
    two = made_policy("two")
    last = {policy.id: decision("returned", comment="too\ndear")}
    assert about_signing.standings([policy, two], last) == [
        "returned by Bo, 24 Nov 2026, 20:41",
        "not proposed",
    ]
    assert about_signing.comments([policy, two], last) == ["too dear", ""]


@pytest.mark.parametrize("decided", ["proposed", "approved", "returned"])
def test_a_sentence_says_who_decided_what_when_and_why(policy, decided):
    said = about_signing.standing_sentence(policy, decision(decided, comment="because"))
    assert f"was {decided}** by Bo on 24 Nov 2026, 20:41" in said
    assert "“because”" in said
    assert ("can approve" in said) == (decided == "proposed")
    assert "not proposed" in about_signing.standing_sentence(policy, None)


def test_names_and_comments_are_text(policy):
    said = about_signing.standing_sentence(policy, decision("approved", author=EVIL, comment=EVIL * 50))
    for mark in ("<b>", ":red[", "](javascript"):
        assert mark not in said
    cell = about_signing.standings(
        [policy], {policy.id: decision("approved", author="\x1b[2J\u202e" + EVIL)}
    )[0]
    assert cell.isprintable()


def test_every_deed_has_words():
    assert set(about_trail.DEEDS) == set(Deed.__args__)


def test_the_trail_is_told_by_names_that_people_know(workspace, policy):
    record(workspace, "published", who=EVIL, about={"policy": policy.id, "dataset": "ds-made"})
    record(workspace, "approved", who="Bo", about={"policy": "policy-gone-1"}, details={"name": "Gone@1"})
    record(workspace, "trained", who="Bo", about={"dataset": "ds-made", "run": "run-one"})
    told = {"file": "a.parquet", "rows": 1200}
    record(workspace, "exported", who="Bo", about={"dataset": "ds-made"}, details=told)
    record(workspace, "governed", who="Bo", about={"governance": "governance-1"},
           details={"publishing_needs_approval": True, "sha256": "0"})  # fmt: skip
    record(workspace, "exported", who="Bo", about={"run": "run-one"}, details={"file": "report.html"})
    record(workspace, "exported", who="Bo", about={}, details={"file": "odd.csv", "rows": "many"})
    record(workspace, "acknowledged", who="Bo", about={"alert": "alert-one"}, details={"name": "Ranking <b>"})
    record(workspace, "found", who="Bo", about={"serving": "serving-one-1"}, details={"what": "serving"})
    entries = read(workspace).entries
    table = about_trail.trail_table(entries, {policy.id: policy})
    assert table["About"].tolist() == [
        "switch of what is served serving-one-1",
        "Ranking <b>",
        "odd.csv",
        "report.html of run-one",
        "Publishing needs approval: on",
        "a.parquet, 1,200 rows of ds-made",
        "run-one",
        "Gone@1",
        "one@1",
    ]
    assert table["Did"].tolist()[5:7] == ["wrote a file", "trained a model"]
    rows = about_trail.trail_rows(entries)
    assert rows["hash"].str.len().tolist() == [64] * 9
    assert rows["who"].iloc[-1] == EVIL
    assert rows["rows (detail)"].iloc[5] == "1200"


def checked(**found) -> Checked:
    whole = {"entries": 3, "head": "0" * 64, "noted": None, "damage": (), "untold": (), "set_back": ()}
    return Checked(**whole | found)


def test_an_answer_tells_damage_from_a_whole_trail_and_from_an_empty_one():
    assert "All 3 entries are as they were written" in about_trail.verified_answer(checked())
    assert "entry 2" in about_trail.verified_answer(checked(noted=2))
    assert "empty" in about_trail.verified_answer(checked(entries=0, head=None))
    many = tuple(Damage(number, f"Entry {number} <b>") for number in range(1, 21))
    found = checked(damage=many)
    assert "tampered with: 20 faults" in about_trail.verified_answer(found)
    faults = about_trail.faults(found)
    assert len(faults) == about_trail.NAMED + 1
    assert faults[-1] == "12 more."
    assert "<b>" not in "".join(faults)


def test_deeds_that_are_not_told_of_are_named_and_older_ones_counted():
    missing = (
        Untold("run", "run-old", "2020", older=True),
        Untold("serving", "serving-<b>", WHEN, older=False),
    )
    said = about_trail.untold_sentences(checked(untold=missing))
    assert said[0].startswith("Of a switch of what is served there is no entry: serving")
    assert "<b>" not in said[0]
    assert said[1] == "1 deed from before there was a trail is not told of."
    assert about_trail.untold_sentences(checked()) == []


def test_a_clock_that_was_set_back_is_told_with_the_first_entries():
    assert about_trail.set_back_sentences(checked()) == []
    assert "(2 and 5)" in about_trail.set_back_sentences(checked(set_back=(2, 5)))[0]
    said = about_trail.set_back_sentences(checked(set_back=tuple(range(1, 1000))))[0]
    assert said.startswith("999 entries dated before an earlier one (1, 2, 3")
    assert len(said) < 120


def test_entries_that_are_left_out_are_named():
    said = about_trail.spoilt_sentence(Trail((), ("trail-000000000002", "<b>", *["x"] * 20)))
    assert "000000000002" in said
    assert "<b>" not in said
    assert "and 14 more" in said
