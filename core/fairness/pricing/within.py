"""Least squares on groups of users with an effect per stratum, over millions of lines in a moment."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

RELATIVE = 1e-9  # an eigenvalue smaller than this share of the largest is none


@dataclass(frozen=True)
class Effects:
    """Effects of G groups, known up to a constant.

    Attributes:
        beta: (G,). covariance: (G, G). told: (G, G) projection; a contrast c is told by the data if c @ told is c.
    """

    beta: np.ndarray
    covariance: np.ndarray
    told: np.ndarray


def effects_within(
    outcome: np.ndarray, user: np.ndarray, stratum: np.ndarray, group: np.ndarray, *, n_groups: int
) -> Effects:
    """Effects of groups on an outcome of lines, with an effect of each stratum:

        y = alpha_stratum + beta_group + error

    By Frisch-Waugh-Lovell: with p_sg the share of group g in the n_s lines of stratum s, and G the dummies,

        (diag(n_g) - sum_s n_s p_s p_s') beta = G'(y - mean_s)

    so nothing of the size lines x groups is held. Covariance is clustered by user (CR1): the score of user u for group g
    is sum_{i of u} (1[g_u = g] - p_sg) e_i, and the factor (N - 1) / (N - K) U / (U - 1) counts the strata in K.

    Args:
        outcome, user, stratum: (N,), codes from 0 without gaps. group: (U,) of each user.
    """
    lines = len(outcome)
    n_users, n_strata = len(group), int(stratum.max()) + 1
    own = group[user]
    counts = np.bincount(stratum * n_groups + own, minlength=n_strata * n_groups).reshape(n_strata, n_groups)
    n = counts.sum(axis=1)
    share = counts / n[:, None]  # (S, G)
    mean = np.bincount(stratum, outcome) / n
    normal = np.diag(counts.sum(axis=0).astype(float)) - counts.T @ share
    inverse, told = _inverted(normal)
    beta = inverse @ np.bincount(own, outcome - mean[stratum], minlength=n_groups)
    residual = outcome - mean[stratum] - beta[own] + (share @ beta)[stratum]
    by_user = csr_array((residual, (user, stratum)), shape=(n_users, n_strata))
    scores = -(by_user @ share)
    scores[np.arange(n_users), group] += np.bincount(user, residual, minlength=n_users)
    clusters = len(np.unique(user))
    parameters = n_strata + round(float(np.trace(told)))
    factor = (lines - 1) / max(lines - parameters, 1) * clusters / max(clusters - 1, 1)
    return Effects(beta, factor * inverse @ (scores.T @ scores) @ inverse, told)


def _inverted(normal: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pseudo-inverse, and the projection on what it inverts."""
    values, vectors = np.linalg.eigh(normal)
    kept = values > max(values.max(initial=0.0), 0.0) * RELATIVE
    basis = vectors[:, kept]
    return (basis / values[kept]) @ basis.T, basis @ basis.T
