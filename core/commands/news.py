"""The command news: what came since a dataset was prepared."""

import argparse
from dataclasses import asdict
from pathlib import Path

from core.commands.shell import Answer, Command
from core.store.workspace import Workspace


def add(command: Command) -> None:
    """Register it."""
    sub = command("news", _news, "what came since a dataset was prepared; nothing is read in")
    sub.add_argument("dataset")
    sub.add_argument(
        "--path", type=Path, help="where the source's files lie now; default: where they lay then"
    )


def _news(workspace: Workspace, options: argparse.Namespace) -> Answer:
    from core.data.dataset import load
    from core.data.watching import whats_new
    from core.figures.about_news import news_sentences

    dataset = load(workspace, options.dataset)
    found = whats_new(workspace, dataset, options.path)
    answer = {"dataset": dataset.id, "new": bool(found), **asdict(found)}
    return answer, "\n".join(news_sentences(found))
