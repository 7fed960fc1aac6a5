"""The ledger in words and tables: what each step closed of a gap, what is left, and what it cost."""

from collections.abc import Callable, Mapping, Sequence

import pandas as pd

from core.figures.numbers import change, fine, interval, money, score, share, with_interval
from core.figures.sentences import by_words
from core.figures.text import markdown_text, plain, spoken
from core.figures.units import POINTS, Unit

Form = Callable[[float | None], str]
NOT_SHOWN = "no difference shown"
STEPS = {
    "data": "data step",
    "training": "training step",
    "reranking": "re-ranking",
    "whole": "all steps together",
}
GAPS = {
    "ndcg": "accuracy of recommendations",
    "price_percentile": "how dear the products shown are",
    "deal_exposure": "offers shown",
    "attention_to_move": "attention of groups of products",
}
UNITS = {  # how a gap and its change are written, of one scale
    "ndcg": (Unit(score), Unit(fine)),
    **dict.fromkeys(
        ("price_percentile", "deal_exposure", "attention_to_move"), (Unit(share, 100, " %"), POINTS)
    ),
}
EVERYTHING = "whole"


def step_words(step: str) -> str:
    """`data+training` -> `data and training step together`."""
    parts = step.split("+")
    if len(parts) == 1:
        return STEPS[step]
    return " and ".join(STEPS[part].removesuffix(" step") for part in parts) + " step together"


def settings_words(settings: Mapping[str, object]) -> str:
    """What a step set: `User weights reweighing, loss gap weight 1`."""
    said = ", ".join(f"{spoken(name).lower()} {_setting(value)}" for name, value in settings.items())
    return said[:1].upper() + said[1:]


def _setting(value: object) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "on", False: "off", None: "not set"}[value]
    return f"{value:g}" if isinstance(value, float) else plain(value).replace("_", " ")


def gap_words(gap: str, *, by: Sequence[str], items_by: str, target: str) -> str:
    """What the gap is of, for a sentence; Markdown."""
    if gap == "attention_to_move":
        group = markdown_text(spoken(items_by).lower())
        return f"attention that would have to move for groups by {group} to get their {markdown_text(target)}"
    return f"gap in {GAPS[gap]} by {by_words(by)} (largest less smallest group)"


def ledger_sentence(
    levels: pd.DataFrame, changes: pd.DataFrame, *, gap: str, about: str, currency: str, k: int
) -> str:
    """What of the gap each step closed, what is left, and the price of all.

    Args:
        levels, changes: of a ledger. gap: the measure that is spoken of, such as `ndcg`. about: see `gap_words`.
    """
    level, unit = UNITS[gap]
    own, rows = of(levels, "gap", gap), of(changes, "gap", gap)
    first, last, steps = own.iloc[0], own.iloc[-1], links(rows)
    shown = [
        f"{_the(row['step'])} {_moved(row, first['value'], unit)}"
        for _, row in steps[steps["verdict"] != NOT_SHOWN].iterrows()
    ]
    unsure = [
        f"{_the(row['step'])} ({_number(row, 'change', unit.form)})"
        for _, row in steps[steps["verdict"] == NOT_SHOWN].iterrows()
    ]
    said = "; ".join(shown + ([f"no difference is shown for {_listed(unsure)}"] if unsure else []))
    return (
        f"**Of the {about}, {_number(first, 'value', level.form)}, {said}.** {_together(rows, first, unit)}"
        f"Left is {_number(last, 'value', level.form)}. {price_sentence(changes, currency=currency, k=k)}"
    )


def start_sentence(levels: pd.DataFrame, *, gap: str, about: str) -> str:
    """The gap where no step has been taken yet."""
    first = of(levels, "gap", gap).iloc[0]
    return (
        f"**The {about} is {_number(first, 'value', UNITS[gap][0].form)}**, and no step has been taken yet."
    )


def of(rows: pd.DataFrame, kind: str, measure: str) -> pd.DataFrame:
    """Rows of one measure, whatever the length of lists."""
    return rows[(rows["kind"] == kind) & (rows["measure"].str.partition("@")[0] == measure)]


def links(rows: pd.DataFrame) -> pd.DataFrame:
    """The steps of one measure, without all of them together."""
    return rows[rows["step"] != EVERYTHING]


def _the(step: str) -> str:
    return step_words(step) if step == "reranking" else f"the {step_words(step)}"


def _together(rows: pd.DataFrame, first: pd.Series, unit: Unit) -> str:
    if len(rows) == 1:
        return ""
    whole = rows.iloc[-1]
    if whole["verdict"] == NOT_SHOWN:
        return f"Of all together no difference is shown ({_number(whole, 'change', unit.form)}). "
    return f"All together {_moved(whole, first['value'], unit)}. "


def _moved(row: pd.Series, whole: float, unit: Unit) -> str:
    """`closed 0.037 [0.012, 0.061], 16.0 % of it`."""
    opened = row["verdict"] == "widened"
    ends = (row["low"], row["high"]) if opened else (-row["high"], -row["low"])
    size = f" ({share(abs(row['change']) / whole)} of it)" if whole > 0 else ""
    said = f"{unit.amount(row['change'])} {interval(*ends, form=lambda end: _bare(unit.form(end)))}{size}"
    return f"{'added' if opened else 'closed'} {markdown_text(said, limit=120)}"


def price_sentence(changes: pd.DataFrame, *, currency: str, k: int) -> str:
    """What all steps together cost, in NDCG and in spending met."""
    parts = []
    for measure, name, form in _prices(currency, k):
        rows = of(changes, "price", measure)
        if len(rows):
            parts.append(_price_words(rows.iloc[-1], name, form))
    return f"In all, {' and '.join(parts)}." if parts else ""


def _prices(currency: str, k: int) -> tuple[tuple[str, str, Form], ...]:
    return (
        ("ndcg", f"NDCG@{k}", fine),
        ("spending_met", "spending met per buyer", change(lambda value: money(value, currency))),
    )


def _price_words(row: pd.Series, name: str, form: Form) -> str:
    if row["verdict"] == NOT_SHOWN:
        return f"no change of {name} is shown ({_number(row, 'change', form)})"
    ends = sorted((abs(row["low"]), abs(row["high"])))
    said = f"{_bare(form(abs(row['change'])))} {interval(*ends, form=lambda end: _bare(form(end)))}"
    return f"{name} {'fell' if row['verdict'] == 'worse' else 'rose'} by {markdown_text(said, limit=120)}"


def _bare(text: str) -> str:
    return text.lstrip("+")


def _number(row: pd.Series, name: str, form: Form) -> str:
    return markdown_text(with_interval(row[name], row["low"], row["high"], form=form), limit=120)


def _listed(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def ledger_table(
    levels: pd.DataFrame, changes: pd.DataFrame, *, gap: str, done: Mapping[str, str], currency: str, k: int
) -> pd.DataFrame:
    """Every step for the screen, with intervals and users: the gap before and after, its change, and the price.

    Args:
        done: by step what was set.
    """
    level, step = UNITS[gap]
    own, rows = of(levels, "gap", gap).set_index("way"), of(changes, "gap", gap)
    prices = {
        name: (of(changes, "price", measure).set_index("step"), form)
        for measure, name, form in _prices(currency, k)
    }
    told = []
    for row in rows.itertuples():
        before, after = own.loc[row.first], own.loc[row.second]
        said = {
            "Step": spoken(step_words(row.step)),
            "What was done": done.get(row.step, ""),
            "Gap before": with_interval(before["value"], before["low"], before["high"], form=level.form),
            "Gap after": with_interval(after["value"], after["low"], after["high"], form=level.form),
            "Change": with_interval(row.change, row.low, row.high, row.n, form=step.form),
            "Verdict": row.verdict,
        }
        for name, (price, form) in prices.items():
            if row.step in price.index:
                own_price = price.loc[row.step]
                ends = (own_price[end] for end in ("change", "low", "high", "n"))
                said[f"{spoken(name)}, change"] = (
                    f"{with_interval(*ends, form=form)} · {own_price['verdict']}"
                )
        told.append(said)
    return pd.DataFrame(told)


def full_table(levels: pd.DataFrame, changes: pd.DataFrame) -> pd.DataFrame:
    """Every measure and step as numbers, the levels before and after beside each change."""
    found = changes
    for way, name in (("first", "before"), ("second", "after")):
        columns = {"way": way, "value": name, "low": f"{name}_low", "high": f"{name}_high"}
        named = levels[["measure", *columns]].rename(columns=columns)
        found = found.merge(named, on=["measure", way], how="left")
    return found


def missing_sentence(steps: Sequence[str], settings: Mapping[str, object], *, run: str) -> str:
    """Which run would tell more, and how its settings differ from those of the run; Markdown.

    Args:
        steps: of fairness that it would have. settings: that it would have and the run has not.
    """
    what = (
        f"a run with the {STEPS[steps[0]]} alone" if steps else "a run without fairness before or in training"
    )
    said = markdown_text(settings_words(settings), limit=400)
    said = said[:1].lower() + said[1:]
    return f"Not here: {what}, trained like **{markdown_text(run)}** but for {said}."


def reading(tests: int) -> str:
    """How to read the waterfall; what its intervals do not hold.

    Args:
        tests: comparisons that were corrected for together.
    """
    return (
        "Blue is the gap at first and the gap that is left; between them each step's bar starts where the one "
        "before it ended: green closes, orange with stripes widens, dotted grey shows no difference. Whiskers are 95 % "
        f"intervals of the same users; verdicts are corrected for all {tests} comparisons of the ledger. A grey stroke is how "
        "large a gap noise alone makes. A gap also closes where those who "
        "are best off lose, so read the price beside it. Each run is one training with one seed: trained once more it would "
        "differ a little, and that is not in these intervals."
    )
