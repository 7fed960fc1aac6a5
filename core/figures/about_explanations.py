"""Explanations in sentences and tables for the screen."""

from collections.abc import Mapping, Sequence

import pandas as pd

from core.figures.explanations import MARK
from core.figures.gaps import VERDICT_WORDS
from core.figures.numbers import change, count, days, decimal, share, with_interval
from core.figures.scorecard import MARKS
from core.figures.sentences import by_words
from core.figures.text import markdown_text, plain, spoken
from core.figures.units import DAYS, PLAIN, POINTS, Unit

UNITS = {"probability": POINTS, "days": DAYS}  # of attributions; all others are plain numbers
LEVELS = {"probability": Unit(share, 100, " %"), "days": Unit(days, suffix=" d")}  # of predictions
PART_WORDS = {
    "explained": "all causes together",
    "activity": "activity",
    "history length": "history length",
    "taste": "taste",
    "cold start": "cold start",
    "products new to the user": "products new to the user",
    "unexplained": "not explained by these",
    "remaining": "would remain if alike",
}

TOGETHER = ("explained", "unexplained", "remaining")  # parts that are no single cause


def unit_of(unit: str) -> Unit:
    """How attributions are written and drawn."""
    return UNITS.get(unit, PLAIN)


def level_of(unit: str) -> Unit:
    """How predictions themselves are written."""
    return LEVELS.get(unit, Unit(decimal))


def marked_features(marks: pd.DataFrame) -> list[str]:
    """Features that are a protected attribute or tell one."""
    return list(dict.fromkeys(marks.loc[marks["mark"] != "", "feature"]))


def importance_sentence(table: pd.DataFrame, *, title: str, unit: Unit) -> str:
    """What a model goes by most."""
    if table.empty:
        return "Too few users were asked about to tell what the model goes by."
    first = table.iloc[0]
    told = with_interval(first["value"], first["low"], first["high"], first["n"], form=unit.amount)
    behind = [f"**{markdown_text(name)}**" for name in table["feature"].iloc[1:3]]
    then = f", then by {' and '.join(behind)}" if behind else ""
    return (
        f"The {markdown_text(title, limit=120)} goes most by **{markdown_text(first['feature'])}**, which moves it by "
        f"{markdown_text(told, limit=120)} on average, {100 * first['share']:.0f} % of all that moves it{then}."
    )


def marks_sentence(marks: pd.DataFrame) -> str:
    """Which features are protected, or tell what is."""
    if marks.empty:
        return "No protected attribute has groups large enough to ask whether features tell it."
    protected = marks.loc[marks["mark"] == "protected", "feature"].unique()
    proxies = marks[marks["mark"] == "proxy"].sort_values("low", ascending=False)
    said = [
        f"{MARK} **{markdown_text(name)}** is a protected attribute itself, and the model reads it."
        for name in protected
    ]
    if len(proxies):
        first = proxies.iloc[0]
        number = proxies["feature"].nunique()
        said.append(
            f"{MARK} {count(number)} {'feature tells' if number == 1 else 'features tell'} a protected attribute better than "
            f"chance; the plainest is **{markdown_text(first['feature'])}**, which tells "
            f"{markdown_text(spoken(first['attribute']).lower())} with an AUC of "
            f"{with_interval(first['auc'], first['low'], first['high'], first['n'], form=decimal)} (0.50 is chance)."
        )
    return " ".join(said) or "No single feature tells a protected attribute better than chance."


def completeness_sentence(*, users: int, incomplete: int, worst: float, allowed: float, unit: Unit) -> str:
    """Whether the parts add up to the predictions."""
    if not incomplete:
        return f"All {count(users)} explanations add up to their prediction; the worst sum is off by {_fine(worst, unit)}."
    return (
        f":material/warning: {count(incomplete)} of {count(users)} explanations miss their prediction by more than "
        f"{_fine(allowed, unit)}, the worst by {_fine(worst, unit)}; read single ones with care."
    )


def case_sentence(case, *, unit: Unit, level: Unit) -> str:
    """What made one prediction differ from the usual one, and whether the parts add up."""
    moved = case.output - case.expected
    first = case.parts.iloc[0]
    said = (
        f"The model says **{markdown_text(level.form(case.output))}** here and "
        f"{markdown_text(level.form(case.expected))} usually ({markdown_text(unit.form(moved))}). The largest part is that of "
        f"**{markdown_text(first['feature'])}** ({markdown_text(unit.form(first['value']))})."
    )
    if case.complete:
        return said
    return f"{said} :material/warning: The parts miss the prediction by {_fine(abs(case.error), unit)}; read them with care."


def _fine(value: float, unit: Unit) -> str:
    """A small amount with two digits that count: `0.27 pp`."""
    return f"{unit.scale * value:.2g}{unit.suffix}"


def group_sentence(rows: pd.DataFrame, *, by: Sequence[str]) -> str:
    """Whether the model goes by other things for some groups."""
    weights = rows[rows["metric"].str.startswith("weight: ") & (rows["statistic"] == "gap")]
    unequal = weights[weights["verdict"] == "unequal"]
    tested = weights["p_adjusted"].notna().sum()
    if not tested:
        return f"By {by_words(by)} there are no groups large enough to be compared."
    if unequal.empty:
        alike = int((weights["verdict"] == "equal_within_tolerance").sum())
        return (
            f"No group by {by_words(by)} was found whose predictions rest on other things: of {count(tested)} comparisons "
            f"{count(alike)} are alike within 2 points of the weight, the others are open."
        )
    first = unequal.loc[unequal["value"].abs().idxmax()]
    feature = first["metric"].removeprefix("weight: ").removesuffix("_gap")
    more = "more" if first["value"] > 0 else "less"
    told = with_interval(first["value"], first["low"], first["high"], first["n"], form=POINTS.form)
    number = unequal["group"].nunique()
    return (
        f"**For {count(number)} {'group' if number == 1 else 'groups'} by {by_words(by)} the model goes by other things.** "
        f"The largest difference: for {markdown_text(first['group'])} **{markdown_text(feature)}** weighs {more} "
        f"({markdown_text(told, limit=120)} of the weight; {count(tested)} comparisons, corrected)."
    )


def features_of(rows: pd.DataFrame) -> list[str]:
    """Features in the order of their largest difference between groups."""
    weights = rows[rows["metric"].str.startswith("weight: ") & (rows["statistic"] == "gap")]
    largest = weights["value"].abs().groupby(weights["metric"], sort=False).max().sort_values(ascending=False)
    return [name.removeprefix("weight: ").removesuffix("_gap") for name in largest.index]


def marks_table(marks: pd.DataFrame) -> pd.DataFrame:
    """The plainest tellers first."""
    rows = marks.sort_values("low", ascending=False)
    words = {"protected": f"{MARK} protected", "proxy": f"{MARK} proxy", "": ""}
    return pd.DataFrame(
        {
            "Feature": rows["feature"].map(plain),
            "Protected attribute": rows["attribute"].map(spoken),
            "AUC": [with_interval(r.auc, r.low, r.high, form=decimal) for r in rows.itertuples()],
            "Users": rows["n"].map(count),
            "Mark": rows["mark"].map(words),
        }
    )


def item_sentences(why) -> list[str]:
    """Why a product stands in a list: where it stands, what its score rests on, what would take it out."""
    title = markdown_text(why.title, limit=60)
    said = [
        f"**{title}** stands at place {why.place} with a score of {decimal(why.score)}. The user "
        + ("bought it before." if why.again else "never bought it before.")
    ]
    if why.itself is not None:
        after = "no candidate at all" if why.itself > 200 else f"at place {why.itself}"
        said.append(f"Had the user never bought it, it would be {after}.")
    if why.place > why.k:
        return [*said, f"It is not among the first {why.k}, so nothing has to be taken out of the history."]
    looked = (
        f"all {count(why.products)}"
        if why.looked_at == why.products
        else f"the {count(why.looked_at)} that tell most, of {count(why.products)}"
    )
    besides = "other products" if why.again else "products"
    if why.removal is None:
        return [
            *said,
            f"No small set of {besides} of the history was found without which it would leave the first {why.k} (looked at: {looked}).",
        ]
    names = [f"**{markdown_text(name, limit=50)}**" for name in why.removed]
    least = (
        "Nothing smaller does it"
        if why.removal.smallest
        else "Each of these is needed; a smaller set of others is not ruled out"
    )
    return [
        *said,
        f"It would leave the first {why.k} without {_listed(names)} in the history. {least} (looked at: {looked}; the model "
        f"was asked {count(why.removal.asked)} times).",
    ]


def similar_sentence(similar) -> str:
    """What similar customers bought."""
    if similar is None:
        return "There are too few other customers to speak of similar ones."
    if similar.buyers is None:
        return (
            f"How many of the {count(similar.n)} most similar customers bought it is not told: fewer than ten did, or all but "
            "fewer than ten."
        )
    own, rest = similar.buyers / similar.n, similar.other_buyers / similar.others
    return (
        f"**{count(similar.buyers)} of the {count(similar.n)} most similar customers** ({share(own)}) bought it before the "
        f"test window; of the {count(similar.others)} others {share(rest)}."
    )


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def parts_table(parts: pd.DataFrame) -> pd.DataFrame:
    """The terms of a score, to be added up."""
    total = pd.DataFrame({"part": ["score"], "value": [parts["value"].sum()]})
    rows = pd.concat([parts, total], ignore_index=True)
    return pd.DataFrame(
        {
            "Part": rows["part"].map(lambda name: plain(spoken(name))),
            "Adds": rows["value"].map(change(decimal)),
        }
    )


def history_table(history: pd.DataFrame) -> pd.DataFrame:
    """What each product of the history does to the explained one."""
    return pd.DataFrame(
        {
            "Product": history["product"].map(lambda name: plain(name, limit=50)),
            "Times bought": history["times"].map(count),
            "Part of the score": history["effect"].map(
                lambda effect: "all of it" if pd.isna(effect) else change(decimal)(effect)
            ),
            "Place without it": history["place"].map(lambda place: "–" if place > 200 else str(place)),
        }
    )


def gap_part_rows(rows: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Rows of a taken-apart gap with bare names of parts in `metric`."""
    return rows.assign(metric=rows["metric"].str.removeprefix(f"{metric}: "))


def gap_sentence(rows: pd.DataFrame, *, group: str, metric: str) -> str:
    """How much of one group's gap is there because groups differ in other things, and what would remain.

    Args:
        rows: of `gap_part_rows`.
    """
    own = rows[rows["group"] == group].set_index("metric")
    if "gap" not in own.index or own.loc["gap", "suppressed"]:
        return f"{markdown_text(group)} is hidden or has nobody to be compared with."
    reference = own.loc["gap", "reference"]
    against = "the rest" if reference == "rest" else markdown_text(reference)

    def told(name: str) -> str:
        row = own.loc[name]
        return with_interval(row["value"], row["low"], row["high"], form=POINTS.form)

    causes = [name for name in PART_WORDS if name in own.index and name not in TOGETHER]
    largest = max(causes, key=lambda name: abs(own.loc[name, "value"])) if causes else None
    n = count(own.loc["gap", "n"])
    said = (
        f"{metric} of **{markdown_text(group)}** ({n} users) differs from that of {against} by **{told('gap')}**; "
        f"the causes below make {told('explained')} of it"
    )
    said += f"; the largest is {largest} ({told(largest)})." if largest else "."
    if "remaining" not in own.index:
        return f"{said} What would remain is not told: the others cannot be made like this group."
    verdict = VERDICT_WORDS.get(own.loc["remaining", "verdict"], "not judged")
    return f"{said} Were the others like this group in all of these, **{told('remaining')}** would remain: {verdict}."


def gap_parts_table(rows: pd.DataFrame) -> pd.DataFrame:
    """One line per group: the gap, what is explained, and what remains. Hidden groups have no number."""
    lines = []
    for group in dict.fromkeys(rows["group"]):
        own = rows[rows["group"] == group].set_index("metric")
        line = {
            "Group": plain(group),
            "Users": "hidden" if own["suppressed"].any() else count(own.loc["gap", "n"]),
        }
        for name, title in (("gap", "Gap"), ("explained", "Explained"), ("remaining", "Would remain")):
            row = own.loc[name] if name in own.index else None
            known = row is not None and not row["suppressed"]
            line[title] = (
                with_interval(row["value"], row["low"], row["high"], form=POINTS.form)
                if known
                else ("hidden" if row is not None else "cannot be told")
            )
            if name == "remaining":
                line["Verdict"] = f"{MARKS[row['verdict']]} {VERDICT_WORDS[row['verdict']]}" if known else ""
        lines.append(line)
    return pd.DataFrame(lines)


def causes_words(causes: Sequence[str], about: Mapping[str, str]) -> str:
    """What the causes are, as a list."""
    return "\n".join(f"- **{name}**: {about[name]}" for name in causes)
