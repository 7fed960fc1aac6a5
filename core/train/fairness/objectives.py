"""All fairness objectives by name, those that a run has on, and what they keep from step to step."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from core.data.fair_groups import FairGroups
from core.models.recommender import Answer, AttentionRecommender
from core.schema.settings import TrainSettings
from core.train.examples import Example
from core.train.fairness.adversary import Adversary
from core.train.fairness.exposure import DiversityLoss, ExposureLoss
from core.train.fairness.group_losses import GroupDRO, LossGap, WorstGroup
from core.train.fairness.mindiff import MinDiff
from core.train.fairness.step import Groups, Step

FAIR_WEIGHTS = {  # objective -> the setting that holds its weight
    "adversary": "adversary_weight",
    "group dro": "group_dro_weight",
    "worst group": "worst_group_weight",
    "loss gap": "loss_gap_weight",
    "mindiff": "mindiff_weight",
    "exposure": "exposure_weight",
    "diversity": "diversity_weight",
}
_MAKE: dict[str, Callable[[Groups, int], nn.Module]] = {  # each maps a Step to its loss
    "adversary": lambda groups, width: Adversary(groups.n, width=width),
    "group dro": lambda groups, width: GroupDRO(groups.n),
    "worst group": lambda groups, width: WorstGroup(groups.n),
    "loss gap": lambda groups, width: LossGap(groups.n),
    "mindiff": lambda groups, width: MinDiff(groups.n),
    "exposure": lambda groups, width: ExposureLoss(_highest(groups.items) + 1),
    "diversity": lambda groups, width: DiversityLoss(_highest(groups.categories) + 1),
}


class Fairness(nn.Module):
    """The objectives that are on. What they keep is in checkpoints beside the model, and no part of a run."""

    def __init__(self, groups: FairGroups, settings: TrainSettings, *, known: Tensor):
        """`known`: bool (n_items,), the items that training knows."""
        super().__init__()
        self.groups = _tensors(groups, known)
        on = [name for name, weight in FAIR_WEIGHTS.items() if getattr(settings, weight)]
        self.names = tuple(on)
        self.objectives = nn.ModuleList(_MAKE[name](self.groups, settings.width) for name in on)

    def losses(
        self, model: AttentionRecommender, answer: Answer, example: Example, rng: np.random.Generator
    ) -> dict[str, Tensor]:
        """The loss of each objective, not weighted, by name; in single precision, whatever the model is trained in."""
        step = Step(model, answer, example, self.groups, rng)
        with torch.autocast(answer.states.device.type, enabled=False):
            return {
                name: objective(step) for name, objective in zip(self.names, self.objectives, strict=True)
            }


def _tensors(groups: FairGroups, known: Tensor) -> Groups:
    users, items, categories = (
        None if codes is None else torch.from_numpy(codes).to(known.device)
        for codes in (groups.users, groups.items, groups.categories)
    )
    shares = None
    if items is not None:
        counts = torch.bincount(items[known], minlength=_highest(items) + 1).float()
        counts[0] = 0
        shares = counts / counts.sum().clamp(min=1)
    return Groups(users, 0 if users is None else _highest(users), items, categories, shares)


def _highest(codes: Tensor) -> int:
    return int(codes.max()) if len(codes) else 0
