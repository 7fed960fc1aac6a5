"""What came since a dataset was prepared, and preparing it anew."""

from pathlib import Path

import streamlit as st

from core.data.sources import SOURCES
from core.data.watching import WhatsNew, known_origin, whats_new
from core.errors import EvenhandError
from core.figures.about_news import news_sentences
from core.figures.text import markdown_text
from pages.ui import blocks, jobs, uploads
from pages.ui.shell import View

_FOUND, _OF_UPLOAD = "news-found", "news-of-upload"  # no keys of widgets


def section(view: View) -> None:
    """A look at where the shown dataset came from."""
    source, path = SOURCES.get(view.dataset.source), _path(view)
    if source is None or (path is None and source.collect is None):
        return
    blocks.section("What has come since")
    if path is not None and path.is_relative_to(view.workspace.root / uploads.FOLDER):
        st.markdown(
            "These tables were uploaded. Upload the newer ones below: what differs is told before they are prepared."
        )
        return
    if st.button("Look for new data", key="news-look", icon=":material/update:"):
        st.session_state[_FOUND] = view.dataset.id, _look(view)
    of, found = st.session_state.get(_FOUND, (None, None))
    if of != view.dataset.id or found is None:
        return
    if isinstance(found, EvenhandError):
        blocks.failed(found)
        return
    _tell(found)
    if found and st.button("Prepare again", key="news-prepare", type="primary", icon=":material/play_arrow:"):
        settings = {name: value for name, value in view.dataset.settings.items() if value is not None}
        params = {"source": source.name, "settings": settings, "follows": view.dataset.id}
        params |= {"path": str(path)} if path else {}
        st.session_state.pop(_FOUND)
        jobs.start(view.workspace, "prepare", params)
        st.rerun()


def remember_upload(view: View, folder: Path) -> None:
    """Keep how an upload differs from the tables that are shown, for `of_upload`."""
    dataset = view.dataset
    if dataset is not None and dataset.source == "tables" and known_origin(view.workspace, dataset):
        st.session_state[_OF_UPLOAD] = dataset.name, whats_new(view.workspace, dataset, folder)


def of_upload() -> None:
    """Tell once how the last upload differs from the tables that were shown."""
    if kept := st.session_state.pop(_OF_UPLOAD, None):
        name, found = kept
        said = " ".join(map(_shown, news_sentences(found)))
        st.info(f"Beside **{markdown_text(name)}**: {said}", icon=":material/difference:")


def _tell(found: WhatsNew) -> None:
    sentences = news_sentences(found)
    if not found:
        st.success(_shown(sentences[0]), icon=":material/check_circle:")
        return
    st.info("  \n".join(map(_shown, sentences)), icon=":material/update:")


def _shown(sentence: str) -> str:
    return markdown_text(sentence, limit=200)


def _look(view: View) -> WhatsNew | EvenhandError:
    try:
        with st.spinner("Looking …"):
            return whats_new(view.workspace, view.dataset)
    except EvenhandError as error:
        return error


def _path(view: View) -> Path | None:
    """Where the files of the shown dataset lay."""
    origin = known_origin(view.workspace, view.dataset)
    return Path(origin.path) if origin and origin.path else None
