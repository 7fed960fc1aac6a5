"""The same system from a shell: `python -m core [--workspace DIR] COMMAND ... [--json]`.

Exit status: 0 done, 1 a check failed, 2 bad input (one clear line, no traceback), 130 interrupted.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pandas as pd
import yaml

from core.errors import EvenhandError, InputError, SettingsError
from core.schema.documents import new_id
from core.schema.policies import PolicySettings
from core.schema.settings import (
    AuditSettings,
    DatasetSettings,
    SearchSettings,
    TrainSettings,
    parse_by,
    settings_from,
)
from core.store.workspace import Workspace

BACKGROUND = 5  # niceness of workers: pages come first


def main(arguments: list[str] | None = None) -> int:
    """Run one command; the exit status."""
    options = _parser().parse_args(arguments, argparse.Namespace(workspace=None, json=False))
    try:
        workspace = Workspace.open(options.workspace)
        answer, text = options.command(workspace, options)
    except (EvenhandError, OSError) as error:
        print(f"error: {_one_line(error)}", file=sys.stderr)
        return 2 if isinstance(error, InputError) else 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    if answer is not None:
        _print(json.dumps(answer, allow_nan=False) if options.json else text)
    return 0


def _one_line(error: Exception) -> str:
    """What is wrong, without the line breaks and control characters that names from files may hold."""
    said = (isinstance(error, OSError) and error.strerror) or error
    return "".join(letter if letter.isprintable() else " " for letter in str(said))


def _print(text: str) -> None:
    try:
        print(text, flush=True)
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115  (what is left to flush at exit goes nowhere)


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, as every other error is said."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"error: {message} (see {self.prog} --help)\n")


Command = Callable[[str, Callable, str], argparse.ArgumentParser]


def _parser() -> argparse.ArgumentParser:
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument(
        "--workspace", default=argparse.SUPPRESS, metavar="DIR", help="default: $EVENHAND_WORKSPACE or var"
    )
    shared.add_argument(
        "--json", action="store_true", default=argparse.SUPPRESS, help="one JSON object on standard output"
    )
    parser = _Parser(prog="python -m core", description=__doc__, parents=[shared])
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, function: Callable, description: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=description, description=description, parents=[shared])
        sub.set_defaults(command=function)
        return sub

    _add_work(command)
    _add_reading(command)
    _add_bench(command)
    return parser


def _add_work(command: Command) -> None:
    """The commands that make something: prepare, train, import-lists, search, worker."""
    sub = command("prepare", _prepare, "read, clean and split a source")
    sub.add_argument(
        "source", help="complete_journey (built in), tables (your own), movielens, beauty, reviews or olist"
    )
    sub.add_argument("--path", type=Path, help="folder of the source's files")
    sub.add_argument("--protected", help="user attributes that name protected groups, e.g. age,income")
    _settings_options(sub)
    sub = command("train", _train, "train a recommender on a prepared dataset")
    sub.add_argument("dataset")
    sub.add_argument("--name", default="", help="what to call the run")
    sub.add_argument("--device", choices=["auto", "cpu", "cuda"])
    _settings_options(sub)
    sub = command("import-lists", _import_lists, "keep lists that another system made as a run to audit")
    sub.add_argument("dataset")
    sub.add_argument(
        "file", type=Path, help="CSV or Parquet: user_id, item_id, rank, and score if there is one"
    )
    sub.add_argument("--name", default="", help="what to call the run; default: the name of the file")
    sub = command("search", _search, "look for better training settings; goes on where it stood")
    sub.add_argument("dataset")
    sub.add_argument("--trials", type=int, help="settings to try; default: 12")
    sub.add_argument("--minutes", type=int, help="stop after this many minutes of training")
    _settings_options(sub)
    sub = command("worker", _worker, "work on queued jobs")
    sub.add_argument("--idle-seconds", type=float, default=10.0, help="end after this long without work")


def _add_reading(command: Command) -> None:
    """The commands that read a run: evaluate, recommend, rerank, audit."""
    sub = command("evaluate", _evaluate, "accuracy of a run")
    sub.add_argument("run")
    sub.add_argument("--split", choices=["validation", "test"], default="test")
    sub.add_argument("--baselines", action="store_true", help="beside the simple rules that it must beat")
    sub = command("recommend", _recommend, "write everyone's list to a Parquet file")
    sub.add_argument("run")
    sub.add_argument("--out", type=Path, required=True, metavar="F.parquet")
    sub.add_argument("--k", type=int, default=20)
    sub.add_argument("--users", type=Path, help="file with a column user_id: only these users")
    sub.add_argument(
        "--policy",
        type=Path,
        metavar="F.yaml",
        help="steps of re-ranking and their settings (docs/policies.md)",
    )
    sub = command("rerank", _rerank, "what a policy costs, and how many users gain and lose")
    sub.add_argument("run")
    sub.add_argument("--policy", type=Path, required=True, metavar="F.yaml", help="as for recommend")
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
    sub.add_argument(
        "--policy", type=Path, metavar="F.yaml", help="audit the run's lists as a policy makes them"
    )
    _settings_options(sub)


def _add_bench(command: Command) -> None:
    """The command that measures Evenhand itself."""
    sub = command("bench", _bench, "reproduce a row of docs/accuracy.md")
    sub.add_argument(
        "name",
        choices=["accuracy", "cold_start"],
        metavar="NAME",
        help="accuracy: beside every baseline; cold_start: products that training never saw",
    )
    sub.add_argument("--data", required=True, metavar="SOURCE", help="a source, as in prepare")
    sub.add_argument("--path", type=Path, help="folder of the source's files")
    sub.add_argument(
        "--seeds", type=int, default=3, help="how often to train; finished seeds in the workspace are kept"
    )
    sub.add_argument("--device", choices=["auto", "cpu", "cuda"])
    _settings_options(sub)


def _settings_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, metavar="F.yaml", help="settings from a YAML or JSON file")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="one setting; may be repeated"
    )


# What reading YAML may raise: dates and numbers that are none, and lists in lists without end, are not YAMLErrors.
UNREADABLE = (yaml.YAMLError, ValueError, RecursionError)


def _settings(options: argparse.Namespace, **given: Any) -> dict[str, Any]:
    """Settings of a command: the file, then --set, then its own options."""
    values: dict[str, Any] = {}
    if options.config:
        values |= _read_config(options.config)
    for pair in options.set:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise SettingsError(f"--set {pair}: write KEY=VALUE.")
        try:
            values[key.strip()] = yaml.safe_load(value)
        except UNREADABLE:
            raise SettingsError(f"--set {pair[:80]}: the value cannot be read.") from None
    return values | {key: value for key, value in given.items() if value is not None}


def _read_config(path: Path) -> dict[str, Any]:
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, *UNREADABLE) as error:
        raise SettingsError(f"{path.name[:80]}: cannot be read as YAML ({type(error).__name__}).") from None
    if not isinstance(values, dict):
        raise SettingsError(f"{path.name}: holds no settings (KEY: VALUE lines).")
    return values


def _policy(path: Path | None, *, k: int | None = None) -> PolicySettings | None:
    """The policy of a file, for lists of k where that is asked for; None without a file."""
    if path is None:
        return None
    return settings_from(PolicySettings, _read_config(path) | ({} if k is None else {"k": k}))


class ProgressLine:
    """Progress on standard error: one line per stage, and one a few seconds while it lasts."""

    def __init__(self, every_seconds: float = 5.0):
        self.every_seconds, self.stage, self.said = every_seconds, "", 0.0

    def __call__(self, stage: str, fraction: float, message: str = "") -> None:
        moment = time.monotonic()
        if stage != self.stage or moment - self.said >= self.every_seconds:
            print(f"{fraction:4.0%} {stage} {message}".rstrip(), file=sys.stderr, flush=True)
            self.stage, self.said = stage, moment


Answer = tuple[dict[str, Any] | None, str]


def _prepare(workspace: Workspace, options: argparse.Namespace) -> Answer:
    from core.data.prepare import prepare

    protected = None
    if options.protected is not None:
        protected = [name.strip() for name in options.protected.split(",") if name.strip()]
    settings = settings_from(DatasetSettings, _settings(options, protected=protected))
    dataset = prepare(workspace, options.source, settings, path=options.path, progress=ProgressLine())
    quality = pd.DataFrame([rule.model_dump() for rule in dataset.quality])
    counts = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in dataset.counts.items())
    text = f"dataset {dataset.id}: {dataset.name}\n{counts}\n\n{quality.to_string(index=False)}"
    return {"dataset": dataset.id, "quality": quality.to_dict("records")}, text


def _train(workspace: Workspace, options: argparse.Namespace) -> Answer:
    from core.workflow.training import train

    settings = settings_from(TrainSettings, _settings(options, device=options.device))
    run_id = new_id("run")
    run = train(
        workspace, options.dataset, settings, run_id=run_id, name=options.name, progress=ProgressLine()
    )
    answer = {"run": run.id, "device": run.device, "seconds": run.seconds}
    return answer, f"run {run.id} on {run.device} ({run.device_reason}) in {run.seconds:.0f} s"


def _import_lists(workspace: Workspace, options: argparse.Namespace) -> Answer:
    from core.workflow.importing import import_lists

    run = import_lists(
        workspace,
        options.dataset,
        options.file,
        run_id=new_id("run"),
        name=options.name,
        progress=ProgressLine(),
    )
    notes = run.reports["recommender"].notes
    return {"run": run.id, "notes": notes}, "\n".join([f"run {run.id}", *notes])


def _search(workspace: Workspace, options: argparse.Namespace) -> Answer:
    from core.workflow.search import search

    budget = {"trials": options.trials, "minutes": options.minutes}
    settings = settings_from(SearchSettings, {name: n for name, n in budget.items() if n is not None})
    base = settings_from(TrainSettings, _settings(options))
    found = search(workspace, options.dataset, settings, base, progress=ProgressLine())
    standard = TrainSettings().model_dump(mode="json")
    changed = {name: value for name, value in found.best_settings.items() if value != standard[name]}
    answer = {"search": found.id, "settings": changed, "value": found.best_trial.value}
    answer |= {"base_value": found.first_trial.value, "importances": found.importances}
    answer["trials"] = [trial.model_dump() for trial in found.trials]
    return answer, " ".join(f"--set {name}={_plain_yaml(value)}" for name, value in changed.items())


def _plain_yaml(value: Any) -> str:
    """A setting as `--set` reads it, without spaces or quotes, so that a shell hands it over as it is."""
    if isinstance(value, list):
        return f"[{','.join(value)}]"
    return "null" if value is None else str(value).lower()


def _evaluate(workspace: Workspace, options: argparse.Namespace) -> Answer:
    from core.workflow.evaluation import as_table, evaluate

    answer = evaluate(workspace, options.run, split=options.split, baselines=options.baselines)
    return answer, as_table(answer)


def _recommend(workspace: Workspace, options: argparse.Namespace) -> Answer:
    from core.workflow.recommending import recommend

    policy = _policy(options.policy, k=options.k)
    found = recommend(workspace, options.run, options.out, k=options.k, users=options.users, policy=policy)
    answer = {"run": options.run, "out": str(options.out), "rows": found.rows, "notes": list(found.notes)}
    return answer, "\n".join([f"{found.rows:,} rows in {options.out}", *found.notes])


def _rerank(workspace: Workspace, options: argparse.Namespace) -> Answer:
    from core.workflow.policies.trade_off import as_text, trade_off

    found = trade_off(workspace, options.run, _policy(options.policy, k=options.k), split=options.split)
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
    values = _settings(options, by=by, k=options.k)
    if "by" not in values:
        values["by"] = default_by(workspace, run_id=options.run, dataset_id=options.dataset)
    settings, asked = (
        settings_from(AuditSettings, values),
        {"split": options.split, "progress": ProgressLine()},
    )
    if own_lists:
        found = audit_of_lists(workspace, options.dataset, options.recommendations, settings, **asked)
    else:
        asked |= {"policy": _policy(options.policy)}
        found = audit_of_run(workspace, options.run, settings, **asked)
    if getattr(options, "json", False):
        print(
            "\n".join([*found.users.notes, *(f"{name}: {why}" for name, why in found.absent.items())]),
            file=sys.stderr,
        )
    return found.sections(), as_text(found)


def _bench(workspace: Workspace, options: argparse.Namespace) -> Answer:
    values = _settings(options, device=options.device)
    data = {name: values.pop(name) for name in list(values) if name in DatasetSettings.model_fields}
    settings, prepared = settings_from(TrainSettings, values), settings_from(DatasetSettings, data)
    if options.name == "cold_start":
        return _bench_cold_start(workspace, options, settings, prepared)
    from core.workflow.bench import bench_accuracy
    from core.workflow.bench_text import as_markdown

    answer = bench_accuracy(
        workspace,
        options.data,
        settings,
        path=options.path,
        data=prepared,
        seeds=options.seeds,
        progress=ProgressLine(),
    )
    return answer, as_markdown(answer)


def _bench_cold_start(
    workspace: Workspace, options: argparse.Namespace, settings: TrainSettings, data: DatasetSettings
) -> Answer:
    from core.data.prepare import prepare
    from core.workflow.cold_start import as_text, cold_start

    dataset = prepare(workspace, options.data, data, path=options.path, progress=ProgressLine())
    report = cold_start(workspace, dataset.id, settings, progress=ProgressLine())
    return report.model_dump(mode="json"), as_text(report)


def _worker(workspace: Workspace, options: argparse.Namespace) -> Answer:
    from core.jobs.worker import run_worker

    os.nice(BACKGROUND)
    run_worker(workspace, idle_seconds=options.idle_seconds)
    return None, ""
