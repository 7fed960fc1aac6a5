"""Policies that somebody signed: saved under a name, numbered by version, never changed, found again."""

import hashlib
import unicodedata
from collections.abc import Mapping
from typing import Any

from pydantic import Field, field_validator

from core.errors import DuplicateId, NotFound, SettingsError
from core.schema.documents import ID_PATTERN, POLICIES, Policy, now
from core.schema.policies import PolicySettings
from core.schema.settings import Settings, settings_from
from core.store.trail import record
from core.store.workspace import Workspace
from core.workflow.policies.line import line_of
from core.workflow.policies.steps import reranker
from core.workflow.runs import load_run

VERSION_MARK = "@"
JOINERS = "\u200c\u200d"  # not printable by themselves, but parts of words and signs
NAMED = 5  # saved policies that an error names


class Signature(Settings):
    """Who answers for something: plain text."""

    author: str = Field(min_length=1, max_length=80, description="Who answers for it")

    @field_validator("author", mode="before")
    @classmethod
    def _author_in_one_line(cls, text: object) -> object:
        return plain(text)


def signed(author: str) -> str:
    """Who answers for something, in one line; SettingsError where that is nobody."""
    return settings_from(Signature, {"author": author}).author


class Label(Signature):
    """What a policy is called, what it is for, and who answers for it: plain text."""

    name: str = Field(
        min_length=1, max_length=60, description=f"What to call it, without {VERSION_MARK}: versions get that"
    )
    aim: str = Field(min_length=1, max_length=200, description="What it is for, in plain words")
    note: str = Field("", max_length=2000, description="Anything else that is worth knowing")

    @field_validator("name", "aim", mode="before")
    @classmethod
    def _in_one_line(cls, text: object) -> object:
        return plain(text)

    @field_validator("note", mode="before")
    @classmethod
    def _in_lines(cls, text: object) -> object:
        return plain_lines(text)

    @field_validator("name")
    @classmethod
    def _without_a_version(cls, name: str) -> str:
        if VERSION_MARK in name:
            raise ValueError(f"holds {VERSION_MARK}, which stands before a version")
        return name


def plain(text: object) -> object:
    """Text in one line, composed (NFC), with single spaces; ValueError for what is no text to read."""
    if not isinstance(text, str):
        return text
    text = " ".join(unicodedata.normalize("NFC", text).split())
    if not all(letter.isprintable() or letter in JOINERS for letter in text):
        raise ValueError("holds a control character")
    return text


def plain_lines(text: object) -> object:
    """Text in lines, each as `plain` has it."""
    return "\n".join(map(plain, text.strip().splitlines())) if isinstance(text, str) else text


def save_policy(
    workspace: Workspace,
    run_id: str,
    settings: PolicySettings,
    label: Label,
    *,
    measured: Mapping[str, Any] | None = None,
) -> Policy:
    """Keep a policy under the next version of its name, whoever else saves at the same time.

    Versions are counted within the line of the run's dataset, whichever run of it a policy is for. Settings left at their default are kept as well, so that a later default does not change what was signed.

    Args:
        measured: `TradeOff.record()` on validation, where that was looked at.

    Raises:
        NotFound: no such run. SettingsError: a step or a setting that there is not.
    """
    run = load_run(workspace, run_id)
    line = line_of(workspace, run.dataset)
    described = {
        "dataset": line,
        "run": run.id,
        **label.model_dump(),
        "created_at": now(),
        "settings": _complete(settings).model_dump(mode="json"),
        "measured": measured,
    }
    version = max((policy.version for policy in _versions(workspace, label.name, line)), default=0) + 1
    while True:
        saved = Policy(_id=_policy_id(line, label.name, version), version=version, **described)
        try:
            workspace.documents.insert(POLICIES, saved.dump())
            break
        except DuplicateId:  # another one was quicker
            version += 1
    about = {"dataset": run.dataset, "run": run.id, "policy": saved.id}
    record(workspace, "saved", who=saved.author, about=about, details={"name": saved.reference}, left=saved)
    return saved


def _complete(settings: PolicySettings) -> PolicySettings:
    steps = tuple(
        step.model_copy(
            update={
                "settings": settings_from(reranker(step.step).settings, step.settings).model_dump(mode="json")
            }
        )
        for step in settings.steps
    )
    return settings.model_copy(update={"steps": steps})


def _policy_id(line: str, name: str, version: int) -> str:
    return f"policy-{hashlib.sha256(f'{line} {name}'.encode()).hexdigest()[:16]}-{version}"


def list_policies(workspace: Workspace, *, dataset: str | None = None, limit: int = 200) -> list[Policy]:
    """Saved policies, newest first; of the line of one dataset if given."""
    field = {"field": "dataset", "value": line_of(workspace, dataset)} if dataset else {}
    found = workspace.documents.find(POLICIES, sort="created_at", descending=True, limit=limit, **field)
    return [Policy.model_validate(document) for document in found]


def load_policy(workspace: Workspace, reference: str, *, dataset: str | None = None) -> Policy:
    """A saved policy by its id, by name@version, or by name: then its newest version.

    Args:
        dataset: one of the line that it has to be for.

    Raises:
        NotFound: there is none; the message names some that there are. SettingsError: it was saved for other data, or the
            name alone does not say for which.
    """
    document = workspace.documents.get(POLICIES, reference) if ID_PATTERN.fullmatch(reference) else None
    found = [Policy.model_validate(document)] if document else _by_name(workspace, reference)
    if not found:
        named = list_policies(workspace, dataset=dataset, limit=NAMED)
        known = ", ".join(policy.reference for policy in named) or "none yet"
        raise NotFound(f"There is no saved policy '{reference[:80]}'. Latest saved: {known}.")
    lines = sorted({policy.dataset for policy in found})
    if dataset is None and len(lines) > 1:
        raise SettingsError(
            f"'{reference[:80]}' was saved for several datasets ({', '.join(lines)}); write the policy's id."
        )
    asked = None if dataset is None else line_of(workspace, dataset)
    of_it = [policy for policy in found if asked in (None, policy.dataset)]
    if not of_it:
        raise SettingsError(
            f"The policy '{reference[:80]}' was saved for dataset {lines[0]}, not for {dataset}."
        )
    return max(of_it, key=lambda policy: policy.version)


def _by_name(workspace: Workspace, reference: str) -> list[Policy]:
    name, mark, version = reference.rpartition(VERSION_MARK)
    try:
        name = plain(name if mark else reference)
    except ValueError:
        return []
    found = _versions(workspace, name)
    return [policy for policy in found if str(policy.version) == version] if mark else found


def _versions(workspace: Workspace, name: str, line: str | None = None) -> list[Policy]:
    """Every version of a name; of one line if given."""
    documents = workspace.documents.find(POLICIES, field="name", value=name)
    found = [Policy.model_validate(document) for document in documents]
    return [policy for policy in found if line in (None, policy.dataset)]


def settings_of(policy: Policy) -> PolicySettings:
    """What it does."""
    return settings_from(PolicySettings, policy.settings)
