"""Alerts of broken rules, and who has seen them. Neither is ever changed or removed."""

import hashlib
from dataclasses import dataclass

from core.errors import DuplicateId, NotFound
from core.schema.alerts import ACKNOWLEDGEMENTS, ALERTS, Acknowledgement, Alert
from core.schema.documents import ID_PATTERN, new_id, now
from core.schema.settings import settings_from
from core.store.trail import record
from core.store.workspace import Workspace
from core.workflow.gate import Gate
from core.workflow.gate_report import limits_in_words, number_in_words
from core.workflow.policies.signing import Reason
from core.workflow.rule_judging import BROKEN, RuleOutcome


@dataclass(frozen=True)
class Alerted:
    """An alert with those who acknowledged it, in order of time."""

    alert: Alert
    acknowledged: tuple[Acknowledgement, ...]


def raise_alerts(workspace: Workspace, gate: Gate) -> list[Alert]:
    """An alert for each broken rule; one that is there already, of the same rule and lists, stays as it is."""
    return [_kept(workspace, gate, outcome) for outcome in gate.outcomes if outcome.outcome == BROKEN]


def _kept(workspace: Workspace, gate: Gate, outcome: RuleOutcome) -> Alert:
    rule = outcome.rule
    about = " ".join([gate.run or f"{gate.dataset} {gate.fingerprint}", gate.split, rule.name])
    alert = Alert(
        _id=f"alert-{hashlib.sha256(about.encode()).hexdigest()[:20]}",
        rule=rule.name,
        owner=rule.owner,
        run=gate.run,
        dataset=gate.dataset,
        recommendations=gate.recommendations,
        split=gate.split,
        number=number_in_words(rule),
        limits=limits_in_words(rule),
        found=[finding for finding in outcome.found if finding.outcome == BROKEN],
        at=now(),
    )
    try:
        workspace.documents.insert(ALERTS, alert.dump())
        return alert
    except DuplicateId:
        return _load(workspace, alert.id)


def acknowledge(workspace: Workspace, alert_id: str, *, author: str, comment: str) -> Acknowledgement:
    """Say that somebody has seen an alert, and what is done about it.

    Raises:
        NotFound: no such alert. SettingsError: nobody signs, or nothing is said.
    """
    reason = settings_from(Reason, {"author": author, "comment": comment})
    alert = _load(workspace, alert_id)
    made = Acknowledgement(_id=new_id("acknowledgement"), alert=alert.id, at=now(), **reason.model_dump())
    workspace.documents.insert(ACKNOWLEDGEMENTS, made.dump())
    about = {"dataset": alert.dataset, "alert": alert.id, "acknowledgement": made.id}
    record(workspace, "acknowledged", who=made.author, about=about, details={"name": alert.rule}, left=made)
    return made


def alerts(workspace: Workspace) -> list[Alerted]:
    """All alerts, newest first."""
    seen: dict[str, list[Acknowledgement]] = {}
    for document in workspace.documents.find(ACKNOWLEDGEMENTS, sort="at"):
        made = Acknowledgement.model_validate(document)
        seen.setdefault(made.alert, []).append(made)
    found = workspace.documents.find(ALERTS, sort="at", descending=True)
    told = [Alert.model_validate(document) for document in found]
    return [Alerted(alert, tuple(seen.get(alert.id, ()))) for alert in told]


def _load(workspace: Workspace, alert_id: str) -> Alert:
    document = workspace.documents.get(ALERTS, alert_id) if ID_PATTERN.fullmatch(alert_id) else None
    if document is None:
        raise NotFound(f"There is no alert '{alert_id[:80]}'; the command alerts lists those there are.")
    return Alert.model_validate(document)
