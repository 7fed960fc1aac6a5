"""What users are foretold to do next, in tables and sentences for the screen."""

import pandas as pd

from core.figures.numbers import interval, sample, share, with_interval
from core.figures.text import markdown_text, plain

ARROW = " → "


def path_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Likeliest paths of one or two groups, best first: rows `group`, `name`, `value`, `low`, `high`, `n`."""
    lines = [
        {"Group": plain(row.group), **_steps(row.path), "Probability": _small(row)}
        for row in rows.rename(columns={"name": "path"}).itertuples(index=False)
    ]
    return pd.DataFrame(lines)


def _small(row) -> str:
    return with_interval(row.value, row.low, row.high, row.n, form=fine_share)


def fine_share(value: float | None) -> str:
    """A small share with two digits after the point, smaller ones as such: `0.42 %`, `<0.01 %`."""
    if value is not None and 0 < value < 0.0001:
        return "<0.01 %"
    return share(value) if value is None or value >= 0.1 else f"{100 * value:.2f} %"


def _steps(path: str) -> dict[str, str]:
    names = ("First", "then", "and then")
    steps = str(path).split(ARROW)
    if len(steps) != len(names):  # a category with the arrow in its own name
        return {"First": plain(path, limit=120), "then": "", "and then": ""}
    return {name: plain(step, limit=60) for name, step in zip(names, steps, strict=True)}


def path_sentence(rows: pd.DataFrame) -> str:
    """The likeliest path of each group."""
    parts = []
    for group, own in rows.groupby("group", sort=False):
        top = own.loc[own["value"].idxmax()]
        text = with_interval(top["value"], top["low"], top["high"], top["n"], form=fine_share)
        parts.append(
            f"for **{markdown_text(group)}** {markdown_text(top['name'], limit=160)} ({markdown_text(text, limit=120)})"
        )
    return f"The likeliest way of the next steps: {'; '.join(parts)}."


def user_intent_sentence(intent: pd.DataFrame) -> str:
    """The first forecast of each horizon for one user, with what came of all forecasts like it."""
    if intent.empty:
        return "For this user there is no forecast of a purchase: there is nothing from before the test window to go by."
    first = intent.groupby("horizon_days", sort=True).head(1)
    parts = [
        f"within {row.horizon_days} days **{share(row.probability)}** (of {row.n:,} answers with a forecast like this "
        f"{share(row.alike)} {markdown_text(interval(row.low, row.high, form=share))} bought)"
        for row in first.itertuples()
    ]
    return f"Asked when the test window begins, the probability that this user buys is {'; '.join(parts)}."


def user_intent_table(intent: pd.DataFrame) -> pd.DataFrame:
    """Every forecast for one user, with the simple rule's and what happened."""
    return pd.DataFrame(
        {
            "Asked on": intent["timestamp"].dt.strftime("%-d %b %Y"),
            "Within": [f"{days} days" for days in intent["horizon_days"]],
            "Forecast": intent["probability"].map(share),
            "Recency and frequency alone": intent["baseline_probability"].map(share),
            "Forecasts like it came true": [
                f"{share(row.alike)} {interval(row.low, row.high, form=share)} · {sample(row.n)}"
                for row in intent.itertuples()
            ],
            "Bought": intent["observed"].map({True: "✓", False: "–"}),
        }
    )


def user_categories_table(categories: pd.DataFrame) -> pd.DataFrame:
    """One user's likeliest next categories."""
    return pd.DataFrame(
        {
            "#": categories["rank"],
            "Next category": categories["category"].map(lambda name: plain(name, limit=60)),
            "Probability": categories["probability"].map(fine_share),
        }
    )


def user_paths_table(paths: pd.DataFrame) -> pd.DataFrame:
    """One user's likeliest paths."""
    return pd.DataFrame(
        [
            {"#": row.rank, **_steps(row.path), "Probability": fine_share(row.probability)}
            for row in paths.itertuples(index=False)
        ],
        columns=["#", "First", "then", "and then", "Probability"],
    )
