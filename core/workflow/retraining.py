"""The loop closed: newer data and feedback into the next dataset, a run that goes on from the last, and the two compared."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from core.data.dataset import load
from core.data.feedback.keeping import feedback_of
from core.data.prepare import prepare
from core.data.watching import WhatsNew, known_origin, whats_new
from core.errors import InputError, SourceUnavailable
from core.progress import Progress, part_of, quiet
from core.schema.documents import Comparison, Dataset, Feedback, Run
from core.schema.settings import DatasetSettings, TrainSettings, settings_from
from core.store.trail import PROGRAM
from core.store.workspace import Workspace
from core.workflow.carrying import require_unseen
from core.workflow.comparing import hold_against
from core.workflow.runs import load_run
from core.workflow.training import train

Looked = tuple[WhatsNew | None, str]
PREPARED, TRAINED = 0.2, 0.9  # of the time, as measured on Complete Journey


@dataclass(frozen=True)
class Since:
    """What came since a run was trained.

    Attributes:
        news: of the source; None where it cannot be looked at, for the reason `unseen`.
        feedback: what the run has not learnt from, oldest first.
    """

    news: WhatsNew | None
    feedback: Sequence[Feedback]
    unseen: str = ""

    @property
    def rows(self) -> int:
        """Rows of feedback that can be used."""
        return sum(one.count for one in self.feedback)

    def __bool__(self) -> bool:
        return bool(self.news) or bool(self.rows)


@dataclass(frozen=True)
class Retrained:
    """Attributes: comparison: of the new run with the one that it follows."""

    dataset: Dataset
    run: Run
    comparison: Comparison


def since(workspace: Workspace, run: Run, *, path: Path | None = None, looked: Looked | None = None) -> Since:
    """What came since a run was trained: news of its source, and feedback on its line.

    Args:
        path: where the source's files lie now; unset: where they lay then.
        looked: what `look` found a moment ago; unset: the source is looked at now.
    """
    feedback = feedback_of(workspace, load(workspace, run.dataset))
    news, unseen = look(workspace, run, path=path) if looked is None else looked
    return Since(news, [one for one in feedback if one.id not in run.feedback], unseen)


def look(workspace: Workspace, run: Run, *, path: Path | None = None) -> Looked:
    """News of the source of a run; None and the reason where it cannot be looked at."""
    try:
        return whats_new(workspace, load(workspace, run.dataset), path), ""
    except (InputError, SourceUnavailable) as error:
        return None, str(error)


def retrain(
    workspace: Workspace,
    run_id: str,
    settings: TrainSettings | None = None,
    *,
    new_id: str,
    path: Path | None = None,
    name: str = "",
    who: str = PROGRAM,
    progress: Progress = quiet,
    scratch: Path | None = None,
) -> Retrained:
    """Prepare the data of a run anew with the feedback on them, train on from its weights, and hold the two against each other.

    Args:
        settings: of training; unset: those of the run. new_id: of the run to commit; a call with the same id goes on.
        path: where the source's files lie now; unset: where they lay then.

    Raises:
        InputError: another system made the lists of the run, its source cannot be read, or the data end before those that
        the run knows. Else as `prepare` and `train`.
    """
    old = load_run(workspace, run_id)
    if old.brought:
        raise InputError("Another system made these lists; there is no model to train on.")
    settings = settings or settings_from(TrainSettings, old.settings)
    dataset = _next_dataset(workspace, old, path, who, part_of(progress, 0.0, PREPARED))
    require_unseen(workspace, old, dataset)
    run = train(
        workspace,
        dataset.id,
        settings,
        run_id=new_id,
        name=name or _next_name(old.name),
        start=old.id,
        who=who,
        progress=part_of(progress, PREPARED, TRAINED),
        scratch=scratch,
    )
    comparison = hold_against(workspace, old, run, who=who, progress=part_of(progress, TRAINED, 1.0))
    return Retrained(dataset, run, comparison)


def _next_name(name: str) -> str:
    """`First model` -> `First model 2` -> `First model 3`."""
    words, _, number = name.rpartition(" ")
    return f"{words} {int(number) + 1}" if words and number.isdecimal() else f"{name} 2"


def _next_dataset(workspace: Workspace, old: Run, path: Path | None, who: str, progress: Progress) -> Dataset:
    before = load(workspace, old.dataset)
    given = {name: value for name, value in before.settings.items() if value is not None}
    origin = known_origin(workspace, before)
    where = path or (Path(origin.path) if origin and origin.path else None)
    return prepare(
        workspace,
        before.source,
        settings_from(DatasetSettings, given),
        path=where,
        follows=before.id,
        who=who,
        progress=progress,
    )
