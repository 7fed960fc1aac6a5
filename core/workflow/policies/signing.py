"""Signing off: somebody proposes a saved policy, somebody else approves it or sends it back with a reason.

Decisions about a policy are numbered and never changed, and its state follows from the last one. A number can be taken
once: of two who decide at the same moment the second is asked again, in view of what the first decided. A decision keeps the
hash of what it is about: a policy that is no longer what was approved is not approved.
"""

import hashlib
import unicodedata
from typing import Literal

from pydantic import Field, field_validator

from core.errors import DuplicateId, SettingsError
from core.schema.documents import DECISIONS, POLICIES, Decision, Policy, now
from core.schema.settings import settings_from
from core.store.trail import digest, record
from core.store.workspace import Workspace
from core.workflow.policies.governance import governance
from core.workflow.policies.line import line_of
from core.workflow.policies.saved import JOINERS, Signature, load_policy, plain_lines
from core.workflow.runs import load_run


class Remark(Signature):
    """Who decides, and what that person has to say: plain text."""

    comment: str = Field("", max_length=2000, description="What there is to say about it")

    @field_validator("comment", mode="before")
    @classmethod
    def _in_lines(cls, text: object) -> object:
        return plain_lines(text)


class Reason(Remark):
    """A remark that says why."""

    comment: str = Field(min_length=1, max_length=2000, description="What has to change")


def propose(workspace: Workspace, policy_id: str, *, author: str, comment: str = "") -> Decision:
    """Ask for the approval of a saved policy; one that was returned can be proposed again.

    Args:
        policy_id: id, name or name@version.

    Raises:
        NotFound: no such policy. SettingsError: it is proposed or approved already, or nobody signs.
    """
    remark = settings_from(Remark, {"author": author, "comment": comment})
    return _decide(workspace, load_policy(workspace, policy_id), "proposed", remark)


def approve(workspace: Workspace, policy_id: str, *, author: str, comment: str = "") -> Decision:
    """Approve a proposed policy.

    Raises:
        NotFound: no such policy. SettingsError: it is not proposed; its author or its proposer would approve it; nobody signs.
    """
    remark = settings_from(Remark, {"author": author, "comment": comment})
    return _decide(workspace, load_policy(workspace, policy_id), "approved", remark)


def send_back(workspace: Workspace, policy_id: str, *, author: str, comment: str) -> Decision:
    """Return a proposed policy with the reason; whoever proposed it may do that too.

    Raises:
        NotFound: no such policy. SettingsError: it is not proposed, no reason is given, or nobody signs.
    """
    reason = settings_from(Reason, {"author": author, "comment": comment})
    return _decide(workspace, load_policy(workspace, policy_id), "returned", reason)


def decisions(workspace: Workspace, policy_id: str) -> list[Decision]:
    """All about a policy, the last one first.

    Args:
        policy_id: of a saved policy.
    """
    found = workspace.documents.find(
        DECISIONS, field="policy", value=policy_id, sort="number", descending=True
    )
    return [Decision.model_validate(document) for document in found]


def last_decisions(workspace: Workspace, dataset_id: str) -> dict[str, Decision]:
    """The last one about each policy of a dataset's line, by the policy's id; none about those that nobody proposed."""
    line = line_of(workspace, dataset_id)
    found = workspace.documents.find(DECISIONS, field="dataset", value=line, sort="number")
    return {document["policy"]: Decision.model_validate(document) for document in found}


def lacking_approval(workspace: Workspace, policy: Policy) -> str | None:
    """Why the lists of a policy may not be served, in one sentence; None where they may."""
    if not governance(workspace).publishing_needs_approval:
        return None
    last = next(iter(decisions(workspace, policy.id)), None)
    if last is None or last.decided != "approved":
        why = _state(last)
    elif last.content != _content(workspace, policy):
        why = "was changed in the store after it was approved"
    else:
        return None
    return f"Publishing needs approval here: {policy.reference} is not approved; it {why}."


def require_approval(workspace: Workspace, policy: Policy) -> None:
    """SettingsError where the lists of a policy may not be served."""
    if lacking := lacking_approval(workspace, policy):
        raise SettingsError(lacking)


def _decide(
    workspace: Workspace,
    policy: Policy,
    decided: Literal["proposed", "approved", "returned"],
    remark: Remark,
) -> Decision:
    dataset = load_run(workspace, policy.run).dataset
    while True:
        last, content = next(iter(decisions(workspace, policy.id)), None), _content(workspace, policy)
        _check(policy, content, last, decided, remark.author)
        number = 1 if last is None else last.number + 1
        made = Decision(
            _id=f"decision-{hashlib.sha256(policy.id.encode()).hexdigest()[:16]}-{number}",
            policy=policy.id,
            dataset=policy.dataset,
            number=number,
            decided=decided,
            content=content,
            at=now(),
            **remark.model_dump(),
        )
        try:
            workspace.documents.insert(DECISIONS, made.dump())
            break
        except DuplicateId:  # another one was quicker
            continue
    about = {"dataset": dataset, "policy": policy.id, "decision": made.id}
    record(workspace, decided, who=made.author, about=about, details={"name": policy.reference}, left=made)
    return made


def _content(workspace: Workspace, policy: Policy) -> str:
    """Hash of the policy as it lies in the store."""
    return digest(workspace.documents.get(POLICIES, policy.id) or {})


def _check(policy: Policy, content: str, last: Decision | None, decided: str, author: str) -> None:
    """SettingsError where this cannot be decided now, or not by this person."""
    proposed = last is not None and last.decided == "proposed"
    if decided == "proposed":
        if last is not None and last.decided != "returned":
            raise SettingsError(f"{policy.reference} {_state(last)} already.")
        return
    if not proposed:
        raise SettingsError(f"{policy.reference} {_state(last)}; what is {decided} has to be proposed first.")
    if decided == "approved":
        for name, deed in ((policy.author, "saved"), (last.author, "proposed")):
            if same_person(name, author):
                raise SettingsError(f"{author} {deed} {policy.reference}; somebody else has to approve it.")
        if content != last.content:
            raise SettingsError(f"{policy.reference} was changed in the store after it was proposed.")


def _state(last: Decision | None) -> str:
    if last is None:
        return "was never proposed"
    return {"proposed": "is proposed", "approved": "is approved", "returned": "was returned"}[last.decided]


def same_person(one: str, other: str) -> bool:
    """Whether two names are the same but for capitals, joiners, and how letters are composed or drawn (such as full width)."""
    return _known_as(one) == _known_as(other)


def _known_as(name: str) -> str:
    seen = name.translate(dict.fromkeys(map(ord, JOINERS)))
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", seen).casefold())
