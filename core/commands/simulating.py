"""The command of the feedback-loop simulator."""

import argparse

import pandas as pd

from core.commands.settings import add_settings, settings_given
from core.commands.shell import Answer, Command, ProgressLine
from core.schema.settings import settings_from
from core.schema.simulation import SimulationSettings
from core.store.workspace import Workspace


def add(command: Command) -> None:
    """Register it."""
    sub = command(
        "simulate",
        _simulate,
        "what becomes of sellers and customers when a recommender learns from its own lists",
    )
    sub.add_argument("--rounds", type=int, help="how often it learns anew; default: 20")
    add_settings(sub)


def _simulate(workspace: Workspace, options: argparse.Namespace) -> Answer:
    from core.simulation.kept import rounds_table, simulation
    from core.simulation.loop import MEASURES

    settings = settings_from(SimulationSettings, settings_given(options, rounds=options.rounds))
    found = simulation(workspace, settings, progress=ProgressLine())
    table = rounds_table(workspace, found)
    rows = table.astype(object).where(table.notna(), None).to_dict("records")
    told = {"simulation": found.id, "settings": found.settings, "rows": rows}
    last = table[table["round"] == settings.rounds]
    parts = [f"{settings.replications} shops, after {settings.rounds} rounds; 95 % intervals over shops"]
    for name, words in MEASURES.items():
        parts += ["", words, _lines(last[last["measure"] == name])]
    return told, "\n".join(parts)


def _lines(rows: pd.DataFrame) -> str:
    return "\n".join(
        f"  {row.policy:<11} {row.value:.3f} [{row.low:.3f}, {row.high:.3f}]" for row in rows.itertuples()
    )
