"""A run beside the simple rules that it must beat, beside another run, and beside the one that it follows."""

import hashlib

import pandas as pd

from core.data.dataset import load, table
from core.errors import InputError
from core.fairness.compare import RunComparison, compare_runs
from core.fairness.rows import records
from core.progress import Progress, part_of, quiet
from core.recommend.candidates import candidates
from core.schema.documents import COMPARISONS, Comparison, Dataset, Run, now
from core.schema.settings import Statistics, TrainSettings, settings_from
from core.schema.tables import USER
from core.store.trail import PROGRAM, record
from core.store.workspace import Workspace
from core.workflow.carrying import carried, require_unseen
from core.workflow.evaluation import estimates, per_user_of_baselines
from core.workflow.keeping import accuracy_of
from core.workflow.policies.compared import kept_comparison
from core.workflow.questions import material_of
from core.workflow.runs import run_table

BASELINE_TITLES = {
    "popularity": "What everybody buys most",
    "p_topfreq": "The customer's own most frequent",
    "tifu_knn": "Own and similar customers' favourites of late (TIFU-KNN)",
    "item_knn": "Bought by similar customers (item-kNN)",
    "ease": "What the rest of the history predicts (EASE)",
}
THIS_RUN = "This run"
NAMES = {"first": "old", "second": "new", "difference": "change"}


def beside_baselines(workspace: Workspace, run: Run, *, metric: str) -> pd.DataFrame:
    """Mean of one metric over all test users, of the run and of every baseline, best first.

    Columns `name`, `value`, `low`, `high` (missing where there is one user), `n`, `is_model`; of baselines also
    `behind`, `behind_low`, `behind_high`: the run minus this baseline on the same users.
    """
    own = run_table(workspace, run, "per_user_test", [USER, metric]).set_index(USER)
    rows = [{"name": THIS_RUN, **estimates(own)[metric], "n": len(own), "is_model": True}]
    for name, rule in per_user_of_baselines(workspace, run, [metric]).items():
        behind = estimates(own - rule, -1)[metric]
        rows.append(
            {"name": BASELINE_TITLES.get(name, name), **estimates(rule)[metric]}
            | {"n": len(rule), "is_model": False, "behind": behind["value"]}
            | {"behind_low": behind["low"], "behind_high": behind["high"]}
        )
    numbers = ("value", "low", "high", "behind", "behind_low", "behind_high")
    found = pd.DataFrame(rows).astype(dict.fromkeys(numbers, float))
    return found.sort_values("value", ascending=False, ignore_index=True)


def compare(workspace: Workspace, first: Run, second: Run, *, by: tuple[str, ...], k: int) -> RunComparison:
    """The second run minus the first, paired by user, over everyone and by group (test split of the second's data).

    Args:
        by: one attribute, or two crossed; none: everyone only.

    Raises:
        InputError: the runs stand on different data, and the first was not asked about the second's yet (`hold_against`).
    """
    old = run_table(workspace, first, "per_user_test") if first.dataset == second.dataset else None
    if old is None:
        kept = kept_comparison(workspace, first.id, second.id)
        if kept is None:
            raise InputError("Runs on different data cannot be compared user by user.")
        old = workspace.artefacts.read_table(kept.per_user)
    return _compared(workspace, load(workspace, second.dataset), old, second, by=(by,) if by else (), k=k)


def hold_against(
    workspace: Workspace,
    old: Run,
    new: Run,
    *,
    k: int = 10,
    who: str = PROGRAM,
    progress: Progress = quiet,
) -> Comparison:
    """Ask a run the questions of a newer one, and keep how the two compare: over everyone and by protected attribute.

    Where the newer run stands on newer data, the old one is asked with its own weights about the histories and the
    catalogue of today: what it would recommend if it went on being used. Both answer for the same users.

    Args:
        who: asked for it, for the audit trail.

    Raises:
        InputError: another system made one of the lists, the two share no item or too few users, or the old one knows the
        answers.
        CorruptArtefact: the weights cannot be read.
    """
    if old.id == new.id:
        raise InputError("A run cannot be compared with itself.")
    dataset, notes = load(workspace, new.dataset), ()
    if old.dataset == new.dataset:
        per_user = run_table(workspace, old, "per_user_test")
    else:
        per_user, notes = asked_anew(workspace, old, dataset, progress=part_of(progress, 0.0, 0.8))
    progress("Comparing", 0.85, "user by user")
    found = _compared(workspace, dataset, per_user, new, by=[(name,) for name in dataset.protected], k=k)
    id = _comparison_id(old, new, k)
    kept = Comparison(
        _id=id,
        old=old.id,
        new=new.id,
        dataset=dataset.id,
        created_at=now(),
        users=found.users,
        k=k,
        rows=records(found.rows.rename(columns=NAMES)),
        notes=[*notes, *_left_out(found)],
        per_user=workspace.artefacts.write_table(f"comparisons/{id}.parquet", per_user),
    )
    workspace.documents.put(COMPARISONS, kept.dump())
    about = {"comparison": kept.id, "dataset": dataset.id, "run": new.id}
    record(workspace, "held_against", who=who, about=about, details={"old": old.id, "k": k})
    return kept


def asked_anew(
    workspace: Workspace, run: Run, dataset: Dataset, *, progress: Progress = quiet
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """A run asked the test question of another dataset of the same shop: accuracy of each user, and notes.

    Raises:
        InputError: another system made its lists, nothing that it knows is there, or it knows the answers.
    """
    require_unseen(workspace, run, dataset)
    progress("Asking the former run", 0.05, run.name)
    settings = settings_from(TrainSettings, run.settings)
    material = material_of(workspace, dataset, settings)
    question = material.question("test")
    asked = carried(workspace, run, material, question.inputs, settings)
    lists = candidates(asked, question.inputs, progress=part_of(progress, 0.2, 0.95))
    return accuracy_of(lists, question), asked.notes


def _compared(
    workspace: Workspace,
    dataset: Dataset,
    old: pd.DataFrame,
    new: Run,
    *,
    by: list[tuple[str, ...]] | tuple[tuple[str, ...], ...],
    k: int,
) -> RunComparison:
    users = table(workspace, dataset, "users")
    return compare_runs(
        old, run_table(workspace, new, "per_user_test"), users=users, by=by, k=k, settings=Statistics()
    )


def _left_out(found: RunComparison) -> list[str]:
    if not found.users_left_out:
        return []
    return [f"{found.users_left_out:,} users who have answers to one of the two runs alone are left out."]


def _comparison_id(old: Run, new: Run, k: int) -> str:
    """The same for the same two runs and lengths of lists: what the trail tells of one is not replaced by another."""
    return f"comparison-{hashlib.sha256(f'{old.id} {new.id} {k}'.encode()).hexdigest()[:16]}"
