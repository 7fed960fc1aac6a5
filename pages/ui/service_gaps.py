"""Gaps of one family of metrics: which to look at, what it means, the verdict in a sentence, the figure, the table."""

from collections.abc import Callable, Mapping

import pandas as pd
import streamlit as st

from core.errors import InputError
from core.fairness.correction import NAMES
from core.fairness.definitions import definition_of
from core.figures.about_service import gap_sentence
from core.figures.definitions import as_markdown
from core.figures.gaps import gap_figure, shown_rows
from core.figures.groups import group_styles
from core.figures.scorecard import select
from core.figures.sentences import left_out_sentence, plural
from core.figures.service_measures import Measure
from core.figures.text import markdown_text
from core.figures.verdict_table import verdict_table
from core.schema.settings import ALL
from core.workflow.audits.section import Section
from pages.ui import blocks, links
from pages.ui.shell import View

READING = (
    "A dot is how far a group lies from everyone else, its whisker the 95 % interval. The thick grey stroke is where "
    "gaps would fall if groups did not differ, the pale band the tolerance. *Unequal* needs the whole interval beyond "
    "the band, *equal* the whole interval inside it. An interval that leaves out zero but reaches into the band shows a "
    "difference, not that it matters."
)


def ask(question: Callable, *about, **options):
    """What a question finds, and why it has no answer where these data have none."""
    try:
        found = question(*about, **options)
    except InputError as lacking:
        return None, str(lacking)
    rows = getattr(found, "section", found).rows
    if rows[(rows["statistic"] == "gap") & ~rows["suppressed"].astype(bool)].empty:
        return None, "No two groups of this grouping have enough users to be compared."
    return found, ""


def headline(view: View, answer: str, found: Section) -> None:
    """The sentence that the page opens with, and on what it stands."""
    run = f", run {markdown_text(view.run.name)}" if view.run else ""
    with st.container(border=True):
        st.markdown(f"#### {answer}")
        st.caption(
            f"{markdown_text(view.dataset.name)}{run}. {plural(found.users, 'user')} "
            f"{'is' if found.users == 1 else 'are'} judged; {plural(found.tests, 'comparison')} "
            f"{'was' if found.tests == 1 else 'were'} corrected for together ({NAMES[view.settings().correction]})."
        )


def choose(label: str, key: str, options: Mapping[str, str]) -> str:
    """One of several names, kept in the link; the first one unless the link says otherwise."""
    links.restore(key, list(options), next(iter(options)))
    blocks.notes()
    return control(label, key, options)


def control(label: str, key: str, options: Mapping[str, str]) -> str:
    """The same for a choice that has been restored from the link already."""
    names = list(options)
    chosen = st.segmented_control(
        label, names, key=key, format_func=options.get, required=True, persist_state="session"
    )
    links.publish_choice(key, chosen, default=names[0])
    return chosen


def definition(*metrics: str) -> None:
    """What metrics are, how they are worked out and when not to use them, for whoever asks."""
    found = dict.fromkeys(definition_of(metric, "service") for metric in metrics)
    with st.popover("What this is", icon=":material/help:", type="tertiary"):
        for one in found:
            if one is not None:
                st.markdown(as_markdown(one))


def show(
    view: View,
    rows: pd.DataFrame,
    metric: str,
    measure: Measure,
    *,
    key: str,
    given: str = "",
    more: str = "",
    told: str = "",
) -> None:
    """Sentence, figure and table of one metric.

    Args:
        rows: of a section. given: what is held equal, in the sentence. more: another sentence after it.
            told: what the page has said already.
    """
    gaps = select(rows, metric, "gap")
    gaps = gaps[gaps["suppressed"].astype(bool) | gaps["value"].notna()]
    said = gap_sentence(rows, metric, measure, by=view.by, given=given)
    st.markdown(more if said == told else f"{said} {more}".strip())
    if gaps.empty:
        return
    groups = list(dict.fromkeys(rows.loc[rows["group"] != ALL, "group"]))
    title = measure.title[:1].lower() + measure.title[1:]
    figure = gap_figure(gaps, group_styles(groups), metric=title, unit=measure.unit, ends=measure.ends)
    blocks.chart(
        figure, key=f"gaps-{key}", alt=f"{measure.title}, gap of each group. {said}", reading=READING
    )
    if left_out := left_out_sentence(gaps, drawn=len(shown_rows(gaps)[0])):
        st.caption(left_out)
    shown = verdict_table(rows, metric, title=measure.title, form=measure.form, unit=measure.unit)
    blocks.table(rows, name=f"{key} by {'-'.join(view.by)}", shown=shown)


def notes(found: tuple[str, ...]) -> None:
    """What a reader must know besides; plain text."""
    st.caption(" ".join(markdown_text(note, limit=500) for note in found))
