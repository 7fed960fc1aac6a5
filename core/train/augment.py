"""Augmentation: what is read of a history is varied from epoch to epoch; what is to be predicted stays true."""

from dataclasses import dataclass, replace

import numpy as np
import torch

from core.models.baselines.counts import count_pairs, item_cosines
from core.models.batch import Batch
from core.models.history import History, ranges
from core.schema.settings import TrainSettings
from core.train.counterfactual import Flip

SHORTEST_SHARE = 0.5  # of a history that cropping leaves
SHUFFLED_SHARE = 0.2  # of a history that reordering shuffles
SUBSTITUTES = 10  # items most often taken with an item


@dataclass(frozen=True)
class Augmentation:
    """Shares as in TrainSettings. Crop, mask, reorder: Xie et al., Contrastive learning for sequential
    recommendation, ICDE 2022. Substitute by correlated items: Liu et al., CoSeRec, 2021.

    Attributes:
        substitutes: int64 (n_items, SUBSTITUTES), the items most like each; None where nothing is substituted.
        flipped: another group in place of a user's own; None where nobody is read so.
    """

    crop: float
    mask: float
    reorder: float
    substitute: float
    substitutes: np.ndarray | None
    flipped: Flip | None

    def cropped(
        self, low: np.ndarray, high: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """For a share of users, a random stretch of the tokens low..high (B,), at least two and half of them."""
        if not self.crop:
            return low, high
        length = high - low
        share = SHORTEST_SHARE + (1 - SHORTEST_SHARE) * rng.random(len(low))
        kept = np.where(rng.random(len(low)) < self.crop, np.ceil(length * share).astype(np.int64), length)
        kept = np.clip(kept, np.minimum(length, 2), length)
        low = low + np.floor(rng.random(len(low)) * (length - kept + 1)).astype(np.int64)
        return low, low + kept

    def shuffled(
        self, history: History, begin: np.ndarray, end: np.ndarray, rng: np.random.Generator
    ) -> History:
        """The history with a stretch of a share of users' tokens begin..end shuffled; one line per token.

        What is read and what is to be predicted change together, so nothing of the future is read.
        """
        if not self.reorder:
            return history
        length = end - begin
        part = np.floor(length * SHUFFLED_SHARE).astype(np.int64) * (rng.random(len(begin)) < self.reorder)
        start = begin + np.floor(rng.random(len(begin)) * (length - part + 1)).astype(np.int64)
        tokens = ranges(start, part)
        user = np.repeat(np.arange(len(part)), part)
        order = np.lexsort((rng.random(len(tokens)), user))
        lines = history.token_lines[tokens]
        items = history.items.copy()
        items[lines] = history.items[lines[order]]
        return replace(history, items=items)

    def applied(self, batch: Batch, rng: np.random.Generator) -> Batch:
        """Baskets hidden, items substituted and groups flipped in what is read."""
        if self.substitutes is not None:
            items = batch.line_items.numpy()
            other = self.substitutes[items, rng.integers(self.substitutes.shape[1], size=len(items))]
            items = np.where(rng.random(len(items)) < self.substitute, other, items)
            batch = replace(batch, line_items=torch.from_numpy(items))
        if self.mask:
            kept = rng.random(len(batch.token_starts)) >= self.mask
            batch = replace(batch, token_kept=torch.from_numpy(kept.astype(np.float32)))
        return batch if self.flipped is None else self.flipped.applied(batch, rng)


def augmentation_of(
    history: History, settings: TrainSettings, *, reorder: bool, flipped: Flip | None = None
) -> Augmentation:
    """What the settings ask for.

    Args:
        reorder: whether histories may be reordered (single-item baskets, and no counts that depend on the order).
    """
    single = len(history.items) == len(history.token_times)
    return Augmentation(
        crop=settings.crop,
        mask=settings.mask,
        reorder=settings.reorder if reorder and single else 0.0,
        substitute=settings.substitute,
        substitutes=_substitutes(history) if settings.substitute else None,
        flipped=flipped,
    )


def _substitutes(history: History) -> np.ndarray:
    """The items whose users are most like those of each item, by cosine, int64 (n_items, SUBSTITUTES)."""
    taken = count_pairs(history.owners, history.items, shape=(history.n_users, history.n_items))
    taken.data[:] = 1
    k, found, start = min(SUBSTITUTES, history.n_items), [], 0
    for like in item_cosines(taken):
        like[np.arange(len(like)), np.arange(start, start + len(like))] = -1  # not itself
        found.append(np.argpartition(-like, k - 1, axis=1)[:, :k])
        start += len(like)
    return np.concatenate(found)
