"""A policy in words: what it costs, whom, which gaps it closes, and why an item stands where it stands."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from core.figures.gaps import VERDICT_WORDS
from core.figures.groups import CROSS
from core.figures.numbers import (
    change,
    count,
    fine,
    interval,
    money,
    p_value,
    points,
    sample,
    score,
    share,
    with_interval,
)
from core.figures.scorecard import MARKS, Card
from core.figures.sentences import plural
from core.figures.text import markdown_text, plain, spoken
from core.schema.policies import PolicySettings
from core.schema.settings import ALL

BETTER, WORSE, NO_DIFFERENCE = "better", "worse", "no difference shown"  # verdicts on changes, and on gaps
UNEQUAL, EQUAL, UNDECIDED = "unequal", "equal_within_tolerance", "not_enough_data"
_BY_STAGE = (  # correct, calibrate, exposure, diversity: the order in which steps run, whatever order they are given in
    {"propensity": "Popularity correction (IPS)"},
    {
        "calibrated": "Mirror each customer",
        "two_sided_calibration": "Mirror each customer, with shares for all",
    },
    {
        "exposure_limits": "Floors and ceilings on attention",
        "greedy_exposure": "Pull attention towards the target",
        "max_min_exposure": "Lift the worst-off (P-MMF)",
        "two_sided_penalty": "Two sides at once (CPFair)",
        "price_guard": "Price-steering guard",
        "deal_access": "Equal access to offers",
        "fa_star_ir": "Protected share in every list (FA*IR)",
        "constrained_sort": "Shares in every list (DetConstSort)",
    },
    {
        "marginal_relevance": "Variety by likeness (MMR)",
        "xquad": "Variety by category (xQuAD)",
    },
)
STEP_WORDS = {name: words for steps in _BY_STAGE for name, words in steps.items()}
_STAGES = {name: stage for stage, steps in enumerate(_BY_STAGE) for name in steps}
METRIC_WORDS = {
    "ndcg": "Accuracy of recommendations",
    "spending_met": "Spending met",
    "price_percentile": "How dear the products shown are",
    "deal_exposure": "Offers shown",
    "exposure_share": "Attention of groups of products",
}
MOVED = {BETTER: "higher", WORSE: "lower", NO_DIFFERENCE: "no difference shown"}
OF_PRODUCTS = "exposure_share"  # the metric whose gaps are those of groups of products; all others are of groups of users


def stage(step: str) -> int:
    """When a step runs, from 0; one that is not known here runs after all others."""
    return _STAGES.get(step, len(_BY_STAGE))


def policy_words(policy: PolicySettings) -> str:
    """Its steps in one line, as they run; Markdown, names that came with the data escaped."""
    if not policy.steps:
        return "The lists as the model made them."
    steps = sorted(policy.steps, key=lambda one: stage(one.step))
    return " → ".join(_step_words(one.step, one.settings) for one in steps)


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
    return (
        f"**{_accuracy_words(row, k)}** {_verdict_words(before, after)}"
        f"{plural(int(everybody['gain']), 'user')} {'is' if everybody['gain'] == 1 else 'are'} served better, "
        f"{count(everybody['lose'])} worse, {count(everybody['same'])} as before; "
        f"{markdown_text(share(moved))} of all places hold another product."
    )


def in_short(
    changes: pd.DataFrame,
    before: pd.DataFrame,
    after: pd.DataFrame,
    counts: pd.DataFrame,
    *,
    k: int,
    moved: float,
) -> str:
    """The same in one line, for a place that stays in sight while a knob is moved; Markdown."""
    if not moved:
        return "**Nothing moves.**"
    row, everybody = overall(changes, f"ndcg@{k}"), counts.iloc[0]
    ends = interval(row["low"], row["high"], form=fine)
    changed = f"{score(row['second'])}, {fine(row['difference'])} {ends}".strip()
    users = _turned(before, after, of_products=False)
    gaps = (
        f" · {count(users.now)} of {plural(users.judged, 'gap')} unequal ({users.since_before})"
        if users.judged
        else ""
    )
    return (
        f"**NDCG@{k} {markdown_text(changed, limit=120)}** ({MOVED[row['verdict']]}){gaps} · "
        f"{count(everybody['gain'])} served better, {count(everybody['lose'])} worse"
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


def _verdict_words(before: pd.DataFrame, after: pd.DataFrame) -> str:
    """How many gaps are unequal, those of users and of products apart; empty where nothing is judged."""
    users, products = (_turned(before, after, of_products=which) for which in (False, True))
    said = []
    if users.judged:
        verb = "is" if users.now == 1 else "are"
        gaps = plural(users.judged, "gap")
        said.append(
            f"{count(users.now)} of {gaps} between groups of users {verb} unequal ({users.since_before})"
        )
    if products.judged:
        verb = "gets" if products.now == 1 else "get"
        groups = plural(products.judged, "group")
        said.append(
            f"{count(products.now)} of {groups} of products {verb} an unequal share of attention "
            f"({products.since_before})"
        )
    return f"{', and '.join(said)}. " if said else ""


def _gaps(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[(rows["statistic"] == "gap") & ~rows["suppressed"].astype(bool)]


@dataclass(frozen=True)
class _Turned:
    """Gaps that are judged, those unequal before and now, and those that became unequal or no longer are."""

    judged: int
    was: int
    now: int
    opened: int
    closed: int

    @property
    def since_before(self) -> str:
        turned = [(self.closed, "closed"), (self.opened, "opened")]
        told = " and ".join(f"{count(number)} {what}" for number, what in turned if number)
        return f"{count(self.was)} before, {told}" if told else "as before"


def _turned(before: pd.DataFrame, after: pd.DataFrame, *, of_products: bool) -> _Turned:
    key = ["attribute", "group", "metric"]
    both = _gaps(before)[[*key, "verdict"]].merge(
        _gaps(after)[[*key, "verdict"]], on=key, suffixes=("_b", "_a")
    )
    both = both[(both["metric"].str.startswith(OF_PRODUCTS) == of_products) & both["verdict_a"].notna()]
    was, now = both["verdict_b"] == UNEQUAL, both["verdict_a"] == UNEQUAL
    return _Turned(
        *(int(which.sum()) for which in (both["verdict_a"].notna(), was, now, now & ~was, was & ~now))
    )


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
    found += _verdict_cards(before, after)
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


def _verdict_cards(before: pd.DataFrame, after: pd.DataFrame) -> list[Card]:
    """Verdicts on gaps of users, and on those of products, where there are any."""
    found = []
    for label, of_products in (("Unequal gaps, users", False), ("Unequal shares, products", True)):
        was, now = (_verdicts(rows, of_products=of_products) for rows in (before, after))
        marks = ", ".join(
            f"{MARKS[verdict]} {now.get(verdict, 0)} {words} ({was.get(verdict, 0)})"
            for verdict, words in ((EQUAL, "equal"), (UNDECIDED, "undecided"))
        )
        if len(now):
            found.append(Card(label, f"{now.get(UNEQUAL, 0)} (was {was.get(UNEQUAL, 0)})", marks))
    return found


def _verdicts(rows: pd.DataFrame, *, of_products: bool) -> pd.Series:
    """How many gaps of users, or of products, have each verdict."""
    gaps = _gaps(rows)
    return gaps.loc[gaps["metric"].str.startswith(OF_PRODUCTS) == of_products, "verdict"].value_counts()


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


def shown_gaps(gaps: pd.DataFrame) -> pd.DataFrame:
    """The same for the screen, in words.

    Args:
        gaps: of `gap_table`.
    """

    def written(row: Mapping[str, Any], when: str) -> str:
        return with_interval(*(row[f"{end}{when}"] for end in ("value", "low", "high")), form=points)

    return pd.DataFrame(
        {
            "Groups by": _spoken(row["attribute"]),
            "Group": plain(row["group"]),
            "Gap in": metric_words(row["metric"]),
            "Before": written(row, "_before"),
            "After": written(row, ""),
            "Verdict before": _verdict(row["verdict_before"]),
            "Verdict after": _verdict(row["verdict"]),
            "Users": count(row["n"]),
        }
        for row in gaps.to_dict("records")
    )


def _verdict(verdict: str | None) -> str:
    return f"{MARKS[verdict]} {VERDICT_WORDS[verdict]}" if verdict in MARKS else "not judged"


def _spoken(attribute: str) -> str:
    return CROSS.join(spoken(name) for name in attribute.split(CROSS))


def metric_words(metric: str) -> str:
    """`ndcg@10_gap` -> `Accuracy of recommendations`."""
    name = metric.partition("@")[0]
    return METRIC_WORDS.get(name, spoken(name))


def shown_changes(changes: pd.DataFrame, *, currency: str) -> pd.DataFrame:
    """Changes of the same users for the screen, in words.

    Args:
        changes: rows of `compare_runs`.
    """

    def in_money(value: float | None) -> str:
        return money(value, currency)

    forms: dict[str, tuple[Callable, Callable]] = {"spending_met": (in_money, change(in_money))}
    lines = []
    for row in changes.to_dict("records"):
        level, changed = forms.get(row["metric"].partition("@")[0], (score, fine))
        hidden = bool(row["suppressed"])
        lines.append(
            {
                "Group": "everybody" if row["group"] == ALL else plain(row["group"]),
                "Measure": metric_words(row["metric"]),
                "Before": level(row["first"]),
                "After": level(row["second"]),
                "Change": with_interval(row["difference"], row["low"], row["high"], form=changed),
                "p, corrected": p_value(row["p_adjusted"]),
                "Verdict": "hidden" if hidden else MOVED[row["verdict"]],
                "Users": plain(row["n"]) if hidden else count(row["n"]),
            }
        )
    return pd.DataFrame(lines)


def gains_sentence(counts: pd.DataFrame) -> str:
    """Who loses most and who least, by group.

    Args:
        counts: `group, n, gain, lose, same`, everybody first, then the groups that are large enough to be shown.
    """
    everybody, groups = counts.iloc[0], counts.iloc[1:]
    if not everybody[["gain", "lose"]].sum():
        return "Nobody's list becomes better or worse."
    if groups.empty:
        return f"No group is large enough to be told apart. {_net_words(everybody, 'Of')}."
    net = (groups["gain"] - groups["lose"]) / groups["n"]
    best, worst = groups.loc[net.idxmax()], groups.loc[net.idxmin()]
    if len(groups) > 1 and net.max() == net.min():
        return f"{_net_words(everybody, 'Of')}, with the same balance in every group that is shown."
    second = f"; {_net_words(best, 'of')}" if len(groups) > 1 else ""
    return f"{_net_words(worst, 'Of')}{second}."


def _net_words(row: pd.Series, of: str) -> str:
    who = "" if row["group"] == ALL else f" in **{markdown_text(row['group'])}**"
    gain = "gains" if row["gain"] == 1 else "gain"
    lose = "loses" if row["lose"] == 1 else "lose"
    return f"{of} {plural(int(row['n']), 'user')}{who}, {count(row['gain'])} {gain} and {count(row['lose'])} {lose}"


def gains_reading(counts: pd.DataFrame) -> str:
    """How to read who gains and loses, with how many do neither."""
    everybody = counts.iloc[0]
    verb = "is" if everybody["same"] == 1 else "are"
    return (
        "A user gains where NDCG of the own list rises by any amount. "
        f"{count(everybody['same'])} of {plural(int(everybody['n']), 'list')} {verb} neither better nor worse; the means "
        "hide who pays."
    )


def snapshot_table(
    named: Mapping[str, tuple[PolicySettings, pd.DataFrame, pd.DataFrame, pd.DataFrame, float]], *, k: int
) -> pd.DataFrame:
    """Policies side by side.

    Args:
        named: by name the policy, its changes, its gaps, its counts, and the share of places that moved.
    """
    rows = {}
    for name, (policy, changes, gaps, counts, moved) in named.items():
        accuracy, spending = (overall(changes, f"{metric}@{k}") for metric in ("ndcg", "spending_met"))
        users, products = (_verdicts(gaps, of_products=which) for which in (False, True))
        steps = sorted(policy.steps, key=lambda one: stage(one.step))
        rows[name] = {
            "Steps": " → ".join(STEP_WORDS[one.step] for one in steps) or "as the model made them",
            f"NDCG@{k}": _change_words(accuracy),
            **({} if spending is None else {"Spending met": _change_words(spending, "{:+.2f}")}),
            "Unequal gaps, users": str(users.get(UNEQUAL, 0)),
            "Equal gaps, users": str(users.get(EQUAL, 0)),
            "Unequal shares, products": str(products.get(UNEQUAL, 0)),
            "Equal shares, products": str(products.get(EQUAL, 0)),
            "Users better / worse": f"{counts.iloc[0]['gain']:,} / {counts.iloc[0]['lose']:,}",
            "Places moved": share(moved),
        }
    return pd.DataFrame(rows).rename_axis("").reset_index()


def _change_words(row: pd.Series, form: str = "{:+.4f}") -> str:
    value, low, high = (form.format(row[name]).replace("-", "−") for name in ("difference", "low", "high"))
    return f"{value} [{low}, {high}]"
