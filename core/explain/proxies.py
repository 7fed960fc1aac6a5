"""Which features are protected attributes, or tell them: the marks beside every explanation."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import torch

from core.explain.subject import Subject
from core.train.fairness.probe import FOLDS, probe

PROTECTED, PROXY, TELLS_LITTLE = "protected", "proxy", ""
TELLING = 0.55  # AUC: a feature whose whole interval lies above it is a proxy
FEWEST = 30  # users of a group that a probe can be asked about
MOST_USERS = 3000  # asked
COLUMNS = ("feature", "attribute", "mark", "auc", "low", "high", "n")


def marks(subject: Subject, groups: Mapping[str, pd.Series], *, seed: int) -> pd.DataFrame:
    """How well each feature alone tells each protected attribute, by a probe that judges users it was not shown.

    Logistic regression from the feature's columns to the groups, AUC of each group against the rest, mean over groups:
    .5 tells nothing. So a proxy is found by what it says of the attribute, not by its name; one that tells only in
    ways that are neither rising nor falling may be missed, and so may several features that tell only together.

    Args:
        groups: by protected attribute, the group of each user code; NaN where it is not known. Groups of under FEWEST
            of the users are left out.

    Returns:
        `feature`, `attribute`, `mark`, `auc` with `low` and `high` (95 %), `n` users; no row where no probe can be asked.
    """
    first = np.unique(subject.users, return_index=True)[1]
    some = np.random.default_rng(seed).permutation(first)[:MOST_USERS]
    asked = subject.at(np.sort(some))
    rows = []
    for attribute, labels in groups.items():
        own = labels.reindex(asked.users)
        counts = own.value_counts()
        kept = np.flatnonzero(own.isin(counts.index[counts >= max(FEWEST, FOLDS)]))
        if own.iloc[kept].nunique() < 2:
            continue
        for block in asked.blocks:
            found = probe(block.columns[torch.tensor(kept)].numpy(), own.iloc[kept].to_numpy(str), seed=seed)
            mark = PROXY if found.low > TELLING else TELLS_LITTLE
            if block.attribute == attribute:
                mark = PROTECTED
            rows.append((block.name, attribute, mark, found.auc, found.low, found.high, len(kept)))
    return pd.DataFrame(rows, columns=list(COLUMNS))
