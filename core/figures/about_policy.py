"""A policy in words: what it costs, whom, which gaps it closes, and why an item stands where it stands."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from core.figures.numbers import change, count, fine, interval, money, sample, score, share
from core.figures.scorecard import MARKS, Card
from core.figures.sentences import plural
from core.figures.text import markdown_text, plain, spoken
from core.schema.policies import PolicySettings
from core.schema.settings import ALL

BETTER, WORSE, NO_DIFFERENCE = "better", "worse", "no difference shown"  # verdicts on changes, and on gaps
UNEQUAL, EQUAL, UNDECIDED = "unequal", "equal_within_tolerance", "not_enough_data"
STEP_WORDS = {
    "propensity": "Popularity correction (IPS)",
    "calibrated": "Mirror each customer",
    "two_sided_calibration": "Mirror each customer, with shares for all",
    "exposure_limits": "Floors and ceilings on attention",
    "greedy_exposure": "Pull attention towards the target",
    "max_min_exposure": "Lift the worst-off (P-MMF)",
    "two_sided_penalty": "Two sides at once (CPFair)",
    "price_guard": "Price-steering guard",
    "deal_access": "Equal access to offers",
    "fa_star_ir": "Protected share in every list (FA*IR)",
    "constrained_sort": "Shares in every list (DetConstSort)",
    "marginal_relevance": "Variety by likeness (MMR)",
    "xquad": "Variety by category (xQuAD)",
}
METRIC_WORDS = {
    "ndcg": "Accuracy of recommendations",
    "spending_met": "Spending met",
    "price_percentile": "How dear the products shown are",
    "deal_exposure": "Offers shown",
    "exposure_share": "Attention of groups of products",
}
MOVED = {BETTER: "higher", WORSE: "lower", NO_DIFFERENCE: "no difference shown"}


def policy_words(policy: PolicySettings) -> str:
    """Its steps in one line; Markdown, names that came with the data escaped."""
    if not policy.steps:
        return "The lists as the model made them."
    return " → ".join(_step_words(step.step, step.settings) for step in policy.steps)


def _step_words(name: str, settings: Mapping[str, Any]) -> str:
    said = ", ".join(f"{spoken(key).lower()} {value}" for key, value in settings.items() if value is not None)
    return f"{STEP_WORDS[name]} ({markdown_text(said, limit=120)})" if said else STEP_WORDS[name]


def overall(changes: pd.DataFrame, metric: str) -> pd.Series | None:
    """The row of everybody; None where the data have no such metric."""
    found = changes[(changes["metric"] == metric) & (changes["group"] == ALL)]
    return None if found.empty else found.iloc[0]


def answer(
    changes: pd.DataFrame,
    before: pd.DataFrame,
    after: pd.DataFrame,
    counts: pd.DataFrame,
    *,
    k: int,
    moved: float,
) -> str:
    """What a policy does, in three sentences.

    Args:
        changes: rows of `compare_runs`. before, after: audit rows. counts: users who gain and lose, everybody first.
        moved: share of places that hold another item.
    """
    if not moved:
        return "**Nothing moves: every list is as it was.**"
    row, everybody = overall(changes, f"ndcg@{k}"), counts.iloc[0]
    opened, closed, still = _turned(before, after)
    gaps = [f"{count(still)} of {count(_judged(after))} gaps {'is' if still == 1 else 'are'} unequal"]
    gaps += [f"{count(closed)} no longer {'is' if closed == 1 else 'are'}"] if closed else []
    gaps += [f"{count(opened)} {'has' if opened == 1 else 'have'} become so"] if opened else []
    gaps[0] += ", as before" if still and not (opened or closed) else ""
    return (
        f"**{_accuracy_words(row, k)}** {', '.join(gaps)}. "
        f"{plural(int(everybody['gain']), 'user')} {'is' if everybody['gain'] == 1 else 'are'} served better, "
        f"{count(everybody['lose'])} worse, {count(everybody['same'])} as before; "
        f"{markdown_text(share(moved))} of all places hold another product."
    )


def _accuracy_words(row: pd.Series, k: int) -> str:
    ends = f"{fine(row['low'])} to {fine(row['high'])}"
    relative = f", {change(share)(row['difference'] / row['first'])}" if row["first"] else ""
    said = {
        BETTER: "Lists become more accurate",
        WORSE: "Lists become less accurate",
        NO_DIFFERENCE: "Accuracy is not shown to change",
    }[row["verdict"]]
    numbers = f"NDCG@{k} {fine(row['difference'])}{relative}; 95 % interval {ends}, {count(row['n'])} users"
    return f"{said} ({markdown_text(numbers, limit=140)})."


def _judged(rows: pd.DataFrame) -> int:
    return int(_gaps(rows)["verdict"].notna().sum())


def _gaps(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[(rows["statistic"] == "gap") & ~rows["suppressed"].astype(bool)]


def _turned(before: pd.DataFrame, after: pd.DataFrame) -> tuple[int, int, int]:
    """Gaps that have become unequal, that no longer are, and that are."""
    key = ["attribute", "group", "metric"]
    both = _gaps(before)[[*key, "verdict"]].merge(
        _gaps(after)[[*key, "verdict"]], on=key, suffixes=("_b", "_a")
    )
    was, now = both["verdict_b"] == UNEQUAL, both["verdict_a"] == UNEQUAL
    return int((now & ~was).sum()), int((was & ~now).sum()), int(now.sum())


def cards(
    changes: pd.DataFrame,
    before: pd.DataFrame,
    after: pd.DataFrame,
    counts: pd.DataFrame,
    *,
    k: int,
    moved: float,
    currency: str,
) -> list[Card]:
    """Accuracy, spending met, verdicts, who gains and loses, and how much moved."""
    found = [_changed_card(overall(changes, f"ndcg@{k}"), f"NDCG@{k}", score, fine)]
    spending = overall(changes, f"spending_met@{k}")
    if spending is not None:
        in_money = change(lambda value: money(value, currency))
        found.append(
            _changed_card(spending, "Spending met per user", lambda value: money(value, currency), in_money)
        )
    was, now = (_gaps(rows)["verdict"].value_counts() for rows in (before, after))
    marks = ", ".join(
        f"{MARKS[verdict]} {now.get(verdict, 0)} {words} ({was.get(verdict, 0)})"
        for verdict, words in ((EQUAL, "equal"), (UNDECIDED, "undecided"))
    )
    found.append(Card("Unequal gaps", f"{now.get(UNEQUAL, 0)} (was {was.get(UNEQUAL, 0)})", marks))
    everybody = counts.iloc[0]
    found.append(
        Card(
            "Users served worse",
            count(everybody["lose"]),
            f"{count(everybody['gain'])} better, {count(everybody['same'])} as before, of {sample(int(everybody['n']))}",
        )
    )
    found.append(Card("Places changed", share(moved), f"of everyone's first {k} hold another product"))
    return found


def _changed_card(row: pd.Series, label: str, form, changed) -> Card:
    ends = interval(row["low"], row["high"], form=changed)
    note = f"{changed(row['difference'])} {ends} · {MOVED[row['verdict']]} · {sample(int(row['n']))}"
    return Card(label, form(row["second"]), note)


def gap_table(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """Every gap before and after with its verdict."""
    key = ["attribute", "group", "metric"]
    told = [*key, "value", "low", "high", "n", "verdict"]
    return _gaps(after)[told].merge(
        _gaps(before)[[*key, "value", "low", "high", "verdict"]], on=key, suffixes=("", "_before")
    )


def gains_sentence(counts: pd.DataFrame) -> str:
    """Who loses most, by group."""
    groups = counts.iloc[1:]
    groups = groups[groups["n"] > 0]
    if groups.empty or not counts.iloc[0][["gain", "lose"]].sum():
        return "Nobody's list becomes better or worse."
    net = (groups["gain"] - groups["lose"]) / groups["n"]
    best, worst = groups.loc[net.idxmax()], groups.loc[net.idxmin()]
    return f"{_net_words(worst)}; {_net_words(best)}."


def _net_words(row: pd.Series) -> str:
    return (
        f"Of {plural(int(row['n']), 'user')} in **{markdown_text(row['group'])}**, {count(row['gain'])} gain and "
        f"{count(row['lose'])} lose"
    )


def reason_words(reason: float, moves: Sequence[Mapping[str, Any]]) -> str:
    """Why an item stands where it stands: `0.132 + 0.021 (Private) = 0.153`, step by step.

    Args:
        reason: relevance before the policy. moves: fields of `Move`, in the order of the steps.
    """
    parts, shown = [f"{reason:.3f}"], reason
    for move in moves:
        kind = "" if move["kind"] is None else f" ({plain(move['kind'], limit=40)})"
        if move["works_by"] == "price":
            price = move["after"] - move["before"]
            parts.append(f"{'−' if price < 0 else '+'} {abs(price):.3f}{kind}")
            shown = move["after"]
        elif move["works_by"] == "factor":
            parts.append(f"× {move['after'] / move['before']:.2f}" if move["before"] > 0 else "× –")
            shown = move["after"]
        elif move["place_after"] != move["place_before"]:
            parts.append(
                f"; {STEP_WORDS[move['step']]}{kind}: place {move['place_before']} → {move['place_after']}"
            )
            shown = None
    if shown is not None and len(parts) > 1:
        parts.append(f"= {shown:.3f}")
    return " ".join(parts).replace(" ;", ";")


def reasons_table(rows: pd.DataFrame, *, currency: str, k: int) -> pd.DataFrame:
    """One user's list for the screen.

    Args:
        rows: `place_before`, `place_after`, `product`, `price`, `bought`, `reason`.
    """
    now = rows["place_after"].map(lambda place: str(place) if place <= k else "out")
    was = rows["place_before"].map(lambda place: str(place) if place <= k else f"({place})")
    shown = {"Now": now, "Before": was, "Product": rows["product"].map(lambda name: plain(name, limit=40))}
    shown |= {"Why": rows["reason"], "Bought": rows["bought"].map({True: "✓", False: ""})}
    if "price" in rows:
        shown["Price"] = rows["price"].map(lambda value: "" if pd.isna(value) else money(value, currency))
    return pd.DataFrame(shown)


def snapshot_table(
    named: Mapping[str, tuple[PolicySettings, pd.DataFrame, pd.DataFrame, pd.DataFrame, float]], *, k: int
):
    """Policies side by side.

    Args:
        named: by name the policy, its changes, its gaps, its counts, and the share of places that moved.
    """
    rows = {}
    for name, (policy, changes, gaps, counts, moved) in named.items():
        accuracy, spending = (overall(changes, f"{metric}@{k}") for metric in ("ndcg", "spending_met"))
        verdicts = _gaps(gaps)["verdict"].value_counts()
        rows[name] = {
            "Steps": " → ".join(STEP_WORDS[step.step] for step in policy.steps) or "as the model made them",
            f"NDCG@{k}": _change_words(accuracy),
            **({} if spending is None else {"Spending met": _change_words(spending, "{:+.2f}")}),
            "Unequal gaps": str(verdicts.get(UNEQUAL, 0)),
            "Equal gaps": str(verdicts.get(EQUAL, 0)),
            "Users better / worse": f"{counts.iloc[0]['gain']:,} / {counts.iloc[0]['lose']:,}",
            "Places moved": share(moved),
        }
    return pd.DataFrame(rows).rename_axis("").reset_index()


def _change_words(row: pd.Series, form: str = "{:+.4f}") -> str:
    value, low, high = (form.format(row[name]).replace("-", "−") for name in ("difference", "low", "high"))
    return f"{value} [{low}, {high}]"
