"""The audit trail in words: what was done, and whether the record of it is whole."""

from collections.abc import Mapping, Sequence

import pandas as pd

from core.figures.numbers import count, moment
from core.figures.sentences import listed, plural
from core.figures.text import markdown_text, plain, spoken
from core.schema.documents import Policy, TrailEntry
from core.store.trail import WHAT, Trail
from core.store.trail_check import Checked

DEEDS = {
    "prepared": "prepared data",
    "trained": "trained a model",
    "imported": "brought in lists",
    "tuned": "searched for settings",
    "compared": "compared re-rankers",
    "saved": "saved a policy",
    "confirmed": "confirmed a policy on test",
    "published": "published a policy",
    "rolled_back": "rolled back",
    "exported": "wrote a file",
    "proposed": "proposed a policy",
    "approved": "approved a policy",
    "returned": "returned a policy",
    "governed": "changed the rules",
    "acknowledged": "acknowledged an alert",
    "found": "found what was not told of",
    "collected": "brought in feedback",
    "held_against": "compared a run with the one before",
}
NAMED = 8  # faults that an answer names
LEFT = {
    "governance": "change of the rules",
    "serving": "switch of what is served",
}  # else as the trail calls it


def trail_table(entries: Sequence[TrailEntry], named: Mapping[str, Policy]) -> pd.DataFrame:
    """Entries for the screen.

    Args:
        named: policies by id.
    """
    return pd.DataFrame(
        [
            {
                "#": entry.number,
                "When (UTC)": moment(entry.at),
                "Who": plain(entry.who),
                "Did": DEEDS[entry.did],
                "About": plain(_about(entry, named), limit=120),
                "Hash": entry.hash[:12],
            }
            for entry in entries
        ]
    )


def trail_rows(entries: Sequence[TrailEntry]) -> pd.DataFrame:
    """Entries for files: everything, ids and details in columns of their own."""
    return pd.DataFrame(
        [
            entry.model_dump(include={"number", "at", "who", "did", "previous", "hash"})
            | entry.about
            | {f"{name} (detail)": str(value) for name, value in entry.details.items()}
            for entry in entries
        ]
    )


def _about(entry: TrailEntry, named: Mapping[str, Policy]) -> str:
    """What it was done to, as people call it."""
    about, details = entry.about, entry.details
    if entry.did == "governed":
        rules = {name: value for name, value in details.items() if isinstance(value, bool)}
        return ", ".join(f"{spoken(name)}: {'on' if value else 'off'}" for name, value in rules.items())
    if entry.did == "found":
        what = str(details.get(WHAT))
        return f"{LEFT.get(what, what)} {about.get(what, '')}"
    if "file" in details:
        rows = details.get("rows")
        held = f", {count(rows)} rows" if isinstance(rows, int) else ""
        of_what = about.get("run") or about.get("dataset")
        return f"{details['file']}{held}{f' of {of_what}' if of_what else ''}"
    policy = named.get(about.get("policy", ""))
    name = policy.reference if policy else details.get("name")
    return str(name or about.get("policy") or about.get("run") or about.get("dataset", ""))


def spoilt_sentence(found: Trail) -> str:
    """Of entries that cannot be shown, as they are not what was written: Markdown."""
    named = listed([markdown_text(id) for id in found.spoilt[:NAMED]])
    more = f" and {count(len(found.spoilt) - NAMED)} more" if len(found.spoilt) > NAMED else ""
    return f"**Not as written, and left out: {named}{more}.** Verifying the trail says more."


def verified_answer(found: Checked) -> str:
    """Whether the trail is as it was written, in a sentence or two."""
    if found.damage:
        faults = plural(len(found.damage), "fault")
        return f"**The trail was tampered with: {faults} in {plural(found.entries, 'entry', 'entries')}.**"
    if not found.entries:
        return "**The trail is empty.**"
    answer = f"**All {plural(found.entries, 'entry', 'entries')} are as they were written.**"
    if found.noted is not None:
        return f"{answer} The hash that was noted is that of entry {found.noted}."
    return (
        f"{answer} Note the hash of the last one, and a later look shows whether the end was cut off since."
    )


def faults(found: Checked) -> list[str]:
    """Everything that is wrong, in Markdown; of many the first ones."""
    return _first([markdown_text(one.what, limit=300) for one in found.damage])


def untold_sentences(found: Checked) -> list[str]:
    """Deeds that the trail does not tell of, in Markdown; those from before there was a trail are counted alone."""
    older = sum(one.older for one in found.untold)
    said = [
        f"Of a {LEFT.get(one.what, one.what)} there is no entry: {markdown_text(one.id)}, {markdown_text(one.at[:16])} UTC."
        for one in found.untold
        if not one.older
    ]
    told = [
        f"{plural(older, 'deed')} from before there was a trail {'is' if older == 1 else 'are'} not told of."
    ]
    return [*_first(said), *(told if older else [])]


def set_back_sentences(found: Checked) -> list[str]:
    """Entries that are dated before an earlier one."""
    if not found.set_back:
        return []
    numbers = [str(number) for number in found.set_back]
    named = listed(numbers[:NAMED]) if len(numbers) <= NAMED else f"{', '.join(numbers[:NAMED])} and more"
    return [
        f"{plural(len(numbers), 'entry', 'entries')} dated before an earlier one ({named}): a clock was set back."
    ]


def _first(said: list[str]) -> list[str]:
    more = len(said) - NAMED
    return said if more <= 0 else [*said[:NAMED], f"{count(more)} more."]
