"""Greedy exposure, inverse propensity, offers and FairRec+ for everybody at once, beside loops and a solver in one piece.

    python benchmarks/rerank_exposure_others.py [--users 10000 100000] [--k 10] [--loop-users 1000] [--threads 2]

Candidates are drawn by popularity; eight item groups. The loops take one user at a time in NumPy; that of inverse propensity
runs on some of the users, and its time for all is extrapolated; that of greedy exposure goes once over all users, as each
one's prices follow from the lists before. Offers are solved by HiGHS in one piece as well. FairRec+ is for offline use: its
row has its own number of users.
"""

import argparse
import os
import time
from collections.abc import Callable

import numpy as np
from measure import in_own_process, print_table
from rerank_fair_lists import GROUPS, N_ITEMS, WIDTH, made
from scipy.optimize import linprog
from scipy.sparse import csr_array, eye_array, hstack, vstack

from core.recommend.offers import allocate_offers
from core.recommend.rerank.batch import Candidates, scaled
from core.recommend.rerank.fair_rec import fair_rec
from core.recommend.rerank.greedy_exposure import greedy_exposure
from core.recommend.rerank.propensity import corrected

REPEATS, STRENGTH, POWER, CLIP = 3, 3.0, 0.5, 0.01
USER_GROUPS, TOLERANCE, BUDGET = 6, 0.05, 0.1  # money a user
OFFLINE_USERS = 2_500


def shop(n_users: int) -> tuple[Candidates, np.ndarray]:
    """Everyone's candidates with relevance from 1 to 0, and the group of each item."""
    candidates, groups = made(n_users)
    return Candidates(candidates.items, scaled(candidates.relevance).astype(np.float32)), groups


def best_of(way: Callable[[], object]) -> tuple[object, dict[str, float]]:
    """Result, and seconds of the best and the worst call."""
    seconds = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        found = way()
        seconds.append(time.perf_counter() - began)
    return found, {"best s": min(seconds), "worst s": max(seconds)}


def exposure(n_users: int, k: int, loop_users: int) -> dict[str, float]:
    """Gain: objective less that of the lists as they were, of ours as a share of the loop's."""
    candidates, groups = shop(n_users)
    weights = 1 / np.log2(np.arange(2, k + 2))
    weights /= weights.sum()
    target = np.bincount(groups, minlength=GROUPS) / N_ITEMS
    found, row = best_of(
        lambda: greedy_exposure(
            candidates, groups, target, weights=weights, strength=STRENGTH, rng=np.random.default_rng(7)
        )
    )
    began = time.perf_counter()
    lists, shown = np.empty((n_users, k), np.int32), np.zeros(GROUPS)
    for user in range(n_users):
        items = candidates.items[user]
        away = shown / max(user, 1) - target
        best = np.argsort(-(candidates.relevance[user] - 2 * STRENGTH * away[groups[items]]), kind="stable")[
            :k
        ]
        lists[user] = items[best]
        np.add.at(shown, groups[lists[user]], weights)
    loop = time.perf_counter() - began

    def objective(lists: np.ndarray) -> float:
        reached = 0.0
        for start in range(0, n_users, 5_000):
            some = candidates.items[start : start + 5_000]
            value = np.zeros((len(some), N_ITEMS), np.float32)
            np.put_along_axis(value, some, candidates.relevance[start : start + 5_000], axis=1)
            reached += float(
                (np.take_along_axis(value, lists[start : start + 5_000], axis=1) @ weights).sum()
            )
        shares = np.bincount(groups[lists].ravel(), np.tile(weights, n_users), minlength=GROUPS) / n_users
        return reached / n_users - STRENGTH * float(((shares - target) ** 2).sum())

    start = objective(candidates.lists(k))
    gain = [objective(one) - start for one in (found.lists(k), lists)]
    return {**row, "beside s": loop, "times as fast": loop / row["best s"], "same or gain": gain[0] / gain[1]}


def propensity(n_users: int, k: int, loop_users: int) -> dict[str, float]:
    """Same: share of the loop's places with the same item."""
    candidates, _ = shop(n_users)
    chance = np.random.default_rng(7).random(N_ITEMS)
    found, row = best_of(lambda: corrected(candidates, chance, strength=POWER, clip=CLIP))
    some = min(loop_users, n_users)
    lists = np.empty((some, WIDTH), np.int32)
    began = time.perf_counter()
    for user in range(some):
        items = candidates.items[user]
        weight = 1 / np.maximum(chance[items], CLIP) ** POWER
        value = candidates.relevance[user] * (weight / weight.mean())
        lists[user] = items[np.argsort(-value, kind="stable")]
    loop = (time.perf_counter() - began) * n_users / some
    same = float((lists == found.items[:some]).mean())
    return {**row, "beside s": loop, "times as fast": loop / row["best s"], "same or gain": same}


def offers(n_users: int, k: int, loop_users: int) -> dict[str, float]:
    """Same: whole offers' value as a share of the optimum with shares of offers."""
    rng = np.random.default_rng(7)
    group = rng.integers(0, USER_GROUPS, n_users)
    value, cost = rng.gamma(2, 1, n_users) * (1 + 0.3 * group), rng.uniform(0.5, 2, n_users)
    limits = {"budget": BUDGET * n_users, "parity": "offer_rate", "tolerance": TOLERANCE}
    found, row = best_of(lambda: allocate_offers(value, cost, group, **limits))
    began = time.perf_counter()
    best = in_one_piece(value, cost, group)
    whole = time.perf_counter() - began
    return {
        **row,
        "beside s": whole,
        "times as fast": whole / row["best s"],
        "same or gain": found.value / best,
    }


def in_one_piece(value: np.ndarray, cost: np.ndarray, group: np.ndarray) -> float:
    """The optimum of the whole programme."""
    n_users, size = len(value), np.bincount(group, minlength=USER_GROUPS)
    measured = csr_array((1 / size[group], (group, np.arange(n_users))), shape=(USER_GROUPS, n_users))
    each, lowest = np.eye(USER_GROUPS), np.ones((USER_GROUPS, 1))
    mean = np.tile(size / n_users, (USER_GROUPS, 1))
    parity = np.block([[-each, lowest], [each - TOLERANCE * mean, -lowest]])
    budget = np.append(cost, np.zeros(USER_GROUPS + 1))[None]
    bounds = np.zeros((n_users + USER_GROUPS + 1, 2))
    bounds[:, 1] = 1
    found = linprog(
        -np.append(value, np.zeros(USER_GROUPS + 1)),
        A_ub=vstack([csr_array(budget), hstack([csr_array((len(parity), n_users)), parity])], format="csc"),
        b_ub=np.append(BUDGET * n_users, np.zeros(len(parity))),
        A_eq=hstack([measured, -eye_array(USER_GROUPS), csr_array((USER_GROUPS, 1))], format="csc"),
        b_eq=np.zeros(USER_GROUPS),
        bounds=bounds,
    )
    return -found.fun


def offline(n_users: int, k: int) -> dict[str, float]:
    """Seconds of FairRec+ at three strengths, and what they come to."""
    candidates, _ = shop(n_users)
    row: dict[str, float] = {}
    for strength in (0.2, 0.5, 1.0):
        began = time.perf_counter()
        found = fair_rec(candidates, n_items=N_ITEMS, k=k, strength=strength, rng=np.random.default_rng(7))
        row[f"{strength:g}: s"] = time.perf_counter() - began
        row[f"{strength:g}: unreachable"] = len(found.unreachable)
        row[f"{strength:g}: envious"] = found.envious
    return row


WAYS = {
    "greedy_exposure": (exposure, "loop over users"),
    "propensity": (propensity, "loop, extrapolated"),
    "offers": (offers, "HiGHS, in one piece"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--users", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--k", type=int, default=10)
    parser.add_argument("--loop-users", type=int, default=1_000)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = str(options.threads)
    rows = []
    for name, (way, beside) in WAYS.items():
        for n_users in options.users:
            row, _, megabytes = in_own_process(way, n_users, options.k, options.loop_users)
            rows.append({"way": name, "users": n_users, **row, "peak MB": megabytes, "beside": beside})
    print_table(f"{WIDTH} candidates, lists of {options.k}, load {os.getloadavg()[0]:.1f}", rows)
    row, _, megabytes = in_own_process(offline, OFFLINE_USERS, options.k)
    print_table("FairRec+, offline", [{"users": OFFLINE_USERS, **row, "peak MB": megabytes}])


if __name__ == "__main__":
    main()
