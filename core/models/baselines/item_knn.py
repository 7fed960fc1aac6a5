"""Items that are often taken by those who took the same items."""

import numpy as np
import scipy.sparse as sp

from core.data.inputs import ModelInputs
from core.models.baselines.counts import item_cosines, repeat_share, user_items
from core.models.baselines.lists import Scorer, best
from core.models.task import REPEATS_MATTER

# Items most like each item, itself included. Where people repeat: chosen on validation from 2, 5, 20 and 100,
# for the own history dominates (1 would be nothing else). Where they do not: the usual 100.
NEIGHBOURS, NEIGHBOURS_WITHOUT_REPEATS = 2, 100


def item_knn(inputs: ModelInputs) -> Scorer:
    """Every user gets the items whose nearest items the user bought most often.

    score(u, i) = sum_j n_uj cos(i, j) over the NEIGHBOURS items j most like i, i itself among them; cos between
    the columns of the counts n. Sarwar et al., Item-based collaborative filtering, WWW 2001. Cosine of counts
    and votes by count were best on validation among counts, their logarithm and mere presence.
    """
    counts = user_items(inputs)
    k = NEIGHBOURS if repeat_share(counts) >= REPEATS_MATTER else NEIGHBOURS_WITHOUT_REPEATS
    votes = _neighbours(counts, k).T.tocsr()
    return lambda users: (counts[users] @ votes).toarray()


def _neighbours(counts: sp.csr_array, k: int) -> sp.csr_array:
    """Each item's most similar items with their cosine, (n_items, n_items)."""
    blocks = []
    for block in item_cosines(counts):
        items, cosines = best(block, min(k, counts.shape[1]))
        rows = np.repeat(np.arange(len(block)), items.shape[1])
        blocks.append(sp.csr_array((cosines.ravel(), (rows, items.ravel())), shape=block.shape))
    return sp.vstack(blocks, format="csr")
