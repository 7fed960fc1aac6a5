"""A report as files: the page, its JSON, and the JSON Schema of that."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

from core.errors import SettingsError
from core.report.contents import Report, schema
from core.report.page import page
from core.workflow.parquet_out import write_file

ENDING = ".html"


@dataclass(frozen=True)
class Files:
    """Where the three lie."""

    page: Path
    content: Path
    schema: Path


def checked_files(out: Path) -> Files:
    """The files beside `out`; SettingsError where they cannot be written."""
    if out.suffix != ENDING or not os.path.isdir(out.parent):
        raise SettingsError(f"--out {out.name[:80]}: must end in {ENDING} and lie in a folder that exists.")
    return Files(out, out.with_suffix(".json"), out.with_suffix(".schema.json"))


def texts(report: Report, schema_file: str) -> tuple[str, str, str]:
    """The page, its JSON, and the schema that the JSON names by its file."""
    named = {"$schema": schema_file} | report.model_dump(mode="json")
    return (
        page(report),
        json.dumps(named, ensure_ascii=False, allow_nan=False, indent=1),
        json.dumps(schema(), ensure_ascii=False, indent=2),
    )


def write(report: Report, files: Files) -> None:
    """All three, each whole or not at all; the page last.

    Raises:
        StoreError: one cannot be written; what was there under its name stays.
    """
    told = texts(report, files.schema.name)
    for file, text in zip((files.schema, files.content, files.page), reversed(told), strict=True):
        write_file(file, lambda opened, text=text: opened.write(text.encode()))
