"""Groups over time on the screen: windows of the test split, drift, and the latest runs."""

import streamlit as st

from core.errors import InputError
from core.figures import monitoring
from core.figures.absence import absence
from core.figures.groups import group_styles
from core.figures.sentences import metric_name
from core.figures.text import markdown_text
from core.schema.settings import ALL
from core.workflow.forecasts import INTENT
from core.workflow.monitoring import TITLES, gaps_of
from pages.ui import blocks, cached, links
from pages.ui.shell import View

WINDOWS = {1: "a day", 7: "a week", 14: "two weeks", 28: "four weeks"}


def show(view: View) -> None:
    """The answer, the lines, the numbers; then drift, then runs."""
    links.restore("window", tuple(WINDOWS), 7)
    days = st.segmented_control(
        "A window is",
        list(WINDOWS),
        key="window",
        format_func=WINDOWS.get,
        persist_state="session",
        required=True,
    )
    links.publish({"window": None if days == 7 else str(days)})
    blocks.notes()
    settings = view.settings()
    try:
        with st.spinner("Looking window after window, some seconds the first time …"):
            found = cached.monitored(view.workspace, view.run.id, settings=settings, days=days)
    except InputError as lacking:
        blocks.waiting(markdown_text(str(lacking), limit=300))
        return
    _windows(view, found)
    _forecasts(view, found)
    _drift(found, settings.false_discovery_rate)
    _runs(view, settings)


def _windows(view: View, found) -> None:
    metric = f"ndcg@{view.k}"
    rows = gaps_of(found, metric)
    title = metric_name(metric)
    sentence = monitoring.watch_sentence(rows, found.starts, by=found.by, metric=title)
    st.markdown(sentence)
    st.caption(monitoring.coverage_sentence(found.users, found.rows))
    told = rows[~rows["suppressed"].astype(bool)]
    if len(told):
        names = list(dict.fromkeys(rows["group"]))
        blocks.chart(
            monitoring.gaps_over_time(told, group_styles(names), found.starts, metric=title),
            key="over-time",
            alt=sentence,
            reading="A dot is the gap of a group to everyone else, over all windows up to there. Its whisker is a confidence sequence: "
            "in 19 of 20 histories all whiskers of all groups hold the true gap at every look, so one may look every day and stop "
            "whenever one likes. It is wider than an ordinary interval for that. Once a whisker has left zero the gap counts as "
            "shown, even if later ones reach zero again.",
        )
    blocks.table(rows, name="groups over time", shown=monitoring.watch_table(rows, found.starts))
    for note in found.notes:
        st.caption(f":material/visibility_off: {markdown_text(note, limit=300)}")


def _forecasts(view: View, found) -> None:
    forecasts = found.forecasts
    if forecasts is None:
        blocks.section("Do the forecasts still hold")
        blocks.absent(absence(view.run, view.dataset, model="behaviour", reports=(INTENT,)))
        return
    rows = forecasts.rows
    sentence = monitoring.forecast_sentence(rows, days=forecasts.days)
    blocks.section("Do the forecasts still hold", sentence)
    names = list(dict.fromkeys(rows["group"]))
    blocks.chart(
        monitoring.forecasts_over_time(
            rows[~rows["suppressed"].astype(bool)],
            group_styles(names),
            forecasts.starts,
            days=forecasts.days,
        ),
        key="forecasts",
        alt=sentence,
        reading="Share of users who bought, less the chance that the intent model gave them, over all moments up to there. On the "
        "line the chances are right on average; above it more bought than was forecast. Whiskers are confidence sequences that "
        "hold together, for all groups at every look.",
    )
    shown = monitoring.forecast_table(rows, forecasts.starts)
    blocks.table(rows, name="forecasts over time", shown=shown)


def _drift(found, rate: float) -> None:
    blocks.section("What has changed in the data", monitoring.drift_sentence(found.drift, TITLES, rate=rate))
    shown = monitoring.drift_lines(found.drift, TITLES, rate=rate)
    of_all = (found.drift["group"] == ALL).to_numpy()
    st.dataframe(shown[of_all], hide_index=True, key="drift-all", alt="drift of everybody")
    blocks.how_to_read(
        "The test window held against the validation window; users are the unit. No distance is ever below zero, so read it "
        "beside what chance alone would make of it: the customary limit of 0.1 for PSI takes small windows without drift for a change."
    )
    with st.expander("By group, and download", icon=":material/table_rows:"):
        blocks.table(found.drift, name="drift", shown=shown)


def _runs(view: View, settings) -> None:
    rows = cached.runs_over_time(
        view.workspace, view.dataset.id, tuple(run.id for run in view.runs), settings=settings
    )
    blocks.section("Run after run")
    if rows["run"].nunique() < 2:
        st.caption(
            "There is one model of these data so far. Train again, and the gaps of all stand here side by side."
        )
        return
    names = list(dict.fromkeys(rows["group"]))
    metric = metric_name(f"ndcg@{view.k}")
    blocks.chart(
        monitoring.runs_figure(rows, group_styles(names), metric=metric),
        key="run-after-run",
        alt=f"Gaps in {metric} of the latest {rows['run'].nunique()} models, oldest first.",
        reading="Each model is judged on the same test users, with an interval of its own (95 %). Whether two models differ is told, "
        "paired, on the Train page.",
    )
    blocks.folded_table(rows, name="run after run")
