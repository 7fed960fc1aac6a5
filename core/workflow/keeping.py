"""What every run keeps, whoever made its lists: accuracy of each user, the simple rules beside it, artefacts."""

from collections.abc import Mapping

import pandas as pd
from torch import Tensor

from core.models.baselines import BASELINES, baseline_candidates
from core.progress import Progress
from core.recommend.lists import accuracy
from core.schema.documents import Artefact
from core.schema.tables import USER
from core.store.workspace import Workspace
from core.workflow.evaluation import BASELINE
from core.workflow.questions import Question

KS = (5, 10, 20, 50)  # lengths of list at which accuracy is kept


def accuracy_of(lists: pd.DataFrame, asked: Question) -> pd.DataFrame:
    """Metrics at every length of KS of each user with positives: `user` and metric@k."""
    return accuracy(lists, asked.positives, ks=KS)


def accuracy_of_baselines(asked: Question, progress: Progress) -> pd.DataFrame:
    """The same of every baseline, stacked; column `baseline` says which."""
    parts = []
    for number, name in enumerate(BASELINES):
        progress("Comparing with baselines", number / len(BASELINES), name)
        lists = baseline_candidates(name, asked.inputs, k=max(KS))
        parts.append(accuracy_of(lists, asked).assign(**{BASELINE: name}))
    return pd.concat(parts, ignore_index=True)


def means(per_user: pd.DataFrame) -> dict[str, float]:
    """Mean of each metric over users; without those that nobody has."""
    return {name: float(value) for name, value in per_user.drop(columns=USER).mean().dropna().items()}


def means_of_baselines(stacked: pd.DataFrame) -> dict[str, dict[str, float]]:
    """The same of each baseline, by its name."""
    return {str(rule): means(rows.drop(columns=BASELINE)) for rule, rows in stacked.groupby(BASELINE)}


def written(
    workspace: Workspace,
    run_id: str,
    tables: Mapping[str, pd.DataFrame],
    tensors: Mapping[str, tuple[dict[str, Tensor], str]],
) -> dict[str, Artefact]:
    """Everything under `runs/<run_id>/`; a name stands for one artefact."""
    if twice := tables.keys() & tensors.keys():
        raise ValueError(f"named both as a table and as tensors: {', '.join(sorted(twice))}")
    write, folder = workspace.artefacts, f"runs/{run_id}"
    artefacts = {name: write.write_table(f"{folder}/{name}.parquet", frame) for name, frame in tables.items()}
    for name, (weights, described) in tensors.items():
        artefacts[name] = write.write_tensors(f"{folder}/{name}.safetensors", weights, {"model": described})
    return artefacts
