"""Prices, discounts and offers of groups in words and tables."""

from collections.abc import Callable, Mapping, Sequence

import pandas as pd

from core.figures.gaps import VERDICT_WORDS
from core.figures.numbers import points, share
from core.figures.scorecard import select
from core.figures.text import markdown_text
from core.figures.verdicts import gap_answer, group_words, judged_gaps, size_unknown_sentence, than
from core.schema.settings import ALL

RUNG_WORDS = {
    "price_gap_raw": "whatever they buy",
    "price_gap_product": "+ the same product",
    "price_gap_product_time": "+ in the same week",
    "price_gap_product_time_store": "+ in the same store",
    "price_gap_conditional": "+ in the same quantity",
}
PLACES = {
    "price_gap_product": "the same product",
    "price_gap_product_time": "the same product in the same week",
    "price_gap_product_time_store": "the same product in the same store and week",
}
PARTS_WORDS = {
    "discount_gap_what": "what they buy",
    "discount_gap_when": "when they buy",
    "discount_gap_where": "where they buy",
    "discount_gap_unexplained": "not explained",
}


def percent(value: float) -> str:
    """A relative gap: `+0.4 %`."""
    return ("+" if value > 0 else "") + share(value)


def same_product_sentence(rows: pd.DataFrame, *, by: Sequence[str], place: str) -> str:
    """Who pays more for the same.

    Args:
        rows: of the section. place: what is held equal, in words.
    """

    def says(group: str, row: pd.Series) -> str:
        amount = markdown_text(share(abs(row["value"])))
        side = "more" if row["value"] > 0 else "less"
        return f"{group} paid {amount} {side} for {place} {than(row)}"

    return _answer(_gaps(rows, "same_product_price"), by=by, says=says, form=percent)


def coverage_sentence(rows: pd.DataFrame) -> str:
    """How much of the money lies where like can be compared with like."""
    found = rows[rows["metric"] == "same_product_coverage"]["value"]
    if found.empty:
        return ""
    low, high = share(found.min()), share(found.max())
    ends = low if low == high else f"Between {low} and {high}"
    return (
        f"{ends} of what a group and those it is compared with spent lies where both bought the same product at the "
        "same time and place: the gap speaks for these purchases. The steps below speak for more, with less held equal."
    )


def ladder_sentence(rows: pd.DataFrame, *, group: str, by: Sequence[str]) -> str:
    """From the first to the last rung, for one group."""
    own = rung_rows(rows, group)
    if len(own) < 2:
        return f"{group_words(group, by)} share too few purchases with others to hold anything equal."
    first, last = own.iloc[0], own.iloc[-1]
    side = {True: "more", False: "less"}
    return (
        f"{group_words(group, by)} pay {markdown_text(share(abs(first['value'])))} {side[first['value'] > 0]} per piece "
        f"{than(first)}, whatever they buy; **{markdown_text(share(abs(last['value'])))} {side[last['value'] > 0]}** "
        f"is left with all of this held equal (95 % interval {markdown_text(percent(last['low']))} to "
        f"{markdown_text(percent(last['high']))}{_verdict(last)}). {size_unknown_sentence(own.tail(1))}".strip()
    )


def rung_rows(rows: pd.DataFrame, group: str) -> pd.DataFrame:
    """The rungs of one group, in order, those that can be told."""
    own = rows[(rows["group"] == group) & rows["metric"].isin(RUNG_WORDS) & rows["value"].notna()]
    order = own["metric"].map(list(RUNG_WORDS).index)
    return own.loc[order.sort_values().index]


def discount_sentence(
    rows: pd.DataFrame, metric: str, *, by: Sequence[str], kind: str, deep: bool, alike: bool
) -> str:
    """Who gets fewer discounts, or shallower ones.

    Args:
        kind: of discount, in words. deep: how deep, not how often. alike: among purchases of the same kind alone.
    """
    for_same = " for the same product, week and store" if alike else ""

    def says(group: str, row: pd.Series) -> str:
        amount = markdown_text(points(abs(row["value"])).lstrip("+"))
        more = row["value"] > 0
        if deep:
            return f"{group} get {amount} {'more' if more else 'less'} off the list price{for_same} ({kind}) {than(row)}"
        return f"{group} get a discount ({kind}) {amount} {'more' if more else 'less'} often{for_same} {than(row)}"

    return _answer(_gaps(rows, metric), by=by, says=says, form=points)


def offer_sentence(rows: pd.DataFrame, *, by: Sequence[str]) -> str:
    """Who is offered campaigns, given the same spending."""

    def says(group: str, row: pd.Series) -> str:
        side = "more" if row["value"] > 0 else "less"
        amount = markdown_text(points(abs(row["value"])).lstrip("+"))
        return f"Given the same spending, {group[:1].lower()}{group[1:]} are offered a campaign {amount} {side} often {than(row)}"

    gaps = rows[(rows["metric"] == "offered_given_spending") & (rows["statistic"] == "gap")]
    return _answer(gaps, by=by, says=says, form=points)


def funnel_sentence(rows: pd.DataFrame, groups: Sequence[str], *, form: Callable[[float], str]) -> str:
    """Of a hundred users of each group: offered, redeemed, saved.

    Args:
        form: how money is written.
    """
    said = []
    for group in groups:
        own = rows[(rows["statistic"] == "mean") & (rows["group"] == group)].set_index("metric")["value"]
        parts = [f"{markdown_text(share(own['offered']))} were offered a campaign"]
        if "redeemers" in own:
            parts.append(f"{markdown_text(share(own['redeemers']))} of these redeemed a coupon")
        if "saved" in own:
            parts.append(f"and saved {markdown_text(form(own['saved']))} each by coupons")
        said.append(f"Of {markdown_text(group)}, {', '.join(parts)}.")
    return " ".join(said)


def shown_answer(rows: pd.DataFrame, *, by: Sequence[str], kind: str) -> str:
    """Who clicks less on what is shown, or buys less of it where no clicks are logged.

    Args:
        kind: `item` or `deal`.
    """
    clicked = f"{kind}_clicked" in set(rows["metric"])
    what = "the deals that they are shown" if kind == "deal" else "what they are shown"
    claim = f"click on {what}" if clicked else f"buy {what}"

    def says(group: str, row: pd.Series) -> str:
        amount = markdown_text(points(abs(row["value"])).lstrip("+"))
        return f"{group} {claim} {amount} {'more' if row['value'] > 0 else 'less'} often {than(row)}"

    metric = f"{kind}_clicked" if clicked else f"{kind}_purchased"
    return _answer(_gaps(rows, metric), by=by, says=says, form=points)


def shown_sentence(rows: pd.DataFrame, groups: Sequence[str], words: Mapping[str, str]) -> str:
    """Of a hundred users of each group: shown, clicked, bought.

    Args:
        words: of each step, such as `core.figures.funnel.SHOWN`. groups: those of whom the first is told.
    """
    said = []
    for group in groups:
        own = rows[(rows["statistic"] == "mean") & (rows["group"] == group) & rows["value"].notna()]
        told = {row.metric: markdown_text(share(row.value)) for row in own.itertuples()}
        first, *later = (f"{told[name]} {step}" for name, step in words.items() if name in told)
        rest = f"; of these {' and '.join(later)}" if later else ""
        said.append(f"Of {markdown_text(group)}, {first}{rest}.")
    return " ".join(said)


def parts_sentence(own: pd.DataFrame, *, by: Sequence[str]) -> str:
    """What explains the gap in depth of one group."""
    row = own.set_index("metric")
    whole, left = row.loc["discount_gap"], row.loc["discount_gap_unexplained"]
    side = "deeper" if whole["value"] > 0 else "shallower"
    group = group_words(own["group"].iloc[0], by)
    return (
        f"Discounts of {group[:1].lower()}{group[1:]} are {markdown_text(points(abs(whole['value'])).lstrip('+'))} {side} "
        f"{than(whole)}; **{markdown_text(points(left['value']))} of that is not explained** by product, week and store "
        f"(95 % interval {markdown_text(points(left['low']))} to {markdown_text(points(left['high']))}{_verdict(left)}). "
        f"{size_unknown_sentence(own[own['metric'] == 'discount_gap_unexplained'])}".strip()
    )


def access_sentence(rows: pd.DataFrame, metric: str, *, by: Sequence[str], words: str) -> str:
    """Who bears more, buys less often, or has more reason to envy.

    Args:
        words: what the share is of.
    """

    def says(group: str, row: pd.Series) -> str:
        side = "more" if row["value"] > 0 else "less"
        return (
            f"{group} have {markdown_text(points(abs(row['value'])).lstrip('+'))} {side} {words} {than(row)}"
        )

    return _answer(_gaps(rows, metric), by=by, says=says, form=points)


def demand_sentence(elasticity, explained) -> str:
    """How steeply demand falls for all users together, and how well the price tells sales in weeks held out.

    Args:
        elasticity: interval of groups and, last, of all users. explained: share of deviance, alike.
    """
    value, low, high = (float(getattr(elasticity, end)[-1]) for end in ("value", "low", "high"))
    told = share(float(explained[-1]))
    return (
        f"A price that is 1 % higher goes with **{abs(value):.1f} % {'fewer' if value < 0 else 'more'} units** "
        f"(95 % interval {abs(high):.1f} to {abs(low):.1f}) in weeks like those seen; in weeks held out the price explains "
        f"{markdown_text(told)} of what varies."
    )


def what_if_sentence(prices, names: Sequence[str]) -> str:
    """Whom the most profitable prices would charge most and least.

    Args:
        prices: (G,) shares of the usual price.
    """
    low, high = int(prices.argmin()), int(prices.argmax())
    return (
        f"Without a rule the most profitable price is highest for **{markdown_text(names[high])}** "
        f"({markdown_text(share(prices[high]))} of the usual one) and lowest for **{markdown_text(names[low])}** "
        f"({markdown_text(share(prices[low]))})."
    )


def steering_sentence(rows: pd.DataFrame, *, by: Sequence[str], k: int) -> str:
    """Who is shown dearer products than others are, beyond what they buy themselves."""
    metric = f"price_steering@{k}"
    steered = not judged_gaps(_gaps(rows, metric)).empty
    metric = metric if steered else f"price_percentile@{k}"

    def says(group: str, row: pd.Series) -> str:
        side = "dearer" if row["value"] > 0 else "cheaper"
        amount = markdown_text(points(abs(row["value"])).lstrip("+").replace("pp", "percentiles"))
        beyond = " than their own purchases explain, compared with" if steered else " than"
        other = than(row).removeprefix("than")
        return f"{group} are shown products {amount} {side}{beyond}{other}"

    return _answer(_gaps(rows, metric), by=by, says=says, form=points)


def _verdict(row: pd.Series) -> str:
    """`; tolerance 1.0 %: *equal within tolerance*`; empty where nothing is judged."""
    if pd.isna(row["verdict"]):
        return ""
    return f"; tolerance {markdown_text(share(row['tolerance']))}: *{VERDICT_WORDS[row['verdict']]}*"


def _answer(
    gaps: pd.DataFrame,
    *,
    by: Sequence[str],
    says: Callable[[str, pd.Series], str],
    form: Callable[[float], str],
) -> str:
    """The claim of the gap that matters most, and of whom a difference is there whose size is not known."""
    said = gap_answer(gaps, by=by, says=says, form=form)
    return f"{said} {size_unknown_sentence(gaps)}".strip()


def _gaps(rows: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Gap rows of a metric, whether or not its name says so."""
    named = select(rows, metric, "gap")
    return named if len(named) else rows[(rows["metric"] == metric) & (rows["statistic"] == "gap")]


def gap_rows(rows: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Gap rows of a metric, one per group, everyone left out."""
    found = _gaps(rows, metric)
    return found[found["group"] != ALL].reset_index(drop=True)


def claims(rows: pd.DataFrame, metrics: dict[str, str]) -> pd.DataFrame:
    """Mean rows of some metrics as `group`, `name`, `value`, `low`, `high`, `n`, for figures of two claims.

    Args:
        metrics: metric -> name.
    """
    found = rows[(rows["statistic"] == "mean") & rows["metric"].isin(metrics) & rows["value"].notna()]
    found = found[found["group"] != ALL]
    return found.assign(name=found["metric"].map(metrics))[["group", "name", "value", "low", "high", "n"]]
