"""The building blocks of pages: answer, chart, how to read it, table with downloads, and the empty and failed states."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from core.errors import InputError
from core.figures.absence import Absence
from core.figures.export import csv_bytes, parquet_bytes
from core.figures.layout import CONFIG, themed
from core.figures.scorecard import Card
from core.figures.text import markdown_text, unmarked
from pages.ui import exports, links

Answer = TypeVar("Answer")
MOST_ROWS = 18  # of a table at once; longer ones scroll
_NOT_IN_FILE_NAMES = re.compile(r"[^a-z0-9]+")


def section(title: str, answer: str | None = None) -> None:
    """A heading and the sentence that answers it; the sentence is Markdown with escaped data."""
    st.subheader(title, anchor=False)
    if answer:
        st.markdown(answer)


def chart(figure: go.Figure, *, key: str, alt: str, reading: str) -> None:
    """A figure with its description for screen readers and the line that says how to read it."""
    figure = themed(figure, dark=st.context.theme.type == "dark")
    st.plotly_chart(figure, key=key, config=CONFIG, alt=unmarked(alt))
    how_to_read(reading)


def cards(found: Sequence[Card]) -> None:
    """The scorecard: as many cards in a row as fit; each number with what stands beside it."""
    with st.grid(len(found), min_column_width=165, border=True) as grid:
        for card in found:
            with grid.cell():
                st.metric(markdown_text(card.label, limit=90), card.value)
                st.caption(markdown_text(card.note, limit=140))


def how_to_read(reading: str) -> None:
    """The line under a chart."""
    st.caption(f":material/info: **How to read this.** {reading}")


def beside_rules(sentence: str) -> None:
    """How a model stands beside the best plain rule: never a forecast without it."""
    st.markdown(f":material/compare_arrows: {sentence}")


def table(
    frame: pd.DataFrame, *, name: str, columns: Mapping | None = None, shown: pd.DataFrame | None = None
) -> None:
    """A table and its downloads; `shown` is a version for the screen, the files always hold `frame`."""
    on_screen = frame if shown is None else shown
    numbers = on_screen.select_dtypes("number").columns
    config = {column: st.column_config.NumberColumn(format="localized") for column in numbers} | dict(
        columns or {}
    )
    height = "content" if len(on_screen) <= MOST_ROWS else 35 * (MOST_ROWS + 1)
    st.dataframe(
        on_screen, hide_index=True, column_config=config, height=height, key=f"table-{name}", alt=name
    )
    downloads(frame, name=name)


def downloads(frame: pd.DataFrame, *, name: str) -> None:
    """CSV and Parquet of a table, made when asked for."""
    stem = "evenhand-" + _NOT_IN_FILE_NAMES.sub("-", name.lower()).strip("-")
    makers = {
        "CSV": ("csv", "text/csv", lambda: csv_bytes(frame)),
        "Parquet": ("parquet", "application/octet-stream", lambda: parquet_bytes(frame)),
    }
    download_buttons(
        makers, stem=stem, about=markdown_text(name), key=lambda label: f"download-{label}-{name}"
    )


def download_buttons(
    makers: Mapping[str, tuple[str, str, Callable[[], bytes | str]]],
    *,
    stem: str,
    about: str,
    key: Callable[[str], str],
) -> None:
    """The same thing in several forms: by label the file ending, the MIME type, and what makes it when asked for."""
    with st.container(horizontal=True, gap="small"):
        for label, (ending, mime, make) in makers.items():
            file = f"{stem}.{ending}"
            st.download_button(
                label,
                exports.told(make, file),
                file_name=file,
                mime=mime,
                key=key(label),
                on_click="ignore",
                type="tertiary",
                icon=":material/download:",
                help=f"{about} as {label}",
            )


def folded_table(frame: pd.DataFrame, *, name: str, columns: Mapping | None = None) -> None:
    """The numbers behind a chart, out of the way until wanted."""
    with st.expander("Numbers and download", icon=":material/table_rows:"):
        table(frame, name=name, columns=columns)


def notes() -> None:
    """What of the page's link could not be used."""
    with st.container():  # a place of its own, with or without notes
        for note in links.notes():
            st.info(note, icon=":material/link_off:")


def waiting(sentence: str, *, page: str | None = None, label: str = "") -> None:
    """An empty page says what it waits for, and leads to where that is made."""
    with st.container(border=True):
        st.markdown(f":material/hourglass_empty: {sentence}")
        if page:
            st.page_link(f"pages/{page}.py", label=label, icon=":material/arrow_forward:")


def absent(reason: Absence) -> None:
    """What a run has nothing of: the reason, and the way to the data or to where it is trained."""
    page, label = ("data", "See the data") if reason.in_data else ("train", "Train")
    waiting(reason.sentence, page=page, label=label)


def asked(question: Callable[..., Answer], *about: object, **options: object) -> Answer | None:
    """What a question finds; None where these data have no answer, the reason being shown in its place."""
    try:
        return question(*about, **options)
    except InputError as lacking:
        waiting(markdown_text(str(lacking), limit=300))
        return None


def failed(error: Exception) -> None:
    """An error that a user may meet: its own sentence, calmly, without a traceback."""
    st.error(markdown_text(str(error), limit=600), icon=":material/error:")
