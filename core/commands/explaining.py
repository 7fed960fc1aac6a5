"""The command that says why: explain."""

import argparse

from core.commands.settings import add_settings, settings_given
from core.commands.shell import Answer, Command, ProgressLine
from core.errors import SettingsError
from core.schema.settings import AuditSettings, parse_by, settings_from
from core.store.workspace import Workspace


def add(command: Command) -> None:
    """Register it."""
    sub = command(
        "explain", _explain, "why a model, a list or a gap is as it is; alone: what can be explained"
    )
    sub.add_argument("run")
    sub.add_argument("--model", metavar="NAME", help="what this model goes by; with --user: one prediction")
    sub.add_argument("--user", metavar="ID", help="the user of the prediction, or of the list")
    sub.add_argument("--item", metavar="ID", help="with --user: why this product stands in the user's list")
    sub.add_argument(
        "--gap", metavar="METRIC", help="what gaps of ndcg, recall or mrr between groups are made of"
    )
    sub.add_argument(
        "--by", help="groups: age, or age*income crossed; default of --gap: the first protected attribute"
    )
    sub.add_argument("--k", type=int, help="length of the list that a user sees; default: 10")
    add_settings(sub)


def _explain(workspace: Workspace, options: argparse.Namespace) -> Answer:
    from core.workflow.auditing import default_by
    from core.workflow.explaining import report

    model, user, item, gap = options.model, options.user, options.item, options.gap
    if item is not None and (user is None or model is not None or gap is not None):
        raise SettingsError("--item goes with --user alone: why this product stands in this user's list.")
    if gap is not None and (model is not None or user is not None):
        raise SettingsError("--gap is of groups of users; it goes with neither --model nor --user.")
    if user is not None and model is None and item is None:
        raise SettingsError("Say --model or --item: what is to be explained of this user?")
    by = None if options.by is None else parse_by(options.by)
    values = settings_given(options, by=by, k=options.k)
    if gap is not None and "by" not in values:
        values["by"] = default_by(workspace, run_id=options.run)[:1]
    settings = settings_from(AuditSettings, values) if "by" in values else None
    k = settings_from(AuditSettings, {"by": (("any",),)} | values).k
    if settings is not None and len(settings.by) > 1:
        raise SettingsError("Explanations are by one grouping of users; name one attribute, or two crossed.")
    if gap is not None:
        return report.told_gap(workspace, options.run, gap, settings)
    if user is not None:
        who = report.person(workspace, options.run, user)
        if item is not None:
            return report.told_item(workspace, options.run, who, item, k=k)
        return report.told_case(workspace, options.run, model, who)
    if model is not None:
        return report.told_model(workspace, options.run, model, settings=settings, progress=ProgressLine())
    return report.told_subjects(workspace, options.run)
