"""Accuracy against fairness for every re-ranker and its knob, measured on validation and kept."""

import hashlib
import json
import time
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np
import pandas as pd

from core import __version__
from core.data.dataset import load
from core.errors import InputError
from core.fairness.trade_offs import enough_draws
from core.progress import Progress, quiet
from core.schema.documents import FRONTIERS, Frontier, FrontierPoint, LeftOut, Run, now
from core.schema.policies import PolicySettings
from core.schema.settings import LONGEST_LIST, AuditSettings, Statistics, settings_from
from core.schema.tables import UNKNOWN
from core.store.trail import PROGRAM, record
from core.store.workspace import Workspace
from core.workflow.audits.shop import read_shop
from core.workflow.policies.grid import GridPoint, grid
from core.workflow.policies.knobs import KNOBS
from core.workflow.policies.levels import Way, levels, measures, named, way
from core.workflow.policies.steps import reranker
from core.workflow.policies.tuning import Tuner, open_tuner
from core.workflow.policies.yardsticks import NDCG, Yardsticks
from core.workflow.runs import load_run

AT_ONCE = 2**23  # numbers of one kind that are held in memory
# "Steps" of two points that are no single re-ranker: what all are held against, and the lists without a policy.
CURRENT, PLAIN = "current", "none"
QUICK_USERS = 5_000  # up to so many, a frontier is there in under a minute
# Settings that change nothing here.
UNUSED = ("reference", "tolerance", "tolerances", "price_tolerance", "scope")


def frontier(
    workspace: Workspace,
    run_id: str,
    settings: AuditSettings,
    against: PolicySettings | None = None,
    *,
    who: str = PROGRAM,
    progress: Progress = quiet,
) -> Frontier:
    """Measure every point of the grid on validation, unless that has been done.

    Points that these data do not allow are left out and counted. The table is written first, its document last.

    Args:
        settings: of one grouping of users. against: what every point is compared with, user by user; None: the lists as
            the model made them.
        who: asked for it, for the audit trail.

    Raises:
        NotFound: no such run or attribute, or a run without validation lists. SettingsError: the items cannot be grouped.
        InputError: too few users, or lists without scores. Cancelled: `progress` said so.
    """
    start = time.monotonic()
    run = load_run(workspace, run_id)
    progress("Reading", 0.0, run.name)
    tuner = open_tuner(workspace, run, read_shop(workspace, load(workspace, run.dataset)), k=settings.k)
    settings = settled(settings, tuner.ground.item_groups(settings.items_by).attribute)
    against = of_length(against, settings.k)
    known = find_frontier(workspace, run, settings, against)
    if known is not None:
        return known
    by = tuner.yardsticks(settings)
    points, table, left_out = _measured(tuner, by, against, progress)
    id = _id(run, settings, against)
    artefact = workspace.artefacts.write_table(f"frontiers/{id}.parquet", table)
    found = Frontier(
        _id=id,
        run=run.id,
        dataset=run.dataset,
        created_at=now(),
        settings=settings.model_dump(mode="json"),
        against=against.model_dump(mode="json"),
        target=by.target.name,
        measures=list(measures(by)),
        points=points,
        left_out=left_out,
        users=len(by.listed),
        buyers=int((np.diff(by.wanted.offsets) > 0).sum()),
        seconds=time.monotonic() - start,
        table=artefact,
    )
    workspace.documents.put(FRONTIERS, found.dump())
    about = {"dataset": run.dataset, "run": run.id, "frontier": found.id}
    record(workspace, "compared", who=who, about=about)
    return found


def first_frontier(
    workspace: Workspace, run: Run, *, who: str = PROGRAM, progress: Progress = quiet
) -> Frontier | None:
    """That of the first view of a run: its first protected attribute and the first groups of items.

    None where there is no such view, or where it takes minutes: then somebody has to ask for it.
    """
    dataset = load(workspace, run.dataset)
    if not dataset.protected or dataset.counts["users"] > QUICK_USERS:
        return None
    settings = AuditSettings(by=((dataset.protected[0],),))
    return frontier(workspace, run.id, settings, who=who, progress=progress)


def find_frontier(
    workspace: Workspace, run: Run, settings: AuditSettings, against: PolicySettings | None = None
) -> Frontier | None:
    """The one that has been computed, if there is one.

    Args:
        settings: with `items_by`.
    """
    asked = settled(settings, settings.items_by)
    document = workspace.documents.get(FRONTIERS, _id(run, asked, of_length(against, settings.k)))
    return None if document is None else Frontier.model_validate(document)


def settled(settings: AuditSettings, items_by: str | None) -> AuditSettings:
    """The settings with the groups of items named, and without what does not matter here."""
    standard = AuditSettings(by=settings.by)
    unused = {name: getattr(standard, name) for name in UNUSED}
    return settings.model_copy(update=unused | {"items_by": items_by})


def of_length(policy: PolicySettings | None, k: int) -> PolicySettings:
    """The policy for lists of k, which need as many candidates; None: no steps."""
    if policy is None:
        return PolicySettings(k=k)
    return policy.model_copy(update={"k": k, "width": max(policy.width, k)})


def resolved(policy: PolicySettings) -> tuple[list[tuple[str, dict[str, Any]]], int]:
    """Its steps with all their settings, and its width, so that two ways to write a policy are the same.

    Without steps lists are the first of the candidates, however many there are.

    Raises:
        SettingsError: a step or a setting that there is not.
    """
    steps = [
        (one.step, settings_from(reranker(one.step).settings, one.settings).model_dump(mode="json"))
        for one in policy.steps
    ]
    return steps, policy.width if steps else LONGEST_LIST


def _id(run: Run, settings: AuditSettings, against: PolicySettings) -> str:
    """The same for the same question, whoever asks."""
    described = [run.id, run.created_at, settings.model_dump(mode="json"), resolved(against)]
    described += [{name: str(knob) for name, knob in KNOBS.items()}, __version__]
    return f"frontier-{hashlib.sha256(json.dumps(described).encode()).hexdigest()[:16]}"


def _measured(
    tuner: Tuner, by: Yardsticks, against: PolicySettings, progress: Progress
) -> tuple[list[FrontierPoint], pd.DataFrame, list[LeftOut]]:
    """The points, rows `point`, `measure` and the fields of `Levels`, and what could not be tried."""
    k = by.settings.k
    reference = way(by, tuner.applied(against).candidates.lists(k))
    tried = grid(_known(tuner, by, reference), k=k)
    if against.steps:
        tried = (GridPoint(PLAIN, None, PolicySettings(k=k)), *tried)
    settings = enough_draws(2 * len(tried), by.settings)
    points, lacking = [_point(GridPoint(CURRENT, None, against))], Counter()
    parts = [levels(by, [reference], settings)]
    for batch in _batches(_ways(tuner, by, tried, lacking, progress), _most(by, settings)):
        told = levels(by, [reference, *(one for _, one in batch)], settings)
        told = told[told["way"] > 0]
        parts.append(told.assign(way=told["way"] + len(points) - 1))
        points += [_point(point) for point, _ in batch]
    table = pd.concat(parts, ignore_index=True).rename(columns={"way": "point"})
    left_out = [LeftOut(step=step, reason=reason, points=n) for (step, reason), n in lacking.items()]
    return points, table, left_out


def _known(tuner: Tuner, by: Yardsticks, reference: Way) -> dict[str, Any]:
    """What re-rankers are told: how people and products are grouped, and who is worst off as things stand."""
    settings, lacks = by.settings, by.target.shares - reference.attention.mean(axis=0)
    worst = by.item_groups.names[int(np.where(named(by), lacks, -np.inf).argmax())]
    attribute = settings.by[0][0]  # a re-ranker takes one, also where two are crossed
    return {
        "items_by": settings.items_by,
        "target": settings.target,
        "purchase_weight": settings.purchase_weight,
        "protected": worst,
        "item_group": worst,
        "by": attribute,
        "bins": settings.bins,
        "user_group": _worst_served(tuner, by, reference, attribute),
    }


def _worst_served(tuner: Tuner, by: Yardsticks, reference: Way, attribute: str) -> str:
    """The group of users with the lowest mean NDCG of those that may be told apart, not Unknown; empty without any."""
    users = tuner.ground.user_groups(attribute, by.settings.bins)
    ndcg = pd.Series(reference.of_lists[f"{NDCG}@{by.settings.k}"])
    told = ndcg.groupby(users.codes[by.listed]).agg(["mean", "count"])
    enough = told[(told["count"] >= by.settings.minimum_group) & (told.index < len(users.names))]
    means = {users.names[code]: mean for code, mean in enough["mean"].items() if users.names[code] != UNKNOWN}
    return min(means, key=means.get, default="")


def _ways(
    tuner: Tuner,
    by: Yardsticks,
    tried: tuple[GridPoint, ...],
    lacking: "Counter[tuple[str, str]]",
    progress: Progress,
) -> Iterator[tuple[GridPoint, Way]]:
    """What each point makes; those that cannot be are counted in `lacking`."""
    for number, point in enumerate(tried):
        progress("Trying policies", (number + 1) / (len(tried) + 2), f"{number + 1} of {len(tried)}")
        try:
            items = tuner.applied(point.policy).candidates.lists(by.settings.k)
        except InputError as error:
            lacking[point.step, str(error)] += 1
            continue
        yield point, way(by, items)


def _batches(ways: Iterator[tuple[GridPoint, Way]], most: int) -> Iterator[list[tuple[GridPoint, Way]]]:
    while batch := list(islice(ways, most)):
        yield batch


def _most(by: Yardsticks, settings: Statistics) -> int:
    """How many points are judged at once: more would need too much memory, fewer draw users more often."""
    groups = len(by.item_groups.names)
    of_users, of_draws = len(by.listed) * (groups + 4), settings.draws * max(groups, by.part.n_strata)
    return max(AT_ONCE // max(of_users, of_draws), 1)


def _point(point: GridPoint) -> FrontierPoint:
    knob = KNOBS[point.step].field if point.step in KNOBS else None
    policy = point.policy.model_dump(mode="json")
    return FrontierPoint(step=point.step, knob=knob, position=point.position, policy=policy)
