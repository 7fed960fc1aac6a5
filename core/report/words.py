"""What a report says of its methods and limits, and how to make it again."""

import json
import shlex
from typing import Any

import pandas as pd

from core.fairness.verdicts import EQUAL, UNDECIDED, UNEQUAL
from core.figures.numbers import share
from core.figures.sentences import plural
from core.figures.text import plain, spoken
from core.schema.documents import Dataset, Policy, Run
from core.schema.settings import AuditSettings, DatasetSettings, Settings, Split, TrainSettings

CORRECTIONS = {
    "benjamini_hochberg": "Benjamini-Hochberg (JRSS-B 57, 1995)",
    "benjamini_yekutieli": "Benjamini-Yekutieli (Annals of Statistics 29, 2001)",
}
TARGETS = {
    "catalogue": "their share of the catalogue",
    "purchases": "their share of purchases",
    "equal": "equal shares",
    "blend": "a blend of their shares of the catalogue and of purchases",
}


def question_summary(rows: pd.DataFrame, *, tests: int, users: int) -> str:
    """How the comparisons of one question came out."""
    verdicts = rows.loc[rows["statistic"] == "gap", "verdict"]
    told = [int((verdicts == word).sum()) for word in (UNEQUAL, EQUAL, UNDECIDED)]
    if not tests:
        return f"Nothing was compared: there are no two groups of {users:,} users large enough."
    return (
        f"Of {plural(tests, 'comparison')} of {plural(users, 'user')}, corrected for together: {told[0]:,} unequal, "
        f"{told[1]:,} equal within tolerance, {told[2]:,} without enough data."
    )


def methods(settings: AuditSettings, split: Split) -> list[str]:
    """How the numbers were found, one sentence each."""
    level = share(settings.confidence)
    return [
        f"All numbers of the audit are of the {split} split; settings and policies are chosen on validation, and none is "
        "chosen by what a report says.",
        f"Users are the unit. Intervals are at {level}, of {settings.draws:,} bootstrap draws over users unless a metric "
        "says otherwise (docs/metrics.md has the formula and the source of each).",
        f"A gap is a group less {'everyone else' if settings.reference is None else settings.reference}. Its p-value comes "
        f"from {settings.permutations:,} or more permutations of the labels, its null band from the same.",
        f"The comparisons of one question are corrected together by {CORRECTIONS[settings.correction]} at a false discovery "
        f"rate of {share(settings.false_discovery_rate)}; intervals of what is called unequal were widened alike.",
        "Unequal: the whole interval lies beyond the tolerance, after correction. Equal within tolerance: the whole interval "
        "lies inside. Anything else is not enough data, and then no gap is shown and none is ruled out.",
        f"A gap matters from {share(settings.tolerance)} of the metric's overall mean, of prices for the same product from "
        f"{share(settings.price_tolerance)}; each row names its own tolerance in the unit of the metric.",
        f"Lists are read up to place {settings.k}; attention falls {_attention(settings)}. Groups of items are held against "
        f"{TARGETS[settings.target]}.",
        f"Groups of fewer than {settings.minimum_group} users are hidden, and so is whatever they could be worked out from; "
        f"those of fewer than {settings.small_group} are marked.",
    ]


def _attention(settings: AuditSettings) -> str:
    if settings.attention == "logarithmic":
        return "with the logarithm of the place"
    return f"geometrically: {share(settings.going_on)} of readers go on to the next place"


def limits(run: Run, dataset: Dataset) -> list[str]:
    """What a reader must not conclude, and from what."""
    told = [
        "A gap is a difference between groups as they are; that the group is its cause does not follow.",
        "Who is in no group, because the attribute is not known, is counted as Unknown and never left out.",
        *(
            f"{spoken(name)} cannot be analysed: that needs {plain(needs, limit=200)}."
            for name, needs in dataset.missing.items()
        ),
        *dataset.notes,
    ]
    if run.brought:
        told.append("Another system made the lists; how it was trained, and on what, is not known here.")
    return told


def reproduction(
    run: Run, dataset: Dataset, settings: AuditSettings, split: Split, policy: Policy | None
) -> list[str]:
    """The commands that lead here, in their order; the folder of the data and of the lists is the reader's own."""
    prepare = ["prepare", dataset.source, *_sets(DatasetSettings, dataset.settings)]
    if dataset.source != "complete_journey":
        prepare += ["--path", "FOLDER"]
    made = [prepare, *_making(run, dataset)]
    groupings = ",".join("*".join(by) for by in settings.by)
    asked = [run.id, "--by", groupings, "--k", str(settings.k), "--split", split]
    own = settings.model_dump(mode="json", exclude={"by", "k"})
    asked += _sets(AuditSettings, own)
    if policy is not None:
        asked += ["--policy", policy.reference]
    steps = (*made, ["audit", *asked], ["report", *asked, "--out", "report.html"])
    return [shlex.join(["python", "-m", "core", *step]) for step in steps]


def _making(run: Run, dataset: Dataset) -> list[list[str]]:
    """The commands from prepared data to the run; those that made the run that it follows are in that one's report."""
    trained = _sets(TrainSettings, run.settings)
    if run.brought:
        return [["import-lists", dataset.id, "LISTS"]]
    if run.follows is None:
        return [["train", dataset.id, *trained]]
    brought_in = [["feedback", dataset.line, "FILES"]] if run.feedback else []
    return [*brought_in, ["retrain", run.follows, *trained], ["compare", run.follows, run.id]]


def _sets(kind: type[Settings], values: dict[str, Any]) -> list[str]:
    """--set for whatever differs from the standard."""
    standard = {
        name: field.get_default(call_default_factory=True)
        for name, field in kind.model_fields.items()
        if not field.is_required()
    }
    plain_values = json.loads(json.dumps(standard, default=lambda one: one.model_dump(mode="json")))
    given = [
        (name, value) for name, value in values.items() if name in standard and value != plain_values[name]
    ]
    return [part for name, value in given for part in ("--set", f"{name}={json.dumps(value)}")]
