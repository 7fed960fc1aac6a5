"""What a metric means: its definition beside its name, and under a table for the line that was picked."""

import pandas as pd
import streamlit as st

from core.fairness.definitions import definition_of
from core.figures.definitions import as_markdown
from core.figures.gaps import DETECTABLE
from core.figures.numbers import MISSING, count, p_value, short, with_interval
from core.figures.text import plain
from core.schema.definitions import Definition
from core.schema.settings import ALL, REST
from pages.ui import blocks

_HELP = {
    "By chance alone": "Where the number would lie if there were no difference",
    "p, corrected": "How often chance alone does as much, corrected for all comparisons of the page",
    DETECTABLE: "The smallest true gap that this test, taken alone, would find four times in five with so many users",
}


def explained(metric: str, *, section: str, key: str) -> None:
    """A button with a metric's name that opens its definition."""
    found = definition_of(metric, section)
    if found is not None:
        button(found, key=f"define-{key}-{metric}")


def button(definition: Definition, *, key: str) -> None:
    """A button with the name of what it defines."""
    with st.popover(definition.name, icon=":material/help:", type="tertiary", key=key):
        st.markdown(as_markdown(definition))


def all_explained(metrics: list[str], *, section: str, key: str) -> None:
    """One such button for each metric, in a row."""
    with st.container(horizontal=True, gap="small"):
        for metric in metrics:
            explained(metric, section=section, key=key)


def together(label: str, metrics: list[str], *, section: str, key: str) -> None:
    """One button for several metrics that stand in one figure."""
    with st.popover(label, icon=":material/help:", type="tertiary", key=f"define-{key}"):
        for metric in metrics:
            if (found := definition_of(metric, section)) is not None:
                st.markdown(as_markdown(found))


@st.fragment
def metric_table(rows: pd.DataFrame, *, name: str, section: str) -> None:
    """Every row of a section; picking one opens the definition of its metric."""
    shown = named(rows, section)
    picked = st.dataframe(
        shown,
        hide_index=True,
        column_config={name: st.column_config.TextColumn(help=words) for name, words in _HELP.items()},
        height="content" if len(shown) <= blocks.MOST_ROWS else 35 * (blocks.MOST_ROWS + 1),
        key=f"metrics-{name}",
        on_select="rerun",
        selection_mode="single-row",
        alt=name,
    )
    chosen = picked.selection.rows
    if chosen and (found := definition_of(rows["metric"].iloc[chosen[0]], section)) is not None:
        with st.container(border=True):
            st.markdown(as_markdown(found))
    else:
        st.caption("Pick a line to read what its metric means, how it is computed, and when not to use it.")
    blocks.downloads(rows, name=name)


def chance_words(low: float, high: float) -> str:
    """The null band; empty where there is none."""
    if pd.isna(low) or pd.isna(high):
        return ""
    return f"{short(low)} to {short(high)}"


def sample_words(n: object) -> str:
    return n if isinstance(n, str) else count(n)


def named(rows: pd.DataFrame, section: str) -> pd.DataFrame:
    """The rows for the screen, metrics by the name that people read."""
    found = [definition_of(metric, section) for metric in rows["metric"]]
    names = [metric if one is None else one.name for metric, one in zip(rows["metric"], found, strict=True)]
    columns = {
        "Group": rows["group"].replace(ALL, "all users").map(plain),
        "Metric": names,
        "Statistic": rows["statistic"].map({"mean": "value", "gap": "gap", "ratio": "ratio"}),
        "Value": [
            with_interval(row.value, row.low, row.high, form=short) if pd.notna(row.value) else str(row.n)
            for row in rows.itertuples()
        ],
        "By chance alone": [
            chance_words(low, high)
            for low, high in zip(rows["null_low"].astype(float), rows["null_high"].astype(float), strict=True)
        ],
        "Users": rows["n"].map(sample_words),
        "Compared with": rows["reference"].fillna("").replace(REST, "everyone else").map(plain),
        "p, corrected": rows["p_adjusted"].map(p_value).replace(MISSING, ""),
        "Verdict": rows["verdict"].fillna("").str.replace("_", " "),
        DETECTABLE: ["" if pd.isna(gap) else short(gap) for gap in rows["detectable"]],
    }
    return pd.DataFrame(columns)
