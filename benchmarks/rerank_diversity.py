"""MMR, xQuAD, calibrated and two-sided lists for everybody at once, beside loops over users and beside pyversity.

    python benchmarks/rerank_diversity.py [--users 10000] [--groups 12 283] [--k 20] [--peer-users 500] [--threads 2]

Candidates are drawn by popularity, with 64 numbers a vector. The loops take one user at a time and try all candidates at
every place in NumPy, as published code does; they and pyversity (MMR alone, in an environment of its own under .cache, made
on the first call) run on some of the same users, and their time for all is extrapolated.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from measure import in_own_process, print_table

from core.recommend.rerank.batch import Candidates
from core.recommend.rerank.calibrated import SMOOTHING, calibrated
from core.recommend.rerank.marginal_relevance import marginal_relevance
from core.recommend.rerank.two_sided import two_sided, user_targets
from core.recommend.rerank.xquad import xquad

PEER = "pyversity==0.2.0"
HERE = Path(__file__).resolve().parent
ENVIRONMENT = HERE.parent / ".cache" / "diversity-peer"
N_ITEMS, WIDTH, SIZE, REPEATS, DRAWN = 20_000, 200, 64, 5, 500
STRENGTH, TOWARDS = 0.3, 0.5


@dataclass(frozen=True)
class Shop:
    """Attributes: vectors: (I, D). groups: (I,). topics: (I, T), several an item. tastes: (U, T). target: (T,). weights: (k,)."""

    candidates: Candidates
    vectors: np.ndarray
    groups: np.ndarray
    topics: np.ndarray
    tastes: np.ndarray
    target: np.ndarray
    weights: np.ndarray


def made(n_users: int, n_groups: int, k: int) -> Shop:
    """The same one for the same numbers."""
    rng = np.random.default_rng(7)
    popularity = rng.normal(size=N_ITEMS).astype(np.float32)
    items = np.empty((n_users, WIDTH), np.int32)
    relevance = np.empty((n_users, WIDTH), np.float32)
    for start in range(0, n_users, DRAWN):
        scores = popularity + rng.gumbel(size=(min(DRAWN, n_users - start), N_ITEMS)).astype(np.float32)
        best = np.argpartition(-scores, WIDTH, axis=1)[:, :WIDTH]
        order = np.argsort(-np.take_along_axis(scores, best, axis=1), axis=1)
        here = slice(start, start + DRAWN)
        items[here] = np.take_along_axis(best, order, axis=1)
        relevance[here] = np.take_along_axis(scores, items[here], axis=1)
    relevance -= relevance[:, -1:]
    relevance /= relevance[:, :1]
    vectors = rng.exponential(size=(N_ITEMS, SIZE)).astype(
        np.float32
    )  # pyversity takes similarity below 0 as 0
    groups = rng.choice(n_groups, N_ITEMS, p=rng.dirichlet(np.ones(n_groups)))
    topics = np.eye(n_groups, dtype=np.float32)[groups]
    topics[np.arange(N_ITEMS), rng.integers(0, n_groups, N_ITEMS)] = 0.5
    return Shop(
        Candidates(items, relevance),
        vectors / np.linalg.norm(vectors, axis=1, keepdims=True),
        groups,
        topics,
        rng.dirichlet(np.full(n_groups, 0.3), n_users),
        np.full(n_groups, 1 / n_groups),
        1 / np.log2(np.arange(2, k + 2)),
    )


def at_once(name: str, shop: Shop, k: int) -> Candidates:
    """What is timed."""
    candidates, weights = shop.candidates, shop.weights
    if name == "marginal_relevance":
        return marginal_relevance(candidates, shop.vectors, k=k, strength=STRENGTH)
    if name == "xquad":
        return xquad(candidates, shop.groups, shop.tastes, k=k, strength=STRENGTH)
    if name == "xquad, two topics an item":
        return xquad(candidates, shop.topics, shop.tastes, k=k, strength=STRENGTH)
    if name == "calibrated":
        return calibrated(candidates, shop.groups, shop.tastes, weights=weights, strength=STRENGTH)
    return two_sided(
        candidates,
        shop.groups,
        shop.tastes,
        shop.target,
        weights=weights,
        strength=STRENGTH,
        towards=TOWARDS,
    )


def user_by_user(name: str, shop: Shop, n_users: int, k: int) -> np.ndarray:
    """The same lists for the first users by a loop over users and places, (n_users, k)."""
    n_groups = len(shop.target)
    one_hot = shop.topics if "," in name else np.eye(n_groups)[shop.groups]
    wanted = shop.tastes
    if name == "two_sided":
        wanted = user_targets(shop.tastes, shop.target, towards=TOWARDS)
    attention = shop.weights / shop.weights.sum()
    lists = np.empty((n_users, k), np.int32)
    for user in range(n_users):
        items = shop.candidates.items[user]
        left = (1 - STRENGTH) * shop.candidates.relevance[user].astype(float)
        if name == "marginal_relevance":
            chosen = _unlike(left, shop.vectors[items], k)
        elif name.startswith("xquad"):
            chosen = _covering(left, one_hot[items], wanted[user], k)
        else:
            chosen = _nearest(left, one_hot[items], wanted[user], attention)
        lists[user] = items[chosen]
    return lists


def _unlike(left: np.ndarray, vectors: np.ndarray, k: int) -> list[int]:
    chosen, nearest = [int(left.argmax())], np.full(len(left), -np.inf)
    while len(chosen) < k:
        left[chosen[-1]] = -np.inf
        nearest = np.maximum(nearest, vectors @ vectors[chosen[-1]])
        chosen.append(int((left - STRENGTH * nearest).argmax()))
    return chosen


def _covering(left: np.ndarray, topics: np.ndarray, taste: np.ndarray, k: int) -> list[int]:
    chosen: list[int] = []
    uncovered = taste.copy()
    while len(chosen) < k:
        chosen.append(int((left + STRENGTH * topics @ uncovered).argmax()))
        left[chosen[-1]] = -np.inf
        uncovered *= 1 - topics[chosen[-1]]
    return chosen


def _nearest(left: np.ndarray, one_hot: np.ndarray, taste: np.ndarray, attention: np.ndarray) -> list[int]:
    chosen: list[int] = []
    shown, floor = np.zeros(one_hot.shape[1]), SMOOTHING * np.maximum(taste, 1e-30)
    for weight in attention:
        closeness = np.log((1 - SMOOTHING) * (shown + weight * one_hot) + floor) @ taste
        chosen.append(int((weight * left + STRENGTH * closeness).argmax()))
        left[chosen[-1]] = -np.inf
        shown += weight * one_hot[chosen[-1]]
    return chosen


def timed(name: str, n_users: int, n_groups: int, k: int, peer_users: int) -> dict[str, float]:
    """Seconds of the first call and of a later one, which finds what was kept of the candidates (a knob that moved), of a
    loop over users extrapolated to all, and how many places agree."""
    shop, seconds = made(n_users, n_groups, k), []
    for _ in range(REPEATS):
        began = time.perf_counter()
        found = at_once(name, shop, k)
        seconds.append(time.perf_counter() - began)
    began = time.perf_counter()
    slow = user_by_user(name, shop, peer_users, k)
    loop = (time.perf_counter() - began) * n_users / peer_users
    return {
        "first s": seconds[0],
        "moved knob s": min(seconds[1:]),
        "loop s, extrapolated": loop,
        "times faster at first": loop / seconds[0],
        "same places": float((slow == found.items[:peer_users, :k]).mean()),
    }


def peer_python() -> Path:
    """The interpreter of the peer's environment, which is made if it is not there."""
    python, complete = ENVIRONMENT / "bin" / "python", ENVIRONMENT / "complete"
    if not complete.exists():
        print(f"Installing {PEER} ...", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", "--clear", ENVIRONMENT], check=True)
        install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", PEER]
        subprocess.run([python, *install, f"numpy=={np.__version__}"], check=True)
        complete.touch()
    return python


def peer(n_users: int, n_groups: int, k: int, peer_users: int) -> dict[str, float]:
    """Seconds of pyversity extrapolated to all users, and the share of places that hold the same item as ours."""
    shop = made(peer_users, n_groups, k)
    with tempfile.TemporaryDirectory() as folder:
        source, answer = Path(folder) / "input.npz", Path(folder) / "output.npz"
        np.savez(
            source,
            items=shop.candidates.items,
            relevance=shop.candidates.relevance,
            vectors=shop.vectors,
            k=k,
            strength=STRENGTH,
        )
        subprocess.run([peer_python(), HERE / "peer_diversity.py", source, answer], check=True)
        with np.load(answer) as file:
            seconds, lists = float(file["seconds"]), file["lists"]
    ours = at_once("marginal_relevance", shop, k).lists(k)
    return {
        "peer s, extrapolated": seconds * n_users / peer_users,
        "same places": float((lists == ours).mean()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--users", type=int, default=10_000)
    parser.add_argument("--groups", type=int, nargs="+", default=[12, 283])
    parser.add_argument("--k", type=int, default=20)
    parser.add_argument("--peer-users", type=int, default=500)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = str(options.threads)
    rows = []
    for n_groups in options.groups:
        names = ["xquad", "xquad, two topics an item", "calibrated", "two_sided"]
        if n_groups == options.groups[0]:
            names.insert(0, "marginal_relevance")
        for name in names:
            arguments = name, options.users, n_groups, options.k, options.peer_users
            row, _, megabytes = in_own_process(timed, *arguments)
            rows.append({"way": name, "groups": n_groups, **row, "peak MB": megabytes})
    title = f"{options.users:,} users, {WIDTH} candidates, lists of {options.k}"
    print_table(f"{title}; loops over {options.peer_users:,} of them, load {os.getloadavg()[0]:.1f}", rows)
    beside = peer(options.users, options.groups[0], options.k, options.peer_users)
    print_table("Marginal relevance, user by user", [{"peer": PEER, **beside}])


if __name__ == "__main__":
    main()
