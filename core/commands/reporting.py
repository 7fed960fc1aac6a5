"""The command that writes a fairness report."""

import argparse
import os
from pathlib import Path

from core.commands.settings import add_policy, add_settings, policy_given, settings_given
from core.commands.shell import Answer, Command, ProgressLine
from core.schema.settings import AuditSettings, parse_by, settings_from
from core.store.trail import COMMAND_LINE, tell
from core.store.workspace import Workspace


def add(command: Command) -> None:
    """Register it."""
    sub = command(
        "report", _report, "a fairness report: a page that stands alone, its JSON, and the schema of that"
    )
    sub.add_argument("run")
    sub.add_argument("--out", type=Path, required=True, metavar="F.html")
    sub.add_argument(
        "--by", help="age,income (each alone) or age*income (crossed); default: the protected attributes"
    )
    sub.add_argument("--k", type=int, help="length of the list that a user sees; default: 10")
    sub.add_argument("--split", choices=["validation", "test"], default="test")
    add_policy(
        sub, "report on the lists as a policy makes them; default: the policy by which the shop is served"
    )
    add_settings(sub)


def _report(workspace: Workspace, options: argparse.Namespace) -> Answer:
    from core.report.gather import Chosen, gather, headline, served_policy
    from core.report.writing import checked_files, write
    from core.workflow.auditing import default_by
    from core.workflow.policies.saved import load_policy, settings_of
    from core.workflow.runs import load_run

    files = checked_files(options.out)  # before the work rather than after it
    run = load_run(workspace, options.run)
    by = None if options.by is None else parse_by(options.by)
    values = settings_given(options, by=by, k=options.k)
    if "by" not in values:
        values["by"] = default_by(workspace, run_id=run.id)
    settings = settings_from(AuditSettings, values)
    if options.policy is None:
        chosen = served_policy(workspace, run)
    elif os.path.isfile(options.policy):
        chosen = Chosen(policy_given(workspace, options))
    else:
        policy_given(workspace, options)  # says what is wrong with it in the words of every command
        saved = load_policy(workspace, options.policy, dataset=run.dataset)
        chosen = Chosen(settings_of(saved), saved)
    asked = {"split": options.split, "who": COMMAND_LINE, "progress": ProgressLine()}
    report = gather(workspace, run.id, settings, policy=chosen, **asked)
    about = {"dataset": run.dataset, "run": run.id}
    if report.policy is not None and report.policy.id is not None:
        about["policy"] = report.policy.id
    tell(workspace, "exported", who=COMMAND_LINE, about=about, details={"file": files.page.name})
    write(report, files)
    told = {
        "run": run.id,
        "out": str(files.page),
        "json": str(files.content),
        "schema": str(files.schema),
        "policy": report.policy and report.policy.reference,
        "answer": report.answer,
    }
    lines = [headline(report), *report.answer, f"{files.page}, {files.content.name}, {files.schema.name}"]
    return told, "\n".join(lines)
