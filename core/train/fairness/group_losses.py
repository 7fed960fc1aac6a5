"""Objectives on the losses of groups: the worst, all by how bad they are, and how far they are apart.

Each is a function of the groups' mean losses over everybody. A batch holds few users of a small group, so the function
is taken at running means, and a group's gradient counts by its share of this batch over its share of all.
"""

import torch
from torch import Tensor, nn

from core.train.fairness.step import Step, at_running_mean

KEPT = 0.98  # of the running sums at each step: about the last 50 steps
STEP_SIZE = 0.01  # of the groups' weights in DRO, as Sagawa et al. have it


class _RunningLosses(nn.Module):
    """Running means of the groups' losses, (G,), and how often each group is seen."""

    def __init__(self, groups: int):
        super().__init__()
        self.register_buffer("sums", torch.zeros(groups))
        self.register_buffer("counts", torch.zeros(groups))

    def forward(self, step: Step) -> tuple[Tensor, Tensor]:
        """Losses (g,) of the groups seen so far, differentiable by this batch, and which those are, bool (G,)."""
        losses, counts = step.group_losses
        with torch.no_grad():
            self.sums.mul_(KEPT).add_(losses.float() * counts)
            self.counts.mul_(KEPT).add_(counts)
        seen = self.counts > 0
        means = self.sums[seen] / self.counts[seen]
        here = counts[seen] / counts.sum().clamp(min=1)
        usual = self.counts[seen] / self.counts.sum().clamp(min=1e-9)
        return at_running_mean(losses.float()[seen] * here / usual, means), seen


class GroupDRO(nn.Module):
    """sum_g q_g L_g, with q_g proportional to the product of exp(STEP_SIZE * L_g) over all steps so far.

    Sagawa, Koh, Hashimoto & Liang, Distributionally robust neural networks for group shifts, ICLR 2020, algorithm 1.
    """

    def __init__(self, groups: int):
        super().__init__()
        self.running = _RunningLosses(groups)
        self.register_buffer("log_weights", torch.zeros(groups))

    def forward(self, step: Step) -> Tensor:
        """The weighted loss; at least the mean over groups."""
        losses, seen = self.running(step)
        with torch.no_grad():
            self.log_weights[seen] += STEP_SIZE * losses
        return (self.log_weights[seen].softmax(dim=0) * losses).sum()


class WorstGroup(nn.Module):
    """max_g L_g, the loss of the group that is worst off (Rawls)."""

    def __init__(self, groups: int):
        super().__init__()
        self.running = _RunningLosses(groups)

    def forward(self, step: Step) -> Tensor:
        losses, seen = self.running(step)
        return losses.max() if seen.any() else losses.sum()


class LossGap(nn.Module):
    """Mean over pairs of groups of (L_a - L_b)^2. It can also fall because a group that is well off loses.

    Squared, for the slope of a plain difference is as steep where there is no gap, and then follows noise.
    """

    def __init__(self, groups: int):
        super().__init__()
        self.running = _RunningLosses(groups)

    def forward(self, step: Step) -> Tensor:
        losses, seen = self.running(step)
        pairs = torch.combinations(torch.arange(int(seen.sum()), device=losses.device), 2)
        apart = (losses[pairs[:, 0]] - losses[pairs[:, 1]]).square()
        return apart.mean() if len(apart) else losses.sum() * 0
