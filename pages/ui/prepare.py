"""Prepare another dataset: the built-in one with other settings, a folder on the server, or uploaded tables."""

from pathlib import Path

import streamlit as st

from core.data.sources import SOURCES
from core.errors import EvenhandError, InputError
from core.schema.settings import DatasetSettings, settings_from
from core.schema.tables import CONTRACTS
from pages.ui import blocks, forms, jobs, uploads
from pages.ui.shell import View

FIELDS = tuple(name for name in DatasetSettings.model_fields if name != "protected")
MAXIMUM_MB = 200
BUILT_IN, OWN, UPLOAD = "Built-in data", "A folder on the server", "Upload files"


def another(view: View) -> None:
    """The form, at the foot of the data page."""
    blocks.section("Prepare another dataset")
    uploads.sweep(view.workspace)
    way = st.segmented_control(
        "Where from", (BUILT_IN, OWN, UPLOAD), default=BUILT_IN, required=True, key="source"
    )
    with st.form("prepare", enter_to_submit=False):
        path = _path_input() if way == OWN else None
        files = _upload_input() if way == UPLOAD else []
        protected = st.text_input(
            "Protected attributes",
            key="prepare-protected",
            placeholder="age, income",
            help=DatasetSettings.model_fields["protected"].description,
        )
        with st.expander("Settings", icon=":material/tune:"):
            values = forms.fields(DatasetSettings, FIELDS, prefix="prepare")
        asked = st.form_submit_button("Prepare", type="primary", icon=":material/play_arrow:")
    if not asked:
        return
    names = [name.strip() for name in protected.split(",") if name.strip()]
    problems = _start(view, way, path, files, values | {"protected": names or None})
    if not problems:
        st.rerun()
    for problem in problems:
        blocks.failed(problem)


def _path_input() -> str:
    return st.text_input(
        "Folder",
        key="prepare-path",
        placeholder="/srv/shop/export",
        help=f"Holds one CSV or Parquet file per table: {', '.join(CONTRACTS)}. Only events is required.",
    )


def _upload_input() -> list:
    return st.file_uploader(
        "One file per table, named after it: events.csv, users.csv, items.parquet …",
        type=[ending.lstrip(".") for ending in uploads.ENDINGS],
        accept_multiple_files=True,
        key="prepare-files",
        max_upload_size=MAXIMUM_MB,
        help="Only events is required: user_id, item_id, timestamp.",
    )


def _start(view: View, way: str, path: str | None, files: list, values: dict) -> list[EvenhandError]:
    """Queue the job; what is wrong with the input, if anything. Bad input changes nothing."""
    try:
        settings = settings_from(DatasetSettings, values).model_dump(mode="json", exclude_defaults=True)
        folder = _folder(way, path)
    except InputError as error:
        return [error]
    if way == UPLOAD:
        if not files:
            return [InputError("No file was chosen. Choose at least events.csv or events.parquet.")]
        folder, problems = uploads.keep(view.workspace, files)
        if problems:
            return problems
    params = {"source": "tables" if folder else "complete_journey", "settings": settings}
    jobs.start(view.workspace, "prepare", params | ({"path": str(folder)} if folder else {}))
    return []


def _folder(way: str, path: str | None) -> Path | None:
    """The folder on the server that was named; it must hold what the source needs."""
    if way != OWN:
        return None
    if not (path or "").strip():
        raise InputError("Name the folder in which the tables lie.")
    folder = Path(path.strip())
    if not folder.is_dir():
        raise InputError(f"{path.strip()[:200]}: there is no such folder on the server. Nothing was changed.")
    SOURCES["tables"].files(folder)
    return folder.resolve()
