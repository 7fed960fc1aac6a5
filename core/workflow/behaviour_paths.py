"""Next categories and next paths of a run: the models, how good they are, and what they say of every user."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
import torch

from core.data.splits import TEST, VALIDATION
from core.data.steps import Steps, shopping_steps
from core.errors import CorruptArtefact
from core.fairness.audit import mean_intervals
from core.models.paths import State, StepModel, StepShape, likeliest_paths, path_log_probabilities
from core.models.step_rules import StepRule
from core.progress import Progress, part_of
from core.schema.documents import Artefact, Dataset, Measured, ModelReport
from core.schema.settings import Statistics, TrainSettings
from core.schema.tables import CATEGORY, PATH, PROBABILITY, RANK, USER
from core.store.workspace import Workspace
from core.train.paths import fit_steps
from core.train.step_batches import Vectors, asked_when, training_users
from core.train.step_scores import BEAM, path_hits, step_rules, step_scores
from core.workflow.behaviour_notes import against
from core.workflow.chapter import Chapter

PATHS, CATEGORIES = "paths", "categories"
NEXT_CATEGORIES, COMMON_PATHS = "next_categories", "common_paths"
LENGTH = 3  # steps of a path
SHOWN = 5  # paths and categories kept of each user
PATH_KS = (1, 5, 10)
MOST_COMMON, USERS_OF_COMMON = (
    40,
    10_000,
)  # paths whose probability is kept of every user; of at most so many users
FEWEST_USERS = 20
ARROW = " → "
STATISTICS = Statistics()
RULE_NAMES = {
    "markov": "the first-order Markov chain",
    "own_frequency": "the user's own frequencies",
    "popularity": "popularity",
}
LOWER_IS_BETTER = frozenset({"log_loss"})
FORMAT = 1


@dataclass(frozen=True)
class Learnt:
    """A model of steps, the rules beside it, and who is asked.

    Attributes:
        judged: users with history and test steps. asked: users with history when the test window begins.
    """

    steps: Steps
    model: StepModel
    rules: dict[str, StepRule]
    vectors: Vectors | None
    judged: np.ndarray
    asked: np.ndarray

    def predictors(self) -> dict[str, StepModel | StepRule]:
        return {"": self.model} | self.rules

    @torch.inference_mode()
    def states(self, users: np.ndarray) -> Iterator[tuple[np.ndarray, State]]:
        """Batches of users and what is known of them when the test window begins."""
        for batch in asked_when(self.steps, TEST, users):
            yield batch.users, batch.states(self.model, self.steps, self.vectors)


def paths_part(
    events: pd.DataFrame,
    items: pd.DataFrame,
    dataset: Dataset,
    vectors: Vectors | None,
    settings: TrainSettings,
    progress: Progress,
) -> Chapter:
    """Which category next, and which paths of LENGTH steps.

    A step is one occasion's main category. Where the split is not by the calendar, the last LENGTH steps of each
    user are the test and as many before them validation.

    Tables: `next_categories` and `paths`, SHOWN per user at the beginning of the test window; `common_paths`, the
    probability of MOST_COMMON paths for every user (what `paths_of_groups` needs). Tensors: `paths_model`,
    `next_categories_model`, for `load_steps`.
    """
    temporal = dataset.settings.get("split") == "temporal"
    n_users = dataset.counts["users"]
    steps = shopping_steps(events, items, n_users=n_users, hold_out=None if temporal else LENGTH)
    if steps is None:
        return _without(
            "Paths are not told: there are no categories, and most purchases are of rare products."
        )
    if len(training_users(steps)) < FEWEST_USERS or len(_judged(steps)) < FEWEST_USERS:
        return _without(
            f"Paths and next categories are not told: fewer than {FEWEST_USERS} users bought on several occasions "
            "both before the split and after it."
        )
    single = steps.single
    learnt = _learn(steps.by_main(), vectors, settings, part_of(progress, 0.0, 0.4 if not single else 0.8))
    chapters = [_paths(learnt, dataset)]
    if CATEGORY in items and len(steps.names) > 1:
        if not single:
            learnt = _learn(steps, vectors, settings, part_of(progress, 0.5, 0.9))
        chapters.append(_categories(learnt, baskets=not single))
    progress("Paths", 1.0, "")
    return Chapter(
        reports={name: report for one in chapters for name, report in one.reports.items()},
        tables={name: rows for one in chapters for name, rows in one.tables.items()},
        tensors={name: tensors for one in chapters for name, tensors in one.tensors.items()},
    )


def _without(note: str) -> Chapter:
    return Chapter({name: ModelReport(metrics={}, notes=[note]) for name in (PATHS, CATEGORIES)})


def _judged(steps: Steps) -> np.ndarray:
    known, end = steps.ends(VALIDATION), steps.ends(TEST)
    return np.flatnonzero((end > known) & (known > steps.offsets[:-1]))


def _learn(steps: Steps, vectors: Vectors | None, settings: TrainSettings, progress: Progress) -> Learnt:
    rules = step_rules(steps, seed=settings.seed)
    model = fit_steps(steps, seed=settings.seed, vectors=vectors, progress=progress)
    asked = np.flatnonzero(steps.ends(VALIDATION) > steps.offsets[:-1])
    return Learnt(steps, model, rules, vectors, _judged(steps), asked)


def _paths(learnt: Learnt, dataset: Dataset) -> Chapter:
    steps = learnt.steps
    long = learnt.judged[(steps.ends(TEST) - steps.ends(VALIDATION))[learnt.judged] >= LENGTH]
    by_step = {
        name: step_scores(one, steps, TEST, users=learnt.judged, vectors=learnt.vectors)
        for name, one in learnt.predictors().items()
    }
    by_path = {
        name: path_hits(one, steps, users=long, length=LENGTH, ks=PATH_KS, vectors=learnt.vectors)
        for name, one in learnt.predictors().items()
    }
    report = _report([by_step, by_path] if len(long) else [by_step])
    report.notes.insert(0, _about_paths(learnt, len(long)))
    if "categories" in dataset.missing:
        report.notes.append("There are no categories: a step is one of the most popular products.")
    paths, common = _path_tables(learnt)
    return Chapter({PATHS: report}, {PATHS: paths, COMMON_PATHS: common}, {f"{PATHS}_model": _tensors(learnt)})


def _about_paths(learnt: Learnt, long: int) -> str:
    return (
        f"A step is the main category of one occasion, of {len(learnt.steps.names):,}; each test step of "
        f"{len(learnt.judged):,} users is foretold from all steps before it, and the next {LENGTH} steps of {long:,} "
        "users from the beginning of the test window. Probabilities of paths are exact under the model; which paths "
        f"are shown is found by beam search ({BEAM} beginnings)." + _with_vectors(learnt)
    )


def _with_vectors(learnt: Learnt) -> str:
    return (
        ""
        if learnt.model.user is None
        else " The recommender's user vectors are used: validation was better."
    )


def _categories(learnt: Learnt, *, baskets: bool) -> Chapter:
    found = {
        name: step_scores(one, learnt.steps, TEST, users=learnt.judged, vectors=learnt.vectors)
        for name, one in learnt.predictors().items()
    }
    by_category = {
        name: scores.rename(columns={"log_likelihood": "log_loss"}).assign(log_loss=-scores["log_likelihood"])
        for name, scores in found.items()
    }
    report = _report([by_category])
    what = (
        "a product of the next basket, taken at random, is of it" if baskets else "the next purchase is of it"
    )
    hit = "is in the basket" if baskets else "is the one bought"
    report.notes.insert(
        0,
        f"The probability of a category is that {what}; a hit is a category named that {hit}. "
        f"{len(learnt.judged):,} users, all their occasions of the test window." + _with_vectors(learnt),
    )
    return Chapter(
        {CATEGORIES: report}, {NEXT_CATEGORIES: _category_table(learnt)}, {f"{NEXT_CATEGORIES}_model": _tensors(learnt)}
    )


def _report(parts: list[dict[str, pd.DataFrame]]) -> ModelReport:
    """Means over users of the model (named "") and of each rule, and paired differences to the best rule."""
    report = ModelReport(metrics={}, baselines={})
    less: dict[str, dict[str, Measured]] = {}
    for frames in parts:
        own = frames[""]
        report.metrics.update(_measured(own))
        for name, frame in frames.items():
            if name:
                report.baselines.setdefault(name, {}).update(_measured(frame))
                less.setdefault(name, {}).update(_measured(own - frame))
    for metric in list(report.metrics):
        best = (min if metric in LOWER_IS_BETTER else max)(
            less, key=lambda name, metric=metric: report.baselines[name][metric].value
        )
        report.metrics[f"{metric}_difference"] = less[best][metric]
    for name, numbers in less.items():
        compared = against(RULE_NAMES[name], numbers, lower=LOWER_IS_BETTER)
        report.notes.append(f"{compared[0].upper()}{compared[1:]}")
    return report


def _measured(per_user: pd.DataFrame) -> dict[str, Measured]:
    found = mean_intervals(per_user.to_numpy(float), STATISTICS)
    sides = {
        side: [None if np.isnan(end) else float(end) for end in getattr(found, side)[0]]
        for side in ("low", "high")
    }
    return {
        metric: Measured(
            value=float(found.value[0, place]),
            low=sides["low"][place],
            high=sides["high"][place],
            n=len(per_user),
        )
        for place, metric in enumerate(per_user)
    }


@torch.inference_mode()
def _path_tables(learnt: Learnt) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Everybody's likeliest paths, and the probabilities of the paths that are likeliest for all together."""
    users, paths, logs = [], [], []
    for here, state in learnt.states(learnt.asked):
        some, log = likeliest_paths(learnt.model, state, length=LENGTH, k=max(PATH_KS), width=BEAM)
        users.append(here)
        paths.append(some.numpy())
        logs.append(log.double().numpy())
    users, paths, chances = np.concatenate(users), np.concatenate(paths), np.exp(np.concatenate(logs))
    names = np.array(learnt.steps.names, dtype=object)
    own = _ranked(users, _texts(names, paths[:, :SHOWN]), chances[:, :SHOWN], PATH)
    distinct, place = np.unique(paths.reshape(-1, LENGTH), axis=0, return_inverse=True)
    total = np.bincount(place.ravel(), chances.ravel())
    common = distinct[np.argsort(-total, kind="stable")[:MOST_COMMON]]
    return own, _common(learnt, common, _texts(names, common))


def _common(learnt: Learnt, paths: np.ndarray, texts: np.ndarray) -> pd.DataFrame:
    rng = np.random.default_rng(STATISTICS.seed)
    some = np.sort(rng.permutation(learnt.asked)[:USERS_OF_COMMON])
    asked = torch.from_numpy(paths)
    parts = [
        (here, path_log_probabilities(learnt.model, state, asked).exp().numpy())
        for here, state in learnt.states(some)
    ]
    users, chances = (np.concatenate(part) for part in zip(*parts, strict=True))
    columns = {
        USER: np.repeat(users.astype(np.int32), len(paths)),
        PATH: pd.Categorical.from_codes(np.tile(np.arange(len(paths)), len(users)), texts),
        PROBABILITY: chances.ravel(),
    }
    return pd.DataFrame(columns).sort_values([USER, PATH], ignore_index=True)


@torch.inference_mode()
def _category_table(learnt: Learnt) -> pd.DataFrame:
    users, found, chances = [], [], []
    for here, state in learnt.states(learnt.asked):
        best = learnt.model.log_probabilities(state).topk(min(SHOWN, len(learnt.steps.names)), dim=1)
        users.append(here)
        found.append(best.indices.numpy())
        chances.append(best.values.exp().double().numpy())
    names = np.array(learnt.steps.names, dtype=object)
    return _ranked(np.concatenate(users), names[np.concatenate(found)], np.concatenate(chances), CATEGORY)


def _ranked(users: np.ndarray, what: np.ndarray, chances: np.ndarray, column: str) -> pd.DataFrame:
    """One row per user and rank, sorted by user; `what` and `chances` are (U, k), best first."""
    k = chances.shape[1]
    rows = pd.DataFrame(
        {
            USER: np.repeat(users.astype(np.int32), k),
            RANK: np.tile(np.arange(1, k + 1, dtype=np.int16), len(users)),
            column: pd.Categorical(what.ravel()),
            PROBABILITY: chances.ravel(),
        }
    )
    return rows.sort_values([USER, RANK], ignore_index=True)


def _texts(names: np.ndarray, paths: np.ndarray) -> np.ndarray:
    """Paths in words, (..., LENGTH) -> (...)."""
    words = names[paths]
    told = words[..., 0]
    for place in range(1, LENGTH):
        told = told + ARROW + words[..., place]
    return told


def _tensors(learnt: Learnt) -> tuple[dict[str, torch.Tensor], str]:
    described = {"format": FORMAT, "shape": asdict(learnt.model.shape), "names": learnt.steps.names}
    return learnt.model.state_dict(), json.dumps(described, ensure_ascii=False)


def load_steps(workspace: Workspace, artefact: Artefact) -> tuple[StepModel, tuple[str, ...]]:
    """A kept model of steps, ready to be asked, and what its steps are called.

    Raises:
        CorruptArtefact: the file is damaged or of another format.
    """
    described = json.loads(workspace.artefacts.read_metadata(artefact).get("model", "{}"))
    if described.get("format") != FORMAT:
        raise CorruptArtefact(f"{artefact.path} holds no model of steps. Train again to replace it.")
    model = StepModel(StepShape(**described["shape"]))
    model.load_state_dict(workspace.artefacts.read_tensors(artefact))
    return model.eval(), tuple(described["names"])
