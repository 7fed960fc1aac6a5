"""The commands that close the loop: feedback, retrain, compare."""

import argparse
from pathlib import Path
from typing import Any

from core.commands.settings import add_settings, read_settings, settings_given
from core.commands.shell import Answer, Command, ProgressLine
from core.errors import UNCHANGED, InputError, SettingsError
from core.schema.documents import Comparison, Feedback, new_id
from core.schema.settings import MongoSettings, TrainSettings, settings_from
from core.store.trail import COMMAND_LINE
from core.store.workspace import Workspace

AGAIN = " These rows had been taken in before; nothing was added."


def add(command: Command) -> None:
    """Register them."""
    sub = command(
        "feedback",
        _feedback,
        "bring in reactions to recommendations; without a file or collections: what there is (docs/feedback.md)",
    )
    sub.add_argument("dataset")
    sub.add_argument("files", nargs="*", type=Path, help="CSV or Parquet files, impressions before service")
    sub.add_argument(
        "--table", choices=["impressions", "service"], help="what the files are; default: as they are named"
    )
    sub.add_argument(
        "--config", type=Path, metavar="F.yaml", help="collections to read: mongodb, as for prepare mongodb"
    )
    sub.add_argument("--author", default=COMMAND_LINE, metavar="W", help="who brings it in")
    sub = command(
        "retrain",
        _retrain,
        "prepare the data of a run anew with the feedback on them, train on from it, and compare the two",
    )
    sub.add_argument("run")
    sub.add_argument(
        "--path", type=Path, help="where the source's files lie now; default: where they lay then"
    )
    sub.add_argument(
        "--name", default="", help="what to call the new run; default: as the former, with the next number"
    )
    add_settings(sub)
    sub = command(
        "compare", _compare, "hold a run against a former one: the same questions of the same users"
    )
    sub.add_argument("old")
    sub.add_argument("new")
    sub.add_argument("--k", type=int, default=10, help="length of the list that a user sees; default: 10")


def _feedback(workspace: Workspace, options: argparse.Namespace) -> Answer:
    from core.data.dataset import load
    from core.data.feedback.from_mongodb import load_collections
    from core.data.feedback.keeping import feedback_of, load_file
    from core.figures.about_feedback import feedback_sentence
    from core.workflow.policies.saved import signed

    dataset = load(workspace, options.dataset)
    asked = {"who": signed(options.author)}
    there = {one.id for one in feedback_of(workspace, dataset)} if options.files else set()
    found = []
    for file in options.files:
        try:
            found.append(load_file(workspace, dataset.id, file, table=options.table, **asked))
        except InputError as error:
            if not found:
                raise
            said = str(error).removesuffix(UNCHANGED)
            raise InputError(f"{said} The files before it were taken in: {_names(found)}.") from None
    if options.config is not None:
        settings = _collections(options.config)
        found += load_collections(workspace, dataset.id, settings, **asked, progress=ProgressLine())
    elif not options.files:
        found = feedback_of(workspace, dataset)
    lines = [feedback_sentence(one) + (AGAIN if one.id in there else "") for one in found] or [
        "Nothing new." if options.config else "No feedback."
    ]
    return {"dataset": dataset.id, "feedback": [_told(workspace, one) for one in found]}, "\n".join(lines)


def _names(found: list[Feedback]) -> str:
    return ", ".join(one.name for one in found)


def _collections(file: Path) -> MongoSettings:
    values = read_settings(file)
    if set(values) != {"mongodb"} or not isinstance(values["mongodb"], dict):
        raise SettingsError(
            f"{file.name[:80]}: holds 'mongodb' with the collections of feedback, nothing else."
        )
    return settings_from(MongoSettings, values["mongodb"])


def _told(workspace: Workspace, one: Feedback) -> dict[str, Any]:
    told = one.model_dump(mode="json", exclude={"id", "rows", "kept_aside", "line"})
    aside = None if one.kept_aside is None else str(workspace.artefacts.file(one.kept_aside))
    return {"feedback": one.id, **told, "aside_file": aside}


def _retrain(workspace: Workspace, options: argparse.Namespace) -> Answer:
    from core.workflow.retraining import retrain
    from core.workflow.runs import load_run

    changed = settings_given(options)
    settings = None
    if changed:
        settings = settings_from(TrainSettings, load_run(workspace, options.run).settings | changed)
    found = retrain(
        workspace,
        options.run,
        settings,
        new_id=new_id("run"),
        path=options.path,
        name=options.name,
        who=COMMAND_LINE,
        progress=ProgressLine(),
    )
    answer, text = _of_comparison(found.comparison)
    run = found.run
    told = {"run": run.id, "dataset": run.dataset, "follows": run.follows, "feedback": run.feedback}
    head = (
        f"run {run.id} on {run.dataset}, with {len(run.feedback)} pieces of feedback, follows {run.follows}"
    )
    return told | {"seconds": run.seconds, "comparison": answer}, f"{head}\n{text}"


def _compare(workspace: Workspace, options: argparse.Namespace) -> Answer:
    from core.workflow.comparing import hold_against
    from core.workflow.runs import load_run

    if not 1 <= options.k <= 50:
        raise SettingsError(f"--k {options.k}: must lie between 1 and 50.")
    old, new = (load_run(workspace, id) for id in (options.old, options.new))
    return _of_comparison(
        hold_against(workspace, old, new, k=options.k, who=COMMAND_LINE, progress=ProgressLine())
    )


def _of_comparison(found: Comparison) -> Answer:
    from core.figures.about_saved import compared_sentence, worse_sentence
    from core.figures.text import unmarked

    told = found.model_dump(mode="json", exclude={"id", "per_user"})
    said = [unmarked(sentence) for sentence in (compared_sentence(found), worse_sentence(found)) if sentence]
    return {"comparison": found.id, **told}, "\n".join([*said, *found.notes])
