"""A search for settings, in sentences and tables for the screen."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from core.figures.numbers import duration, share
from core.figures.sentences import plural
from core.figures.text import plain, spoken
from core.schema.documents import Search, SearchTrial

OUTCOME = "Validation NDCG@10"
# From the least to the most interesting, as they lie over each other.
STOPPED, OTHERS, QUARTER, FIRST, BEST = CLASSES = (
    "Stopped early",
    "Others",
    "Best quarter",
    "Started from",
    "Best",
)
STATES = {"complete": "complete", "stopped": "stopped early", "failed": "failed"}


def search_sentence(search: Search) -> str:
    """What a search has found: the best value beside that of the settings it started from."""
    first, best = search.first_trial, search.best_trial
    tried = f"{plural(len(search.trials), 'trial')} in {duration(sum(t.seconds for t in search.trials))}"
    cut = sum(trial.state == "stopped" for trial in search.trials)
    early = f", {cut} of them stopped early" if cut else ""
    if len(search.trials) == 1:
        return (
            f"{tried}: the settings that it started from reach a validation NDCG@10 of {_outcome(first.value)}. "
            "Others have not been tried yet."
        )
    if best.number == first.number:
        return (
            f"**No better settings were found** than those that it started from, with a validation NDCG@10 of "
            f"{_outcome(first.value)}: {tried}{early}."
        )
    gain = f" ({share(best.value / first.value - 1)} more)" if first.value else ""
    return (
        f"**Trial {best.number} is best**, with a validation NDCG@10 of {_outcome(best.value)} beside "
        f"{_outcome(first.value)} of the settings that it started from{gain}: {tried}{early}."
    )


def unfinished_sentence(search: Search) -> str:
    """What to do about a search that ended before all was tried."""
    asked = search.settings["trials"]
    return (
        f"The search ended after {len(search.trials)} of {asked} trials. Started again from the same settings, it goes "
        "on where it stood."
    )


def best_table(search: Search) -> pd.DataFrame:
    """The varied settings of the first and of the best trial, those that differ first."""
    first, best = search.first_trial, search.best_trial
    rows = [
        {
            "Setting": spoken(name),
            "Started from": value_text(name, first.params[name]),
            "Best": value_text(name, best.params[name]),
        }
        for name in sorted(best.params, key=lambda name: (first.params[name] == best.params[name], name))
    ]
    return pd.DataFrame(rows)


def trials_table(search: Search) -> pd.DataFrame:
    """Every trial for the download: numbers as numbers, settings as columns."""
    return pd.DataFrame(
        [trial.model_dump(exclude={"params"}) | trial.params for trial in search.trials]
    ).rename(columns={"number": "trial", "value": "validation_ndcg@10"})


def trials_table_shown(search: Search) -> pd.DataFrame:
    """Every trial for the screen, best first."""
    ranked = sorted(search.trials, key=lambda trial: (trial.value is None, -(trial.value or 0)))
    return pd.DataFrame([_line(trial) for trial in ranked])


def importance_sentence(importances: Mapping[str, float]) -> str:
    """Which setting mattered most."""
    name, largest = next(iter(importances.items()))
    return f"**{spoken(name)}** explains most, {share(largest)} of the differences between the trials."


def importance_table(importances: Mapping[str, float]) -> pd.DataFrame:
    """The share of every setting."""
    return pd.DataFrame({"setting": list(importances), "share": list(importances.values())})


def ordered_settings(search: Search) -> list[str]:
    """The settings with more than one value among the trials, the most important first."""
    varied = [name for name in search.best_trial.params if len({t.params[name] for t in search.trials}) > 1]
    return sorted(varied, key=lambda name: -search.importances.get(name, 0.0))


def classes(search: Search) -> dict[int, str]:
    """Number of each trial -> its class, one of CLASSES."""
    complete = [trial.value for trial in search.trials if trial.state == "complete"]
    good = np.quantile(complete, 0.75)
    found = {}
    for trial in search.trials:
        ended = OTHERS if trial.state == "complete" else STOPPED
        found[trial.number] = QUARTER if ended == OTHERS and trial.value >= good else ended
    return found | {1: FIRST} | {search.best: BEST}


def value_text(name: str, value: float | None) -> str:
    """A setting or the outcome as it is written."""
    return _outcome(value) if name == OUTCOME else f"{value:g}"


def _line(trial: SearchTrial) -> dict[str, str]:
    params = {spoken(name): value_text(name, value) for name, value in trial.params.items()}
    return {
        "Trial": str(trial.number),
        OUTCOME: _outcome(trial.value),
        "Ended": plain(trial.problem or STATES[trial.state], limit=120),
        "Epochs": str(trial.epochs),
        "Time": duration(trial.seconds),
        **params,
    }


def _outcome(value: float | None) -> str:
    """Four decimals: trials often differ in the fourth."""
    return "–" if value is None else f"{value:.4f}"
