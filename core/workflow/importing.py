"""Lists that another system made, kept as a run: every page audits them, and nothing is trained."""

from pathlib import Path

import pandas as pd

from core.data.dataset import load
from core.progress import Progress, part_of, quiet
from core.schema.documents import RUNS, Artefact, Dataset, ModelReport, Run, now
from core.schema.settings import LONGEST_LIST, TrainSettings
from core.schema.tables import ITEM, RANK, SCORE, USER
from core.store.trail import PROGRAM, record
from core.store.workspace import Workspace
from core.workflow.auditing import notes_on_lists
from core.workflow.keeping import accuracy_of, accuracy_of_baselines, means, means_of_baselines, written
from core.workflow.own_lists import OwnLists, read_own_lists
from core.workflow.questions import material_of

UNKNOWN_MAKER = "What they were learnt from, and whether the test window was known, cannot be told here."


def import_lists(
    workspace: Workspace,
    dataset_id: str,
    path: Path,
    *,
    run_id: str,
    name: str = "",
    who: str = PROGRAM,
    progress: Progress = quiet,
) -> Run:
    """Keep everything that an audit of a file's lists needs: they are judged on the test split.

    The first LONGEST_LIST places of each user are kept. `score` is that of the file if every place has one, else
    minus the rank. What was left out stands in the notes of the run's report.

    Args:
        path: as for `read_own_lists`.
        run_id: id of the run to commit; repeating a call with the same id repeats its write.
        name: of the run; empty: that of the file.
        who: asked for it, for the audit trail.

    Raises:
        TableError: the file breaks its contract. InputError: no row can be used. NotFound: no such dataset.
        Cancelled: `progress` said so.
    """
    dataset = load(workspace, dataset_id)
    progress("Reading", 0.0, dataset.name)
    own = read_own_lists(workspace, dataset_id, path)
    lists, told = _kept(own)
    progress("Reading", 0.05, dataset.name)
    asked = material_of(workspace, dataset, TrainSettings()).question("test")
    tables = {"candidates_test": lists, "per_user_test": accuracy_of(lists, asked)}
    tables["baselines_test"] = accuracy_of_baselines(asked, part_of(progress, 0.08, 0.98))
    outside = notes_on_lists(dataset, lists, tables["per_user_test"], LONGEST_LIST)
    run = _described(
        dataset,
        tables,
        notes=[*own.notes, *told, *outside, UNKNOWN_MAKER],
        id=run_id,
        name=(name.strip() or path.name)
        .encode(errors="replace")
        .decode(),  # a shell may hand over what is no text
        artefacts=written(workspace, run_id, tables, {}),
    )
    workspace.documents.put(RUNS, run.dump())
    record(workspace, "imported", who=who, about={"dataset": dataset.id, "run": run.id})
    return run


def _kept(own: OwnLists) -> tuple[pd.DataFrame, list[str]]:
    """The lists in the form of a model's candidates, and what has to be told of that."""
    within = own.lists[own.lists[RANK] <= LONGEST_LIST].sort_values([USER, RANK], ignore_index=True)
    scored = within[SCORE].notna().all()
    notes = ["Scores are those of the file." if scored else "The score that is kept is minus the rank."]
    if beyond := len(own.lists) - len(within):
        notes.append(
            f"{beyond:,} of {len(own.lists):,} places lie beyond the first {LONGEST_LIST} of a user; left out."
        )
    score = within[SCORE] if scored else -within[RANK].astype(float)
    return within.assign(**{SCORE: score}).astype({USER: "int32", ITEM: "int32", RANK: "int16"}), notes


def _described(
    dataset: Dataset,
    tables: dict[str, pd.DataFrame],
    *,
    notes: list[str],
    id: str,
    name: str,
    artefacts: dict[str, Artefact],
) -> Run:
    return Run(
        _id=id,
        dataset=dataset.id,
        name=name,
        brought=True,
        settings={},
        created_at=now(),
        device="none",
        device_reason="another system made the lists",
        seconds=0,
        sequences_per_second=0,
        history=[],
        metrics={"test": means(tables["per_user_test"])},
        baselines={"test": means_of_baselines(tables["baselines_test"])},
        reports={"recommender": ModelReport(metrics={}, notes=notes)},
        artefacts=artefacts,
    )
