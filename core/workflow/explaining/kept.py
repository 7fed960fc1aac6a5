"""A model explained as a whole: computed once, kept with the run by the content of the question."""

import hashlib
import json
import time

import numpy as np
import pandas as pd

from core import __version__
from core.explain.expected_gradients import TOLERANCE, usual_rows
from core.explain.proxies import marks
from core.explain.subject import Subject, explain
from core.progress import Progress, part_of, quiet
from core.schema.documents import EXPLANATIONS, ExplainedModel, Run, now
from core.schema.tables import USER
from core.store.workspace import Workspace
from core.workflow.explaining.asking import Asking, title_of
from core.workflow.explaining.recommender import attribute_groups
from core.workflow.runs import load_run

USUAL, MOST_ROWS, SEED = 100, 2500, 7
VALUES, SHOWN, MARKS = "values", "shown", "marks"
OUTPUT, ERROR = "output", "error"


def explain_model(
    workspace: Workspace, run_id: str, name: str, *, progress: Progress = quiet
) -> ExplainedModel:
    """Explain one row of every user (of MOST_ROWS users at most) in the test window, unless that has been done.

    Tables: `values` (`user`, `output`, `error`, one column per feature: its attribution), `shown` (the features'
    values as people know them, same rows), `marks` (protected attributes and their proxies). The document is written last.

    Raises:
        NotFound: no such run, or nothing of that name to explain. InputError: no rows. Cancelled: `progress` said so.
    """
    start = time.monotonic()
    run = load_run(workspace, run_id)
    title = title_of(run, name)
    if (known := find_explanation(workspace, run, name)) is not None:
        return known
    progress("Reading", 0.0, title)
    asking = Asking(workspace, run)
    rows = asking.rows(name)
    usual = background(rows)
    chosen = rows.iloc[usual_rows(MOST_ROWS, rows[USER].to_numpy(), seed=SEED + 1)]
    chosen = chosen.drop_duplicates(USER)
    subject = asking.subject(name, pd.concat([usual, chosen], ignore_index=True))
    explained = np.arange(len(usual), len(subject))
    found = explain(subject, np.arange(len(usual)), explained, progress=part_of(progress, 0.1, 0.8))
    progress("Looking for proxies", 0.8, f"{len(subject.blocks)} features")
    own = subject.at(explained)
    marked = marks(own, attribute_groups(workspace, asking.dataset), seed=SEED)
    id = _id(run, name)
    tables = {VALUES: _values(own, found), SHOWN: _shown(own), MARKS: marked}
    artefacts = {
        each: workspace.artefacts.write_table(f"explanations/{id}-{each}.parquet", frame)
        for each, frame in tables.items()
    }
    document = ExplainedModel(
        _id=id,
        run=run.id,
        dataset=run.dataset,
        created_at=now(),
        subject=name,
        title=subject.title,
        unit=subject.unit,
        features=subject.features,
        expected=found.expected,
        allowed=found.allowed,
        usual=len(usual),
        users=len(np.unique(own.users)),
        incomplete=int((~found.complete).sum()),
        worst_error=float(np.abs(found.errors).max()),
        seconds=time.monotonic() - start,
        tables=artefacts,
    )
    workspace.documents.put(EXPLANATIONS, document.dump())
    return document


def find_explanation(workspace: Workspace, run: Run, name: str) -> ExplainedModel | None:
    """The one that has been computed, if there is one."""
    document = workspace.documents.get(EXPLANATIONS, _id(run, name))
    return None if document is None else ExplainedModel.model_validate(document)


def explanation_table(workspace: Workspace, explained: ExplainedModel, table: str) -> pd.DataFrame:
    """One of its tables."""
    return workspace.artefacts.read_table(explained.tables[table])


def background(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows that every explanation of a model compares with, each of another user."""
    return rows.iloc[usual_rows(USUAL, rows[USER].to_numpy(), seed=SEED)]


def _values(subject: Subject, found) -> pd.DataFrame:
    told = pd.DataFrame({USER: subject.users, OUTPUT: found.outputs, ERROR: found.errors})
    return pd.concat([told, pd.DataFrame(found.values, columns=subject.features)], axis=1)


def _shown(subject: Subject) -> pd.DataFrame:
    """Numbers as they are, everything else as text."""
    shown = subject.shown
    texts = [name for name in shown if not pd.api.types.is_numeric_dtype(shown[name])]
    return shown.astype(dict.fromkeys(texts, str))


def _id(run: Run, name: str) -> str:
    """The same for the same weights and question, whoever asks."""
    weights = {each: artefact.sha256 for each, artefact in run.artefacts.items()}
    described = [run.id, run.dataset, weights, name, USUAL, MOST_ROWS, SEED, TOLERANCE, __version__]
    return f"explanation-{hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()[:16]}"
