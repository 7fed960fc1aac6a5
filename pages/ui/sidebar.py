"""The filters that all pages share: which data and model, which groups, how long a list."""

from collections.abc import Sequence

import streamlit as st

from core.figures.numbers import moment, score
from core.figures.text import plain, spoken
from core.schema.documents import Dataset, Run
from pages.ui import links

KS = (5, 10, 20, 50)  # list lengths whose accuracy every run keeps
_ALONE = ""


def choose_data(datasets: Sequence[Dataset], runs: Sequence[Run]) -> tuple[Dataset | None, Run | None]:
    """A run with its dataset, or a dataset that has none yet; the newest run unless the link says otherwise."""
    named = {dataset.id: dataset for dataset in datasets}
    trained = {run.id: run for run in runs if run.dataset in named}
    with_runs = {run.dataset for run in trained.values()}
    options = [*trained, *(name for name in named if name not in with_runs)]
    several = len(named) > 1
    links.restore("run", options, options[0] if options else None)
    if not options:
        st.session_state.pop("run", None)
        return None, None
    chosen = st.selectbox(
        "Data and model",
        options,
        key="run",
        format_func=lambda id: (
            _run_label(trained[id], named[trained[id].dataset] if several else None)
            if id in trained
            else _dataset_label(named[id])
        ),
        persist_state="session",
        help="A trained run with its data, or data that has no run yet",
    )
    run = trained.get(chosen)
    return named[run.dataset if run else chosen], run


def _run_label(run: Run, dataset: Dataset | None) -> str:
    """A run in one line; with its data where there are several."""
    ndcg = run.metrics.get("test", {}).get("ndcg@10")
    data = [plain(dataset.name, limit=40)] if dataset else []
    return " · ".join([plain(run.name, limit=40), *data, moment(run.created_at), f"NDCG@10 {score(ndcg)}"])


def _dataset_label(dataset: Dataset) -> str:
    return f"{plain(dataset.name, limit=40)} · not trained yet"


def choose_groups(attributes: Sequence[str], preferred: Sequence[str]) -> tuple[str, ...]:
    """One attribute, or two crossed; in the link `by=age` or `by=age*income`. Empty if there are none."""
    if not attributes:
        return ()
    wanted = links.asked("by")
    if wanted is not None:
        parts = wanted.split("*")
        if len(parts) <= 2 and len(set(parts)) == len(parts) and set(parts) <= set(attributes):
            st.session_state["by"], st.session_state["cross"] = parts[0], (*parts[1:], _ALONE)[0]
        else:
            links.unknown("by", wanted)
    links.keep("by", attributes, next((name for name in preferred if name in attributes), attributes[0]))
    by = st.selectbox("Group users by", attributes, key="by", format_func=spoken, persist_state="session")
    others = [_ALONE, *(name for name in attributes if name != by)]
    links.keep("cross", others, _ALONE)
    cross = st.selectbox(
        "crossed with",
        others,
        key="cross",
        format_func=lambda name: spoken(name) if name else "nothing",
        persist_state="session",
    )
    return (by, cross) if cross else (by,)


def choose_k() -> int:
    """How many recommendations a user sees."""
    links.restore("k", KS, 10)
    return st.radio(
        "Length of the list",
        KS,
        key="k",
        horizontal=True,
        persist_state="session",
        help="How many recommendations a user sees; accuracy and shares are counted on these",
    )
