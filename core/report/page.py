"""The report as one page that stands alone: figures inside, nothing loaded from anywhere, prints to A4."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

import pandas as pd
import plotly.graph_objects as go
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from core.fairness.definitions import definition_of
from core.figures.about_frontier import measure_of
from core.figures.dataset import group_size_figure
from core.figures.frontier import frontier_figure
from core.figures.gaps import VERDICT_WORDS, gap_figure
from core.figures.groups import group_styles
from core.figures.layout import CONFIG, themed
from core.figures.numbers import (
    change,
    count,
    fine,
    interval,
    moment,
    p_value,
    score,
    short,
    size,
    with_interval,
)
from core.figures.scorecard import MARKS
from core.figures.sentences import metric_name
from core.figures.text import plain, spoken
from core.figures.units import POINTS, Unit
from core.report.contents import Group, Question, Report, Row
from core.report.gather import headline
from core.schema.settings import REST

TEMPLATES = Path(__file__).parent / "templates"
MOST_FINDINGS = 20  # unequal gaps that the first table names; all of them stand at the end
MOST_FIGURES = 3  # of one question: those with the surest gaps
OF_LISTS = ("ndcg", "recall", "mrr", "coverage")  # drawn in percentage points
AS_MEASURED = Unit(change(short))
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif"


def page(report: Report) -> str:
    """The report as HTML. Text that came with the data is escaped, and a policy of the page forbids every request."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters |= {
        "moment": moment,
        "count": count,
        "spoken": spoken,
        "plain": plain,
        "size": size,
        "score": score,
        "measured": _measured,
        "difference": _difference,
        "estimate": lambda row: with_interval(row["value"], row["low"], row["high"], form=fine),
        "changed": lambda row: with_interval(row["change"], row["change_low"], row["change_high"], form=fine),
        "measure": _measure,
        "p": p_value,
    }
    unequal = [row for row in _gaps(report) if row.verdict == "unequal"]
    unequal.sort(key=lambda row: -abs(row.value) / (row.tolerance or 1))
    return environment.get_template("report.html").render(
        report=report,
        headline=headline(report),
        fingerprint=hashlib.sha256(report.model_dump_json().encode()).hexdigest(),
        findings=[_line(row) for row in unequal[:MOST_FINDINGS]],
        further=max(len(unequal) - MOST_FINDINGS, 0),
        sizes=[_figure(figure) for figure in _size_figures(report.data.groups)],
        figures={question.title: list(_gap_figures(question)) for question in report.questions},
        tables={question.title: _tables(question) for question in _all(report)},
        frontiers=_frontiers(report),
        script=Markup(get_plotlyjs().replace("</script", "<\\/script")),
    )


def _all(report: Report) -> list[Question]:
    return [*([report.before] if report.before else []), *report.questions]


def _gaps(report: Report) -> Iterable[Row]:
    for question in report.questions:
        yield from (row for row in question.rows if row.statistic == "gap" and not row.suppressed)


def _tables(question: Question) -> list[tuple[str, list[dict[str, str]]]]:
    """Every gap that was judged, and what is hidden, by metric and grouping, under the words for both."""
    found: dict[str, list[dict[str, str]]] = {}
    for row in question.rows:
        if row.statistic == "gap" and (row.verdict or row.suppressed):
            found.setdefault(_heading(row), []).append(_line(row))
    return list(found.items())


def _line(row: Row) -> dict[str, str]:
    named = {"what": _heading(row), "group": plain(row.group)}
    if row.suppressed:
        return named | {"n": "hidden"} | dict.fromkeys(("gap", "chance", "p", "tolerance", "verdict"), "")
    return named | {
        "n": count(row.n),
        "gap": with_interval(row.value, row.low, row.high, form=change(short)),
        "chance": "" if row.null_low is None else interval(row.null_low, row.null_high, form=short),
        "p": p_value(row.p_adjusted),
        "tolerance": "" if row.tolerance is None else f"±{short(row.tolerance)}",
        "verdict": f"{MARKS[row.verdict]} {VERDICT_WORDS[row.verdict]}",
    }


def _heading(row: Row) -> str:
    """The metric by its name, the grouping, and whom groups are compared with where that is not everyone else."""
    against = "" if row.reference in (None, REST) else f", against {plain(row.reference)}"
    return f"{_called(row.metric, row.section)}, by {spoken(row.attribute).lower()}{against}"


def _called(metric: str, section: str) -> str:
    found = definition_of(metric, section)
    return metric_name(metric) if found is None else found.name


def _measured(number) -> str:
    return "–" if number is None else with_interval(number.value, number.low, number.high)


def _difference(number) -> str:
    return "–" if number is None else with_interval(number.value, number.low, number.high, form=fine)


def _measure(name: str) -> str:
    """`ndcg@10` and disparities as people call them."""
    try:
        return measure_of(name).name
    except KeyError:
        return metric_name(name)


def _figure(drawn: go.Figure) -> Markup:
    """A figure that draws itself: its data are JSON in which no tag can end."""
    themed(drawn, dark=False).update_layout(template="plotly_white", font={"family": FONT, "size": 12})
    return Markup(drawn.to_html(full_html=False, include_plotlyjs=False, config=CONFIG, default_width="100%"))


def _size_figures(groups: list[Group]) -> Iterable[go.Figure]:
    frame = pd.DataFrame([group.model_dump() for group in groups])
    frame = frame.rename(columns={"judged": "test_users", "hidden": "suppressed"})
    for _, rows in frame.groupby("attribute", sort=False):
        if rows["suppressed"].all():
            continue
        yield group_size_figure(rows, group_styles(tuple(rows["group"])))


def _gap_figures(question: Question) -> Iterable[tuple[str, Markup]]:
    """Of the groupings with the surest gaps those of the first metric that was judged, under its name."""
    rows = pd.DataFrame([row.model_dump() for row in question.rows])
    judged = rows[(rows["statistic"] == "gap") & rows["verdict"].notna()] if len(rows) else rows
    if judged.empty:
        return
    surest = judged.groupby("attribute", sort=False)["p_adjusted"].min().sort_values(kind="stable")
    for attribute in surest.index[:MOST_FIGURES]:
        metric = judged.loc[judged["attribute"] == attribute, "metric"].iloc[0]
        shown = rows[
            (rows["statistic"] == "gap") & (rows["attribute"] == attribute) & (rows["metric"] == metric)
        ]
        if shown["group"].duplicated().any():
            continue
        called = _called(metric, shown["section"].iloc[0])
        of_lists = metric.partition("@")[0] in OF_LISTS
        figure = gap_figure(
            shown.astype(dict.fromkeys(("value", "low", "high", "tolerance", "detectable"), float)),
            group_styles(tuple(shown["group"])),
            metric=called,
            unit=POINTS if of_lists else AS_MEASURED,
            ends=("worse", "better") if of_lists else ("lower", "higher"),
        )
        yield f"{called}, by {spoken(attribute).lower()}", _figure(figure)


def _frontiers(report: Report) -> list[tuple[str, Markup]]:
    """The picture of each disparity, under its name."""
    if report.trade_off is None:
        return []
    told, k = report.trade_off.frontier, report.settings["k"]
    return [
        (
            measure_of(name).name,
            _figure(frontier_figure(_standing(told["points"], name, k), measure=name, k=k)),
        )
        for name in told["points"][0]["standing"]
    ]


def _standing(points: list[dict], disparity: str, k: int) -> pd.DataFrame:
    """Rows as `core.workflow.policies.standing.standing` has them, from the record of a frontier."""
    rows = []
    for place, point in enumerate(points):
        knob, position = next(reversed(point["settings"].items()), (None, None))
        row = {"point": place, "step": point["algorithm"], "knob": knob, "position": position}
        for name, measure in (("ndcg", f"ndcg@{k}"), ("disparity", disparity)):
            for number, value in point["measures"][measure].items():
                row[name if number == "value" else f"{name}_{number}"] = value
        rows.append(row | point["standing"][disparity])
    frame = pd.DataFrame(rows)
    numbers = [name for name in frame if name.startswith(("ndcg", "disparity"))]
    return frame.astype(dict.fromkeys(numbers, float))
