"""Marginal relevance one user at a time with pyversity; runs in an environment of its own, see rerank_diversity.py.

python peer_diversity.py input.npz output.npz
"""

import sys
import time

import numpy as np
from pyversity import Strategy, diversify


def main() -> None:
    with np.load(sys.argv[1]) as file:
        given = dict(file)
    k, strength, vectors = int(given["k"]), float(given["strength"]), given["vectors"]
    lists = []
    began = time.perf_counter()
    for items, relevance in zip(given["items"], given["relevance"], strict=True):
        # Rows are of length 1 already
        found = diversify(vectors[items], relevance, k, Strategy.MMR, strength, normalize=False)
        lists.append(items[found.indices])
    seconds = time.perf_counter() - began
    np.savez(sys.argv[2], seconds=seconds, lists=np.array(lists))


if __name__ == "__main__":
    main()
