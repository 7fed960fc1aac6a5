"""The commands of saved policies: save-policy, policies, show-policy, publish, rollback, publications."""

import argparse
from typing import TYPE_CHECKING, Any

import yaml

from core.commands.settings import add_moment, add_policy, policy_given, saved_given
from core.commands.shell import Answer, Command, ProgressLine
from core.errors import NotFound
from core.schema.documents import Decision, Policy, Run
from core.schema.settings import settings_from
from core.store.workspace import Workspace

if TYPE_CHECKING:
    from core.workflow.policies.publishing import Switched

LINE = "any prepared dataset of the shop's line: all are served under the first one"
SAVED = "id, name or name@version of a saved policy"


def add(command: Command) -> None:
    """Register them."""
    sub = command(
        "save-policy",
        _save,
        "keep a policy under a name; the same name again is the next version, also for another run",
    )
    sub.add_argument("run", help="the run that it is for, measured on validation")
    add_policy(sub, "steps of re-ranking and their settings (docs/policies.md)", required=True)
    sub.add_argument("--name", help="default: that of the saved policy whose next version this is")
    sub.add_argument("--aim", help="what it is for, in plain words; default: as --name")
    add_author(sub)
    sub.add_argument("--note", help="anything else that is worth knowing; default: as --name")
    sub = command("policies", _list, "the saved policies, newest first")
    sub.add_argument("--dataset", help="only those of this prepared dataset and others of its line")
    sub = command("show-policy", _show, "a saved policy: what it does, for what, and what it did when saved")
    sub.add_argument("policy", help=SAVED)
    sub = command(
        "publish", _publish, "make everybody's lists under a saved policy, and let the shop read them"
    )
    sub.add_argument("policy", help=SAVED)
    add_moment(sub)
    add_author(sub)
    sub = command("rollback", _rollback, "serve lists again that were served before")
    sub.add_argument("dataset", help=LINE)
    sub.add_argument(
        "--to",
        metavar="P",
        help=f"a publication, or {SAVED}; default: what was served before the present lists",
    )
    add_author(sub)
    sub = command(
        "publications", _publications, "what the shop was served, by whom and when; the first is now"
    )
    sub.add_argument("dataset", help=LINE)


def add_author(parser: argparse.ArgumentParser) -> None:
    """The option --author."""
    parser.add_argument("--author", required=True, metavar="W", help="who answers for it")


def _save(workspace: Workspace, options: argparse.Namespace) -> Answer:
    from core.workflow.policies.saved import Label, save_policy
    from core.workflow.policies.trade_off import trade_off
    from core.workflow.runs import load_run

    former, run = saved_given(workspace, options), load_run(workspace, options.run)
    told = {} if former is None else former.model_dump(include={"name", "aim", "note"})
    told |= {name: given for name in Label.model_fields if (given := getattr(options, name)) is not None}
    label = settings_from(Label, told)  # before the work rather than after it
    settings = policy_given(workspace, options)
    if former is not None and former.run != run.id:
        _require_named(workspace, run, former)
    measured = None
    if not run.brought:  # of whose lists there are none for validation
        measured = trade_off(workspace, run.id, settings).record()
    policy = save_policy(workspace, run.id, settings, label, measured=measured)
    return _record(policy), f"{policy.reference}: {policy.id}"


def _require_named(workspace: Workspace, run: Run, former: Policy) -> None:
    """NotFound where the run's data lack what a policy of another run names."""
    from core.data.dataset import load
    from core.workflow.audits.shop import read_shop
    from core.workflow.policies.named import lacking
    from core.workflow.policies.rerank import ground_of_run
    from core.workflow.policies.saved import settings_of

    settings, shop = settings_of(former), read_shop(workspace, load(workspace, run.dataset))
    missing = lacking(settings, ground_of_run(workspace, run, shop, split="test", k=settings.k))
    if missing:
        said = " ".join(f"{step}: {why}" for step, why in missing)
        raise NotFound(f"The data of run {run.id} do not have all that {former.reference} names. {said}")


def _list(workspace: Workspace, options: argparse.Namespace) -> Answer:
    from core.data.dataset import load
    from core.workflow.policies.saved import list_policies
    from core.workflow.policies.signing import last_decisions

    dataset = None if options.dataset is None else load(workspace, options.dataset).id
    found = list_policies(workspace, dataset=dataset)
    last: dict[str, Decision] = {}
    for each in {policy.dataset for policy in found}:
        last |= last_decisions(workspace, each)
    told = [
        _record(policy) | {"decision": last[policy.id].model_dump() if policy.id in last else None}
        for policy in found
    ]
    return {"policies": told}, "\n".join(
        _line(policy, last.get(policy.id)) for policy in found
    ) or "No policy is saved."


def _line(policy: Policy, last: Decision | None) -> str:
    where = "" if last is None else f"; {last.decided} by {last.author}, {last.at[:16]}"
    return f"{policy.reference} ({policy.id}), {policy.dataset}, {policy.run}, {policy.author}, {policy.created_at[:16]}: {policy.aim}{where}"


def _show(workspace: Workspace, options: argparse.Namespace) -> Answer:
    from core.workflow.policies.saved import load_policy

    policy = load_policy(workspace, options.policy)
    told = _record(policy)
    return told, yaml.safe_dump(told, sort_keys=False, allow_unicode=True).rstrip()


def _record(policy: Policy) -> dict[str, Any]:
    """A saved policy as JSON."""
    told = policy.model_dump(mode="json")
    return {"policy": told.pop("id"), **told}


def _publish(workspace: Workspace, options: argparse.Namespace) -> Answer:
    from core.workflow.policies.publishing import publish

    asked = {"author": options.author, "split": options.split, "progress": ProgressLine()}
    found = publish(workspace, options.policy, **asked)
    return _told(workspace, found)


def _rollback(workspace: Workspace, options: argparse.Namespace) -> Answer:
    from core.workflow.policies.publishing import rollback

    asked = {"author": options.author, "to": options.to, "progress": ProgressLine()}
    return _told(workspace, rollback(workspace, options.dataset, **asked))


def _told(workspace: Workspace, found: "Switched") -> Answer:
    serving, publication = found.serving, found.publication
    file = str(workspace.artefacts.file(publication.table))
    answer = {
        "publication": publication.id,
        "policy": serving.policy,
        "dataset": serving.dataset,
        "replaced": serving.replaced,
        "split": publication.split,
        "users": publication.users,
        "file": file,
        "notes": list(found.notes),
    }
    text = f"{publication.id} is served: lists of {publication.users:,} users under {serving.policy}, also in {file}"
    return answer, "\n".join([text, *found.notes])


def _publications(workspace: Workspace, options: argparse.Namespace) -> Answer:
    from core.workflow.policies.line import line_of
    from core.workflow.policies.published_lists import publications
    from core.workflow.policies.saved import load_policy
    from core.workflow.policies.serving import servings

    line = line_of(workspace, options.dataset)
    log = servings(workspace, line)
    names = {id: load_policy(workspace, id).reference for id in {serving.policy for serving in log}}
    lists = {publication.id: publication for publication in publications(workspace, line)}
    told = [
        serving.model_dump(mode="json", exclude={"id", "dataset", "job"})
        | {"run": lists[serving.publication].run, "split": lists[serving.publication].split}
        for serving in log
    ]
    lines = [
        f"{serving.number}  {serving.at[:16]}  {serving.publication}  {names[serving.policy]} of "
        f"{lists[serving.publication].run}  {serving.by} by {serving.author}, in place of {serving.replaced or 'nothing'}"
        for serving in log
    ]
    return {"dataset": line, "log": told}, "\n".join(lines) or "Nothing is published."
