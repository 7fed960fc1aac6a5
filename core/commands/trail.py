"""The commands of the audit trail: trail, verify-trail, complete-trail."""

import argparse
from dataclasses import asdict

from core.commands.policies import add_author
from core.commands.shell import Answer, CheckFailed, Command
from core.figures.about_trail import set_back_sentences
from core.figures.sentences import plural
from core.figures.text import plain
from core.schema.documents import TrailEntry
from core.store.trail import CONTENT, read
from core.store.trail_check import Checked, verify
from core.store.workspace import Workspace

LONGEST = 1000  # characters of a line


def add(command: Command) -> None:
    """Register them."""
    sub = command("trail", _trail, "who did what, newest first")
    sub.add_argument("--dataset", help="only what was done with this prepared dataset")
    sub = command("verify-trail", _verify, "whether the trail is as it was written; exit status 1 if not")
    sub.add_argument(
        "--head",
        metavar="HASH",
        help="hash of the last entry as somebody noted it: shows whether the end was cut off since",
    )
    sub = command("complete-trail", _complete, "an entry for each deed that verify-trail says is not told of")
    add_author(sub)


def _trail(workspace: Workspace, options: argparse.Namespace) -> Answer:
    from core.data.dataset import load

    dataset = None if options.dataset is None else load(workspace, options.dataset).id
    found = read(workspace, dataset=dataset)
    told = [entry.model_dump(mode="json", exclude={"id"}) for entry in found.entries]
    lines = [f"{plain(id)} is not as it was written; verify-trail says more." for id in found.spoilt]
    lines += map(_line, found.entries)
    answer = {"entries": told, "spoilt": list(found.spoilt)}
    return answer, "\n".join(lines) or "Nothing was done yet that the trail tells of."


def _line(entry: TrailEntry) -> str:
    """One entry in one line."""
    told = {name: value for name, value in (entry.about | entry.details).items() if name != CONTENT}
    rest = " ".join(f"{name}={value!r}" for name, value in told.items())
    return plain(f"{entry.number}  {entry.at[:16]}  {entry.who}  {entry.did}  {rest}", limit=LONGEST)


def _verify(workspace: Workspace, options: argparse.Namespace) -> Answer:
    found = verify(workspace, head=options.head)
    answer = asdict(found), "\n".join(_sentences(found))
    if found.damage:
        raise CheckFailed(answer)
    return answer


def _complete(workspace: Workspace, options: argparse.Namespace) -> Answer:
    from core.store.trail_late import tell_missing
    from core.workflow.policies.saved import signed

    author = signed(options.author)
    told = tell_missing(workspace, who=author)
    return {"told": told}, "\n".join([f"{plural(len(told), 'deed')} told of.", *told])


def _sentences(found: Checked) -> list[str]:
    """The answer, then everything that was found."""
    if found.damage:
        said = [f"Damaged: {plural(len(found.damage), 'fault')} in {_so_many(found)}."]
    else:
        said = [
            f"{_so_many(found)} as written. Hash of the last one: {found.head}"
            if found.entries
            else "No entry."
        ]
    if found.noted is not None:
        said.append(f"The hash that was noted is that of entry {found.noted}.")
    said += [plain(one.what, limit=LONGEST) for one in found.damage]
    said += [
        f"Not told of: {one.what} {plain(one.id)}, {plain(one.at)[:16]}{', older than the trail' if one.older else ''}"
        for one in found.untold
    ]
    return said + set_back_sentences(found)


def _so_many(found: Checked) -> str:
    return plural(found.entries, "entry", "entries")
