"""Time and peak memory of an audit of 100,000 users x 8 metrics x 6 groups x 1,000 draws, beside fairlearn.

Run alone: `python benchmarks/audit.py [--users 100000] [--peer-draws 5]`. Each line runs in a process of its own, with
so many threads for products of matrices. fairlearn's MetricFrame (percentile intervals, rows resampled without regard
to groups) gets the same rows, metrics and groups with fewer draws; its time for all draws is extrapolated in a straight
line from those and marked so.
"""

import argparse
import time
from collections.abc import Callable

import numpy as np
import pandas as pd
from measure import in_own_process, print_table
from threadpoolctl import threadpool_limits

METRICS, GROUPS, DRAWS, CATALOGUE = 8, 6, 1000, 5000
Shop = tuple[np.ndarray, np.ndarray]


def shop(n_users: int) -> Shop:
    """Skewed values with many zeros, (U, 8), and the group of each user, (U,)."""
    rng = np.random.default_rng(0)
    shape = (n_users, METRICS)
    return np.where(rng.random(shape) < 0.5, 0.0, rng.beta(1.2, 3, shape)), rng.integers(0, GROUPS, n_users)


def bootstrap_intervals(n_users: int) -> Callable[[], object]:
    """Means of all groups and the gap of each to all the others."""
    from core.fairness.comparison import reference_weights
    from core.fairness.stats import bootstrap, intervals

    values, groups = shop(n_users)
    own, everyone = np.eye(GROUPS), np.arange(GROUPS)
    rest = reference_weights(np.bincount(groups), everyone, None)

    def run() -> object:
        moments = bootstrap(values, groups, n_groups=GROUPS, draws=DRAWS, rng=np.random.default_rng(1))
        return intervals(moments, np.vstack([own, own - rest]), confidence=0.95)

    return run


def permutations(n_users: int) -> Callable[[], object]:
    from core.fairness.stats import permuted_means

    values, groups = shop(n_users)
    options = {"n_groups": GROUPS, "permutations": DRAWS}
    return lambda: permuted_means(values, groups, rng=np.random.default_rng(1), **options)


def groups_compared(n_users: int) -> Callable[[], object]:
    from core.fairness.comparison import compare_groups

    values, groups = shop(n_users)
    options = {"reference": None, "draws": DRAWS, "permutations": DRAWS, "confidence": 0.95}
    return lambda: compare_groups(values, groups, n_shown=GROUPS, rng=np.random.default_rng(1), **options)


def whole_audit(n_users: int) -> Callable[[], object]:
    from core.fairness.audit import audit_users
    from core.schema.settings import AuditSettings

    values, groups = shop(n_users)
    per_user = pd.DataFrame(values[:, : METRICS - 1], columns=[f"m{k}@10" for k in range(METRICS - 1)])
    per_user.insert(0, "user", np.arange(n_users, dtype=np.int32))
    items = (CATALOGUE * np.random.default_rng(2).random(10 * n_users) ** 2).astype(np.int32)
    ranks = np.tile(np.arange(1, 11, dtype=np.int16), n_users)
    lists = pd.DataFrame({"user": np.repeat(per_user["user"], 10), "item": items, "rank": ranks})
    users = pd.DataFrame({"age": pd.Categorical.from_codes(groups, [f"g{g}" for g in range(GROUPS)])})
    return lambda: audit_users(per_user, lists, users, CATALOGUE, AuditSettings(by=(("age",),)))


def metric_frames(n_users: int, draws: int) -> Callable[[], object]:
    """One MetricFrame a metric: faster than one of all metrics with the values as sample parameters."""
    from fairlearn.metrics import MetricFrame

    values, groups = shop(n_users)
    ignored = np.zeros(n_users)
    bootstrap = {"n_boot": draws, "ci_quantiles": [0.025, 0.975], "random_state": 0} if draws else {}

    def one(value: np.ndarray) -> MetricFrame:
        return MetricFrame(
            metrics=_mean, y_true=ignored, y_pred=value, sensitive_features=groups, **bootstrap
        )

    return lambda: [one(value) for value in values.T]


def _mean(y_true: np.ndarray, y_pred: np.ndarray) -> float:
    return y_pred.mean()


def seconds_of(threads: int, prepare: Callable[..., Callable[[], object]], *arguments: int) -> float:
    """Seconds of what `prepare` returns, without preparing it."""
    run = prepare(*arguments)
    with threadpool_limits(threads):
        start = time.perf_counter()
        run()
        return time.perf_counter() - start


def row(
    what: str, draws: int, prepare: Callable[..., Callable[[], object]], *arguments: int, threads: int = 2
) -> dict:
    seconds, _, megabytes = in_own_process(seconds_of, threads, prepare, *arguments)
    return {"what": what, "draws": draws, "threads": threads, "seconds": seconds, "peak MB": megabytes}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=100_000)
    parser.add_argument("--peer-draws", type=int, default=5)
    options = parser.parse_args()
    n_users, few = options.users, options.peer_draws
    rows = [
        row("bootstrap, intervals of means and gaps", DRAWS, bootstrap_intervals, n_users, threads=1),
        row("bootstrap, intervals of means and gaps", DRAWS, bootstrap_intervals, n_users),
        row("permutations", DRAWS, permutations, n_users, threads=1),
        row("permutations", DRAWS, permutations, n_users),
        row("both, with ratios and range", DRAWS, groups_compared, n_users),
        row("whole audit (7 metrics and coverage)", DRAWS, whole_audit, n_users),
        row("fairlearn MetricFrame, no interval", 0, metric_frames, n_users, 0),
        row("fairlearn MetricFrame, n_boot", few, metric_frames, n_users, few),
    ]
    fixed, some = rows[-2]["seconds"], rows[-1]["seconds"]
    extrapolated = fixed + DRAWS * (some - fixed) / few
    rows.append({"what": "fairlearn MetricFrame, extrapolated", "draws": DRAWS, "seconds": extrapolated})
    print_table(f"{n_users:,} users x {METRICS} metrics x {GROUPS} groups", rows)
    slower = extrapolated / max(one["seconds"] for one in rows[:2])
    print(
        f"Bootstrap and intervals: fairlearn takes {slower:,.0f} times as long (extrapolated from {few} draws)."
    )


if __name__ == "__main__":
    main()
