"""The command that watches a run over time."""

import argparse
from typing import TYPE_CHECKING, Any

from core.commands.settings import add_settings, settings_given
from core.commands.shell import Answer, Command
from core.errors import SettingsError
from core.schema.settings import AuditSettings, parse_by, settings_from
from core.store.workspace import Workspace

if TYPE_CHECKING:
    from core.workflow.forecasts import Forecasts


def add(command: Command) -> None:
    """Register it."""
    sub = command(
        "monitor", _monitor, "groups over time, and what has changed in the data (docs/monitoring.md)"
    )
    sub.add_argument("run")
    sub.add_argument("--by", help="age, or age*income crossed; default: the first protected attribute")
    sub.add_argument("--k", type=int, help="length of the list that a user sees; default: 10")
    sub.add_argument("--days", type=int, default=7, help="days of a window; default: 7")
    add_settings(sub)


def _monitor(workspace: Workspace, options: argparse.Namespace) -> Answer:
    from core.fairness.rows import records
    from core.figures.monitoring import drift_lines, drift_sentence, watch_sentence, watch_table
    from core.figures.sentences import metric_name
    from core.figures.text import unmarked
    from core.workflow.auditing import default_by
    from core.workflow.monitoring import TITLES, gaps_of, monitor

    if not 1 <= options.days <= 366:
        raise SettingsError(f"--days {options.days}: must lie between 1 and 366.")
    by = None if options.by is None else parse_by(options.by)
    values = settings_given(options, by=by, k=options.k)
    if "by" not in values:
        values["by"] = default_by(workspace, run_id=options.run)[:1]
    settings = settings_from(AuditSettings, values)
    if len(settings.by) > 1:
        raise SettingsError("Watch one grouping of users at a time: one attribute, or two crossed.")
    found = monitor(workspace, options.run, settings, days=options.days)
    metric, rate = f"ndcg@{settings.k}", settings.false_discovery_rate
    gaps = gaps_of(found, metric)
    told = {
        "run": found.run,
        "by": list(found.by),
        "days": found.days,
        "windows": list(found.starts),
        "users": found.users,
        "rows": records(found.rows),
        "drift": records(found.drift),
        "forecasts": _of_forecasts(found.forecasts),
        "notes": list(found.notes),
    }
    lines = [
        unmarked(watch_sentence(gaps, found.starts, by=found.by, metric=metric_name(metric))),
        watch_table(gaps, found.starts).to_string(index=False),
        "",
        unmarked(drift_sentence(found.drift, TITLES, rate=rate)),
        drift_lines(found.drift, TITLES, rate=rate).to_string(index=False),
        *([] if found.forecasts is None else _forecast_lines(found.forecasts)),
        *found.notes,
    ]
    return told, "\n".join(lines)


def _of_forecasts(found: "Forecasts | None") -> dict[str, Any] | None:
    from core.fairness.rows import records

    return found and {"days": found.days, "moments": list(found.starts), "rows": records(found.rows)}


def _forecast_lines(found: "Forecasts") -> list[str]:
    from core.figures.monitoring import forecast_sentence, forecast_table
    from core.figures.text import unmarked

    table = forecast_table(found.rows, found.starts).to_string(index=False)
    return ["", unmarked(forecast_sentence(found.rows, days=found.days)), table]
