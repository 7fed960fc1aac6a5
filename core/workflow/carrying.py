"""The model of a run carried over to other data of the same shop."""

from core.data.dataset import load
from core.data.inputs import ModelInputs
from core.errors import InputError
from core.schema.documents import Dataset, Run
from core.schema.settings import TrainSettings, settings_from
from core.store.workspace import Workspace
from core.train.transfer import Transferred, transferred
from core.train.weights import load as load_model
from core.workflow.questions import Material, vocabulary_of


def carried(
    workspace: Workspace, run: Run, material: Material, inputs: ModelInputs, settings: TrainSettings
) -> Transferred:
    """The model of a run in the codes of other data.

    Args:
        material: of the other data, as `settings` let a model see it. inputs: of that material.
        settings: the run's own to ask it, others to train on from it.

    Raises:
        InputError: another system made the lists of the run, or it shares no item with these data.
        CorruptArtefact: its weights cannot be read.
    """
    if run.brought:
        raise InputError(f"Another system made the lists of {run.id}; there is no model to go on from.")
    model, task = load_model(workspace.artefacts, run.artefacts["weights"])
    before = settings_from(TrainSettings, run.settings)
    return transferred(
        model,
        task,
        old=vocabulary_of(workspace, load(workspace, run.dataset), before),
        new=material.vocabulary,
        inputs=inputs,
        settings=settings,
    )


def require_unseen(workspace: Workspace, run: Run, dataset: Dataset) -> None:
    """InputError where a run learnt, or was tuned, by what a dataset holds back: windows that begin before the run's own.

    Only a temporal split has windows; its data grow at the end.
    """
    own = load(workspace, run.dataset).period
    for name, window in (("validation_start", "validation"), ("test_start", "test")):
        if name in own and dataset.period.get(name, own[name]) < own[name]:
            raise InputError(
                f"The {window} window of {dataset.id} begins on {dataset.period[name]}, that of {run.id} on {own[name]}: the run "
                "knows what would judge it. Take data that reach as far as those it was trained on, or train a new run."
            )
