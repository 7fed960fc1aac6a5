"""A run opened for tuning: everything that a moved knob needs is in memory, and nothing of it knows the test window."""

from dataclasses import dataclass

import numpy as np

from core.data.inputs import Positives
from core.recommend.rerank.batch import Candidates
from core.schema.documents import Run
from core.schema.policies import PolicySettings
from core.schema.settings import AuditSettings, Split
from core.store.workspace import Workspace
from core.workflow.auditing import positives_of
from core.workflow.audits.shop import Shop
from core.workflow.policies.ground import Ground
from core.workflow.policies.rerank import Applied, apply, batch_of_run, ground_of_run
from core.workflow.policies.yardsticks import Measured, Yardsticks, measure, yardsticks


@dataclass(frozen=True)
class Tuner:
    """Candidates of a run for a split, the shop before it, and what users took in it."""

    candidates: Candidates
    ground: Ground
    wanted: Positives

    @property
    def listed(self) -> np.ndarray:
        """(U,) codes of the users with candidates."""
        return np.flatnonzero(self.candidates.filled[:, 0])

    def yardsticks(self, settings: AuditSettings) -> Yardsticks:
        """What lists are measured by; `settings` name one grouping of users."""
        return yardsticks(self.ground, self.wanted, self.listed, settings)

    def applied(self, policy: PolicySettings) -> Applied:
        """The candidates before the policy and after each of its steps."""
        return apply(self.candidates, self.ground, policy)

    def measured(self, by: Yardsticks, policy: PolicySettings) -> Measured:
        """The lists that the policy makes, by all yardsticks."""
        return measure(by, self.applied(policy).candidates.lists(self.ground.k))


def open_tuner(workspace: Workspace, run: Run, shop: Shop, *, k: int, split: Split = "validation") -> Tuner:
    """Read what tuning needs; policies are chosen on validation and confirmed once on test.

    Raises:
        InputError: lists without scores cannot be re-ranked.
    """
    return Tuner(
        batch_of_run(workspace, run, shop.dataset, split=split),
        ground_of_run(workspace, run, shop, split=split, k=k),
        positives_of(workspace, shop.dataset, split),
    )
