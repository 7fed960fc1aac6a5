"""The command that measures Evenhand itself: bench."""

import argparse
from pathlib import Path

from core.commands.settings import add_settings, settings_given
from core.commands.shell import Answer, Command, ProgressLine
from core.schema.settings import DatasetSettings, TrainSettings, settings_from
from core.store.workspace import Workspace


def add(command: Command) -> None:
    """Register it."""
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
        "--seeds",
        type=int,
        default=3,
        help="how often to train (accuracy: finished seeds in the workspace are kept)",
    )
    sub.add_argument("--device", choices=["auto", "cpu", "cuda"])
    add_settings(sub)


def _bench(workspace: Workspace, options: argparse.Namespace) -> Answer:
    values = settings_given(options, device=options.device)
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
    report = cold_start(workspace, dataset.id, settings, draws=options.seeds, progress=ProgressLine())
    return report.model_dump(mode="json"), as_text(report)
