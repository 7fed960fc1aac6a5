"""Candidates made of all that is known: for lists that a shop serves. Nothing can judge them, since nothing came after."""

import pandas as pd

from core.progress import Progress, quiet
from core.recommend.candidates import candidates
from core.schema.documents import Dataset, Run
from core.schema.settings import TrainSettings, settings_from
from core.store.workspace import Workspace
from core.workflow.carrying import carried
from core.workflow.questions import material_of


def candidates_now(
    workspace: Workspace, run: Run, dataset: Dataset, *, progress: Progress = quiet
) -> pd.DataFrame:
    """Everybody's candidates, of histories up to the end of the data; columns as `core.recommend.candidates`.

    Args:
        dataset: the run's own.

    Raises:
        InputError: another system made the lists of the run. CorruptArtefact: its weights cannot be read.
    """
    settings = settings_from(TrainSettings, run.settings)
    material = material_of(workspace, dataset, settings)
    inputs = material.inputs("test")
    return candidates(carried(workspace, run, material, inputs, settings), inputs, progress=progress)
