"""A run, its data, its audit and its policy, gathered into one report."""

from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import version

import pandas as pd

from core import __version__
from core.data.dataset import load
from core.errors import InputError, NotFound
from core.fairness.answers import answer
from core.fairness.audit import AuditResult
from core.fairness.rows import records
from core.figures.about_frontier import answer as frontier_answer
from core.figures.about_policy import policy_words
from core.figures.sentences import metric_name, plural, verdict_sentence
from core.figures.text import unmarked
from core.progress import Progress, part_of, quiet
from core.report import contents
from core.report.cards import data_card, model_card
from core.report.words import limits, methods, question_summary, reproduction
from core.schema.documents import Dataset, Run, now
from core.schema.documents import Policy as SavedPolicy
from core.schema.policies import PolicySettings
from core.schema.settings import AuditSettings, Split
from core.store.trail import PROGRAM
from core.store.workspace import Workspace
from core.workflow.auditing import audit_run
from core.workflow.audits.shop import read_shop
from core.workflow.audits.whole import WholeAudit, audit_of_run
from core.workflow.policies.confirmation import confirmations
from core.workflow.policies.frontier import QUICK_USERS, find_frontier, frontier, of_length, resolved
from core.workflow.policies.frontier_report import record
from core.workflow.policies.ground import item_dimensions
from core.workflow.policies.saved import load_policy, settings_of
from core.workflow.policies.serving import servings
from core.workflow.policies.signing import decisions
from core.workflow.policies.standing import disparities, points_table, standing
from core.workflow.policies.trade_off import trade_off
from core.workflow.runs import load_run

RESTS_ON = ("numpy", "pandas", "scipy", "torch", "pyfixest")
USERS = "How well each group is recommended to"


@dataclass(frozen=True)
class Chosen:
    """A policy: what it does, and the saved one that it is, if it was saved."""

    settings: PolicySettings
    saved: SavedPolicy | None = None


def served_policy(workspace: Workspace, run: Run) -> Chosen | None:
    """The policy that the shop is served by now, where it is of this run's lists."""
    present = next(iter(servings(workspace, run.dataset, limit=1)), None)
    if present is None:
        return None
    saved = load_policy(workspace, present.policy)
    return Chosen(settings_of(saved), saved) if saved.run == run.id else None


def gather(
    workspace: Workspace,
    run_id: str,
    settings: AuditSettings,
    *,
    split: Split = "test",
    policy: Chosen | None = None,
    who: str = PROGRAM,
    progress: Progress = quiet,
) -> contents.Report:
    """Audit a run, or its lists as a policy makes them, and put everything together that a reader needs.

    Args:
        who: asked for it, for the audit trail.

    Raises:
        NotFound: no such run, attribute or group. SettingsError: a step of the policy that there is not.
    """
    run = load_run(workspace, run_id)
    dataset = load(workspace, run.dataset)
    found = audit_of_run(
        workspace,
        run_id,
        settings,
        split=split,
        policy=None if policy is None else policy.settings,
        progress=part_of(progress, 0.0, 0.7),
    )
    progress("Trade-off", 0.7)
    weighed = None if run.brought else _trade_off(workspace, run, dataset, settings, who, progress)
    progress("Cards", 0.95)
    data = data_card(workspace, dataset, settings)
    return contents.Report(
        made_at=now(),
        made_with={"evenhand": __version__} | {name: version(name) for name in RESTS_ON},
        split=split,
        settings=settings.model_dump(mode="json"),
        answer=_answer(found.users, settings),
        methods=methods(settings, split),
        limits=limits(run, dataset),
        data=data,
        model=model_card(workspace, run, dataset),
        questions=_questions(found),
        unanswered=found.absent,
        before=None if policy is None else _before(workspace, run, settings, split),
        policy=None if policy is None else _policy(workspace, run, policy, settings.k),
        trade_off=weighed,
        reproduce=reproduction(run, dataset, settings, split, None if policy is None else policy.saved),
    )


def _answer(found: AuditResult, settings: AuditSettings) -> list[str]:
    """How recommendations came out, and of each grouping the first metric."""
    metric = found.metrics[0]
    gaps = found.rows[(found.rows["statistic"] == "gap") & (found.rows["metric"] == f"{metric}_gap")]
    sentences = [
        verdict_sentence(gaps[gaps["attribute"] == attribute], by=by, metric=metric_name(metric))
        for attribute, by in zip(found.attributes, settings.by, strict=True)
    ]
    return [answer(found).summary, *map(unmarked, sentences)]


def _questions(found: WholeAudit) -> list[contents.Question]:
    users = found.users
    first = _question(USERS, users.rows, tests=users.tests, users=users.users, notes=users.notes)
    return [
        first,
        *(
            _question(title, part.rows, tests=part.tests, users=part.users, notes=part.notes)
            for title, part in found.parts.items()
        ),
    ]


def _question(
    title: str, rows: pd.DataFrame, *, tests: int, users: int, notes: Iterable[str]
) -> contents.Question:
    return contents.Question(
        title=title,
        summary=question_summary(rows, tests=tests, users=users),
        tests=tests,
        users=users,
        notes=list(notes),
        rows=[contents.Row(**row) for row in records(rows)],
    )


def _before(workspace: Workspace, run: Run, settings: AuditSettings, split: Split) -> contents.Question:
    """The first question for the lists as the model made them; of the whole shop, whatever the scope of the rest."""
    users = audit_run(workspace, run.id, settings, split=split)
    title = "The same, before the policy"
    return _question(title, users.rows, tests=users.tests, users=users.users, notes=users.notes)


def _policy(workspace: Workspace, run: Run, chosen: Chosen, k: int) -> contents.Policy:
    saved, settings = chosen.saved, chosen.settings.model_copy(update={"k": k})
    served = servings(workspace, run.dataset, limit=1)
    measured = None if run.brought else trade_off(workspace, run.id, of_length(settings, k)).record()
    return contents.Policy(
        reference=saved and saved.reference,
        id=saved and saved.id,
        aim=saved and saved.aim,
        author=saved and saved.author,
        note=saved and saved.note,
        served=bool(saved and served and served[0].policy == saved.id and saved.run == run.id),
        steps=unmarked(policy_words(settings)),
        settings=settings.model_dump(mode="json"),
        decisions=[
            contents.Signed(**one.model_dump(include=set(contents.Signed.model_fields)))
            for one in reversed(decisions(workspace, saved.id) if saved else [])
        ],
        trade_off=measured,
        confirmations=_confirmed(workspace, run, settings),
    )


def _confirmed(workspace: Workspace, run: Run, settings: PolicySettings) -> list[dict]:
    """Each time that this policy was held against the test split."""
    asked = resolved(settings)
    return [
        one.model_dump(mode="json", include={"number", "created_at", "settings", "rows"})
        for one in reversed(confirmations(workspace, run.id))
        if resolved(PolicySettings.model_validate(one.policy)) == asked
    ]


def _trade_off(
    workspace: Workspace, run: Run, dataset: Dataset, settings: AuditSettings, who: str, progress: Progress
) -> contents.TradeOff | None:
    """The frontier of the first grouping; of a large shop only where it has been computed, since that takes minutes."""
    asked = settings.model_copy(update={"by": settings.by[:1]})
    try:
        if dataset.counts["users"] <= QUICK_USERS:
            found = frontier(workspace, run.id, asked, who=who, progress=part_of(progress, 0.7, 0.95))
        else:
            items_by = asked.items_by or item_dimensions(read_shop(workspace, dataset))[0]
            found = find_frontier(workspace, run, asked.model_copy(update={"items_by": items_by}))
    except NotFound:
        raise
    except InputError:  # lists without scores, too few users
        return None
    if found is None:
        return None
    table = points_table(workspace, found)
    sentences = [
        unmarked(frontier_answer(standing(found, table, measure), measure=measure, k=settings.k))
        for measure in disparities(found)
    ]
    return contents.TradeOff(sentences=sentences, frontier=record(found, table))


def headline(report: contents.Report) -> str:
    """How many comparisons of all questions came out how, in one sentence."""
    verdicts = [
        row.verdict for question in report.questions for row in question.rows if row.statistic == "gap"
    ]
    unequal, equal, open_ = (
        verdicts.count(word) for word in ("unequal", "equal_within_tolerance", "not_enough_data")
    )
    return (
        f"{plural(unequal, 'gap is', 'gaps are')} unequal, {equal:,} equal within tolerance, and for {open_:,} there is "
        "not enough data."
    )
