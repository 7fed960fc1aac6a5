"""Everyone's lists under a policy: candidates of a run, step after step, and the first k of each."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.data.dataset import load
from core.data.reactions import Dismissed
from core.errors import NotFound
from core.metrics import NOTHING, hits
from core.progress import Progress, quiet
from core.recommend.rerank.batch import Candidates, as_batch, as_matrices
from core.recommend.rerank.relevance import Calibration, calibrate
from core.schema.documents import Dataset, Run
from core.schema.policies import PolicySettings
from core.schema.settings import LONGEST_LIST, Moment, Settings, Statistics, settings_from
from core.schema.tables import ITEM, RANK, SCORE, USER
from core.store.workspace import Workspace
from core.train.weights import load as load_model
from core.workflow.auditing import positives_of
from core.workflow.audits.shop import Shop, read_shop
from core.workflow.candidates_now import candidates_now
from core.workflow.policies.dismissals import without_dismissed
from core.workflow.policies.ground import Ground
from core.workflow.policies.steps import reranker
from core.workflow.runs import load_run, run_table

WEIGHTS = "weights"


@dataclass(frozen=True)
class Stage:
    """A step of a policy and the candidates as it left them."""

    step: str
    settings: Settings
    candidates: Candidates
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Applied:
    """Candidates before a policy, and after each of its steps, in the order in which they ran."""

    start: Candidates
    stages: tuple[Stage, ...]

    @property
    def notes(self) -> tuple[str, ...]:
        """What there is to say of what the steps reached."""
        return tuple(note for stage in self.stages for note in stage.notes)

    @property
    def candidates(self) -> Candidates:
        """As the whole policy leaves them."""
        return self.stages[-1].candidates if self.stages else self.start


@dataclass(frozen=True)
class PolicyLists:
    """Attributes: lists: `user`, `item`, `rank`, `score` (relevance with all that was added). notes: of the steps."""

    lists: pd.DataFrame
    notes: tuple[str, ...]


def rerank(
    workspace: Workspace,
    run_id: str,
    policy: PolicySettings,
    *,
    split: Moment = "test",
    gone: Dismissed | None = None,
    progress: Progress = quiet,
) -> PolicyLists:
    """The lists of everybody for a split, as the policy makes them of the run's candidates.

    Args:
        split: now: with all that is known, which asks the model anew.
        gone: what no list may hold, because it was dismissed since the candidates were made.

    Raises:
        NotFound: no such run, attribute or group. SettingsError: a step or a setting that there is not.
        InputError: these data, or lists without scores, do not allow a step; or another system made the lists, of which there
            are none of now.
    """
    run = load_run(workspace, run_id)
    shop = read_shop(workspace, load(workspace, run.dataset))
    return rerank_within(workspace, run, shop, policy, split=split, gone=gone, progress=progress)


def rerank_within(
    workspace: Workspace,
    run: Run,
    shop: Shop,
    policy: PolicySettings,
    *,
    split: Moment,
    gone: Dismissed | None = None,
    progress: Progress = quiet,
) -> PolicyLists:
    """The same where the run's shop has been read already."""
    found = apply(
        batch_of_run(workspace, run, shop.dataset, split=split, gone=gone, progress=progress),
        ground_of_run(workspace, run, shop, split=split, k=policy.k),
        policy,
    )
    return PolicyLists(as_lists(found.candidates, policy.k), found.notes)


def apply(candidates: Candidates, ground: Ground, policy: PolicySettings) -> Applied:
    """All steps, in the order of their stages; steps of one stage in the order given. All are checked before the first.

    Candidates beyond the policy's width are left out first: no step may show them.
    """
    asked = [(reranker(step.step), step) for step in policy.steps]
    asked = [(kind, step.step, settings_from(kind.settings, step.settings)) for kind, step in asked]
    stages: list[Stage] = []
    start = found = candidates.first(policy.width)
    for kind, name, settings in sorted(asked, key=lambda one: one[0].stage):
        made = kind.run(found, ground, settings)
        found = made.candidates
        stages.append(Stage(name, settings, found, made.notes))
    return Applied(start, tuple(stages))


def batch_of_run(
    workspace: Workspace,
    run: Run,
    dataset: Dataset,
    *,
    split: Moment,
    gone: Dismissed | None = None,
    progress: Progress = quiet,
) -> Candidates:
    """The candidates of a run, with relevance as the chance that they are taken, as the validation window tells it.

    Lists of another system, of which no validation lists are known, are scaled within each user.

    Args:
        gone: candidates that are left out; those behind them move up.
    """
    n_users, n_items = dataset.counts["users"], dataset.counts["catalogue"]
    told = candidates_of(workspace, run, dataset, split=split, progress=progress)
    told = told[told[ITEM] < n_items]  # lists of others may hold what cannot be shown
    if gone is not None:
        told = without_dismissed(told, gone, n_items=n_items)
        told = told.assign(**{RANK: told.groupby(USER).cumcount() + 1})
    relevance = None if run.brought else calibration_of_run(workspace, run, dataset)
    return as_batch(told, n_users=n_users, width=LONGEST_LIST, relevance=relevance)


def candidates_of(
    workspace: Workspace, run: Run, dataset: Dataset, *, split: Moment, progress: Progress = quiet
) -> pd.DataFrame:
    """Those that the run keeps; of now they are made.

    Raises:
        InputError: another system made the lists, and those of now are asked for.
    """
    if split == "now":
        return candidates_now(workspace, run, dataset, progress=progress)
    return run_table(workspace, run, f"candidates_{split}")


def calibration_of_run(workspace: Workspace, run: Run, dataset: Dataset) -> Calibration:
    """Chances of a hit by score; never from the test window."""
    told = run_table(workspace, run, "candidates_validation")
    items, scores = as_matrices(told, n_users=dataset.counts["users"], width=LONGEST_LIST)
    wanted = positives_of(workspace, dataset, "validation")
    return calibrate(scores, hits(items, wanted.offsets, wanted.items), rng=np.random.default_rng(0))


def ground_of_run(workspace: Workspace, run: Run, shop: Shop, *, split: Moment, k: int) -> Ground:
    """What re-ranking of a run's lists may know."""

    def vectors() -> np.ndarray:
        if WEIGHTS not in run.artefacts:
            raise NotFound(f"Run {run.id} keeps no model that could tell how alike items are.")
        model, _ = load_model(workspace.artefacts, run.artefacts[WEIGHTS])
        found = model.product().vectors.detach().float().numpy()
        return found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-12)

    return Ground(shop, split, k, Statistics().minimum_group, vectors)


def as_lists(candidates: Candidates, k: int) -> pd.DataFrame:
    """The first k of everyone as rows, as runs keep lists."""
    items = candidates.lists(k)
    user, place = np.nonzero(items != NOTHING)
    return pd.DataFrame(
        {
            USER: user.astype(np.int32),
            ITEM: items[user, place],
            RANK: (place + 1).astype(np.int16),
            SCORE: candidates.relevance[user, place],
        }
    )
