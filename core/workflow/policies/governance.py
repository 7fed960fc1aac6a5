"""What this workspace asks of those who work in it: settings in a numbered, append-only log, whose last entry holds."""

from pydantic import Field

from core.errors import DuplicateId
from core.schema.documents import GOVERNANCE, Governance, now
from core.schema.settings import Settings, settings_from
from core.store.trail import record
from core.store.workspace import Workspace
from core.workflow.policies.saved import signed


class GovernanceSettings(Settings):
    """The rules of a workspace."""

    publishing_needs_approval: bool = Field(
        False,
        description="Only lists of a policy that somebody other than its author and its proposer approved are published or gone back to",
    )


def governance(workspace: Workspace) -> GovernanceSettings:
    """What holds now."""
    return _settings_of(_present(workspace))


def govern(workspace: Workspace, settings: GovernanceSettings, *, author: str) -> None:
    """Let other settings hold from now on; nothing is written where they hold already.

    Raises:
        SettingsError: nobody answers for it.
    """
    author = signed(author)
    told = settings.model_dump(mode="json")
    while True:
        present = _present(workspace)
        if _settings_of(present) == settings:
            return
        number = 1 if present is None else present.number + 1
        made = Governance(_id=f"governance-{number}", number=number, settings=told, author=author, at=now())
        try:
            workspace.documents.insert(GOVERNANCE, made.dump())
            break
        except DuplicateId:  # another one was quicker
            continue
    record(workspace, "governed", who=author, about={"governance": made.id}, details=told, left=made)


def _present(workspace: Workspace) -> Governance | None:
    found = workspace.documents.find(GOVERNANCE, sort="number", descending=True, limit=1)
    return Governance.model_validate(found[0]) if found else None


def _settings_of(present: Governance | None) -> GovernanceSettings:
    return GovernanceSettings() if present is None else settings_from(GovernanceSettings, present.settings)
