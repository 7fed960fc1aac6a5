"""Publishing a policy: everybody's lists into the document store and a table, switched to at once; and switching back.

What a shop reads changes in one write, the last one (`serving.py`). Killed before it, the former lists are served on, and a
later publication sweeps what was written; killed after it, the new ones are.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from core.data.dataset import load
from core.errors import InputError, NotFound, SettingsError, StoreError
from core.progress import Progress, part_of, quiet
from core.schema.documents import PUBLICATIONS, Policy, Publication, Serving, new_id, now
from core.schema.settings import Moment
from core.schema.tables import USER_ID
from core.store.trail import read, record
from core.store.workspace import Workspace
from core.workflow.policies.compared import require_comparison
from core.workflow.policies.dismissals import dismissed_by_now
from core.workflow.policies.governance import governance
from core.workflow.policies.published_lists import (
    STORED,
    WRITING,
    ListsSwept,
    publications,
    sweep,
    write_rows,
)
from core.workflow.policies.rerank import rerank
from core.workflow.policies.saved import load_policy, settings_of, signed
from core.workflow.policies.serving import Asked, serve, servings
from core.workflow.policies.signing import require_approval
from core.workflow.recommending import with_own_ids
from core.workflow.runs import load_run

MAKING = 0.5  # of the time: the lists themselves


@dataclass(frozen=True)
class Switched:
    """What is served now. Attributes: notes: of the policy's steps, and of what could not be tidied up."""

    serving: Serving
    publication: Publication
    notes: tuple[str, ...] = ()


def publish(
    workspace: Workspace,
    policy_id: str,
    *,
    author: str,
    split: Moment = "test",
    job: str | None = None,
    progress: Progress = quiet,
) -> Switched:
    """Make everybody's lists under a saved policy, of the candidates of its run, and let the shop read them.

    Args:
        policy_id: id, name or name@version. split: what the lists know: for test all but the last window, as they were judged; now: everything.
        job: what this is done for; where an earlier attempt at it came as far as the switch, nothing is done again.

    Raises:
        NotFound, SettingsError, InputError: no such policy, it is not approved where that is needed, its run was not
            compared with the one that it follows, or these data do not allow its steps.
        StoreError: the store does not answer. Whatever is raised, what was served is served still.
    """
    author = signed(author)
    policy = load_policy(workspace, policy_id)
    if done := _done_before(workspace, policy.dataset, job):
        return done
    run = load_run(workspace, policy.run)
    require_approval(workspace, policy)
    require_comparison(workspace, run)
    progress("Making lists", 0.0)
    dataset = load(workspace, run.dataset)
    gone = dismissed_by_now(workspace, dataset)
    part = part_of(progress, 0.0, MAKING)
    made = rerank(workspace, run.id, settings_of(policy), split=split, gone=gone, progress=part)
    lists = with_own_ids(workspace, dataset, made.lists)
    rest = part_of(progress, MAKING, 1.0)
    asked = {"split": split, "author": author, "job": job, "notes": made.notes}
    return put_out(workspace, policy, lists, **asked, progress=rest)


def put_out(
    workspace: Workspace,
    policy: Policy,
    lists: pd.DataFrame,
    *,
    split: str,
    author: str,
    job: str | None = None,
    notes: tuple[str, ...] = (),
    progress: Progress = quiet,
) -> Switched:
    """Publish lists that were made.

    Args:
        lists: `user_id`, `item_id`, `rank`, `score`; rows of one user follow each other in order of rank.

    Raises:
        SettingsError: the policy is not approved where that is needed. InputError: nobody has a list.
    """
    if lists.empty:
        raise InputError("Nobody has a list; nothing was published.")
    id = new_id("publication")
    publication = Publication(
        _id=id,
        dataset=policy.dataset,
        policy=policy.id,
        run=policy.run,
        split=split,
        created_at=now(),
        k=settings_of(policy).k,
        users=lists[USER_ID].nunique(),
        notes=list(notes),
        table=workspace.artefacts.write_table(f"publications/{id}.parquet", lists),
        origin=id,
        state=WRITING,
        beat=now(),
    )
    asked = Asked(author, "publish", job)
    return _stored_and_served(workspace, publication, lists, asked, progress)


def _stored_and_served(
    workspace: Workspace,
    publication: Publication,
    lists: pd.DataFrame,
    asked: Asked,
    progress: Progress,
) -> Switched:
    workspace.documents.insert(PUBLICATIONS, publication.dump())
    write_rows(workspace, publication.id, lists, progress)
    return _switched(workspace, publication, asked)


def _switched(workspace: Workspace, publication: Publication, asked: Asked) -> Switched:
    _require_approval(workspace, publication)  # also where that was not needed yet when the rows were begun
    about = {"run": publication.run, "dataset": load_run(workspace, publication.run).dataset}
    serving = serve(workspace, publication, asked)
    _tell(workspace, serving, about)
    return _tidied(workspace, serving, publication)


def _tell(workspace: Workspace, serving: Serving, about: Mapping[str, str]) -> None:
    """Enter the switch into the trail."""
    did = "published" if serving.by == "publish" else "rolled_back"
    about = {"serving": serving.id, **about, "policy": serving.policy}
    details = {"number": serving.number, "publication": serving.publication}
    record(workspace, did, who=serving.author, about=about, details=details, left=serving)


def _tidied(workspace: Workspace, serving: Serving, publication: Publication) -> Switched:
    """Remove the rows of older lists."""
    notes = tuple(publication.notes)
    try:
        sweep(workspace, serving, servings(workspace, publication.dataset))
    except StoreError as error:
        notes += (f"Published; older lists are left for the next publication to remove: {error}",)
    return Switched(serving, publication, notes)


def _done_before(workspace: Workspace, line: str, job: str | None) -> Switched | None:
    """What an earlier attempt at a job switched to, where its worker died before it could say so."""
    log = [] if job is None else servings(workspace, line)
    serving = next((one for one in log if one.job == job), None)
    if serving is None:
        return None
    publication = next(one for one in publications(workspace, line) if one.id == serving.publication)
    if not any(entry.about.get("serving") == serving.id for entry in read(workspace).entries):
        run = load_run(workspace, publication.run)
        _tell(workspace, serving, {"run": run.id, "dataset": run.dataset})
    return _tidied(workspace, serving, publication)


def rollback(
    workspace: Workspace,
    dataset_id: str,
    *,
    author: str,
    to: str | None = None,
    job: str | None = None,
    progress: Progress = quiet,
) -> Switched:
    """Serve lists again that were served before: at once where their rows are there, else restored from their table.

    Args:
        dataset_id: any dataset of the line; the lists may be of another one of it.
        to: a publication, or a saved policy (id, name, name@version): the lists last served under it. None: those served
            before the present ones.
        job: as for `publish`.

    Raises:
        NotFound: no such dataset, nothing is published, or no such publication or policy.
        SettingsError: it was never served, or is now, or its policy is not approved where that is needed.
        StoreError: the store does not answer, or the table is damaged. Then what was served is served still.
    """
    author = signed(author)
    log = servings(workspace, dataset_id)
    if not log:
        raise NotFound(f"Nothing is published for dataset '{dataset_id[:80]}'.")
    if done := _done_before(workspace, log[0].dataset, job):
        return done
    asked = Asked(author, "rollback", job)
    everything = {publication.id: publication for publication in publications(workspace, dataset_id)}
    origins = [everything[serving.publication].origin for serving in log]
    wanted = _wanted(workspace, log, origins, to)
    _require_approval(workspace, everything[wanted])  # before rows are restored
    same = [publication for publication in everything.values() if publication.origin == wanted]
    for publication in same:
        try:
            if publication.state == STORED:
                return _switched(workspace, publication, asked)
        except ListsSwept:  # a moment ago: they are restored
            continue
    return _restored(workspace, everything[wanted], asked, progress)


def _wanted(workspace: Workspace, log: list[Serving], origins: list[str], to: str | None) -> str:
    """The publication whose lists are asked for, as it was first put out."""
    if to is None:
        wanted = next((origin for origin in origins if origin != origins[0]), None)
        if wanted is None:
            raise SettingsError("Nothing else was served before these lists.")
        return wanted
    named = [origin for serving, origin in zip(log, origins, strict=True) if serving.publication == to]
    if not named:
        policy = load_policy(workspace, to, dataset=log[0].dataset)
        named = [origin for serving, origin in zip(log, origins, strict=True) if serving.policy == policy.id]
        if not named:
            raise SettingsError(f"The policy {policy.reference} was never served; publish it.")
    if named[0] == origins[0]:
        raise SettingsError(f"'{to[:80]}' is what is served now.")
    return named[0]


def _restored(workspace: Workspace, former: Publication, asked: Asked, progress: Progress) -> Switched:
    lists = workspace.artefacts.read_table(former.table)
    change = {"id": new_id("publication"), "created_at": now(), "state": WRITING, "beat": now()}
    again = former.model_copy(update=change)
    return _stored_and_served(workspace, again, lists, asked, progress)


def _require_approval(workspace: Workspace, publication: Publication) -> None:
    if governance(workspace).publishing_needs_approval:  # else its policy may be gone
        require_approval(workspace, load_policy(workspace, publication.policy))
