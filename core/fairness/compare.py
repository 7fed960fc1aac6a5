"""Two runs compared on the same users: is the second better, for everybody and for each group?"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.data.labels import BANDS
from core.errors import InputError
from core.fairness.audit import checked_users, enough_permutations, metrics_at
from core.fairness.correction import adjusted_p_values
from core.fairness.groups import group_labels
from core.fairness.partition import Partition, everybody, partition
from core.fairness.stats import bootstrap, intervals, p_values, sign_flipped_means
from core.fairness.suppression import HIDDEN_TEXT
from core.schema.settings import Statistics
from core.schema.tables import USER

COLUMNS = [
    "attribute", "group", "metric", "first", "second", "difference", "low", "high", "n", "p_value", "p_adjusted",
    "verdict", "suppressed", "small",
]  # fmt: skip
BETTER, WORSE, NO_DIFFERENCE = "better", "worse", "no difference shown"


@dataclass(frozen=True)
class RunComparison:
    """What two runs differ in.

    Attributes:
        rows: `attribute, group, metric, first, second, difference, low, high, n, p_value, p_adjusted, verdict,
            suppressed, small`; difference is second minus first, paired by user. Hidden groups carry no number.
        tests: differences corrected for together. users: users of both runs.
        users_left_out: users of one run only.
    """

    rows: pd.DataFrame
    tests: int
    users: int
    users_left_out: int


def compare_runs(
    first: pd.DataFrame,
    second: pd.DataFrame,
    *,
    users: pd.DataFrame,
    by: Sequence[tuple[str, ...]],
    k: int,
    settings: Statistics,
    bins: int = BANDS,
) -> RunComparison:
    """Compare two runs on the users that both have test purchases for.

    A difference has a studentised interval from bootstrapping the per-user differences within groups, and a p-value
    from flipping their signs. `better` or `worse`: the interval leaves out zero and the p-value corrected for all
    rows is at most the false discovery rate.

    Args:
        first, second: `user` and metric columns, as in `audit_users`. users: row r is user code r.
        by: groupings compared besides everybody: one attribute, or two crossed; may be empty. bins: see `group_labels`.

    Raises:
        InputError: the runs have too few users or no metric at k in common.
    """
    metrics = [name for name in metrics_at(first, k) if name in metrics_at(second, k)]
    for run in (first, second):
        checked_users(run, metrics, n_users=len(users))
    both = first[[USER, *metrics]].merge(second[[USER, *metrics]], on=USER, suffixes=("_first", "_second"))
    if len(both) < settings.minimum_group or not metrics:
        raise InputError("The two runs share too few users, or no metric, to compare them.")
    sides = [both[[f"{name}_{side}" for name in metrics]].to_numpy(float) for side in ("first", "second")]
    codes = both[USER].to_numpy()
    parts = [everybody(len(codes))] + [
        partition(group_labels(users, attributes, bins=bins), codes, minimum=settings.minimum_group)
        for attributes in by
    ]
    tests = len(metrics) * sum(part.n_shown for part in parts)
    permutations = enough_permutations(tests, settings)
    rows = _judged(
        pd.concat([_rows(part, *sides, metrics, permutations, settings) for part in parts]), settings
    )
    return RunComparison(rows, tests, len(both), len(first) + len(second) - 2 * len(both))


def _rows(
    part: Partition,
    first: np.ndarray,
    second: np.ndarray,
    metrics: list[str],
    permutations: int,
    settings: Statistics,
) -> pd.DataFrame:
    """The differences of one grouping, before the verdicts."""
    rng = np.random.default_rng([settings.seed, zlib.crc32(part.attribute.encode())])
    options = {"n_groups": part.n_strata, "rng": rng}
    moments = bootstrap(
        second - first, part.strata, draws=settings.draws, resample_up_to=settings.resample_up_to, **options
    )
    found = intervals(moments, np.eye(part.n_strata), confidence=settings.confidence)
    null = sign_flipped_means(second - first, part.strata, permutations=permutations, **options)
    p_value = p_values(found.value, null)
    rows = []
    for k, metric in enumerate(metrics):
        for group, place in part.positions():
            row = {"attribute": part.attribute, "group": group, "metric": metric, "suppressed": place is None}
            if place is None:
                rows.append(row | {"n": HIDDEN_TEXT, "small": False})
                continue
            members, n = part.strata == place, int(moments.n[place])
            means = {"first": first[members, k].mean(), "second": second[members, k].mean()}
            ends = {"difference": found.value, "low": found.low, "high": found.high, "p_value": p_value}
            numbers = {name: array[place, k] for name, array in ends.items()}
            rows.append(row | means | numbers | {"n": n, "small": n < settings.small_group})
    return pd.DataFrame(rows)


def _judged(rows: pd.DataFrame, settings: Statistics) -> pd.DataFrame:
    rows = rows.reset_index(drop=True)
    shown = ~rows["suppressed"]
    rows.loc[shown, "p_adjusted"] = adjusted_p_values(
        rows.loc[shown, "p_value"].to_numpy(), settings.correction
    )
    sure = rows["p_adjusted"] <= settings.false_discovery_rate
    verdict = np.select([sure & (rows["low"] > 0), sure & (rows["high"] < 0)], [BETTER, WORSE], NO_DIFFERENCE)
    rows["verdict"] = pd.Series(verdict, index=rows.index, dtype=object).where(shown, None)
    return rows[COLUMNS]
