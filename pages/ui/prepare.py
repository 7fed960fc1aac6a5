"""Prepare another dataset: the built-in one with other settings, a folder on the server, uploads, or collections."""

from pathlib import Path

import streamlit as st

from core.data.sources import SOURCES, Source
from core.errors import EvenhandError, InputError
from core.figures.text import markdown_text
from core.schema.settings import DatasetSettings, settings_from
from core.schema.tables import CONTRACTS
from pages.ui import blocks, forms, jobs, mongodb, news, uploaded, uploads
from pages.ui.shell import View

FIELDS = tuple(name for name in DatasetSettings.model_fields if name not in ("protected", "mongodb"))
MAXIMUM_MB = 200
BUILT_IN, OWN, UPLOAD, MONGODB = "Built-in data", "A folder on the server", "Upload files", "MongoDB"


def another(view: View) -> None:
    """The form, at the foot of the data page."""
    blocks.section("Prepare another dataset")
    uploads.sweep(view.workspace)
    news.of_upload()
    way = st.segmented_control(
        "Where from",
        (BUILT_IN, OWN, UPLOAD, MONGODB),
        default=BUILT_IN,
        required=True,
        key="source",
        on_change=_settings_of_source,
    )
    if way == OWN:
        _form_input()
    files = _upload_input() if way == UPLOAD else None
    mapped = uploaded.mapped(view.workspace, files) if files else {}
    collections = mongodb.form(view) if way == MONGODB else None
    with st.form("prepare", enter_to_submit=False):
        path = _path_input() if way == OWN else None
        protected = st.text_input(
            "Protected attributes",
            key="prepare-protected",
            placeholder="age, income",
            help=DatasetSettings.model_fields["protected"].description,
        )
        with st.expander("Settings", icon=":material/tune:"):
            values = forms.fields(DatasetSettings, FIELDS, prefix="prepare")
        follows = view.dataset is not None and st.checkbox(
            f"Newer data of the same shop as {markdown_text(view.dataset.name)}",
            key="prepare-follows",
            help="Its feedback joins them, and what is published goes on being served until a new model's lists are",
        )
        asked = st.form_submit_button("Prepare", type="primary", icon=":material/play_arrow:")
    if not asked:
        return
    names = [name.strip() for name in protected.split(",") if name.strip()]
    values |= {"protected": names or None}
    try:
        if way == MONGODB:
            values |= {"mongodb": mongodb.checked(collections)}
        problems = _start(view, _source(way), path, files, mapped, values, follows=follows)
    except InputError as error:
        problems = [error]
    if not problems:
        st.rerun()
    for problem in problems:
        blocks.failed(problem)


def _form_input() -> None:
    """In which form the data are; outside of the form, since the settings that suit them follow from it."""
    st.selectbox(
        "Form of the data",
        [source.name for source in SOURCES.values() if source.needs_path],
        format_func=lambda name: SOURCES[name].title,
        key="prepare-form",
        on_change=_settings_of_source,
        help="Your own tables, or a data set in the form in which it is published",
    )


def _source(way: str) -> Source:
    """The source that was chosen."""
    name = {BUILT_IN: "complete_journey", UPLOAD: "tables", MONGODB: "mongodb"}.get(way)
    return SOURCES[name or st.session_state.get("prepare-form", "tables")]


def _settings_of_source() -> None:
    """Put the settings that suit the chosen source into the form."""
    given = _source(st.session_state["source"]).defaults
    forms.assign(DatasetSettings, FIELDS, prefix="prepare", given=dict(given))


def _path_input() -> str:
    return st.text_input(
        "Folder",
        key="prepare-path",
        placeholder="/srv/shop/export",
        help=f"Your own tables: one CSV or Parquet file for each of {', '.join(CONTRACTS)}; only events is "
        "required. Other forms: the files as they are published.",
    )


def _upload_input() -> list:
    return st.file_uploader(
        "Files named after tables are taken as they are (events.csv, users.parquet …); of any other you say what its "
        "columns are",
        type=[ending.lstrip(".") for ending in uploads.ENDINGS],
        accept_multiple_files=True,
        key="prepare-files",
        max_upload_size=MAXIMUM_MB,
        help="Only events is required: user_id, item_id, timestamp.",
    )


def _start(
    view: View,
    source: Source,
    path: str | None,
    files: list | None,
    mapped: dict[int, uploads.Mapped],
    values: dict,
    *,
    follows: bool,
) -> list[EvenhandError]:
    """Queue the job; what is wrong with the input, if anything. Bad input changes nothing.

    Args:
        path: the folder that was named, None where none is asked for. files: uploads, None likewise.
        mapped: by place among the files, those whose columns were chosen. follows: whether they are of the shop that is shown.
    """
    try:
        settings = _changed(settings_from(DatasetSettings, values), source)
        folder = None if path is None else _folder(source, path)
    except InputError as error:
        return [error]
    if files is not None:
        if not files:
            return [InputError("No file was chosen. Choose at least events.csv or events.parquet.")]
        set_aside = values["bad_rows"] == "set_aside"
        folder, problems = uploads.keep(view.workspace, files, mapped, set_aside=set_aside)
        if problems:
            return problems
        news.remember_upload(view, folder)
    params = {"source": source.name, "settings": settings} | ({"path": str(folder)} if folder else {})
    params |= {"follows": view.dataset.id} if follows else {}
    jobs.start(view.workspace, "prepare", params)
    return []


def _changed(settings: DatasetSettings, source: Source) -> dict:
    """The settings that differ from those that suit the source, as JSON."""
    suiting = DatasetSettings(**source.defaults).model_dump(mode="json")
    return {name: value for name, value in settings.model_dump(mode="json").items() if value != suiting[name]}


def _folder(source: Source, path: str) -> Path:
    """The folder on the server that was named; it must hold what the source needs."""
    if not path.strip():
        raise InputError("Name the folder in which the tables lie.")
    folder = Path(path.strip())
    if not folder.exists():
        raise InputError(f"{path.strip()[:200]}: there is no such folder on the server. Nothing was changed.")
    source.files(folder)
    return folder.resolve()
