"""The trade-off curve: accuracy against fairness for every re-ranker and its knob."""

import argparse

from core.commands.settings import add_policy, add_settings, policy_given, settings_given
from core.commands.shell import Answer, Command, ProgressLine
from core.errors import SettingsError
from core.schema.settings import AuditSettings, parse_by, settings_from
from core.store.trail import COMMAND_LINE
from core.store.workspace import Workspace


def add(command: Command) -> None:
    """Register it."""
    sub = command("frontier", _frontier, "accuracy against fairness, on validation, with intervals")
    sub.add_argument("run")
    sub.add_argument("--algorithm", metavar="A", help="only the points of this re-ranker")
    sub.add_argument(
        "--by", help="groups of users: age, or age*income crossed; default: the first protected attribute"
    )
    sub.add_argument(
        "--items-by", help="groups of items: brand, provider_id, category, ...; default: the first there is"
    )
    sub.add_argument("--k", type=int, help="length of the list that a user sees; default: 10")
    add_policy(sub, "hold every point against this policy")
    add_settings(sub)


def _frontier(workspace: Workspace, options: argparse.Namespace) -> Answer:
    from core.workflow.auditing import default_by
    from core.workflow.policies.frontier import frontier
    from core.workflow.policies.frontier_report import as_text, record
    from core.workflow.policies.standing import points_table
    from core.workflow.policies.steps import reranker

    if options.algorithm is not None:
        reranker(options.algorithm)  # before the work rather than after it
    by = None if options.by is None else parse_by(options.by)
    values = settings_given(options, by=by, k=options.k, items_by=options.items_by)
    if "by" not in values:
        values["by"] = default_by(workspace, run_id=options.run)[:1]
    settings = settings_from(AuditSettings, values)
    if len(settings.by) > 1:
        raise SettingsError("A frontier is of one grouping of users; name one attribute, or two crossed.")
    against = policy_given(workspace, options)
    asked = {"who": COMMAND_LINE, "progress": ProgressLine()}
    found = frontier(workspace, options.run, settings, against, **asked)
    told = record(found, points_table(workspace, found), algorithm=options.algorithm)
    return told, as_text(told)
