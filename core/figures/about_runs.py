"""Runs and their comparison, in sentences and tables for the screen."""

from collections.abc import Sequence

import pandas as pd

from core.figures.numbers import (
    MISSING,
    count,
    duration,
    moment,
    points,
    ratio,
    score,
    with_interval,
)
from core.figures.sentences import plural
from core.figures.text import markdown_text, plain, spoken
from core.schema.documents import Run
from core.schema.settings import TrainSettings


def runs_sentence(runs: Sequence[Run]) -> str:
    """How many runs there are, and the best of them."""
    if not runs:
        return "No run yet."
    brought = sum(run.brought for run in runs)
    number = plural(len(runs), "run") + (f", {brought} with lists of another system" if brought else "")
    scored = [run for run in runs if "ndcg@10" in run.metrics.get("validation", {})]
    if not scored:
        return f"{number}."
    best = max(scored, key=lambda run: run.metrics["validation"]["ndcg@10"])
    return f"{number}; **{markdown_text(best.name)}** is best on the validation split."


def run_table(runs: Sequence[Run]) -> pd.DataFrame:
    """Runs for the download: numbers as numbers, settings as columns."""
    return pd.DataFrame(
        [
            {
                "run": run.id,
                "name": run.name,
                "created_at": run.created_at,
                "seconds": run.seconds,
                "device": run.device,
                "sequences_per_second": run.sequences_per_second,
                **{f"test {metric}": value for metric, value in run.metrics.get("test", {}).items()},
                **{name: setting_text(value) for name, value in run.settings.items()},
            }
            for run in runs
        ]
    )


def run_table_shown(runs: Sequence[Run], beside: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Runs for the screen; `beside` holds each run's accuracy beside the baselines (NDCG@10)."""
    return pd.DataFrame([_run_line(run, accuracy) for run, accuracy in zip(runs, beside, strict=True)])


def _run_line(run: Run, accuracy: pd.DataFrame) -> dict[str, str]:
    own = accuracy[accuracy["is_model"]].iloc[0]
    best = accuracy[~accuracy["is_model"]]["value"].max()
    told = {
        "Run": plain(run.name, limit=60),
        "Trained": moment(run.created_at),
        "Test NDCG@10": with_interval(own["value"], own["low"], own["high"], own["n"]),
        "Beside best rule": ratio(own["value"] / best) if best and best > 0 else MISSING,
    }
    if run.brought:
        return (
            told
            | dict.fromkeys(("Epochs", "Time", "Device"), MISSING)
            | {"Settings": "another system's lists"}
        )
    return told | {
        "Epochs": count(len(run.history)),
        "Time": duration(run.seconds),
        "Device": run.device,
        "Settings": ", ".join(
            f"{spoken(name).lower()} {setting_text(value)}" for name, value in changed_settings(run).items()
        )
        or "standard",
    }


def changed_settings(run: Run) -> dict[str, object]:
    """The settings of a run that differ from the defaults."""
    standard = TrainSettings().model_dump(mode="json")
    return {name: value for name, value in run.settings.items() if standard.get(name) != value}


def setting_text(value: object) -> object:
    """A setting as a table holds it: several values as one text."""
    return ", ".join(map(str, value)) or "none" if isinstance(value, list | tuple) else value


def training_sentence(run: Run) -> str:
    """How long a run took and which of its epochs was kept."""
    if run.brought:
        return (
            f"**{markdown_text(run.name)}** holds lists that another system made; nothing was trained here."
        )
    if not run.history:
        return f"**{markdown_text(run.name)}** kept no history."
    best = max(run.history, key=lambda epoch: epoch.validation_ndcg)
    return (
        f"**{markdown_text(run.name)}** took {duration(run.seconds)} on {markdown_text(run.device)} for "
        f"{plural(len(run.history), 'epoch')}; epoch {best.epoch} was best, with a validation NDCG@10 of "
        f"{score(best.validation_ndcg)}."
    )


def history_table(run: Run) -> pd.DataFrame:
    """Loss, in all and of each objective (not weighted), and validation NDCG@10 of every epoch."""
    return pd.DataFrame(
        [
            {
                "epoch": epoch.epoch,
                "loss": epoch.loss,
                **{f"loss: {name}": loss for name, loss in epoch.losses.items()},
                "validation_ndcg": epoch.validation_ndcg,
                "seconds": epoch.seconds,
            }
            for epoch in run.history
        ]
    )


def comparison_sentence(rows: pd.DataFrame, *, metric: str) -> str:
    """Whether run B is better than run A, for everyone and for groups; columns as in `comparison_figure`."""
    overall = rows[rows["group"] == "all"].iloc[0]
    text = markdown_text(
        with_interval(overall["difference"], overall["low"], overall["high"], overall["n"], form=points),
        limit=120,
    )
    apart = rows[(rows["group"] != "all") & rows["verdict"].isin(["better", "worse"])]
    groups = f" For {plural(len(apart), 'group')} alone a difference is shown too." if len(apart) else ""
    claim = {"better": "B is better than A", "worse": "B is worse than A"}.get(
        overall["verdict"], "No difference is shown"
    )
    return f"**{claim}** in {metric}: B minus A is {text}.{groups}"


def settings_sentence(first: Run, second: Run) -> str:
    """Which settings two runs differ in."""
    brought = [letter for letter, run in (("A", first), ("B", second)) if run.brought]
    if brought:
        return f"Another system made the lists of {' and '.join(brought)}: there are no settings to compare."
    names = sorted(first.settings.keys() | second.settings.keys())
    differing = [
        spoken(name).lower() for name in names if first.settings.get(name) != second.settings.get(name)
    ]
    return f"They differ in {', '.join(differing)}." if differing else "Both runs have the same settings."


def settings_table(first: Run, second: Run) -> pd.DataFrame:
    """Every setting of two runs side by side, those that differ first."""
    names = sorted(first.settings.keys() | second.settings.keys())
    rows = [
        {
            "Setting": spoken(name),
            "Run A": str(setting_text(first.settings.get(name, "–"))),
            "Run B": str(setting_text(second.settings.get(name, "–"))),
        }
        for name in names
    ]
    return (
        pd.DataFrame(rows)
        .assign(Differs=lambda table: table["Run A"] != table["Run B"])
        .sort_values(["Differs", "Setting"], ascending=[False, True], ignore_index=True)
    )
