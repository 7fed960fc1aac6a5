"""Re-rank users one by one with public packages; runs in an environment of its own, see rerank_fair_lists.py.

python peer_fair_lists.py input.npz output.npz

Two clocks: one while arrays are made into a package's own kind of input, one while it makes the lists.
"""

import sys
import time
import warnings

import numpy as np
import pandas as pd
from FairRankTune.Rankers import DETCONSTSORT
from fairsearchcore.models import FairScoreDoc
from fairsearchcore.re_ranker import fair_top_k


def fa_star_ir(given: dict[str, np.ndarray]) -> tuple[float, float, np.ndarray]:
    """Seconds of preparing and of ranking, and lists (U, k).

    The table of minimum counts is given: fairsearchcore's own fails with pandas 3.
    """
    k, table = int(given["k"]), given["counts"].tolist()
    began = time.perf_counter()
    docs = [
        [FairScoreDoc(*doc) for doc in zip(items.tolist(), scores.tolist(), marks.tolist(), strict=True)]
        for items, scores, marks in zip(
            given["items"], given["relevance"], given["protected"][given["items"]], strict=True
        )
    ]
    ready = time.perf_counter()
    lists = [
        fair_top_k(k, [d for d in row if d.is_protected], [d for d in row if not d.is_protected], table)
        for row in docs
    ]
    done = time.perf_counter()
    return ready - began, done - ready, np.array([[doc.id for doc in row] for row in lists])


def constrained_sort(given: dict[str, np.ndarray]) -> tuple[float, float, np.ndarray]:
    """Seconds of preparing and of ranking, and lists (U, k)."""
    k, shares = int(given["k"]), dict(enumerate(given["target"].tolist()))
    began = time.perf_counter()
    inputs = [
        (pd.DataFrame(items), dict(zip(items.tolist(), codes.tolist(), strict=True)), pd.DataFrame(scores))
        for items, codes, scores in zip(
            given["items"], given["groups"][given["items"]], given["relevance"], strict=True
        )
    ]
    ready = time.perf_counter()
    lists = [DETCONSTSORT(*row, shares, k)[0][0].to_numpy() for row in inputs]
    return ready - began, time.perf_counter() - ready, np.array(lists)


def main() -> None:
    warnings.filterwarnings("ignore")
    with np.load(sys.argv[1]) as file:
        given = dict(file)
    answer = {}
    for way in (fa_star_ir, constrained_sort):
        preparing, ranking, lists = way(given)
        answer |= {f"{way.__name__} seconds": [preparing, ranking], f"{way.__name__} lists": lists}
    np.savez(sys.argv[2], **answer)


if __name__ == "__main__":
    main()
