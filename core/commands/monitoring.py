"""The commands that watch: gate, alerts, acknowledge."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.commands.policies import add_author
from core.commands.shell import Answer, CheckFailed, Command, ProgressLine
from core.errors import SettingsError
from core.figures.text import plain
from core.store.workspace import Workspace

if TYPE_CHECKING:
    from core.workflow.alerts import Alerted
    from core.workflow.gate import Gate

LONGEST = 300  # characters of a line


def add(command: Command) -> None:
    """Register them."""
    sub = command(
        "gate", _gate, "hold an audit against rules; exit status 1 if one is broken (docs/monitoring.md)"
    )
    sub.add_argument("run", nargs="?")
    sub.add_argument("--rules", type=Path, required=True, metavar="F.yaml")
    sub.add_argument("--dataset", help="with --recommendations: the prepared dataset that the lists are for")
    sub.add_argument(
        "--recommendations", type=Path, help="lists that another system made: user_id, item_id, rank"
    )
    sub.add_argument("--split", choices=["validation", "test"], default="test")
    sub.add_argument("--alert", action="store_true", help="keep an alert for each broken rule")
    sub.add_argument("--webhook", metavar="URL", help="post the outcome there as JSON")
    command("alerts", _alerts, "broken rules, newest first, and who has seen them")
    sub = command("acknowledge", _acknowledge, "say that an alert is seen, and what is done about it")
    sub.add_argument("alert")
    add_author(sub)
    sub.add_argument("--comment", required=True, help="what is done about it")


def _gate(workspace: Workspace, options: argparse.Namespace) -> Answer:
    from core.workflow.alerts import raise_alerts
    from core.workflow.gate_report import as_text, record
    from core.workflow.webhook import checked_address, post

    if options.webhook is not None:
        checked_address(options.webhook)  # before the work rather than after it
    gate = _outcome(workspace, options)
    told, text = record(gate), as_text(gate)
    if options.alert:
        told["alerts"] = [alert.id for alert in raise_alerts(workspace, gate)]
        text = "\n".join([text, *(f"alert {id}" for id in told["alerts"])])
    if options.webhook is not None:
        failure = post(options.webhook, told)
        if failure is not None:
            print(failure, file=sys.stderr)
    if not gate.passed:
        raise CheckFailed((told, text))
    return told, text


def _outcome(workspace: Workspace, options: argparse.Namespace) -> "Gate":
    from core.workflow.gate import gate_of_lists, gate_of_run
    from core.workflow.rules_file import read_rules

    own_lists = options.recommendations is not None
    if own_lists == (options.run is not None) or own_lists != (options.dataset is not None):
        raise SettingsError("Name a run, or --dataset with --recommendations.")
    rules, asked = read_rules(options.rules), {"split": options.split, "progress": ProgressLine()}
    if own_lists:
        return gate_of_lists(workspace, options.dataset, options.recommendations, rules, **asked)
    return gate_of_run(workspace, options.run, rules, **asked)


def _alerts(workspace: Workspace, options: argparse.Namespace) -> Answer:
    from core.workflow.alerts import alerts

    found = alerts(workspace)
    text = "\n".join(line for one in found for line in _lines(one))
    return {"alerts": [_record(one) for one in found]}, text or "There is no alert."


def _record(one: "Alerted") -> dict[str, Any]:
    told = one.alert.model_dump(mode="json")
    seen = [made.model_dump(mode="json", exclude={"id", "alert"}) for made in one.acknowledged]
    return {"alert": told.pop("id"), **told, "acknowledged": seen}


def _lines(one: "Alerted") -> list[str]:
    from core.workflow.gate_report import finding_in_words

    alert = one.alert
    of_what = alert.run or f"{alert.recommendations} for {alert.dataset}"
    about = f"{alert.rule} (owner: {alert.owner}): {alert.number}, {alert.limits}"
    seen = [f"{made.at[:16]}  {made.author}: {made.comment}" for made in one.acknowledged]
    below = [*map(finding_in_words, alert.found), *(seen or ["nobody has acknowledged it"])]
    return [
        plain(f"{alert.id}  {alert.at[:16]}  {of_what}  {about}", limit=LONGEST),
        *(f"  {plain(line, limit=LONGEST)}" for line in below),
    ]


def _acknowledge(workspace: Workspace, options: argparse.Namespace) -> Answer:
    from core.workflow.alerts import acknowledge

    made = acknowledge(workspace, options.alert, author=options.author, comment=options.comment)
    told = made.model_dump(mode="json", exclude={"id"})
    return told, f"{made.alert} is acknowledged by {made.author}"
