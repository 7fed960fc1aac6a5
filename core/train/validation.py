"""How good a model in training is for the users that tune it."""

from dataclasses import replace

import pandas as pd

from core.data.inputs import Positives, new_to_users
from core.metrics import per_user_metrics
from core.models.rank import ranked_items
from core.models.task import Task
from core.train.setup import Training

TUNED_ON = "ndcg@10"
LENGTH = 10


def validate(run: Training) -> float:
    """Mean NDCG@10 on the users that tune; 0 where nobody can be asked."""
    if not len(run.tuning_users):
        return 0.0
    return float(_of_users(run, run.task, run.validation).loc[run.tuning_users].mean())


def validate_new(run: Training) -> pd.Series:
    """NDCG@10 of each user that tunes, of lists and answers without what the user took before; by user."""
    history = run.history
    answers = new_to_users(run.validation, history.owners, history.items, n_items=history.n_items)
    found = _of_users(run, replace(run.task, exclude_seen=True), answers)
    return found[found.index.isin(run.tuning_users)]


def _of_users(run: Training, task: Task, answers: Positives) -> pd.Series:
    """NDCG@10 of everybody with answers; users who do not tune have empty lists."""
    ranked = ranked_items(
        run.model,
        run.history,
        run.tuning_users,
        k=LENGTH,
        task=task,
        device=run.device.torch,
        dismissed=run.dismissed,
        demand=run.demand,
    )
    return per_user_metrics(ranked, answers.offsets, answers.items, (LENGTH,))[TUNED_ON]
