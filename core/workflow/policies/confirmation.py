"""A policy chosen on validation, held once against another one on the test split: logged, and counted."""

import hashlib
from typing import Any

import numpy as np

from core.errors import DuplicateId
from core.schema.documents import CONFIRMATIONS, Confirmation, Run, now
from core.schema.policies import PolicySettings
from core.schema.settings import AuditSettings
from core.store.trail import PAGE, record
from core.store.workspace import Workspace
from core.workflow.audits.shop import Shop
from core.workflow.policies.frontier import of_length, settled
from core.workflow.policies.levels import levels, way
from core.workflow.policies.tuning import open_tuner


def confirm(
    workspace: Workspace,
    run: Run,
    shop: Shop,
    policy: PolicySettings,
    settings: AuditSettings,
    against: PolicySettings | None = None,
    *,
    who: str = PAGE,
) -> Confirmation:
    """Measure both on test, and keep what was found before anybody sees it.

    The numbers of one run's confirmations rise by one each time, whichever process asks. P-values are those of single
    tests: a confirmation is one question. Whoever chooses by several of them chooses on test.

    Args:
        settings: as of the frontier. against: None: the lists as the model made them. who: pressed, for the audit trail.

    Raises:
        NotFound, SettingsError, InputError: as the policy's steps do; then nothing was looked at, and nothing counts.
    """
    k = settings.k
    tuner = open_tuner(workspace, run, shop, k=k, split="test")
    settings = settled(settings, tuner.ground.item_groups(settings.items_by).attribute)
    by = tuner.yardsticks(settings)
    policy, against = of_length(policy, k), of_length(against, k)
    ways = [way(by, tuner.applied(one).candidates.lists(k)) for one in (against, policy)]
    told = levels(by, ways, settings)
    rows = told[told["way"] == 1].drop(columns="way").replace({np.nan: None}).to_dict("records")
    described = {
        "run": run.id,
        "created_at": now(),
        "policy": policy.model_dump(mode="json"),
        "against": against.model_dump(mode="json"),
        "settings": settings.model_dump(mode="json"),
        "rows": rows,
    }
    found = log(workspace, described)
    about = {"dataset": run.dataset, "run": run.id, "confirmation": found.id}
    record(workspace, "confirmed", who=who, about=about, details={"number": found.number}, left=found)
    return found


def log(workspace: Workspace, described: dict[str, Any]) -> Confirmation:
    """Keep what a confirmation found under the next number that is free.

    Args:
        described: fields of `Confirmation` but its number.
    """
    run = described["run"]
    number = workspace.documents.count(CONFIRMATIONS, field="run", value=run) + 1
    while True:
        id = f"confirmation-{hashlib.sha256(run.encode()).hexdigest()[:16]}-{number}"
        found = Confirmation(_id=id, number=number, **described)
        try:
            workspace.documents.insert(CONFIRMATIONS, found.dump())
            return found
        except DuplicateId:  # another one was quicker
            number += 1


def confirmations(workspace: Workspace, run_id: str) -> list[Confirmation]:
    """All of a run, the last one first."""
    found = workspace.documents.find(CONFIRMATIONS, field="run", value=run_id, sort="number", descending=True)
    return [Confirmation.model_validate(document) for document in found]
