"""The one objective of training: a weighted sum of what the shared vectors have to be good for."""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from core.data.inputs import Ratings
from core.models.batch import collate
from core.models.history import History
from core.models.product import Products
from core.models.recommender import Answer, AttentionRecommender
from core.schema.settings import TrainSettings
from core.train.examples import Example
from core.train.fairness.objectives import FAIR_WEIGHTS, Fairness
from core.train.reactions import ReactionExamples
from core.train.softmax import softmax_loss

RATINGS_PER_USER = 4  # drawn with each user of a batch
NEXT_ITEM, RECONSTRUCTION, RATING, INTENT = "next item", "reconstruction", "rating", "intent"
REACTIONS = "reactions"
WEIGHTS = {  # objective -> the setting that holds its weight
    NEXT_ITEM: "next_item_weight",
    RECONSTRUCTION: "reconstruction_weight",
    RATING: "rating_weight",
    INTENT: "intent_weight",
    REACTIONS: "reactions_weight",
} | FAIR_WEIGHTS


@dataclass(frozen=True)
class RatingExamples:
    """Ratings drawn for each batch, as standard deviations from their mean; None-able where there are none.

    Attributes:
        rated: those of the training window; mean, spread: of their values.
        user_weights: float32 (n_users,), what a user's ratings count for; None where all count the same.
    """

    history: History
    rated: Ratings
    length: int
    mean: float
    spread: float
    user_weights: np.ndarray | None = None

    def loss(
        self, model: AttentionRecommender, products: Products, n: int, rng: np.random.Generator
    ) -> Tensor:
        """Mean squared error of n ratings, each predicted from what was known when it was given."""
        row = rng.integers(len(self.rated.users), size=n)
        row = row[np.argsort(self.rated.users[row], kind="stable")]
        moments = self.history.known(self.rated.users[row], self.rated.times[row])
        device = products.vectors.device
        batch = collate(self.history, moments, length=self.length, past="nothing").to(device)
        users = model.users(batch, products)
        items = products.vectors[torch.from_numpy(self.rated.items[row]).to(device)]
        wanted = torch.from_numpy((self.rated.values[row] - self.mean) / self.spread).to(device)
        found = model.rating(users, items).float()
        if self.user_weights is None:
            return F.mse_loss(found, wanted.float())
        weights = torch.from_numpy(self.user_weights[self.rated.users[row]]).to(device)
        return _weighted_mean((found - wanted.float()).square(), weights)


def rating_examples(
    history: History,
    rated: Ratings | None,
    settings: TrainSettings,
    *,
    user_weights: np.ndarray | None = None,
) -> RatingExamples | None:
    """The ratings that training may draw; None where there are none, or they are not asked for."""
    if rated is None or not len(rated.users) or not settings.rating_weight:
        return None
    spread = float(rated.values.std())
    mean = float(rated.values.mean())
    spread = spread if spread > 0 else 1.0
    return RatingExamples(history, rated, settings.history_length, mean, spread, user_weights)


def losses(
    model: AttentionRecommender,
    example: Example,
    ratings: RatingExamples | None,
    *,
    rng: np.random.Generator,
    reactions: ReactionExamples | None = None,
    fairness: Fairness | None = None,
) -> dict[str, Tensor]:
    """The loss of every objective that these data can serve and that is on, not weighted, by name."""
    answer = model(example.batch)
    found = {NEXT_ITEM: _next_item(answer, example, rng)}
    if example.told is not None:
        decoded = model.behaviour.decode(answer.users[example.told.moments])
        found[RECONSTRUCTION] = softmax_loss(decoded, answer.products, example.told.targets, rng=rng)
    if example.buys is not None:
        found[INTENT] = _intent(model, answer, example)
    if ratings is not None:
        found[RATING] = ratings.loss(model, answer.products, RATINGS_PER_USER * example.batch.users, rng)
    if reactions is not None:
        found[REACTIONS] = reactions.loss(model, answer.products, example.batch.users, rng)
    if fairness is not None:
        found |= fairness.losses(model, answer, example, rng)
    return found


def total(found: dict[str, Tensor], settings: TrainSettings) -> Tensor:
    """The weighted sum."""
    return sum(getattr(settings, WEIGHTS[name]) * loss for name, loss in found.items())


def _next_item(answer: Answer, example: Example, rng: np.random.Generator) -> Tensor:
    return softmax_loss(
        answer.states,
        answer.products,
        example.targets,
        rng=rng,
        seen=example.batch.seen,
        repeats=answer.repeats,
    )


def _intent(model: AttentionRecommender, answer: Answer, example: Example) -> Tensor:
    """Cross-entropy over the moments whose outcome is known; 0 where none is."""
    logits, buys = model.intent(answer.states, answer.users).float(), example.buys
    known = buys.isfinite()
    if not known.any():
        return logits.sum() * 0
    if example.weights is None:
        return F.binary_cross_entropy_with_logits(logits[known], buys[known])
    each = F.binary_cross_entropy_with_logits(logits[known], buys[known], reduction="none")
    return _weighted_mean(each, example.weights[known])


def _weighted_mean(values: Tensor, weights: Tensor) -> Tensor:
    """0 where all weights are."""
    return (values * weights).sum() / weights.sum().clamp(min=1e-9)
