"""What a shop is served, and the policies that it may be served by, belong to a line of datasets: one shop's data, prepared
again and again. A shop reads under the line's id, however often a model is trained anew on newer data."""

from core.data.dataset import load
from core.store.workspace import Workspace


def line_of(workspace: Workspace, dataset_id: str) -> str:
    """The id of the first dataset of the line that a dataset belongs to; a line's id is one of a dataset, and gives itself.

    Raises:
        NotFound: no such dataset.
    """
    return load(workspace, dataset_id).line
