"""What has come since a run, training on with it, and how the new run compares with the one that it follows."""

import streamlit as st

from core.errors import EvenhandError, NotFound
from core.figures.about_feedback import since_sentence
from core.figures.about_news import news_sentences
from core.figures.about_saved import compared_sentence, worse_sentence
from core.figures.numbers import moment
from core.figures.text import markdown_text
from core.schema.documents import Run
from core.store.trail import PAGE
from core.workflow.comparing import hold_against
from core.workflow.policies.compared import comparison_with_former
from core.workflow.retraining import Since, since
from core.workflow.runs import load_run
from pages.ui import blocks, cached, jobs
from pages.ui.shell import View


def show(view: View) -> None:
    """Two sections: what came since the run that is looked at, and what became of the run before it."""
    run = view.run
    if run is None or run.brought:
        return
    _comparison(view, run)
    found = _since(view, run)
    blocks.section("Since this run", since_sentence(found.news, found.feedback))
    if found.news:
        st.caption(" ".join(markdown_text(sentence, limit=200) for sentence in news_sentences(found.news)))
    if found.unseen:
        st.caption(f":material/visibility_off: {markdown_text(found.unseen, limit=300)}")
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Train on with it",
            key="train-on",
            type="primary" if found else "secondary",
            icon=":material/cycle:",
            disabled=not found or view.busy,
            on_click=_start,
            args=(view, run),
        )
        st.page_link("pages/data.py", label="Bring in feedback", icon=":material/add_comment:")
    blocks.how_to_read(
        "Training on prepares the data anew with everything that has come, begins with this run's weights, and holds the new "
        "run against this one: the same questions of the same users, with paired intervals. Only then can its lists be "
        "published."
    )


def _since(view: View, run: Run) -> Since:
    """News of files are looked at now and then, feedback always."""
    return since(view.workspace, run, looked=cached.news_since(view.workspace, run.id))


def _comparison(view: View, run: Run) -> None:
    if run.follows is None:
        return
    try:
        old = load_run(view.workspace, run.follows)
    except NotFound:
        return
    blocks.section(f"Beside “{markdown_text(old.name)}” of {moment(old.created_at)} (UTC), which it follows")
    kept = comparison_with_former(view.workspace, run)
    if kept is None:
        blocks.waiting("The two were not compared yet; until they are, its lists cannot be published.")
        if st.button("Compare them", key="compare-with-former", type="primary", icon=":material/balance:"):
            try:
                with st.spinner("Asking the former run the questions of the newer one …"):
                    hold_against(view.workspace, old, run, k=view.k, who=PAGE)
            except EvenhandError as error:
                blocks.failed(error)
                return
            st.rerun()
        return
    st.markdown(compared_sentence(kept))
    if worse := worse_sentence(kept):
        st.warning(worse, icon=":material/trending_down:")
    for note in kept.notes:
        st.caption(markdown_text(note, limit=300))


def _start(view: View, run: Run) -> None:
    jobs.start(view.workspace, "retrain", {"run": run.id})
