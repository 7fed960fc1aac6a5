"""Who is seen, in words and tables."""

from collections.abc import Mapping

import pandas as pd

from core.figures.groups import CROSS
from core.figures.numbers import count, points, score, share
from core.figures.scorecard import Card, beside, select
from core.figures.text import markdown_text, plain, spoken
from core.figures.verdicts import deciding_row, interval_words, judged_gaps, others_words
from core.schema.settings import ALL

TARGET_WORDS = {
    "catalogue": "its share of the catalogue",
    "purchases": "its share of purchases",
    "equal": "an equal share",
    "blend": "a blend of catalogue and purchases",
}
CARDS = {  # metric -> label, number form
    "awrf_js_pooled": ("Attention on target (AWRF, JS, pooled)", score),
    "gini_items": ("Gini index of items", score),
    "coverage": ("Items that anybody sees", share),
    "aplt": ("Long tail in a list", share),
}


def exposure_sentence(rows: pd.DataFrame, *, attribute: str, target: str, k: int) -> str:
    """Which group of items is seen more or less than its target.

    Args:
        rows: of the section. target: the kind of target.
    """
    gaps = item_gaps(rows, attribute=attribute, k=k)
    judged = judged_gaps(gaps)
    row = deciding_row(judged)
    if row is None:
        return (
            f"No group of items by {markdown_text(spoken(attribute).lower())} can be held against a target."
        )
    means = select(rows, f"exposure_share@{k}", "mean")
    own = means[(means["attribute"] == attribute) & (means["group"] == row["group"])].iloc[0]
    side = "more" if row["value"] > 0 else "less"
    amount = markdown_text(points(abs(row["value"])).lstrip("+"))
    return (
        f"**{markdown_text(row['group'])} gets {markdown_text(share(own['value']))} of attention, {amount} {side} than "
        f"{TARGET_WORDS[target]}**{interval_words(row, points)}. {others_words(judged)}"
    )


def item_gaps(rows: pd.DataFrame, *, attribute: str, k: int) -> pd.DataFrame:
    """Gap rows of item groups against the target, in order."""
    gaps = select(rows, f"exposure_share@{k}", "gap")
    return gaps[gaps["attribute"] == attribute].reset_index(drop=True)


def cells(rows: pd.DataFrame, *, by: str, attribute: str, k: int) -> pd.DataFrame:
    """The matrix of user groups by item groups as `core.figures.exposure.heat_map` takes it; hidden groups left out.

    Args:
        by: name of the grouping of users, as rows call it.
    """
    name = f"{by}{CROSS}{attribute}"
    own = rows[(rows["attribute"] == name) & ~rows["suppressed"].astype(bool)]
    means = own[own["statistic"] == "mean"].set_index("group")
    gaps = own[own["statistic"] == "gap"].set_index("group")[["value", "low", "high", "verdict"]]
    gaps.columns = ["gap", "gap_low", "gap_high", "verdict"]
    joined = means[["metric", "value", "low", "high", "n"]].join(gaps)
    joined = joined[joined["metric"] == f"exposure_share@{k}"].reset_index(names="cell")
    parts = joined["cell"].str.rsplit(CROSS, n=1, expand=True)
    found = joined.assign(user_group=parts[0], item_group=parts[1]) if len(joined) else joined
    return found.drop(columns="cell")


def matrix_sentence(found: pd.DataFrame, *, others: str) -> str:
    """Who is shown more or less of something than others.

    Args:
        found: of `cells`. others: with whom a group is compared, in words.
    """
    judged = found[found["verdict"].notna()].assign(suppressed=False, value=found["gap"])
    row = deciding_row(judged)
    if row is None:
        return "There are no two groups of users to compare."
    side = "more" if row["gap"] > 0 else "less"
    amount = markdown_text(points(abs(row["gap"])).lstrip("+"))
    unequal = int((judged["verdict"] == "unequal").sum())
    words = (
        f"{unequal} of {len(judged)} cells are unequal"
        if unequal
        else f"None of {len(judged)} cells is found unequal"
    )
    return (
        f"**{words}.** The one to look at: {markdown_text(row['user_group'])} see {amount} {side} of "
        f"{markdown_text(row['item_group'])} than {others} "
        f"({markdown_text(points(row['gap_low']))} to {markdown_text(points(row['gap_high']))}, {count(row['n'])} users)."
    )


def views_table(rows: pd.DataFrame, *, attribute: str, k: int) -> pd.DataFrame:
    """The verdict on single lists beside that on all lists together."""
    names = {
        f"awrf_js_user@{k}": "each list by itself (AWRF with Jensen–Shannon, mean over users)",
        f"ndkl_user@{k}": "each list by itself (NDKL, mean over users)",
        f"awrf_js_pooled@{k}": "all lists together (AWRF with Jensen–Shannon)",
        f"ndkl_pooled@{k}": "all lists together (NDKL)",
    }
    own = rows[(rows["attribute"] == attribute) & (rows["group"] == ALL)]
    lines = []
    for metric, words in names.items():
        mean = own[(own["metric"] == metric) & (own["statistic"] == "mean")]
        gap = own[(own["metric"] == f"{metric}_gap") & (own["statistic"] == "gap")]
        if mean.empty:
            continue
        row = mean.iloc[0]
        against = gap.iloc[0] if len(gap) else None
        lines.append(
            {
                "View": words,
                "Value": f"{score(row['value'])} {beside(row, score, n=False)}",
                "Against lists filled at random by the target": ""
                if against is None
                else f"{score(against['value'])} {beside(against, score, n=False)}",
            }
        )
    return pd.DataFrame(lines)


def cards(rows: pd.DataFrame, *, attribute: str, k: int) -> list[Card]:
    """The few numbers that stand for all lists."""
    own = rows[(rows["attribute"] == attribute) & (rows["group"] == ALL) & (rows["statistic"] == "mean")]
    found = []
    for metric, (label, form) in CARDS.items():
        row = own[own["metric"] == f"{metric}@{k}"]
        if len(row) and pd.notna(row.iloc[0]["value"]):
            found.append(Card(plain(label, limit=60), form(row.iloc[0]["value"]), beside(row.iloc[0], form)))
    return found


JOINT = {
    "II-F": ("single users", "single products"),
    "IG-F": ("single users", "groups of products"),
    "GI-F": ("groups of users", "single products"),
    "GG-F": ("groups of users", "groups of products"),
    "AI-F": ("all users", "single products"),
    "AG-F": ("all users", "groups of products"),
}


def joint_table(joint: Mapping[str, float]) -> pd.DataFrame:
    """The six metrics of joint multisided exposure, by name, with whose attention goes to what."""
    return pd.DataFrame(
        {
            "Metric": list(joint),
            "Attention of": [JOINT[name][0] for name in joint],
            "on": [JOINT[name][1] for name in joint],
            "Distance": [f"{value:.3g}" for value in joint.values()],
        }
    )
