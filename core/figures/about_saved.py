"""Saved policies and what the shop is served, in sentences and tables for the screen."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from core.figures.about_policy import STEP_WORDS, stage
from core.figures.numbers import MISSING, count, fine, interval, moment, sample, score
from core.figures.sentences import listed, metric_name, plural
from core.figures.text import markdown_text, plain, spoken
from core.schema.documents import Comparison, Policy, Publication, Run, Serving
from core.schema.settings import ALL

WAYS = {"publish": "published", "rollback": "rolled back"}
KNOWING = {  # what lists know, by what they are made for
    "validation": "all before the validation window",
    "test": "all but the last window, as they were judged",
    "now": "everything by the end of the data",
}


def served_sentence(
    log: Sequence[Serving],
    named: Mapping[str, Policy],
    lists: Publication | None,
    *,
    run: str,
    runs: Mapping[str, Run],
) -> str:
    """What the shop reads now.

    Args:
        log: newest first. named: policies by id. lists: the publication that is served. run: the id of that looked at.
        runs: by id.
    """
    if not log or lists is None:
        return "**Nothing is published yet.** A shop that reads its lists from here finds none."
    now, policy = log[0], named.get(log[0].policy)
    name = markdown_text(policy.reference if policy else now.policy)
    other = (
        "" if lists.run == run else f" These are lists of {run_words(lists.run, runs)}, not of this model."
    )
    return (
        f"**The shop reads {name}**: the first {lists.k} products of {count(lists.users)} users, {WAYS[now.by]} by "
        f"{markdown_text(now.author)} on {moment(now.at)} (UTC). These lists know {KNOWING[lists.split]}.{other}"
    )


def run_words(id: str, runs: Mapping[str, Run]) -> str:
    """A run by its name; its id where that is all that is known. Markdown."""
    return f"the model “{markdown_text(runs[id].name)}”" if id in runs else f"the run {markdown_text(id)}"


def carried_sentence(policy: Policy, lacking: Sequence[tuple[str, str]], *, runs: Mapping[str, Run]) -> str:
    """That the steps on the desk come from a policy of another run, and what of it these data do not have; Markdown.

    Args:
        lacking: of `core.workflow.policies.named`. runs: by id.
    """
    said = (
        f"The steps of **{markdown_text(policy.reference)}** were put here; it was saved for {run_words(policy.run, runs)}. "
        "To use them with this model, save them under *Policies*: that makes the next version."
    )
    if not lacking:
        return said
    missing = " ".join(f"{STEP_WORDS[step]}: {markdown_text(why, limit=400)}" for step, why in lacking)
    return f"{said} **These data do not have all that it names.** {missing}"


def compared_sentence(found: Comparison) -> str:
    """How everybody's lists compare with those of the run before; Markdown."""
    metric = f"ndcg@{found.k}"
    row = next((row for row in found.rows if (row["group"], row["metric"]) == (ALL, metric)), None)
    if row is None:
        return "The comparison with the model before tells nothing of everybody's lists."
    claim = {"better": "Better than the model before", "worse": "Worse than the model before"}.get(
        row["verdict"], "No difference from the model before is shown"
    )
    tests = sum(each["verdict"] is not None for each in found.rows)
    ends = interval(row["low"], row["high"], form=fine)
    change = markdown_text(f"{fine(row['change'])} {ends}".strip(), limit=120)
    return (
        f"**{claim}**: {metric_name(metric)} went from {score(row['old'])} to {score(row['new'])}, a change of {change} on "
        f"the same users ({sample(row['n'])}){_corrected(row, tests)}."
    )


def _corrected(row: Mapping[str, Any], tests: int) -> str:
    """What correcting for all comparisons did: an interval of its own may leave out zero, and no difference be shown."""
    alone = row["low"] is not None and (row["low"] > 0 or row["high"] < 0)
    if alone and row["verdict"] not in ("better", "worse"):
        return f"; the interval leaves out zero by itself, but not once corrected for {plural(tests, 'comparison')} together"
    return f", corrected for {plural(tests, 'comparison')} together"


def worse_sentence(found: Comparison) -> str | None:
    """For whom the lists are shown to be worse than those of the run before; None where for nobody. Markdown.

    Groups that are too small to be shown have no verdict, and are not named.
    """
    worse = [row for row in found.rows if row["metric"] == f"ndcg@{found.k}" and row["verdict"] == "worse"]
    named = [
        "everyone together"
        if row["group"] == ALL
        else markdown_text(f"{row['group']} ({spoken(row['attribute']).lower()})")
        for row in worse
    ]
    return f"Worse than before for {listed(named)}." if worse else None


def saved_table(policies: Sequence[Policy], *, runs: Mapping[str, Run]) -> pd.DataFrame:
    """Saved policies, newest first; `runs` by id."""
    return pd.DataFrame(
        [
            {
                "Policy": plain(policy.reference),
                "Model": _run(policy.run, runs),
                "Aim": plain(policy.aim),
                "Steps": " → ".join(_steps(policy)) or "none",
                "Top": policy.settings["k"],
                "NDCG, validation": _measured(policy),
                "Author": plain(policy.author),
                "Saved": moment(policy.created_at),
            }
            for policy in policies
        ]
    )


def _run(id: str, runs: Mapping[str, Run]) -> str:
    return plain(runs[id].name if id in runs else id)


def _steps(policy: Policy) -> list[str]:
    """Its steps as they run."""
    names = sorted((step["step"] for step in policy.settings["steps"]), key=stage)
    return [STEP_WORDS.get(name, plain(name)) for name in names]


def _measured(policy: Policy) -> str:
    """How accuracy changed when it was saved."""
    if policy.measured is None:
        return MISSING
    row = policy.measured["change"][f"ndcg@{policy.measured['k']}"]
    return f"{fine(row['value'])} {interval(row['low'], row['high'], form=fine)}".strip()


def log_table(
    log: Sequence[Serving],
    named: Mapping[str, Policy],
    lists: Mapping[str, Publication],
    *,
    runs: Mapping[str, Run],
) -> pd.DataFrame:
    """What was served, newest first; policies, publications and runs by id."""
    return pd.DataFrame(
        [
            {
                "#": serving.number,
                "Policy": plain(
                    named[serving.policy].reference if serving.policy in named else serving.policy
                ),
                "Model": _run(lists[serving.publication].run, runs),
                "Lists know": KNOWING[lists[serving.publication].split],
                "When (UTC)": moment(serving.at),
                "How": WAYS[serving.by],
                "By": plain(serving.author),
                "Publication": serving.publication,
            }
            for serving in log
        ]
    )
