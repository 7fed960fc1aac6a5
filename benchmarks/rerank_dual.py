"""The dual exposure engine for everybody at once, beside FairRankTune, which brings one user at a time to target shares.

    python benchmarks/rerank_dual.py [--users 10000 100000] [--k 20] [--peer-users 500] [--threads 2]

Eight item groups; each must get at least the given share of its part of the catalogue. Timed: cutting candidates to their
heads (once after training), a first answer, an answer from the prices of a setting nearby (a slider that moved by a
twentieth), and a single pass (a slider on its precomputed path). The peer's DetConstSort solves a neighbouring problem, the
shares of each single list; no public package solves the one over all users. Its time for all is extrapolated.
"""

import argparse
import os
import time
from collections.abc import Callable

import numpy as np
from measure import in_own_process, print_table
from rerank_fair_lists import GROUPS, WIDTH, made, peers

from core.recommend.rerank.batch import Candidates, scaled
from core.recommend.rerank.dual import Limits, keep_limits
from core.recommend.rerank.market import Kinds, open_market, respond

FLOORS, REPEATS = (0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95), 5


def timed(n_users: int, k: int) -> dict[str, float]:
    """Seconds of each part, and how far the worst answer is from the best possible."""
    candidates, groups = made(n_users)
    drawn = Candidates(candidates.items, scaled(candidates.relevance).astype(np.float32))
    weights = 1 / np.log2(np.arange(2, k + 2))
    weights /= weights.sum()
    target = np.bincount(groups, minlength=GROUPS) / len(groups)
    rng = np.random.default_rng(7)
    began = time.perf_counter()
    market = open_market(drawn, Kinds(groups, np.eye(GROUPS)), weights)
    opening = time.perf_counter() - began

    def floors(share: float) -> Limits:
        return Limits(share * target[None], np.full((1, GROUPS), np.inf))

    began = time.perf_counter()
    found = keep_limits(market, floors(FLOORS[0]), rng=rng)
    first, moved, furthest, missed = time.perf_counter() - began, [], [], []
    for share in FLOORS[1:]:
        began = time.perf_counter()
        found = keep_limits(market, floors(share), start=found.prices, rng=rng)
        moved.append(time.perf_counter() - began)
        furthest.append(found.from_best)
        missed.append(found.missed.max())
    return {
        "heads s": opening,
        "first answer s": first,
        "moved slider s": float(np.median(moved)),
        "slowest s": max(moved),
        "one pass s": best_of(lambda: respond(market, found.prices, lists=True)),
        "from best, %": 100 * max(furthest),
        "missed, % of attention": 100 * max(missed),
    }


def best_of(way: Callable[[], object]) -> float:
    """Least seconds of several calls."""
    seconds = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        way()
        seconds.append(time.perf_counter() - began)
    return min(seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--users", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--k", type=int, default=20)
    parser.add_argument("--peer-users", type=int, default=500)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = str(options.threads)
    os.environ["OMP_WAIT_POLICY"] = "passive"  # as the app sets it
    each = peers(options.peer_users, options.k)["constrained_sort"]["ranking"] / options.peer_users
    rows = []
    for n_users in options.users:
        row, _, megabytes = in_own_process(timed, n_users, options.k)
        theirs = each * n_users
        rows.append(
            {"users": n_users, **row, "peak MB": megabytes, "FairRankTune s, extrapolated": theirs}
            | {"times as fast": theirs / row["moved slider s"]}
        )
    title = f"{WIDTH} candidates, {GROUPS} item groups, lists of {options.k}"
    print_table(f"{title}, load {os.getloadavg()[0]:.1f}", rows)


if __name__ == "__main__":
    main()
