"""The commands of signing off: propose, approve, return-policy, and the rules of the workspace: governance."""

import argparse

from core.commands.policies import SAVED, add_author
from core.commands.settings import add_settings, settings_given
from core.commands.shell import Answer, Command
from core.errors import SettingsError
from core.schema.documents import Decision
from core.schema.settings import settings_from
from core.store.workspace import Workspace


def add(command: Command) -> None:
    """Register them."""
    sub = command("propose", _propose, "ask for the approval of a saved policy")
    _add_remark(sub, "why it should be published")
    sub = command("approve", _approve, "approve a policy that somebody else saved and proposed")
    _add_remark(sub, "what there is to say about it")
    sub = command("return-policy", _return, "send a proposed policy back with the reason")
    _add_remark(sub, "what has to change", required=True)
    sub = command("governance", _governance, "the rules of this workspace, and to change them")
    sub.add_argument("--author", metavar="W", help="who answers for a change")
    add_settings(sub)


def _add_remark(parser: argparse.ArgumentParser, about: str, *, required: bool = False) -> None:
    parser.add_argument("policy", help=SAVED)
    add_author(parser)
    parser.add_argument("--comment", default="", required=required, help=about)


def _propose(workspace: Workspace, options: argparse.Namespace) -> Answer:
    from core.workflow.policies.signing import propose

    return _told(propose(workspace, options.policy, author=options.author, comment=options.comment))


def _approve(workspace: Workspace, options: argparse.Namespace) -> Answer:
    from core.workflow.policies.signing import approve

    return _told(approve(workspace, options.policy, author=options.author, comment=options.comment))


def _return(workspace: Workspace, options: argparse.Namespace) -> Answer:
    from core.workflow.policies.signing import send_back

    return _told(send_back(workspace, options.policy, author=options.author, comment=options.comment))


def _told(made: Decision) -> Answer:
    return made.model_dump(mode="json"), f"{made.policy} is {made.decided} by {made.author}"


def _governance(workspace: Workspace, options: argparse.Namespace) -> Answer:
    from core.workflow.policies.governance import GovernanceSettings, govern, governance

    values = settings_given(options)
    if values:
        if options.author is None:
            raise SettingsError("Somebody has to answer for a change: --author W.")
        present = governance(workspace).model_dump()
        govern(workspace, settings_from(GovernanceSettings, present | values), author=options.author)
    holds = governance(workspace).model_dump(mode="json")
    return holds, "\n".join(f"{name}: {str(value).lower()}" for name, value in holds.items())
