"""One prediction taken apart."""

import pandas as pd
import streamlit as st

from core.errors import InputError
from core.figures import about_explanations
from core.figures.explanations import waterfall_figure
from core.figures.text import markdown_text, plain
from core.schema.tables import ITEM, RANK, TIMESTAMP
from core.workflow.explaining.case import rows_of_user
from pages.ui import blocks, explain_cached, links
from pages.ui.shell import View
from pages.ui.user_picker import choose_user


def show(view: View, name: str, marked: list[str]) -> None:
    """A user, one of the predictions for the user, and its waterfall; `marked`: features with a flag."""
    blocks.section("One prediction")
    chosen = choose_user(view)
    if chosen is None:
        return
    code, asked = chosen
    known = explain_cached.asking(view.workspace, view.run.id)
    try:
        with st.spinner("Reading the model …"):
            rows = rows_of_user(known, name, code)
    except InputError as lacking:
        blocks.waiting(markdown_text(str(lacking), limit=300))
        return
    places = [str(place) for place in range(len(rows))]
    links.restore("which", places, places[-1] if TIMESTAMP in rows else places[0])
    which = places[0]
    if len(places) > 1:
        labels = _labels(rows, known.items)
        which = st.selectbox(
            "Which",
            places,
            key="which",
            format_func=lambda place: labels[int(place)],
            persist_state="session",
        )
        links.publish_choice("which", which, default=places[-1] if TIMESTAMP in rows else places[0])
    found = blocks.asked(
        explain_cached.one_case, view.workspace, view.run.id, name=name, user=code, place=int(which)
    )
    if found is None:
        return
    unit, level = about_explanations.unit_of(found.unit), about_explanations.level_of(found.unit)
    answer = about_explanations.case_sentence(found, unit=unit, level=level)
    st.markdown(answer)
    blocks.chart(
        waterfall_figure(
            found.parts, expected=found.expected, output=found.output, unit=unit, level=level, marked=marked
        ),
        key=f"case-{name}",
        alt=answer,
        reading=(
            "From the usual prediction to this one. A part is what the feature adds at its value here, against what is usual; "
            "the parts add up. It says what the model went by, not what would come of changing it."
        ),
    )
    blocks.folded_table(
        found.parts.assign(shown=found.parts["shown"].astype(str)), name=f"{name} of user {plain(asked)}"
    )


def _labels(rows: pd.DataFrame, items: pd.DataFrame) -> list[str]:
    """What a user's predictions are called: the product, its place, or the day."""
    if RANK in rows:
        names = items["title" if "title" in items else "item_id"]
        return [f"{row.rank}. {plain(names.iloc[row.item])}" for row in rows.itertuples()]
    days = rows[TIMESTAMP].dt.strftime("%-d %b %Y")
    if ITEM not in rows:
        return days.tolist()
    return [f"{day}, {row.place}" for day, row in zip(days, rows.itertuples(), strict=True)]
