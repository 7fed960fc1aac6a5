"""Compared before published: lists of a run that follows another one are served only once the two were held against each
other on the same users."""

from core.errors import SettingsError
from core.schema.documents import COMPARISONS, Comparison, Run
from core.store.workspace import Workspace


def kept_comparison(workspace: Workspace, old: str, new: str) -> Comparison | None:
    """The latest comparison of two runs that was kept, by their ids; None where there is none."""
    found = workspace.documents.find(COMPARISONS, field="new", value=new, sort="created_at", descending=True)
    kept = (Comparison.model_validate(document) for document in found)
    return next((one for one in kept if one.old == old), None)


def comparison_with_former(workspace: Workspace, run: Run) -> Comparison | None:
    """That of a run with the one that it follows; None where there is none, or it follows none."""
    return None if run.follows is None else kept_comparison(workspace, run.follows, run.id)


def lacking_comparison(workspace: Workspace, run: Run) -> str | None:
    """Why the lists of a run may not be published yet, in one sentence; None where they may."""
    if run.follows is None or comparison_with_former(workspace, run) is not None:
        return None
    return (
        f"Run {run.id} follows {run.follows} and was not compared with it yet: the command `compare {run.follows} {run.id}` "
        "or the Train page does that, then its lists can be published."
    )


def require_comparison(workspace: Workspace, run: Run) -> None:
    """SettingsError where the lists of a run may not be published yet."""
    if lacking := lacking_comparison(workspace, run):
        raise SettingsError(lacking)
