"""The fairness gate: rules on the numbers of an audit, judged by the ends of their intervals."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from core.data.dataset import load, users_with_numbers
from core.fairness.groups import CROSS, group_labels
from core.progress import Progress, quiet
from core.schema.documents import Dataset
from core.schema.rules import Rules
from core.schema.settings import AuditSettings, Split
from core.store.workspace import Workspace
from core.workflow.audits.whole import WholeAudit, audit_of_lists, audit_of_run
from core.workflow.rule_checks import asked_audit
from core.workflow.rule_judging import RuleOutcome, judge_rule
from core.workflow.runs import load_run


@dataclass(frozen=True)
class Gate:
    """The outcome of all rules.

    Attributes:
        run: None where the lists came in a file, whose name and hash are `recommendations` and `fingerprint`.
    """

    run: str | None
    dataset: str
    recommendations: str | None
    fingerprint: str | None
    split: Split
    outcomes: tuple[RuleOutcome, ...]

    @property
    def passed(self) -> bool:
        return all(outcome.passed for outcome in self.outcomes)


def gate_of_run(
    workspace: Workspace, run_id: str, rules: Rules, *, split: Split = "test", progress: Progress = quiet
) -> Gate:
    """Hold the audit of a run against rules.

    Raises:
        NotFound: no such run. SettingsError: a rule names a metric, statistic, grouping or group that there is not, or a
            setting of the audit is none.
    """
    dataset = load(workspace, load_run(workspace, run_id).dataset)
    settings = asked_audit(workspace, dataset, rules)
    found = audit_of_run(workspace, run_id, settings, split=split, progress=progress)
    outcomes = _outcomes(workspace, dataset, rules, settings, found)
    return Gate(run_id, dataset.id, None, None, split, outcomes)


def gate_of_lists(
    workspace: Workspace,
    dataset_id: str,
    path: Path,
    rules: Rules,
    *,
    split: Split = "test",
    progress: Progress = quiet,
) -> Gate:
    """Hold the audit of lists that another system made against rules; raises as `gate_of_run`, and as `audit_of_lists`."""
    dataset = load(workspace, dataset_id)
    settings = asked_audit(workspace, dataset, rules)
    found = audit_of_lists(workspace, dataset_id, path, settings, split=split, progress=progress)
    outcomes = _outcomes(workspace, dataset, rules, settings, found)
    with path.open("rb") as file:
        fingerprint = hashlib.file_digest(file, "sha256").hexdigest()
    return Gate(None, dataset.id, path.name, fingerprint, split, outcomes)


def _outcomes(
    workspace: Workspace,
    dataset: Dataset,
    rules: Rules,
    settings: AuditSettings,
    found: WholeAudit,
) -> tuple[RuleOutcome, ...]:
    users, sections = users_with_numbers(workspace, dataset), found.sections()
    names = {CROSS.join(by): group_labels(users, by, bins=settings.bins).names for by in settings.by}
    return tuple(judge_rule(rule, sections[rule.section], names) for rule in rules.rules)
