"""A frontier in words and tables: what can be had at which accuracy, and what a confirmation found."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from core.figures.about_policy import STEP_WORDS
from core.figures.numbers import count, fine, interval, p_value, points, score, share
from core.figures.sentences import plural
from core.figures.text import markdown_text, plain, spoken

MODEL_LISTS = "The lists as the model made them"
CURRENT_POLICY = "The current policy"
CURRENT, PLAIN = "current", "none"  # steps of points without a re-ranker


@dataclass(frozen=True)
class Measure:
    """How a disparity is called, and how it and its changes are written; `scale` and `suffix` on an axis."""

    name: str
    form: Callable[[float | None], str]
    changed: Callable[[float | None], str]
    scale: float = 1.0
    suffix: str = ""


_SHARE = {"form": share, "changed": points, "scale": 100, "suffix": " %"}
_POINTS = {"form": lambda value: points(value).lstrip("+"), "changed": points, "scale": 100, "suffix": " pp"}
MEASURES = {  # by key, without the length of the list
    "attention_to_move": Measure("Attention that would have to move to meet the target", **_SHARE),
    "attention_shortfall": Measure("What the worst-off products lack of their target", **_SHARE),
    "ndcg_max_min": Measure("Gap in accuracy between groups of users", score, fine),
    "price_percentile_max_min": Measure("Gap in how dear the products shown are", **_POINTS),
    "deal_exposure_max_min": Measure("Gap in offers shown", **_POINTS),
}


def measure_of(name: str) -> Measure:
    """`ndcg@10_max_min` -> that of `ndcg_max_min`."""
    word, _, rest = name.partition("@")
    return MEASURES[word + rest.lstrip("0123456789")]


def point_words(row: Mapping[str, Any], *, current: str = MODEL_LISTS) -> str:
    """`Floors and ceilings on attention: floor 0.6`; plain text.

    Args:
        row: of `core.workflow.policies.standing`. current: what the points are held against.
    """
    if row["step"] == CURRENT:
        return current
    if row["step"] == PLAIN:
        return MODEL_LISTS
    return f"{STEP_WORDS[row['step']]}: {spoken(row['knob']).lower()} {row['position']:g}"


def answer(rows: pd.DataFrame, *, measure: str, k: int) -> str:
    """What can be had without a shown loss of accuracy, and how far it goes with one: of what no other setting beats first.

    Args:
        rows: of `core.workflow.policies.standing.standing`.
    """
    told, now = measure_of(measure), rows.iloc[0]
    before = markdown_text(told.form(now["disparity"]))
    lower = rows[rows["disparity_differs"].astype(bool) & (rows["disparity_change"] < 0)]
    if lower.empty:
        return f"**{told.name}: {before}, and no setting is shown to lower it.**"
    furthest, free = _lowest(lower), lower[~lower["ndcg_differs"].astype(bool) | (lower["ndcg_change"] > 0)]
    among = (
        "Of those that no other setting beats, " if lower["disparity"].min() < furthest["disparity"] else ""
    )
    far = f"{among}{_named(furthest)} goes furthest: {_numbers(told, furthest)}, for NDCG@{k} {_accuracy(furthest)}."
    if free.empty:
        return f"**{told.name}: {before}, and every setting that is shown to lower it costs accuracy.** {far}"
    best = _lowest(free)
    if best["point"] == furthest["point"]:
        far = "" if among else "No other setting goes further."
    accuracy = "a higher accuracy" if best["ndcg_differs"] else "an accuracy that is not shown to differ"
    return (
        f"**{told.name}: at {accuracy}, {_named(best)} lowers it from {before} to "
        f"{markdown_text(told.form(best['disparity']))}** (NDCG@{k} {_accuracy(best)}). {far}"
    ).strip()


def _lowest(rows: pd.DataFrame) -> pd.Series:
    """The lowest that no other setting beats; the lowest of all where each is beaten."""
    return rows.sort_values(["dominated", "disparity", "ndcg"], ascending=[True, True, False]).iloc[0]


def _named(row: Mapping[str, Any]) -> str:
    return markdown_text(f"“{point_words(row)}”", limit=120)


def _numbers(told: Measure, row: Mapping[str, Any]) -> str:
    ends = interval(row["disparity_change_low"], row["disparity_change_high"], form=told.changed)
    return markdown_text(
        f"{told.form(row['disparity'])}, {told.changed(row['disparity_change'])} {ends}", limit=120
    )


def _accuracy(row: Mapping[str, Any]) -> str:
    ends = interval(row["ndcg_change_low"], row["ndcg_change_high"], form=fine)
    return markdown_text(f"{fine(row['ndcg_change'])} {ends}", limit=120)


def point_sentence(row: Mapping[str, Any], *, measure: str, k: int) -> str:
    """What one point changes, and how sure that is."""
    told = measure_of(measure)
    sure = {
        (True, True): "Both changes are sure",
        (True, False): "The change in accuracy is sure, the other is not",
        (False, True): "The change in disparity is sure, that in accuracy is not shown",
        (False, False): "Neither change can be told from chance",
    }[bool(row["ndcg_differs"]), bool(row["disparity_differs"])]
    beaten = " Another setting is at least as good in both." if row["dominated"] else ""
    return (
        f"NDCG@{k} **{markdown_text(score(row['ndcg']))}**, {_accuracy(row)} · {told.name[:1].lower()}{told.name[1:]} "
        f"**{_numbers(told, row)}**. {sure}.{beaten}"
    )


def counts(rows: pd.DataFrame, *, tests: int, buyers: int, against: str) -> str:
    """How many points there are, and what becomes of them."""
    tried = rows.iloc[1:]
    same, beaten = int(tried["same"].sum()), int(tried["dominated"].sum())
    who = f"{against[:1].lower()}{against[1:]}"
    return (
        f"{plural(len(tried), 'setting')} tried on the **validation split**, {count(buyers)} users with purchases. "
        f"{count(beaten)} {'is' if beaten == 1 else 'are'} beaten by another one in both respects (by point estimates), "
        f"{count(same)} cannot be told apart from {who}. {count(tests)} changes were corrected for together (Benjamini-Hochberg)."
    )


def left_out_sentences(left_out: Sequence[Mapping[str, Any]]) -> list[str]:
    """Which re-rankers these data do not allow, and why; Markdown."""
    return [
        f"{STEP_WORDS[one['step']]}: {plural(one['points'], 'setting')} left out. {markdown_text(one['reason'], limit=200)}"
        for one in left_out
    ]


def frontier_table(rows: pd.DataFrame, *, measure: str, k: int, current: str = MODEL_LISTS) -> pd.DataFrame:
    """Every point for the screen, those that no other beats first, from the most accurate on."""
    told = measure_of(measure)
    ordered = rows.sort_values(["dominated", "ndcg"], ascending=[True, False])
    return pd.DataFrame(
        [
            {
                "Setting": point_words(row, current=current),
                f"NDCG@{k}": score(row["ndcg"]),
                "Change": _with_ends(row, "ndcg", fine),
                told.name: told.form(row["disparity"]),
                "Its change": _with_ends(row, "disparity", told.changed),
                "p, corrected": f"{p_value(row['ndcg_p_adjusted'])} / {p_value(row['disparity_p_adjusted'])}",
                "Beaten": "yes" if row["dominated"] else "",
                "Told apart": "" if row["same"] else "yes",
            }
            for row in ordered.to_dict("records")
        ]
    )


def _with_ends(row: Mapping[str, Any], name: str, form: Callable[[float | None], str]) -> str:
    ends = interval(row[f"{name}_change_low"], row[f"{name}_change_high"], form=form)
    return f"{form(row[f'{name}_change'])} {ends}".strip()


def confirmation_sentence(
    rows: Sequence[Mapping[str, Any]], *, number: int, measure: str, k: int, against: str
) -> str:
    """What a policy does on test, and how much that is still worth.

    Args:
        rows: of `core.schema.documents.Confirmation`. number: of this confirmation. against: in words, escaped.
    """
    by_name = {row["measure"]: row for row in rows}
    told = measure_of(measure)
    accuracy = _changed(by_name[f"ndcg@{k}"], fine)
    disparity = _changed(by_name[measure], told.changed)
    return (
        f"**On test: NDCG@{k} {accuracy}; {told.name[:1].lower()}{told.name[1:]} {disparity}**, against {against} "
        f"(95 % intervals over the same {count(by_name[f'ndcg@{k}']['n'])} users with purchases). This is confirmation "
        f"number {number} on this test split; each further one makes the result more optimistic."
    )


def _changed(row: Mapping[str, Any], form: Callable[[float | None], str]) -> str:
    ends = interval(row["change_low"], row["change_high"], form=form)
    return markdown_text(f"{form(row['change'])} {ends}".strip(), limit=120)


def confirmations_table(
    found: Sequence[Mapping[str, Any]], names: Sequence[tuple[str, str]], *, when: Callable[[str], str]
) -> pd.DataFrame:
    """The log: every confirmation of a run with all that it found.

    Args:
        found: documents. names: of each the policy and what it was held against, in words.
    """
    lines = []
    for one, (policy, against) in zip(found, names, strict=True):
        k = one["settings"]["k"]
        line = {
            "Number": one["number"],
            "When": when(one["created_at"]),
            "Policy": plain(policy, limit=160),
            "Against": plain(against, limit=160),
        }
        for row in one["rows"]:
            if row["measure"] == f"ndcg@{k}":
                line[f"NDCG@{k}"] = _plain_change(row, fine)
            elif row["measure"] != f"spending_met@{k}":
                told = measure_of(row["measure"])
                line[told.name] = _plain_change(row, told.changed)
        lines.append(line)
    return pd.DataFrame(lines)


def _plain_change(row: Mapping[str, Any], form: Callable[[float | None], str]) -> str:
    return f"{form(row['change'])} {interval(row['change_low'], row['change_high'], form=form)}".strip()
