"""Search settings: let trials find better ones, see what they found and what mattered, train with the best."""

import streamlit as st

from core.errors import SettingsError
from core.figures import about_search as about
from core.figures.numbers import moment
from core.figures.search import importance_figure, trials_figure
from core.figures.text import plain
from core.schema.documents import Run, Search
from core.schema.settings import SearchSettings, TrainSettings, settings_from
from core.workflow.searches import list_searches
from pages.ui import blocks, forms, jobs
from pages.ui.shell import View

FIELDS = tuple(SearchSettings.model_fields)
STANDARD = "standard"


def show(view: View) -> None:
    """The form, and the latest search on these data."""
    searches = list_searches(view.workspace, view.dataset.id)
    blocks.section("Search settings", about.search_sentence(searches[0]) if len(searches) == 1 else None)
    under_way = jobs.running(view.workspace)
    if under_way and under_way.kind == "search":
        st.info(
            "A search is under way; its progress stands at the top of the page.", icon=":material/search:"
        )
    elif not searches:
        blocks.waiting("No search on these data yet. It tries other settings and tells which do better.")
    _form(view)
    if searches:
        _found(view, _choose(searches), under_way is not None)


def _form(view: View) -> None:
    runs = {run.id: run for run in view.runs if run.dataset == view.dataset.id and not run.brought}
    with (
        st.expander("New search", icon=":material/search:", key="search-form"),
        st.form("search", enter_to_submit=False, border=False),
    ):
        start = st.selectbox(
            "Start from the settings of",
            [STANDARD, *runs],
            index=1 + list(runs).index(view.run.id) if view.run and view.run.id in runs else 0,
            format_func=lambda id: plain(runs[id].name) if id in runs else "Standard settings",
            key="search-start",
            help="The first trial has these settings; the others vary size, regularisation, learning rate and more",
        )
        values = forms.fields(SearchSettings, FIELDS, prefix="search", columns=2)
        st.caption(
            "Each trial trains a model on the training split and is judged on the validation split. The test split is "
            "not looked at. A search from the same settings goes on where it stood."
        )
        asked = st.form_submit_button("Search", type="primary", icon=":material/search:")
    if asked:
        _start(view, runs.get(start), values)


def _start(view: View, run: Run | None, values: dict) -> None:
    try:
        settings = settings_from(SearchSettings, values)
        base = settings_from(TrainSettings, run.settings if run else {})
    except SettingsError as error:
        blocks.failed(error)
        return
    params = {"dataset": view.dataset.id, "settings": settings.model_dump(mode="json")}
    jobs.start(view.workspace, "search", params | {"base": base.model_dump(mode="json")})
    st.rerun()


def _choose(searches: list[Search]) -> Search:
    """The search to show; the newest at first."""
    if len(searches) == 1:
        return searches[0]
    found = {search.id: search for search in searches}
    label = {
        search.id: f"{moment(search.created_at)} · best {search.best_trial.value:.4f}" for search in searches
    }
    id = st.selectbox("Search", list(found), format_func=label.get, key="search-shown")
    st.markdown(about.search_sentence(found[id]))
    return found[id]


def _found(view: View, search: Search, busy: bool) -> None:
    if not search.finished and not busy:
        st.info(about.unfinished_sentence(search), icon=":material/stop_circle:")
    if search.best_trial.number != 1:
        _best(view, search)
    if len(search.trials) == 1:
        return
    if about.ordered_settings(search):
        blocks.chart(
            trials_figure(search),
            key="trials-chart",
            alt=about.search_sentence(search),
            reading="Each line is a trial: its settings from low (left) to high (right), then what came of them. Where the "
            "lines of the best run together, that value matters. The best of many is a little lucky: only a run's test "
            "split tells how good it is.",
        )
    with st.expander("Numbers and download", icon=":material/table_rows:"):
        blocks.table(about.trials_table(search), name="trials", shown=about.trials_table_shown(search))
    _importances(search)


def _best(view: View, search: Search) -> None:
    """What the best trial changes, and the button that trains with it."""
    table = about.best_table(search)
    differing = table[table["Started from"] != table["Best"]]
    with st.expander("Best settings", icon=":material/tune:"):
        blocks.table(table, name="best settings", shown=differing)
    if st.button(
        "Train with the best settings",
        key="train-best",
        type="primary",
        icon=":material/model_training:",
        help="Trains a run with all its models, and tests it",
    ):
        name = f"Best of {len(search.trials)} trials"
        params = {"dataset": view.dataset.id, "settings": search.best_settings, "name": name}
        jobs.start(view.workspace, "train", params)
        st.rerun()


def _importances(search: Search) -> None:
    if not search.importances:
        blocks.how_to_read("Which settings matter can be told from eight trials on.")
        return
    answer = about.importance_sentence(search.importances)
    st.markdown(answer)
    blocks.chart(
        importance_figure(search.importances),
        key="importance-chart",
        alt=answer,
        reading="How much of the differences between the trials' ranks each setting explains alone (fANOVA of a random "
        "forest). From a dozen trials the longest bar is a fair hint; the others say little before there are many more.",
    )
    blocks.folded_table(about.importance_table(search.importances), name="importance of settings")
