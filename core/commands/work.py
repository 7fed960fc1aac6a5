"""The commands that make something: prepare, train, import-lists, search, worker."""

import argparse
import faulthandler
import os
from pathlib import Path
from typing import Any

import pandas as pd

from core.commands.settings import add_settings, settings_given
from core.commands.shell import Answer, Command, ProgressLine
from core.schema.documents import new_id
from core.schema.settings import DatasetSettings, SearchSettings, TrainSettings, settings_from
from core.store.trail import COMMAND_LINE
from core.store.workspace import Workspace

BACKGROUND = 5  # niceness of workers: pages come first


def add(command: Command) -> None:
    """Register them."""
    sub = command("prepare", _prepare, "read, clean and split a source")
    sub.add_argument(
        "source",
        help="complete_journey (built in), tables (your own), mongodb, movielens, beauty, reviews or olist",
    )
    sub.add_argument("--path", type=Path, help="folder of the source's files")
    sub.add_argument("--protected", help="user attributes that name protected groups, e.g. age,income")
    sub.add_argument(
        "--follows", metavar="DATASET", help="of the same shop: the new one is of its line, with its feedback"
    )
    add_settings(sub)
    sub = command("train", _train, "train a recommender on a prepared dataset")
    sub.add_argument("dataset")
    sub.add_argument("--name", default="", help="what to call the run")
    sub.add_argument("--device", choices=["auto", "cpu", "cuda"])
    add_settings(sub)
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
    add_settings(sub)
    sub = command("worker", _worker, "work on queued jobs")
    sub.add_argument("--idle-seconds", type=float, default=10.0, help="end after this long without work")


def _prepare(workspace: Workspace, options: argparse.Namespace) -> Answer:
    from core.data.prepare import prepare

    protected = None
    if options.protected is not None:
        protected = [name.strip() for name in options.protected.split(",") if name.strip()]
    settings = settings_from(DatasetSettings, settings_given(options, protected=protected))
    dataset = prepare(
        workspace,
        options.source,
        settings,
        path=options.path,
        follows=options.follows,
        who=COMMAND_LINE,
        progress=ProgressLine(),
    )
    quality = pd.DataFrame([rule.model_dump() for rule in dataset.quality])
    counts = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in dataset.counts.items())
    text = f"dataset {dataset.id}: {dataset.name}\n{counts}\n\n{quality.to_string(index=False)}"
    return {"dataset": dataset.id, "quality": quality.to_dict("records")}, text


def _train(workspace: Workspace, options: argparse.Namespace) -> Answer:
    from core.workflow.training import train

    settings = settings_from(TrainSettings, settings_given(options, device=options.device))
    run_id = new_id("run")
    run = train(
        workspace,
        options.dataset,
        settings,
        run_id=run_id,
        name=options.name,
        who=COMMAND_LINE,
        progress=ProgressLine(),
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
        who=COMMAND_LINE,
        progress=ProgressLine(),
    )
    notes = run.reports["recommender"].notes
    return {"run": run.id, "notes": notes}, "\n".join([f"run {run.id}", *notes])


def _search(workspace: Workspace, options: argparse.Namespace) -> Answer:
    from core.workflow.search import search

    budget = {"trials": options.trials, "minutes": options.minutes}
    settings = settings_from(SearchSettings, {name: n for name, n in budget.items() if n is not None})
    base = settings_from(TrainSettings, settings_given(options))
    asked = {"who": COMMAND_LINE, "progress": ProgressLine()}
    found = search(workspace, options.dataset, settings, base, **asked)
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


def _worker(workspace: Workspace, options: argparse.Namespace) -> Answer:
    from core.jobs.worker import run_worker

    faulthandler.enable()
    os.nice(BACKGROUND)
    run_worker(workspace, idle_seconds=options.idle_seconds)
    return None, ""
