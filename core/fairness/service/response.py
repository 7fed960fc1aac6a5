"""Who answers at all: response rates by group, and means of the answers weighted for who does not answer."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

from core.fairness.group_rows import total_rows
from core.fairness.partition import Partition
from core.fairness.rows import AuditRow
from core.fairness.service.adjusted import design
from core.fairness.service.outcomes import user_sums
from core.schema.settings import Statistics

RESPONSE_METRICS = ("response_rate", "naive_mean", "weighted_mean")
CLIP = 0.05
STRENGTH = 1.0  # of the ridge on standardised covariates


@dataclass(frozen=True)
class Propensities:
    """The chance of an answer.

    Attributes:
        values: (N,) clipped. clip: the smallest that counts. clipped: share of the answers whose chance was below.
        effective: answers that weigh as much as the weighted ones, (sum w)^2 / sum w^2.
    """

    values: np.ndarray
    clip: float
    clipped: float
    effective: float


def propensities(answered: np.ndarray, covariates: pd.DataFrame, *, clip: float = CLIP) -> Propensities:
    """The chance that each row is answered, by logistic regression on what is known of all rows.

    Args:
        answered: bool (N,). covariates: row r is row r; numbers enter linearly, categories as effects; known whether
            or not there is an answer. clip: chances below count as this, so no answer weighs more than 1 / clip.

    With no answer, or nothing but answers, the chance is the rate.
    """
    rate = answered.mean() if len(answered) else 0.0
    columns = design(covariates)
    if rate in (0.0, 1.0) or not columns.shape[1]:
        raw = np.full(len(answered), rate)
    else:
        model = LogisticRegression(C=1 / STRENGTH, max_iter=1000)
        raw = model.fit(columns, answered).predict_proba(columns)[:, 1]
    values = np.maximum(raw, clip)
    weights = answered / values
    squares = (weights**2).sum()
    return Propensities(
        values=values,
        clip=clip,
        clipped=float((raw[answered] < clip).mean()) if answered.any() else 0.0,
        effective=float(weights.sum() ** 2 / squares) if squares > 0 else 0.0,
    )


def response_rate(totals: np.ndarray) -> np.ndarray:
    """Answers over rows asked, of a group's totals, (..., 2) -> (..., 1), in [0, 1]."""
    return totals[..., 1:] / np.where(totals[..., :1] > 0, totals[..., :1], np.nan)


def answer_means(totals: np.ndarray) -> np.ndarray:
    """Mean and weighted mean of the answers, of a group's totals, (..., 4) -> (..., 2).

        naive = sum_answered s / answers;   weighted = sum_answered s / e / sum_answered 1 / e

    e: the chance of an answer given the covariates. The weighted mean (Hájek's, self-normalised) is that of all
    rows if, given the covariates, whether somebody answers does not depend on the answer. That cannot be checked:
    ratings are given by the delighted and the angry. A difference between the two means says that who answers matters;
    no difference does not say that it does not.
    Sources: Hájek 1971; for ratings Schnabel et al., ICML 2016 (SNIPS).
    """
    below = totals[..., ::2]
    return totals[..., 1::2] / np.where(below > 0, below, np.nan)


def response_rows(
    outcome: np.ndarray,
    users: np.ndarray,
    codes: np.ndarray,
    chances: Propensities,
    part: Partition,
    settings: Statistics,
    *,
    prefix: str = "",
    tolerances: Mapping[str, float] | None = None,
) -> list[AuditRow]:
    """Response rate, naive and weighted mean of each group, with gaps, in section `service`.

    The rate is that of all users, the means rest on those who answered at all: `n` says how many those are.
    Intervals take the chances as known, which is on the wide side: estimated ones make weighted means no less exact
    (Hirano, Imbens & Ridder, Econometrica 71, 2003). Say `chances.clip` and `chances.clipped` beside the numbers.

    Args:
        outcome: (N,) NaN where not answered. users: (N,). codes: (U,) audited users. chances: of the same rows.
            In Olist only orders of `in_random_5k` have had their reviews looked up: give no others.
    """
    answered = np.isfinite(outcome)
    said = np.where(answered, outcome, 0.0)
    weights = answered / chances.values
    rate, *means = [prefix + metric for metric in RESPONSE_METRICS]
    asked = user_sums(users, np.column_stack([np.ones(len(outcome)), answered]), codes)
    told = user_sums(users, np.column_stack([answered, said, weights, weights * said]), codes)
    told = np.where(told[:, :1] > 0, told, np.nan)
    lowest = 0.0 if (said >= 0).all() else -np.inf
    bounds = {rate: (0.0, 1.0)} | dict.fromkeys(means, (lowest, np.inf))
    options = {"section": "service", "tolerances": tolerances, "bounds": bounds}
    return [
        *total_rows(asked, response_rate, [rate], part, settings, **options),
        *total_rows(told, answer_means, means, part, settings, **options),
    ]
