"""Two runs side by side: paired by user, over everyone and by group, with the settings that differ."""

import streamlit as st

from core.errors import InputError
from core.figures import about_runs
from core.figures.accuracy import comparison_figure
from core.figures.numbers import moment
from core.figures.sentences import metric_name
from core.figures.text import plain
from core.schema.documents import Run
from core.workflow.policies.compared import kept_comparison
from pages.ui import blocks, cached, links
from pages.ui.shell import View

_NEWEST = "newest_compared"


def show(view: View, runs: list[Run]) -> None:
    """Choose two runs of one dataset, or one and that which it follows, and see which serves whom better."""
    runs = [*runs, *_followed(view, runs)]
    if len(runs) < 2:
        blocks.section("Compare two runs")
        blocks.waiting("Train once more, and the two runs are compared here user by user.")
        return
    blocks.section("Compare two runs")
    first, second = _choose({run.id: run for run in runs})
    try:
        found = cached.compare(view.workspace, first.id, second.id, by=view.by, k=view.k)
    except InputError:
        blocks.waiting(
            "Run B stands on other data than run A and does not follow it. Choose the older of the two as run A."
        )
        return
    metric = f"ndcg@{view.k}"
    rows = found.rows[found.rows["metric"] == metric].reset_index(drop=True)
    answer = about_runs.comparison_sentence(rows, metric=metric_name(metric))
    st.markdown(answer)
    blocks.chart(
        comparison_figure(rows, metric=metric_name(metric)),
        key="comparison",
        alt=answer,
        reading="Each dot is the mean of B minus A over the same users, its whisker the 95 % interval. A "
        f"difference is shown only if the whisker leaves out zero and still does once all {found.tests} comparisons are corrected "
        "for together.",
    )
    if second.follows == first.id:
        st.caption(
            "Corrected here for these groups. *Beside … which it follows*, above, corrects for those of every attribute, so "
            "it may show fewer differences."
        )
    blocks.folded_table(found.rows, name=f"run B minus run A by {'-'.join(view.by) or 'everyone'}")
    st.markdown(about_runs.settings_sentence(first, second))
    if first.brought or second.brought:
        return
    settings = about_runs.settings_table(first, second)
    differing = settings[settings["Differs"]].drop(columns="Differs")
    blocks.table(settings, name="settings of both runs", shown=differing)


def _followed(view: View, runs: list[Run]) -> list[Run]:
    """The runs on earlier data that some of these follow and were held against."""
    known, found = {run.id: run for run in view.runs}, {}
    for run in runs:
        old = known.get(run.follows)
        if old is not None and old.dataset != run.dataset and kept_comparison(view.workspace, old.id, run.id):
            found[old.id] = old
    return list(found.values())


def _choose(runs: dict[str, Run]) -> tuple[Run, Run]:
    newest, before = list(runs)[:2]
    if (
        st.session_state.get(_NEWEST, newest) != newest
    ):  # a run has come about: it is what one wants to compare
        st.session_state.pop("first", None)
        st.session_state.pop("second", None)
    st.session_state[_NEWEST] = newest
    links.restore("first", list(runs), before)
    left, right = st.columns(2)
    label = {id: f"{plain(run.name, limit=40)} · {moment(run.created_at)}" for id, run in runs.items()}
    shared = {"format_func": label.get, "persist_state": "session"}
    first = left.selectbox("Run A", list(runs), key="first", **shared)
    others = [id for id in runs if id != first]
    links.restore("second", others, newest if newest in others else others[0])
    second = right.selectbox("Run B", others, key="second", **shared)
    chosen = {"first": first, "second": second}
    links.publish(chosen if (first, second) != (before, newest) else dict.fromkeys(chosen))
    return runs[first], runs[second]
