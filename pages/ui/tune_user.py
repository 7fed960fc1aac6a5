"""One user's list before and after, and the exact reason for every place."""

import math

import numpy as np
import pandas as pd
import streamlit as st

from core.figures import about_reasons
from core.figures.text import markdown_text, plain
from core.schema.tables import CATEGORY, ITEM_ID, LIST_PRICE, TITLE
from core.workflow.policies.reasons import Reason, reasons
from pages.ui import blocks, cached_tuning, tune_state
from pages.ui.shell import View
from pages.ui.user_picker import choose_user

ROW, LINE = 35, 20  # pixels of a row with one line, and of each further line
# Columns with long words: pixels, and characters that surely fit a line.
WRAPPED = {"Product": (160, 20), "Why": (300, 40)}


def show(view: View) -> None:
    """A search by user id, then the list."""
    blocks.section("One user's list, and why")
    chosen = choose_user(view)
    if chosen is None:
        return
    code, asked = chosen
    policy = tune_state.current()
    tuner = cached_tuning.tuner(view.workspace, view.run.id, k=view.k)
    applied = cached_tuning.applied(view.workspace, view.run.id, policy=policy)
    if not applied.start.filled[code].any():
        blocks.waiting("This user has no candidates, so there is no list to re-rank.")
        return
    found = reasons(applied, tuner.ground, code)
    rows = _rows(view, found, tuner, code)
    moved = int((rows["place_before"] != rows["place_after"]).sum())
    st.markdown(
        f"For user {markdown_text(asked)}, **{moved} of {len(rows)}** products shown before or after change places."
    )
    _table(rows, view, name=f"list of user {plain(asked)} before and after")
    blocks.how_to_read(
        "*Why* is the chance that the user takes the product, as the model tells it, and what each step adds: exactly "
        "these sums are sorted. Steps that choose a product for its place among others say which place it got; the product "
        "then counts as much as what stood at that place until then, and the next sum begins from there. A place in "
        "brackets is beyond the list; *Bought* marks what the user bought in the validation window, which no step knows."
    )


def _table(rows: pd.DataFrame, view: View, *, name: str) -> None:
    """Rows high enough for the longest reason: cells wrap."""
    shown = about_reasons.reasons_table(rows, currency=view.dataset.settings["currency"], k=view.k)
    lines = {column: math.ceil(shown[column].str.len().max() / fits) for column, (_, fits) in WRAPPED.items()}
    st.dataframe(
        shown,
        hide_index=True,
        column_config={
            column: st.column_config.TextColumn(width=width) for column, (width, _) in WRAPPED.items()
        },
        row_height=ROW + LINE * (max(lines.values()) - 1),
        height="content" if len(shown) <= blocks.MOST_ROWS else 600,
        key=f"table-{name}",
        alt=name,
    )
    blocks.downloads(rows, name=name)


def _rows(view: View, found: tuple[Reason, ...], tuner, code: int) -> pd.DataFrame:
    items = tuner.ground.shop.items.iloc[[reason.item for reason in found]]
    ids = items[ITEM_ID].astype(str).to_numpy()
    titles = (
        items[TITLE].astype(object).where(items[TITLE].notna(), None) if TITLE in items else [None] * len(ids)
    )
    wanted = tuner.wanted
    taken = wanted.items[wanted.offsets[code] : wanted.offsets[code + 1]]
    rows = {
        "place_before": [reason.place_before for reason in found],
        "place_after": [reason.place_after for reason in found],
        "product": [title or id for title, id in zip(titles, ids, strict=True)],
        "bought": np.isin([reason.item for reason in found], taken),
        "reason": [
            about_reasons.reason_words(one.score, [vars(move) for move in one.moves]) for one in found
        ],
    }
    if CATEGORY in items:
        rows["category"] = items[CATEGORY].astype(object).to_numpy()
    if LIST_PRICE in items:
        rows["price"] = items[LIST_PRICE].to_numpy(float)
    return pd.DataFrame(rows)
