"""FA*IR and DetConstSort for everybody at once, beside fairsearchcore and FairRankTune, which take one user at a time.

    python benchmarks/rerank_fair_lists.py [--users 10000 100000] [--k 10] [--peer-users 1000] [--threads 2]

Candidates are drawn by popularity; eight item groups, of which the four least popular are protected. The peers live in an
environment of their own under .cache, made on the first call. They run on some of the same users; their time for all is
extrapolated. FairRankTune counts places from zero and fills one more, so items give way one place too far and few of its
lists are the same as ours.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from measure import in_own_process, print_table

from core.recommend.rerank.batch import Candidates
from core.recommend.rerank.constrained_sort import constrained_sort
from core.recommend.rerank.fa_star_ir import corrected_alpha, fa_star_ir, fair_counts

PEERS = {"fa_star_ir": "fairsearchcore==1.0.4", "constrained_sort": "FairRankTune==0.0.7"}
HERE = Path(__file__).resolve().parent
ENVIRONMENT = HERE.parent / ".cache" / "fair-lists-peers"
N_ITEMS, WIDTH, GROUPS, REPEATS, DRAWN = 2_000, 200, 8, 5, 2_000
P, ALPHA = 0.4, 0.1


def peer_python() -> Path:
    """The interpreter of the peers' environment, which is made if it is not there."""
    python, complete = ENVIRONMENT / "bin" / "python", ENVIRONMENT / "complete"
    if not complete.exists():
        print(f"Installing {', '.join(PEERS.values())} ...", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", "--clear", ENVIRONMENT], check=True)
        install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PEERS.values()]
        subprocess.run([python, *install], check=True)
        complete.touch()
    return python


def made(n_users: int) -> tuple[Candidates, np.ndarray]:
    """Everyone's candidates, and the group of each item."""
    rng = np.random.default_rng(7)
    groups = rng.choice(GROUPS, N_ITEMS, p=np.arange(GROUPS, 0, -1) / np.arange(GROUPS + 1).sum())
    popularity = rng.normal(size=N_ITEMS) - 0.3 * groups
    items, relevance = [], []
    for start in range(0, n_users, DRAWN):
        scores = popularity + rng.gumbel(size=(min(DRAWN, n_users - start), N_ITEMS))
        best = np.argpartition(-scores, WIDTH, axis=1)[:, :WIDTH]
        order = np.argsort(-np.take_along_axis(scores, best, axis=1), axis=1)
        items.append(np.take_along_axis(best, order, axis=1).astype(np.int32))
        relevance.append(np.take_along_axis(scores, items[-1], axis=1).astype(np.float32))
    return Candidates(np.concatenate(items), np.concatenate(relevance)), groups


def ways(groups: np.ndarray, k: int) -> dict[str, Callable[[Candidates], Candidates]]:
    """What is timed."""
    target = np.bincount(groups, minlength=GROUPS) / len(groups)
    return {
        "fa_star_ir": lambda some: fa_star_ir(some, groups >= GROUPS // 2, k=k, p=P, alpha=ALPHA),
        "constrained_sort": lambda some: constrained_sort(some, groups, k=k, target=target),
    }


def timed(n_users: int, k: int, name: str) -> dict[str, float]:
    """Seconds of the first call, with the table of FA*IR, and the best and the worst of those after it."""
    candidates, groups = made(n_users)
    way, seconds = ways(groups, k)[name], []
    corrected_alpha.cache_clear()
    for _ in range(REPEATS + 1):
        began = time.perf_counter()
        way(candidates)
        seconds.append(time.perf_counter() - began)
    return {"first call s": seconds[0], "best s": min(seconds[1:]), "worst s": max(seconds[1:])}


def peers(n_users: int, k: int) -> dict[str, dict[str, float]]:
    """Of each peer: seconds for that many users, and the share of users to whom it gives the same list as ours."""
    candidates, groups = made(n_users)
    given = {
        "items": candidates.items,
        "relevance": candidates.relevance,
        "groups": groups,
        "protected": groups >= GROUPS // 2,
        "target": np.bincount(groups, minlength=GROUPS) / len(groups),
        "counts": fair_counts(k, P, ALPHA),
        "k": k,
    }
    with tempfile.TemporaryDirectory() as folder:
        source, answer = Path(folder) / "input.npz", Path(folder) / "output.npz"
        np.savez(source, **given)
        subprocess.run([peer_python(), HERE / "peer_fair_lists.py", source, answer], check=True)
        with np.load(answer) as file:
            found = dict(file)
    rows = {}
    for name, way in ways(groups, k).items():
        preparing, ranking = found[f"{name} seconds"].tolist()
        same = (found[f"{name} lists"] == way(candidates).items[:, :k]).all(axis=1).mean()
        rows[name] = {"preparing": preparing, "ranking": ranking, "same": same}
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--users", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--k", type=int, default=10)
    parser.add_argument("--peer-users", type=int, default=1_000)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = str(options.threads)
    beside = peers(options.peer_users, options.k)
    rows = []
    for name, peer in PEERS.items():
        for n_users in options.users:
            row, _, megabytes = in_own_process(timed, n_users, options.k, name)
            more = n_users / options.peer_users
            theirs = beside[name]["ranking"] * more
            rows.append(
                {
                    "way": name,
                    "users": n_users,
                    **row,
                    "peak MB": megabytes,
                    "peer": peer,
                    "its s, extrapolated": theirs,
                    "its input s, extrapolated": beside[name]["preparing"] * more,
                    "times as fast": theirs / row["best s"],
                    "same lists": beside[name]["same"],
                }
            )
    title = f"{WIDTH} candidates, lists of {options.k}; peers timed on {options.peer_users:,} users"
    print_table(f"{title}, load {os.getloadavg()[0]:.1f}", rows)


if __name__ == "__main__":
    main()
