"""The commands that read a run: evaluate, recommend, rerank, audit."""

import argparse
import sys
from pathlib import Path

from core.commands.settings import add_moment, add_policy, add_settings, policy_given, settings_given
from core.commands.shell import Answer, Command, ProgressLine
from core.errors import SettingsError
from core.schema.settings import AuditSettings, parse_by, settings_from
from core.store.trail import COMMAND_LINE
from core.store.workspace import Workspace


def add(command: Command) -> None:
    """Register them."""
    sub = command("evaluate", _evaluate, "accuracy of a run")
    sub.add_argument("run")
    sub.add_argument("--split", choices=["validation", "test"], default="test")
    sub.add_argument("--baselines", action="store_true", help="beside the simple rules that it must beat")
    sub = command("recommend", _recommend, "write everyone's list to a Parquet file")
    sub.add_argument("run")
    sub.add_argument("--out", type=Path, required=True, metavar="F.parquet")
    sub.add_argument("--k", type=int, default=20)
    sub.add_argument("--users", type=Path, help="file with a column user_id: only these users")
    add_policy(sub, "steps of re-ranking and their settings (docs/policies.md)")
    add_moment(sub)
    sub = command("rerank", _rerank, "what a policy costs, and how many users gain and lose")
    sub.add_argument("run")
    add_policy(sub, "as for recommend", required=True)
    sub.add_argument("--k", type=int, help="length of the list that a user sees; default: 10")
    sub.add_argument("--split", choices=["validation", "test"], default="validation")
    sub = command("audit", _audit, "compare groups of users")
    sub.add_argument("run", nargs="?")
    sub.add_argument(
        "--dataset", help="with --recommendations: the prepared dataset that the lists were made for"
    )
    sub.add_argument(
        "--recommendations", type=Path, help="lists that another system made: user_id, item_id, rank"
    )
    sub.add_argument(
        "--by", help="age,income (each alone) or age*income (crossed); default: the protected attributes"
    )
    sub.add_argument("--k", type=int, help="length of the list that a user sees; default: 10")
    sub.add_argument("--split", choices=["validation", "test"], default="test")
    add_policy(sub, "audit the run's lists as a policy makes them")
    add_settings(sub)


def _evaluate(workspace: Workspace, options: argparse.Namespace) -> Answer:
    from core.workflow.evaluation import as_table, evaluate

    answer = evaluate(workspace, options.run, split=options.split, baselines=options.baselines)
    return answer, as_table(answer)


def _recommend(workspace: Workspace, options: argparse.Namespace) -> Answer:
    from core.workflow.recommending import recommend

    policy = policy_given(workspace, options, k=options.k)
    asked = {"k": options.k, "users": options.users, "policy": policy, "split": options.split}
    asked |= {"who": COMMAND_LINE, "progress": ProgressLine()}
    found = recommend(workspace, options.run, options.out, **asked)
    answer = {"run": options.run, "out": str(options.out), "rows": found.rows, "notes": list(found.notes)}
    return answer, "\n".join([f"{found.rows:,} rows in {options.out}", *found.notes])


def _rerank(workspace: Workspace, options: argparse.Namespace) -> Answer:
    from core.workflow.policies.trade_off import as_text, trade_off

    found = trade_off(
        workspace, options.run, policy_given(workspace, options, k=options.k), split=options.split
    )
    return found.record(), as_text(found)


def _audit(workspace: Workspace, options: argparse.Namespace) -> Answer:
    from core.workflow.auditing import default_by
    from core.workflow.audits.whole import as_text, audit_of_lists, audit_of_run

    own_lists = options.recommendations is not None
    if own_lists == (options.run is not None) or own_lists != (options.dataset is not None):
        raise SettingsError("Name a run, or --dataset with --recommendations.")
    if own_lists and options.policy:
        raise SettingsError(
            "--policy makes lists of a run's candidates; import-lists makes a run of your own."
        )
    by = None if options.by is None else parse_by(options.by)
    values = settings_given(options, by=by, k=options.k)
    if "by" not in values:
        values["by"] = default_by(workspace, run_id=options.run, dataset_id=options.dataset)
    settings, asked = (
        settings_from(AuditSettings, values),
        {"split": options.split, "progress": ProgressLine()},
    )
    if own_lists:
        found = audit_of_lists(workspace, options.dataset, options.recommendations, settings, **asked)
    else:
        asked |= {"policy": policy_given(workspace, options)}
        found = audit_of_run(workspace, options.run, settings, **asked)
    if getattr(options, "json", False):
        print(
            "\n".join([*found.users.notes, *(f"{name}: {why}" for name, why in found.absent.items())]),
            file=sys.stderr,
        )
    return found.sections(), as_text(found)
