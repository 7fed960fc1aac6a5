"""Counterfactual augmentation: what if the same user, with the same past, belonged to another group?

Only what the model reads of the group itself is changed. Rewriting the history with what the other group takes
instead would need to know how a user of the other group would have lived; correlated substitutes answer with a
stereotype, and what really followed would no longer follow from what is read.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from core.data.fair_groups import FairGroups
from core.errors import SettingsError
from core.models.batch import Batch
from core.schema.settings import TrainSettings


@dataclass(frozen=True)
class Flip:
    """Counterfactual data augmentation (Lu et al., Gender bias in neural natural language processing, 2018) on an
    attribute that the model reads: targets stay, so the model learns that they do not follow from it.

    Attributes:
        share: of users read with another group. column: place of the attribute. codes: of the groups there are.
    """

    share: float
    column: int
    codes: np.ndarray

    def applied(self, batch: Batch, rng: np.random.Generator) -> Batch:
        """Some users of known groups with another one, drawn evenly among the others."""
        attributes = batch.user_attributes.numpy().copy()
        own = attributes[:, self.column]
        place = np.searchsorted(self.codes, own)
        known = np.isin(own, self.codes)
        step = rng.integers(1, len(self.codes), size=len(own))
        chosen = known & (rng.random(len(own)) < self.share)
        attributes[chosen, self.column] = self.codes[(place + step)[chosen] % len(self.codes)]
        return replace(batch, user_attributes=torch.from_numpy(attributes))


def flip_of(groups: FairGroups | None, attributes: Sequence[str], settings: TrainSettings) -> Flip | None:
    """What the settings ask for.

    Raises:
        SettingsError: the model does not read the attribute.
    """
    if not settings.counterfactual:
        return None
    if groups is None or groups.attribute not in attributes:
        raise SettingsError("counterfactual: the model does not read fair_attribute. Set protected_inputs.")
    codes = np.unique(groups.users[groups.users > 0])
    return Flip(settings.counterfactual, list(attributes).index(groups.attribute), codes)
