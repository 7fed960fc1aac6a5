"""A plan of offers in words, in a figure and in a table: who gets a coupon without and with parity, and what that costs."""

from collections.abc import Callable, Mapping, Sequence

import pandas as pd
import plotly.graph_objects as go

from core.figures.claims import Claim, claims_figure
from core.figures.gaps import VERDICT_WORDS
from core.figures.groups import Style
from core.figures.numbers import MISSING, count, decimal, fine, points, score, share, with_interval
from core.figures.numbers import money as money_words
from core.figures.scorecard import select
from core.figures.text import markdown_text, plain
from core.figures.verdicts import gap_answer, group_words, than
from core.schema.settings import ALL

Form = Callable[[float | None], str]
OFFER_RATE, SAVING = "planned_offer_rate", "planned_saving"
MEASURES = {"offer_rate": OFFER_RATE, "saving": SAVING}
RATES_OF = {"offer_rate": "offer rates", "saving": "expected savings a user"}
UNSHARED = " A coupon cannot be shared: a small group can be one off."
ALIKE = 1e-9
WITHOUT, WITH = "without parity", "with parity"


def value_form(currency: str | None) -> Form:
    """How expected values are written: as money, or as redemptions where no currency is given."""
    if currency is None:
        return lambda value: f"{decimal(value)} redemptions"
    return lambda value: money_words(value, currency)


def plan_answer(
    plans: Mapping[str, pd.DataFrame],
    *,
    by: Sequence[str],
    coupons: int,
    value: float,
    parity: str | None,
    gap: float,
    lost,
    money: Form,
) -> tuple[str, ...]:
    """The sentences that open: who gets how much, what parity makes of it and gives up, and the verdict on offer rates.

    Args:
        plans: WITHOUT and, where parity is asked for, WITH -> rows. coupons, value: of the plan without parity.
    """
    metric = MEASURES[parity or "offer_rate"]
    form = share if metric == OFFER_RATE else money
    told = plan_sentence(
        plans[WITHOUT], by=by, coupons=coupons, value=value, metric=metric, form=form, money=money
    )
    said = [told]
    if parity is not None:
        told = parity_sentence(
            plans[WITH], parity=parity, gap=gap, value=value, lost=lost, form=form, money=money
        )
        said.append(told)
    return (*said, gap_sentence(plans[WITH if parity else WITHOUT], by=by))


def plan_sentence(
    free: pd.DataFrame, *, by: Sequence[str], coupons: int, value: float, metric: str, form: Form, money: Form
) -> str:
    """Who gets most and least where coupons go to where they are worth most.

    Args:
        free: rows of the plan. value: expected of all coupons. metric: what is told of groups. form, money: of its
            numbers and of the value.
    """
    ends = _ends(free, metric)
    if ends is None:
        return f"No group by {' and '.join(map(markdown_text, by))} is large enough to be shown."
    low, high = (
        f"{markdown_text(form(row['value']))} ({_inside(group_words(row['group'], by))})" for row in ends
    )
    if metric == OFFER_RATE:
        said = f"reach {low} to {high} of a group"
    else:
        said = f"are expected to save users of a group {low} to {high} each"
    return (
        f"**{count(coupons)} coupons, put where they are worth most, {said}.** They are expected to be worth "
        f"{markdown_text(money(value))} in all."
    )


def parity_sentence(
    even: pd.DataFrame, *, parity: str, gap: float, value: float, lost, form: Form, money: Form
) -> str:
    """What parity makes of the groups, and what it gives up.

    Args:
        even: rows of the plan with parity. value: expected without it. lost: interval (2,): in total, as a share.
    """
    metric = MEASURES[parity]
    ends = _ends(even, metric)
    if ends is None:
        return ""
    low, high = (markdown_text(form(row["value"])) for row in ends)
    mean = float(even.loc[(even["metric"] == metric) & (even["group"] == ALL), "value"].iloc[0])
    wider = ends[1]["value"] - ends[0]["value"] > gap * mean + ALIKE
    total, part = ([float(getattr(lost, end)[place]) for end in ("value", "low", "high")] for place in (0, 1))
    told = markdown_text(with_interval(*part, form=share), limit=120)
    apart = "equal" if gap == 0 else f"at most {markdown_text(share(gap))} of the mean apart"
    return (
        f"**With {RATES_OF[parity]} {apart}, these are {low} to {high}; that gives up {markdown_text(money(total[0]))} of "
        f"{markdown_text(money(value))} expected ({told}).**{UNSHARED if wider else ''}"
    )


def _inside(words: str) -> str:
    return words[:1].lower() + words[1:]


def _ends(rows: pd.DataFrame, metric: str) -> tuple[pd.Series, pd.Series] | None:
    """The groups with the lowest and the highest value."""
    told = _means(rows, metric)
    return None if told.empty else (told.loc[told["value"].idxmin()], told.loc[told["value"].idxmax()])


def _means(rows: pd.DataFrame, metric: str) -> pd.DataFrame:
    found = select(rows, metric, "mean")
    return found[(found["group"] != ALL) & found["value"].notna()]


def gap_sentence(rows: pd.DataFrame, *, by: Sequence[str]) -> str:
    """The verdict on the offer rates of a plan."""

    def says(group: str, row: pd.Series) -> str:
        amount = markdown_text(points(abs(row["value"])).lstrip("+"))
        return f"{group} get a coupon {amount} {'more' if row['value'] > 0 else 'less'} often {than(row)}"

    gaps = select(rows, OFFER_RATE, "gap")
    return gap_answer(gaps[gaps["group"] != ALL], by=by, says=says, form=points)


def fit_sentence(fit, *, day: str, money: Form) -> str:
    """How far the forecasts of who redeems can be trusted.

    Args:
        fit: of later offers (`core.workflow.policies.redemption.Fit`), or None; its scores are, in this order, those of the
            forecast, of one chance for all and of the user's own record. day: since when offers are later.
    """
    if fit is None:
        return (
            f"Too few offers were redeemed after {markdown_text(day)} to tell how good these forecasts are."
        )
    own, alike, record = fit.scores.values()
    stands = "better" if fit.lead.low > 0 else "worse" if fit.lead.high < 0 else "not shown to be better"
    saved = (
        f" An offer was expected to save {markdown_text(money(fit.saving_expected))} and saved "
        f"{markdown_text(money(fit.saving_observed))}."
        if pd.notna(fit.saving_observed)
        else ""
    )
    return (
        f"Of {count(fit.offers)} offers still open on {markdown_text(day)} or begun later, "
        f"{markdown_text(share(fit.observed))} were redeemed; {markdown_text(share(fit.expected))} were expected to be. "
        f"AUC {_measured(own['auc'])} (a coin: 0.5; the user's own record alone: {_measured(record['auc'])}). Brier score "
        f"{_measured(own['brier'])} against {_measured(alike['brier'])} of one chance for all; it is *{stands}* than the "
        f"better of these two rules by {_measured(fit.lead, fine)}.{saved}"
    )


def _measured(one, form: Form = score) -> str:
    return markdown_text(with_interval(one.value, one.low, one.high, form=form), limit=120)


def plan_figure(
    plans: Mapping[str, pd.DataFrame], styles: dict[str, Style], *, metric: str, title: str, form: Form
) -> go.Figure:
    """A row per group: open dots without parity, full ones with it.

    Args:
        plans: WITHOUT and WITH -> rows.
    """
    rows = pd.concat([_means(rows, metric).assign(name=name) for name, rows in plans.items()])
    scale, suffix = (100, " %") if metric == OFFER_RATE else (1, "")
    return claims_figure(
        rows,
        styles,
        (Claim(WITHOUT, WITHOUT, True), Claim(WITH, WITH, False)),
        x_title=title,
        form=form,
        scale=scale,
        suffix=suffix,
    )


def plan_table(plans: Mapping[str, pd.DataFrame], *, money: Form) -> pd.DataFrame:
    """One line per group, hidden ones last: offer rate and expected saving of each plan, and its verdict on offer rates."""
    first = select(next(iter(plans.values())), OFFER_RATE, "mean")
    first = first[first["group"] != ALL].sort_values("suppressed", kind="stable")
    lines = []
    for group, n, hidden in zip(first["group"], first["n"], first["suppressed"], strict=True):
        line = {"Group": plain(group), "Users": "hidden" if hidden else count(n)}
        for name, rows in plans.items():
            own = rows[rows["group"] == group]
            line |= {
                f"Get a coupon, {name}": _cell(own, OFFER_RATE, share, hidden),
                f"Expected saving, {name}": _cell(own, SAVING, money, hidden),
                f"Verdict on offers, {name}": "" if hidden else _verdict(own),
            }
        lines.append(line)
    return pd.DataFrame(lines)


def _cell(own: pd.DataFrame, metric: str, form: Form, hidden: bool) -> str:
    if hidden:
        return "hidden"
    row = select(own, metric, "mean").iloc[0]
    return with_interval(row["value"], row["low"], row["high"], form=form)


def _verdict(own: pd.DataFrame) -> str:
    verdict = select(own, OFFER_RATE, "gap")["verdict"].dropna()
    return MISSING if verdict.empty else VERDICT_WORDS[verdict.iloc[0]]
