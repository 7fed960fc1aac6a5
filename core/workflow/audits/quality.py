"""How well lists serve the groups of users, measured in further ways: spread, tails, parity, taste, envy, ratings."""

import numpy as np
import pandas as pd

from core.errors import SettingsError
from core.fairness.audit import checked_users
from core.fairness.distances import distance_rows
from core.fairness.group_rows import mean_rows, total_rows
from core.fairness.partition import Partition
from core.fairness.quality.across import across_rows, explained_rows
from core.fairness.quality.envy import FREE_UP_TO
from core.fairness.quality.inequality import INEQUALITY_METRICS, inequality, inequality_contributions
from core.fairness.quality.opportunity import (
    BOUNDS,
    LIFT_METRICS,
    OPPORTUNITY_METRICS,
    opportunity,
    popularity_lift,
)
from core.fairness.quality.parity import (
    PARITY_METRICS,
    differential_fairness,
    parity_distances,
    with_counts,
)
from core.fairness.quality.ratings import RATING_METRICS, rating_rows
from core.fairness.quality.tail import WORST_SHARE, tail_rows, worst_share_values
from core.fairness.rows import AuditRow
from core.schema.documents import Run
from core.schema.settings import SPLITS, AuditSettings, Split
from core.schema.tables import (
    EXPECTED,
    IN_CATALOGUE,
    ITEM,
    OBSERVED,
    OUTCOME,
    PREDICTED,
    RANK,
    RATING,
    SPLIT,
    USER,
)
from core.store.workspace import Workspace
from core.workflow.audits.list_measures import (
    ENVY,
    ENVY_FREE,
    LISTS_OF_OTHERS,
    MOST_HAD,
    MOST_SHOWN,
    TASTE,
    ListMeasures,
    list_measures,
)
from core.workflow.audits.section import Section, section, with_permutations
from core.workflow.audits.shop import Shop, buyers_within, catalogue_within, partitions
from core.workflow.runs import run_table
from core.workflow.service import PREDICTIONS

SECTION, NDCG, DIFFERENTIAL = "users", "ndcg", "differential_fairness"
SHARE = (0.0, 1.0)
INEQUALITY_BOUNDS = (0.0, np.inf), (0.0, np.inf), (0.0, 0.25), SHARE  # of shares
SINGLE_BOUNDS = {TASTE: (0.0, np.inf), ENVY: SHARE, ENVY_FREE: SHARE}


def quality(
    shop: Shop,
    lists: pd.DataFrame,
    per_user: pd.DataFrame,
    settings: AuditSettings,
    *,
    ratings: pd.DataFrame | None = None,
    split: Split = "test",
) -> Section:
    """Further measures of how well each group is recommended to.

    Of NDCG: mean difference between groups, worst group, worst tenth of users, inequality between users. Of what is
    shown: parity, differential fairness, distance from taste, popularity lift. Against later purchases: equal
    opportunity, false exposure, envy. Of predicted ratings: value, absolute, under and over unfairness.

    Args:
        lists: `user`, `item`, `rank`, made for the split. per_user: `user` and `ndcg@k`, as the audit of users takes;
            with categories in the scope, counted on its items.
        ratings: `user`, `item`, `predicted`, `observed`; None where none were predicted.

    Raises:
        SettingsError: no NDCG at this k. InputError: too few users. NotFound: no such group, category or store.
        TableError: an NDCG is missing, or a user is given twice or unknown.
    """
    name = _at(NDCG, settings)
    if name not in per_user:
        raise SettingsError(f"No NDCG was computed at k={settings.k}.")
    per_user = per_user[per_user[USER].isin(buyers_within(shop, settings.scope))]
    codes, ndcg = checked_users(per_user, [name], n_users=len(shop.users)), per_user[name].to_numpy(float)
    listed = np.isin(codes, lists.loc[lists[RANK] <= settings.k, USER])
    parts = partitions(shop.users, codes, settings, counted=listed)
    measures = list_measures(shop, lists, codes, settings, split=split)
    rated = _rated(shop, ratings, settings)
    tolerances = _tolerances(ndcg, measures, settings)
    metrics = len(tolerances) + (0 if rated is None else len(RATING_METRICS))
    settings = with_permutations(settings, parts, metrics)
    rows = [row for part in parts for row in _rows(ndcg, measures, part, tolerances, settings)]
    if rated is not None:
        rows += _rating_rows(shop, rated, settings)
    notes = _notes(measures, rated, settings)
    if f"{name}_cvar" not in tolerances:
        notes.append(
            "The worst-served tenth of all users has an NDCG of 0, so that groups are not judged by it."
        )
    return section(rows, settings, users=len(codes), notes=notes)


def predicted_ratings(workspace: Workspace, run: Run, *, split: Split = "test") -> pd.DataFrame | None:
    """`user`, `item`, `predicted`, `observed` of the ratings of a split; None where the run predicted none.

    The prediction is the expected rating, whose mean is what unfairness compares with that of the ratings.
    """
    if PREDICTIONS not in run.artefacts:
        return None
    columns = [USER, ITEM, OUTCOME, OBSERVED, EXPECTED, SPLIT]
    rows = run_table(workspace, run, PREDICTIONS, columns)
    rows = rows[(rows[OUTCOME] == RATING) & (rows[SPLIT] == SPLITS.index(split))]
    return rows[[USER, ITEM, OBSERVED, EXPECTED]].rename(columns={EXPECTED: PREDICTED}) if len(rows) else None


def _at(name: str, settings: AuditSettings) -> str:
    return f"{name}@{settings.k}"


def _rated(shop: Shop, ratings: pd.DataFrame | None, settings: AuditSettings) -> pd.DataFrame | None:
    """The ratings within the scope; None where too few users gave any."""
    if ratings is None:
        return None
    found = ratings[ratings[USER].isin(buyers_within(shop, settings.scope))]
    if settings.scope.categories:
        inside = catalogue_within(shop, settings.scope)[IN_CATALOGUE].to_numpy(bool)
        found = found[inside[found[ITEM].to_numpy()]]
    return found if found[USER].nunique() >= settings.minimum_group else None


def _tolerances(ndcg: np.ndarray, measures: ListMeasures, settings: AuditSettings) -> dict[str, float]:
    """By metric, in its unit: a share of the mean over all users.

    Of envy the mean is that of what users' own lists are worth to them, of popularity lift that of popularity shown
    (as a multiple of what users had), of shares of attention the whole. What is zero for all has no tolerance.
    """
    means = {name: float(np.nanmean(values)) for name, values in measures.single.items()}
    means[ENVY] = measures.worth
    means[OPPORTUNITY_METRICS[0]] = float(opportunity(measures.chances.sum(axis=0))[0])
    means[LIFT_METRICS[0]] = 1 + float(popularity_lift(np.nansum(measures.lift, axis=0))[0])
    found = {_at(name, settings): settings.tolerance * mean for name, mean in means.items()}
    worst = float(worst_share_values(ndcg, share=WORST_SHARE).mean())
    found[f"{_at(NDCG, settings)}_cvar"] = settings.tolerance * worst
    if measures.shares is not None:
        found[_at(PARITY_METRICS[1], settings)] = settings.tolerance
        found[_at(DIFFERENTIAL, settings)] = float(np.log1p(settings.tolerance))
    return {name: tolerance for name, tolerance in found.items() if tolerance > 0}


def _rows(
    ndcg: np.ndarray,
    measures: ListMeasures,
    part: Partition,
    tolerances: dict[str, float],
    settings: AuditSettings,
) -> list[AuditRow]:
    """All rows of one grouping but those of ratings."""
    bounds = {_at(name, settings): ends for name, ends in (BOUNDS | SINGLE_BOUNDS).items()}
    options = {"section": SECTION, "bounds": bounds, "tolerances": tolerances}
    single = [_at(name, settings) for name in measures.single]
    chances, lift = ([_at(name, settings) for name in kind] for kind in (OPPORTUNITY_METRICS, LIFT_METRICS))
    values = np.column_stack(list(measures.single.values()))
    pushed = total_rows(measures.lift, popularity_lift, lift, part, settings, **options)
    return [
        *_spread_rows(ndcg, _at(NDCG, settings), part, tolerances, settings),
        *mean_rows(values, single, part, settings, **options),
        *total_rows(measures.chances, opportunity, chances, part, settings, **options),
        *(row for row in pushed if row.statistic != "ratio"),  # a lift may be negative
        *_distance_rows(measures.shares, part, tolerances, settings),
    ]


def _spread_rows(
    ndcg: np.ndarray, name: str, part: Partition, tolerances: dict[str, float], settings: AuditSettings
) -> list[AuditRow]:
    """How NDCG is spread over groups and users."""
    unequal = [f"{name}_{metric}" for metric in INEQUALITY_METRICS]
    bounds = dict(zip(unequal, INEQUALITY_BOUNDS, strict=True))
    each = inequality_contributions(ndcg)
    return [
        *across_rows(ndcg[:, None], [name], part, settings, section=SECTION, bounds=SHARE),
        *tail_rows(ndcg, name, part, settings, section=SECTION, tolerances=tolerances, bounds=SHARE),
        *total_rows(each, inequality, unequal, part, settings, section=SECTION, bounds=bounds),
        *explained_rows(ndcg, name, part, settings, section=SECTION),
    ]


def _distance_rows(
    shares: np.ndarray | None, part: Partition, tolerances: dict[str, float], settings: AuditSettings
) -> list[AuditRow]:
    """Parity and differential fairness of what is shown."""
    if shares is None:
        return []

    def distances(own: np.ndarray, other: np.ndarray) -> np.ndarray:
        parity = parity_distances(own[..., 1:], other[..., 1:])
        return np.concatenate([parity, differential_fairness()(own, other)], axis=-1)

    names = [_at(name, settings) for name in (*PARITY_METRICS, DIFFERENTIAL)]
    options = {"section": SECTION, "tolerances": tolerances}
    return distance_rows(with_counts(shares), distances, names, part, settings, **options)


def _rating_rows(shop: Shop, rated: pd.DataFrame, settings: AuditSettings) -> list[AuditRow]:
    """Unfairness of predicted ratings; its tolerance is a share of the mean rating."""
    raters = np.unique(rated[USER])
    level = settings.tolerance * float(rated.groupby(USER)[OBSERVED].mean().mean())
    options = {"section": SECTION, "tolerances": dict.fromkeys(RATING_METRICS, level)}
    parts = partitions(shop.users, raters, settings)
    return [row for part in parts for row in rating_rows(rated, raters, part, settings, **options)]


def _notes(measures: ListMeasures, rated: pd.DataFrame | None, settings: AuditSettings) -> list[str]:
    """What the measures rest on, and what these data cannot tell."""
    found = [
        f"Envy: each user's list beside those of {LISTS_OF_OTHERS} others drawn at random, by what the user went on to "
        f"buy; free of envy is who would gain at most {FREE_UP_TO:g} with any of them."
    ]
    if measures.shares is None:
        found.append(
            "Nothing divides the items, so there is no parity of what is shown and no distance from taste."
        )
    else:
        found.append(
            f"Items are divided by {measures.by.replace('_', ' ')}: at most {MOST_SHOWN} groups for parity and "
            f"differential fairness, {MOST_HAD} for the distance from taste, the smaller ones as one."
        )
    if rated is not None:
        found.append(f"Unfairness of ratings: of {len(rated):,} predicted ratings.")
    return found
