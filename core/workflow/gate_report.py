"""What the gate says: one JSON object, and the same for people."""

from typing import Any

from core.figures.sentences import plural
from core.figures.text import plain
from core.schema.alerts import Finding
from core.schema.rules import Rule
from core.workflow.gate import Gate
from core.workflow.rule_judging import BROKEN, KEPT, UNKNOWN, RuleOutcome

LONGEST = 300  # characters of a line


def record(gate: Gate) -> dict[str, Any]:
    """The outcome as JSON."""
    about = {"run": gate.run, "dataset": gate.dataset, "recommendations": gate.recommendations}
    return {
        **about,
        "split": gate.split,
        "passed": gate.passed,
        "rules": [_rule(one) for one in gate.outcomes],
    }


def _rule(one: RuleOutcome) -> dict[str, Any]:
    told = one.rule.model_dump(mode="json")
    found = [finding.model_dump(mode="json") for finding in one.found]
    return {"rule": told.pop("name"), **told, "outcome": one.outcome, "passed": one.passed, "found": found}


def as_text(gate: Gate) -> str:
    """The outcome for people at a shell: what is broken or unknown with every number, what is kept in one line."""
    lines = [summary(gate), ""]
    for one in gate.outcomes:
        lines.append(
            plain(
                f"{one.outcome}: {one.rule.name} (owner: {one.rule.owner}): {in_words(one.rule)}",
                limit=LONGEST,
            )
        )
        if one.outcome == UNKNOWN:
            lines.append(f"  the gate {'passes' if one.passed else 'fails'} where this is unknown")
        shown = [finding for finding in one.found if finding.outcome != KEPT] or one.found[:1]
        lines += [f"  {finding_in_words(finding)}" for finding in shown]
    return "\n".join(lines)


def summary(gate: Gate) -> str:
    """One sentence."""
    counts = [sum(one.outcome == outcome for one in gate.outcomes) for outcome in (KEPT, BROKEN, UNKNOWN)]
    of_what = gate.run or f"{gate.recommendations} for {gate.dataset}"
    told = "{} kept, {} broken, {} unknown".format(*counts)
    verdict = "passes" if gate.passed else "does not pass"
    return plain(
        f"{of_what}, {gate.split} split, {verdict}: of {plural(len(gate.outcomes), 'rule')} {told}.",
        limit=LONGEST,
    )


def in_words(rule: Rule) -> str:
    """Which number it is about, and its limits."""
    return f"{number_in_words(rule)}, {limits_in_words(rule)}"


def number_in_words(rule: Rule) -> str:
    """`ndcg@10, gap, by age (users)`."""
    group = "" if rule.group is None else f" of {rule.group}"
    return f"{rule.metric}, {rule.statistic}{group}, by {rule.grouping} ({rule.section})"


def limits_in_words(rule: Rule) -> str:
    """`surely at least -0.05`."""
    limits = [("at least", rule.at_least), ("at most", rule.at_most)]
    told = " and ".join(f"{words} {limit:g}" for words, limit in limits if limit is not None)
    return f"{'surely' if rule.judge == 'surely' else 'not surely broken:'} {told}"


def finding_in_words(found: Finding) -> str:
    """A group's number with its interval and n, and what follows from it."""
    numbers = ""
    if found.value is not None:
        interval = "no interval" if found.low is None else f"{found.low:.4f} to {found.high:.4f}"
        numbers = f"{found.value:.4f} ({interval}), n = {found.n}, "
    return plain(f"{found.group}: {numbers}{found.outcome}: {found.why}", limit=LONGEST)
