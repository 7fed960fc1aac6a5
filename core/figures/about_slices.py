"""The worst-served crossing of user attributes, in words and as a table."""

import pandas as pd

from core.figures.groups import CROSS
from core.figures.numbers import count, p_value, points, score, with_interval
from core.figures.sentences import metric_name, plural
from core.figures.text import markdown_text, plain, spoken
from core.schema.tables import UNKNOWN


def slices_sentence(table: pd.DataFrame, *, metric: str, looked_at: int, beyond: int) -> str:
    """Is any crossing served worse than chance would allow, among so many; Markdown, names of the data escaped.

    Args:
        table: worst first; `attributes`, `values`, `n`, `mean`, `rest`, `gap`, `low`, `high`, `p_value`.
        looked_at: crossings compared. beyond: how many of them do worse than chance allows.
    """
    worst = table.iloc[0]
    who, gap = crossing_words(worst["attributes"], worst["values"]), _gap(worst)
    if not beyond:
        none = (
            "The one crossing looked at does not do"
            if looked_at == 1
            else f"None of the {count(looked_at)} crossings looked at does"
        )
        return (
            f"**{none} worse than chance would allow.** The lowest {metric_name(metric)} is that of users with {who}: "
            f"{gap}; chance alone makes one as bad in {_percent(worst['p_value'])} of such searches."
        )
    return (
        f"**Users with {who} are served worst, and by more than chance would allow:** {metric_name(metric)} "
        f"{score(worst['mean'])} against {score(worst['rest'])} for all others, {gap} "
        f"(p {markdown_text(_at_most(worst['p_value']))}). {_how_many(beyond, looked_at)}"
    )


def crossing_words(attributes: str, values: str) -> str:
    """`age × income` and `65+ × Under 15K` -> `age 65+ and income Under 15K`; Markdown."""
    names, labels = attributes.split(CROSS), values.split(CROSS)
    if len(names) != len(labels):  # a label that holds the sign itself
        names, labels = [attributes], [values]
    return " and ".join(_one(name, label) for name, label in zip(names, labels, strict=True))


def _one(name: str, label: str) -> str:
    said = markdown_text(spoken(name).lower())
    return f"unknown {said}" if label == UNKNOWN else f"{said} {markdown_text(label)}"


def _gap(row: pd.Series) -> str:
    text = with_interval(row["gap"], row["low"], row["high"], row["n"], form=points)
    return markdown_text(text, limit=120)


def _at_most(value: float) -> str:
    written = p_value(value)
    return written if written.startswith("<") else f"= {written}"


def _percent(value: float) -> str:
    return "nearly all" if value > 0.995 else markdown_text(f"{100 * value:.0f} %")


def _how_many(beyond: int, looked_at: int) -> str:
    verb = "does" if beyond == 1 else "do"
    return (
        f"{count(beyond)} of {plural(looked_at, 'crossing')} looked at {verb} worse than chance would allow."
    )


def slices_table(table: pd.DataFrame, *, metric: str) -> pd.DataFrame:
    """The worst crossings for the screen, one a line, numbers written out."""
    lines = [
        {
            "Attributes": " and ".join(spoken(name).lower() for name in row.attributes.split(CROSS)),
            "Values": plain(row.values_),
            "Users": count(row.n),
            metric_name(metric): score(row.mean),
            "Difference to all others": with_interval(row.gap, row.low, row.high, form=points),
            "Shrunk": points(row.shrunk_gap),
            "p, corrected": p_value(row.p_value),
            "Smallest gap it could show": points(row.detectable_gap).lstrip("+"),
        }
        for row in table.rename(columns={"values": "values_"}).itertuples(index=False)
    ]
    return pd.DataFrame(lines)
