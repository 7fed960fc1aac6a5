"""The simple rules that a trained model must beat, as strong as they can honestly be made."""

from collections.abc import Callable

from core.data.inputs import ModelInputs
from core.models.baselines.ease import ease
from core.models.baselines.frequency import p_topfreq, popularity
from core.models.baselines.item_knn import item_knn
from core.models.baselines.lists import Scorer, ranked
from core.models.baselines.tifu_knn import tifu_knn

BASELINES: dict[str, Callable[[ModelInputs], Scorer]] = {
    "popularity": popularity,
    "p_topfreq": p_topfreq,
    "tifu_knn": tifu_knn,
    "item_knn": item_knn,
    "ease": ease,
}


def baseline_candidates(name: str, inputs: ModelInputs, *, k: int, exclude_seen: bool | None = None):
    """Top k of every user by a baseline (see `ranked`)."""
    return ranked(BASELINES[name](inputs), inputs, k=k, exclude_seen=exclude_seen)
