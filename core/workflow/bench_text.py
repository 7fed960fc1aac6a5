"""The answer of the accuracy benchmark as a Markdown table that goes into docs/accuracy.md."""

from typing import Any

from core.schema.settings import TrainSettings
from core.workflow.bench import METRICS, OURS

TITLES = {
    OURS: "**this model**",
    "popularity": "popularity",
    "p_topfreq": "P-TopFreq",
    "tifu_knn": "TIFU-KNN",
    "item_knn": "item-kNN",
    "ease": "EASE",
}
COLUMNS = {"ndcg@10": "NDCG@10", "recall@10": "Recall@10", "recall@20": "Recall@20"}
NEW = {"ndcg@10": "new items: NDCG@10", "recall@20": "new items: Recall@20"}


def as_markdown(answer: dict[str, Any]) -> str:
    """The table of all models, best first, and how it came about."""
    models = answer["models"]
    repeats = "new_items" in models[OURS]
    header = [
        "model",
        *COLUMNS.values(),
        *(NEW.values() if repeats else ()),
        "this model minus it, NDCG@10",
        *(["on new items"] if repeats else []),
        "s",
    ]
    rows = []
    for name in sorted(models, key=lambda name: -models[name]["metrics"][METRICS[0]]["value"]):
        found = models[name]
        cells = [
            _cell(found["metrics"][metric], (found.get("spread") or {}).get(metric)) for metric in COLUMNS
        ]
        cells += [_cell(found["new_items"][metric]) for metric in NEW] if repeats else []
        cells += [_ahead(answer[part], name) for part in ("differences", "new_differences")[: 1 + repeats]]
        rows.append([TITLES.get(name, name), *cells, _seconds(found["seconds"])])
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join([*(f"| {' | '.join(row)} |" for row in lines), "", *_notes(answer, repeats=repeats)])


def _notes(answer: dict[str, Any], *, repeats: bool) -> list[str]:
    defaults = TrainSettings().model_dump(mode="json")
    changed = [f"{name}={value}" for name, value in answer["settings"].items() if value != defaults[name]]
    runs = answer["runs"]
    each = ", ".join(
        f"seed {run['seed']}: {run['epochs']} epochs in {run['seconds']:.0f} s ({run['run']}, {run['trained_at'][:16]})"
        for run in runs
    )
    return [
        f"{answer['data']} ({answer['dataset']}), {answer['split']} split, {answer['users']:,} users, "
        f"all of {answer['catalogue']:,} items ranked"
        + ("." if repeats else "; no answer repeats an earlier item of its user."),
        f"Settings: {', '.join(changed) or 'defaults'}. Machine: {answer['machine']}.",
        f"Mean over {len(runs)} seeds ± standard deviation; 95 % intervals over users in brackets. {each}.",
    ]


def _cell(estimate: dict[str, float | None], spread: float | None = None) -> str:
    value = _short(estimate["value"]) + ("" if spread is None else f" ± {_short(spread)}")
    return (
        value
        if estimate["low"] is None
        else f"{value} [{_short(estimate['low'])}, {_short(estimate['high'])}]"
    )


def _ahead(differences: dict[str, Any], name: str) -> str:
    return _signed(differences[name][METRICS[0]]) if name in differences else ""


def _signed(estimate: dict[str, float | None]) -> str:
    ends = [estimate[name] for name in ("value", "low", "high")]
    value, *interval = (None if end is None else ("−" if end < 0 else "+") + _short(abs(end)) for end in ends)
    return value if interval[0] is None else f"{value} [{interval[0]}, {interval[1]}]"


def _seconds(seconds: float) -> str:
    return f"{seconds:.1f}" if seconds < 10 else f"{seconds:,.0f}"


def _short(share: float) -> str:
    """.0538 for 0.0538."""
    return f"{share:.4f}".removeprefix("0")
