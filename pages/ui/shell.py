"""How every page begins: safe to open by its own link, with the view that the link and the sidebar ask for."""

from dataclasses import dataclass, replace

import streamlit as st

from core.figures.sentences import by_words
from core.figures.text import markdown_text
from core.schema.documents import Dataset, Run
from core.schema.settings import AuditSettings, Scope
from core.store.workspace import Workspace
from pages.ui import blocks, cached, exports, jobs, links, sidebar

PAGES = {  # file name -> title, icon, what the page answers
    "overview": ("Overview", ":material/balance:", "What is unequal, for whom, and how sure that is."),
    "data": ("Data", ":material/database:", "What is loaded, and whether it can support the conclusions."),
    "train": (
        "Train",
        ":material/model_training:",
        "Train again, watch it, read each run's model card, and compare two runs.",
    ),
    "recommendations": (
        "Recommendations",
        ":material/format_list_numbered:",
        "What each group is shown, one user's list beside that user's own history, and what to expect of a product.",
    ),
    "exposure": (
        "Exposure",
        ":material/visibility:",
        "Which brands, sellers and categories are seen, and who sees them.",
    ),
    "pricing": (
        "Pricing",
        ":material/sell:",
        "Who pays more for the same, who gets discounts and offers, and who is shown dearer products.",
    ),
    "service": (
        "Service",
        ":material/local_shipping:",
        "How satisfied each group is and how late its orders come, observed and predicted.",
    ),
    "behaviour": (
        "Behaviour",
        ":material/route:",
        "What users will do next: who buys soon, what, and which way the next steps go.",
    ),
    "explain": (
        "Explain",
        ":material/lightbulb:",
        "Why a group is served worse, why a product stands in a list, and what the models go by.",
    ),
    "tune": (
        "Tune",
        ":material/tune:",
        "Move a knob: what every group gains, what it costs, and who pays.",
    ),
    "monitor": (
        "Monitor",
        ":material/monitoring:",
        "Groups over time, what has changed in the data, and which alerts wait for somebody.",
    ),
    "loop": (
        "Loop",
        ":material/cycle:",
        "What becomes of sellers and customers when a recommender learns from the clicks on its own lists.",
    ),
    "report": (
        "Report",
        ":material/description:",
        "All that was found on one page that stands alone, to be signed, printed and filed.",
    ),
}
SCOPED = ("exposure", "pricing", "service")  # pages that can look at a part of the shop
AUDITED = (
    "overview",
    *SCOPED,
    "explain",
    "tune",
    "monitor",
    "report",
)  # pages that cut numbers of users into groups as they are asked
_ENTERED, _TARGET = "shell-entered", "shell-target"  # no key of a widget


@dataclass(frozen=True)
class View:
    """What a page shows, from the link and the sidebar; `busy` while a job is under way."""

    workspace: Workspace
    datasets: list[Dataset]
    runs: list[Run]
    dataset: Dataset | None
    run: Run | None
    by: tuple[str, ...]
    k: int
    scope: Scope
    bins: int
    busy: bool = False
    reference: str | None = None  # the group that others are compared with, where a page asks

    def settings(self, **chosen: object) -> AuditSettings:
        """What an audit of this view is asked; `chosen` are settings of the page's own."""
        own = {"by": (self.by,), "k": self.k, "scope": self.scope, "bins": self.bins}
        return AuditSettings(**own | {"reference": self.reference} | chosen)

    @property
    def next_step(self) -> dict[str, str]:
        """Where a page without a model leads: to what is being made, or to what has to be asked for first."""
        if self.busy:
            return {"page": "data", "label": "See the data"}
        if self.dataset is None:
            return {"page": "data", "label": "Prepare data"}
        return {"page": "train", "label": "Train a model"}


def navigation_pages() -> list[st.Page]:
    """The pages of the navigation, in order, and the way from the bare address to the first of them.

    A page that is itself the default has no address of its own: Streamlit would call its link unknown.
    """
    named = [
        st.Page(f"pages/{name}.py", title=title, icon=icon, help=about)
        for name, (title, icon, about) in PAGES.items()
    ]
    return [st.Page(_home, default=True, visibility="hidden"), *named]


def _home() -> None:
    st.switch_page(f"pages/{next(iter(PAGES))}.py", query_params=_parameters())


def _parameters() -> dict[str, list[str]]:
    return {name: st.query_params.get_all(name) for name in st.query_params}


def enter() -> None:
    """The entry script has run in this session: go on to the page that a deep link asked for before that."""
    st.session_state[_ENTERED] = True
    if target := st.session_state.pop(_TARGET, None):
        name, parameters = target
        st.switch_page(f"pages/{name}.py", query_params=parameters)


def begin_page(name: str) -> View:
    """The first call of every page: title, filters, running job.

    In a fresh server process Streamlit runs `pages/x.py` without the entry script for the first deep link. Such a
    visit goes through the entry script first and comes back with its link intact.
    """
    if not st.session_state.get(_ENTERED):
        st.session_state[_TARGET] = name, _parameters()
        st.switch_page("app.py", query_params=_parameters())
    workspace = cached.workspace()
    jobs.start_first(workspace)
    view = _view(workspace, scoped=name in SCOPED, audited=name in AUDITED)
    exports.are_of(view.dataset, view.run)
    title, _, about = PAGES[name]
    st.title(title, anchor=False)
    st.caption(about if view.dataset is None else _subtitle(view))
    with (
        st.container()
    ):  # what comes and goes has one place, so that nothing below is drawn anew when it does
        blocks.notes()
        view = replace(view, busy=jobs.watch(workspace, curve=name == "train"))
        if not view.busy:
            _announce(view)
    return view


def _announce(view: View) -> None:
    """A watched job made something else than what is shown: say so, with the way there."""
    job = jobs.watched(view.workspace)
    made = (job.result or {}) if job else {}
    new = {run.id: run.name for run in view.runs if run.id == made.get("run")} or {
        dataset.id: dataset.name for dataset in view.datasets if dataset.id == made.get("dataset")
    }
    if not new or not new.keys().isdisjoint({view.dataset.id, view.run.id if view.run else None}):
        return
    ((id, name),) = new.items()
    first_run = next((run.id for run in view.runs if run.dataset == id), id)
    with st.container(border=True):
        done = "brought in" if job.kind == "import_lists" else "trained" if "run" in made else "prepared"
        st.success(f"**{markdown_text(name)}** is {done}.", icon=":material/check_circle:")
        with st.container(horizontal=True):
            st.button("Show it", key="show-made", type="primary", on_click=_show, args=(first_run,))
            st.button("Stay here", key="stay", on_click=jobs.forget_watched)


def _show(id: str) -> None:
    st.session_state["run"] = id
    jobs.forget_watched()


def _view(workspace: Workspace, *, scoped: bool, audited: bool) -> View:
    datasets, runs = cached.datasets(workspace), cached.runs(workspace)
    with st.sidebar:
        dataset, run = sidebar.choose_data(datasets, runs)
        by = sidebar.choose_groups(dataset.attributes, dataset.protected) if dataset else ()
        k = sidebar.choose_k() if dataset else 10
        numbers = cached.numbers_of_users(workspace, dataset.id) if dataset and audited else ()
        bins = sidebar.choose_bins(by, numbers)
        scope = sidebar.choose_scope(cached.shop(workspace, dataset.id)) if dataset and scoped else Scope()
    if dataset:
        links.publish({"run": (run or dataset).id, "by": "*".join(by) or None, "k": str(k)})
    return View(workspace, datasets, runs, dataset, run, by, k, scope, bins)


def _subtitle(view: View) -> str:
    parts = [markdown_text(view.dataset.name)]
    parts.append(f"run {markdown_text(view.run.name)}" if view.run else "no model yet")
    if view.by:
        parts.append(f"groups by {by_words(view.by)}")
    parts.append(f"top {view.k}")
    if view.scope != Scope():
        parts.append("**part of the shop**")
    return " · ".join(parts)
