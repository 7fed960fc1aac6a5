"""Next categories and next paths of a run: the models, how good they are, and what they say of every user."""

import numpy as np
import pandas as pd

from core.data.splits import TEST, VALIDATION
from core.data.steps import Steps, has_categories, shopping_steps
from core.fairness.audit import mean_intervals
from core.progress import Progress, part_of
from core.schema.documents import Dataset, Measured, ModelReport
from core.schema.settings import Statistics, TrainSettings
from core.train.paths import fit_steps
from core.train.step_batches import Vectors, training_users, vectors_between
from core.train.step_scores import BEAM, LOG_LIKELIHOOD, path_hits, step_rules, step_scores
from core.workflow.behaviour_notes import about_vectors, against
from core.workflow.behaviour_path_tables import LENGTH, Learnt, category_table, path_tables, tensors
from core.workflow.chapter import Chapter

PATHS, CATEGORIES = "paths", "categories"
NEXT_CATEGORIES, COMMON_PATHS = "next_categories", "common_paths"
PATH_KS = (1, 5, 10)
FEWEST_USERS = 20
LOG_LOSS = "log_loss"
STATISTICS = Statistics()
RULE_NAMES = {
    "markov": "the first-order Markov chain",
    "own_frequency": "the user's own frequencies",
    "popularity": "popularity",
}
LOWER_IS_BETTER = frozenset({LOG_LOSS})
IN_TEST, IN_LAST_STEPS = "when the test window begins", f"before their last {LENGTH} steps"


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
    when = IN_TEST if temporal else IN_LAST_STEPS
    categories = has_categories(items)
    two_models = categories and not steps.single
    halfway = 0.5 if two_models else 0.9
    learnt = _learn(steps.by_main(), vectors, settings, when, part_of(progress, 0.0, halfway))
    chapters = [_paths(learnt, settings, categories=categories)]
    if two_models:
        learnt = _learn(steps, vectors, settings, when, part_of(progress, halfway, 0.95))
    if categories:
        chapters.append(_categories(learnt, baskets=not steps.single))
    progress("Learning paths", 1.0, "")
    return Chapter(
        reports={name: report for one in chapters for name, report in one.reports.items()},
        tables={name: rows for one in chapters for name, rows in one.tables.items()},
        tensors={name: kept for one in chapters for name, kept in one.tensors.items()},
    )


def _without(note: str) -> Chapter:
    return Chapter({name: ModelReport(metrics={}, notes=[note]) for name in (PATHS, CATEGORIES)})


def _judged(steps: Steps) -> np.ndarray:
    known, end = steps.ends(VALIDATION), steps.ends(TEST)
    return np.flatnonzero((end > known) & (known > steps.offsets[:-1]))


def _learn(
    steps: Steps, vectors: Vectors | None, settings: TrainSettings, when: str, progress: Progress
) -> Learnt:
    rules = step_rules(steps, seed=settings.seed, progress=part_of(progress, 0.0, 0.2))
    model = fit_steps(steps, rules, seed=settings.seed, vectors=vectors, progress=part_of(progress, 0.2, 1.0))
    begin, end = steps.ends(VALIDATION), steps.ends(TEST)
    asked = np.flatnonzero(begin > steps.offsets[:-1])
    known = None
    if vectors is not None and model.user is not None:
        known = vectors_between(vectors, steps, asked, begin, np.maximum(end, begin + 1))
    return Learnt(steps, model, rules, known, _judged(steps), asked, when, tried=vectors is not None)


def _paths(learnt: Learnt, settings: TrainSettings, *, categories: bool) -> Chapter:
    steps = learnt.steps
    long = learnt.judged[(steps.ends(TEST) - steps.ends(VALIDATION))[learnt.judged] >= LENGTH]
    parts = [_step_scores(learnt)]
    if len(long):
        parts.append(
            {
                name: path_hits(one, steps, users=long, length=LENGTH, ks=PATH_KS, vectors=learnt.vectors)
                for name, one in learnt.predictors().items()
            }
        )
    about = [_about_paths(learnt, len(long)), *_about_learning(learnt)]
    if not categories:
        about.append("There are no categories: a step is one of the most popular products.")
    own, common = path_tables(learnt, seed=settings.seed)
    return Chapter(
        {PATHS: _report(parts, about)},
        {PATHS: own, COMMON_PATHS: common},
        {f"{PATHS}_model": tensors(learnt)},
    )


def _step_scores(learnt: Learnt) -> dict[str, pd.DataFrame]:
    return {
        name: step_scores(one, learnt.steps, TEST, users=learnt.judged, vectors=learnt.vectors)
        for name, one in learnt.predictors().items()
    }


def _about_paths(learnt: Learnt, long: int) -> str:
    return (
        f"A step is what one occasion was mostly about, one of {len(learnt.steps.names):,}. Each test step of "
        f"{len(learnt.judged):,} users is foretold from all steps before it, and the next {LENGTH} steps of {long:,} "
        f"users are {learnt.when}. Probabilities of paths are exact under the model; which paths are shown is found by "
        f"beam search ({BEAM} beginnings)."
    )


def _about_learning(learnt: Learnt) -> list[str]:
    """What validation kept of the model."""
    told = [f"{note[0].upper()}{note[1:]}" for note in about_vectors(learnt.model.user, tried=learnt.tried)]
    if learnt.model.says_only_a_rule:
        rule = RULE_NAMES["markov" if learnt.model.chain_alone else "own_frequency"]
        told.append(
            f"The model is no more than {rule}: on validation, what it had learnt was not clearly better."
        )
    return told


def _categories(learnt: Learnt, *, baskets: bool) -> Chapter:
    scores = {
        name: frame.assign(**{LOG_LOSS: -frame[LOG_LIKELIHOOD]}).drop(columns=LOG_LIKELIHOOD)
        for name, frame in _step_scores(learnt).items()
    }
    what = "a product of the next basket, taken at random, is of it"
    hit = "is in the basket"
    if not baskets:
        what, hit = "the next purchase is of it", "is the one bought"
    about = (
        f"The probability of a category is that {what}; a hit is a category named that {hit}. Judged on all test steps "
        f"of {len(learnt.judged):,} users; users are shown {learnt.when}."
    )
    return Chapter(
        {CATEGORIES: _report([scores], [about, *_about_learning(learnt)])},
        {NEXT_CATEGORIES: category_table(learnt)},
        {f"{NEXT_CATEGORIES}_model": tensors(learnt)},
    )


def _report(parts: list[dict[str, pd.DataFrame]], about: list[str]) -> ModelReport:
    """Means over users of the model (named "") and of each rule, and paired differences to the best rule."""
    report = ModelReport(metrics={}, baselines={}, notes=about)
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
