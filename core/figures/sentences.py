"""Answers in words, from audit rows: what is unequal, how sure, and what the data cannot tell."""

from collections.abc import Sequence

import pandas as pd

from core.figures.groups import CROSS
from core.figures.numbers import count, duration, points, ratio, score, share, with_interval
from core.figures.text import markdown_text, spoken
from core.schema.documents import Dataset, RuleCount, Run
from core.schema.tables import UNKNOWN

NO_NUMBER = 1_000_000  # an audit's way of saying that no number of further users would decide
METRIC_WORDS = {"ndcg": "NDCG", "recall": "Recall", "mrr": "MRR", "coverage": "Coverage"}


def metric_name(metric: str) -> str:
    """`ndcg@10_gap` -> `NDCG@10`."""
    base = metric.removesuffix("_gap").removesuffix("_ratio").removesuffix("_max_min")
    word, at, k = base.partition("@")
    return METRIC_WORDS.get(word, spoken(word)) + at + k


def by_words(by: Sequence[str]) -> str:
    """`("age", "income")` -> `age and income`."""
    return " and ".join(markdown_text(spoken(name).lower()) for name in by)


def verdict_sentence(gaps: pd.DataFrame, *, by: Sequence[str], metric: str) -> str:
    """The page's answer from the gap rows of one metric: worst case first, always with interval and n.

    Markdown; names that came with the data are escaped.
    """
    judged = gaps[~gaps["suppressed"].astype(bool)]
    if judged.empty:
        return f"No group by {by_words(by)} has enough users to say anything about {metric}."
    unequal = judged[judged["verdict"] == "unequal"]
    if len(unequal):
        return _unequal(unequal, len(judged), by=by, metric=metric)
    unsure = judged[judged["verdict"] == "not_enough_data"]
    if len(unsure):
        return _unsure(judged, unsure, by=by, metric=metric)
    worst = judged.loc[judged["value"].abs().idxmax()]
    return (
        f"**{metric} is equal within tolerance for all {len(judged)} groups by {by_words(by)}.** "
        f"The largest gap is {_gap(worst)} ({markdown_text(worst['group'])})."
    )


def _unequal(unequal: pd.DataFrame, n_groups: int, *, by: Sequence[str], metric: str) -> str:
    worst = unequal.loc[unequal["value"].abs().idxmax()]
    direction = "worse" if worst["value"] < 0 else "better"
    others = len(unequal) - 1
    more = (
        f" {_plural(others, 'more group')} of {n_groups} {'is' if others == 1 else 'are'} unequal too."
        if others
        else ""
    )
    return (
        f"**{metric} is unequal by {by_words(by)}.** {_users_of(worst['group'], by)} are served {direction} than "
        f"{_against(worst)}: {_gap(worst)}.{more}"
    )


def _users_of(group: str, by: Sequence[str]) -> str:
    unknown = set(group.split(CROSS)) == {UNKNOWN}
    return f"Users of unknown {by_words(by)}" if unknown else f"Users in {markdown_text(group)}"


def _against(row: pd.Series) -> str:
    return "everyone else" if row["reference"] in (None, "rest") else markdown_text(row["reference"])


def _unsure(judged: pd.DataFrame, unsure: pd.DataFrame, *, by: Sequence[str], metric: str) -> str:
    widest = unsure.loc[unsure["value"].abs().idxmax()]
    return (
        f"**There is not enough data to call {metric} equal or unequal for {len(unsure)} of {len(judged)} groups by "
        f"{by_words(by)}.** No group is shown to be unequal; the largest open gap is {_gap(widest)} "
        f"({markdown_text(widest['group'])}){_more_users(widest)}."
    )


def _more_users(row: pd.Series) -> str:
    more = row.get("more_users")
    return (
        ""
        if more is None or pd.isna(more) or more <= 0
        else f"; about {count(more)} more users would decide it"
    )


def _gap(row: pd.Series) -> str:
    return markdown_text(
        with_interval(row["value"], row["low"], row["high"], row["n"], form=points), limit=120
    )


def _plural(number: int, words: str) -> str:
    return f"{number} {words}" if number == 1 else f"{number} {words}s"


def basis(dataset: Dataset, run: Run) -> str:
    """On which data, model and split an audit stands."""
    start, end = dataset.period.get("test_start"), dataset.period.get("end")
    when = f", {start} to {end}" if start and end else ""
    return f"{markdown_text(dataset.name)}, run {markdown_text(run.name)}, **test split**{when}."


def accuracy_sentence(rows: pd.DataFrame, *, metric: str) -> str:
    """How the model stands beside the best simple rule; columns as in `accuracy_figure`."""
    own = rows[rows["is_model"]].iloc[0]
    rules = rows[~rows["is_model"]]
    value = markdown_text(with_interval(own["value"], own["low"], own["high"], own["n"]), limit=120)
    if rules.empty:
        return f"{metric} of this run is {value}."
    best = rules.loc[rules["value"].idxmax()]
    word = "ahead of" if own["value"] > best["value"] else "behind"
    times = f", {ratio(own['value'] / best['value'])} of it" if best["value"] > 0 else ""
    return f"{metric} of this run is {value}, {word} the best simple rule ({markdown_text(best['name'])}{times})."


def groups_sentence(rows: pd.DataFrame, *, by: Sequence[str]) -> str:
    """How many groups can be judged: columns as in `group_size_figure`."""
    hidden = int(rows["suppressed"].astype(bool).sum())
    small = rows[~rows["suppressed"].astype(bool)]
    smallest = small.loc[small["test_users"].astype(float).idxmin()] if len(small) else None
    text = f"{_plural(len(rows), 'group')} by {by_words(by)}"
    if smallest is not None:
        name, n = markdown_text(smallest["group"]), count(smallest["test_users"])
        text += f"; in the smallest one shown, {name}, {n} users can be judged"
    return f"{text}. {hidden_sentence(hidden)}".strip()


def hidden_sentence(hidden: int) -> str:
    """Why groups are hidden; empty if none is."""
    if not hidden:
        return ""
    verb = "is" if hidden == 1 else "are"
    return f"{_plural(hidden, 'group')} {verb} hidden: fewer than 10 users, or needed to keep such a group hidden."


def left_out_sentence(rows: pd.DataFrame, *, drawn: int) -> str:
    """Which groups a figure does not draw: hidden ones, and those beyond its number of rows."""
    hidden = int(rows["suppressed"].sum())
    beyond = max(len(rows) - hidden - drawn, 0)
    more = (
        f"{_plural(beyond, 'more group')} with smaller gaps {'is' if beyond == 1 else 'are'} in the table. "
    )
    return (more if beyond else "") + hidden_sentence(hidden)


def mix_sentence(rows: pd.DataFrame, *, of: str) -> str:
    """The largest difference between two groups' lists, or what one group sees most; columns as in `share_figure`."""
    groups = list(dict.fromkeys(rows["group"]))
    if len(groups) == 2:
        wide = rows.pivot(index="value_name", columns="group", values="value")[groups]
        apart = (wide[groups[1]] - wide[groups[0]]).abs()
        name, (a, b) = apart.idxmax(), wide.loc[apart.idxmax()]
        return (
            f"The lists differ most in **{markdown_text(name)}**: {100 * a:.1f} % for {markdown_text(groups[0])}, "
            f"{100 * b:.1f} % for {markdown_text(groups[1])}."
        )
    top = rows.loc[rows["value"].idxmax()]
    return f"**{markdown_text(top['value_name'])}** takes the largest part of the {of}: {100 * top['value']:.1f} %."


def dataset_sentence(dataset: Dataset) -> str:
    """Size and period of a dataset."""
    counts, period = dataset.counts, dataset.period
    return (
        f"**{markdown_text(dataset.name)}**: {count(counts.get('events'))} events of {count(counts.get('users'))} users "
        f"from {period.get('start', 'the start')} to {period.get('end', 'the end')}; "
        f"{count(counts.get('catalogue'))} of {count(counts.get('items'))} items may be recommended."
    )


def split_sentence(dataset: Dataset) -> str:
    """Where the windows lie."""
    period = dataset.period
    if "test_start" not in period:
        return (
            "Each user's last purchases are held out: the last for the test, the one before for validation."
        )
    return f"Validation starts on {period['validation_start']}, the test on {period['test_start']}."


def quality_sentence(rules: Sequence[RuleCount]) -> str:
    """How much of the events cleaning rejected."""
    events = [rule for rule in rules if rule.table == "events"]
    read = max((rule.read for rule in events), default=0)
    rejected = sum(rule.affected for rule in events if rule.action == "dropped")
    part = f" ({share(rejected / read)})" if read else ""
    return (
        f"Of {count(read)} event lines {count(rejected)} were rejected{part}, each by one of "
        f"{_plural(len(rules), 'rule')}; nothing was dropped without being counted."
    )


def price_sentence(prices: pd.DataFrame) -> str:
    """Which prices the purchase lines carry; columns as in `price_coverage`."""
    known = [
        f"{spoken(name).lower()} {share(value)}"
        for name, value in zip(prices["column"], prices["share"], strict=True)
    ]
    return f"Share of purchase lines that carry each column: {', '.join(known)}."


def missing_sentence(missing: dict[str, str]) -> str:
    """How many analyses the data lack something for."""
    if not missing:
        return "Nothing is missing: every analysis has the tables and columns that it needs."
    return f"{_plural(len(missing), 'analysis').replace('analysiss', 'analyses')} would need tables or columns that are not there."


def runs_sentence(runs: Sequence[Run]) -> str:
    """How many runs there are, and the best of them."""
    scored = [run for run in runs if "ndcg@10" in run.metrics.get("validation", {})]
    if not scored:
        return "No run yet."
    best = max(scored, key=lambda run: run.metrics["validation"]["ndcg@10"])
    return f"{_plural(len(runs), 'run')}; **{markdown_text(best.name)}** is best on the validation split."


def training_sentence(run: Run) -> str:
    """How long a run took and which of its epochs was kept."""
    if not run.history:
        return f"**{markdown_text(run.name)}** kept no history."
    best = max(run.history, key=lambda epoch: epoch.validation_ndcg)
    return (
        f"**{markdown_text(run.name)}** took {duration(run.seconds)} on {markdown_text(run.device)} for "
        f"{_plural(len(run.history), 'epoch')}; epoch {best.epoch} was best, with a validation NDCG@10 of "
        f"{score(best.validation_ndcg)}."
    )


def repeat_sentence(rows: pd.DataFrame, *, k: int) -> str:
    """How much of the lists the users had bought before: one row per group."""
    parts = [
        f"{markdown_text(with_interval(r.value, r.low, r.high, r.n, form=share), limit=120)} for {markdown_text(r.group)}"
        for r in rows.itertuples()
    ]
    return f"Of the {k} products shown, users had bought before: {', and '.join(parts)}."


def hits_sentence(hits: int | None, shown: int) -> str:
    """How the list did in the test window."""
    if hits is None:
        return "This user bought nothing in the test window, so the list cannot be judged."
    return f"**{hits} of {shown}** recommended products were bought in the test window."


def comparison_sentence(rows: pd.DataFrame, *, metric: str) -> str:
    """Whether run B is better than run A, for everyone and for groups; columns as in `comparison_figure`."""
    overall = rows[rows["group"] == "all"].iloc[0]
    text = markdown_text(
        with_interval(overall["difference"], overall["low"], overall["high"], overall["n"], form=points),
        limit=120,
    )
    apart = rows[(rows["group"] != "all") & rows["verdict"].isin(["better", "worse"])]
    groups = f" For {_plural(len(apart), 'group')} alone a difference is shown too." if len(apart) else ""
    claim = {"better": "B is better than A", "worse": "B is worse than A"}.get(
        overall["verdict"], "No difference is shown"
    )
    return f"**{claim}** in {metric}: B minus A is {text}.{groups}"


def settings_sentence(first: Run, second: Run) -> str:
    """Which settings two runs differ in."""
    names = sorted(first.settings.keys() | second.settings.keys())
    differing = [
        spoken(name).lower() for name in names if first.settings.get(name) != second.settings.get(name)
    ]
    return f"They differ in {', '.join(differing)}." if differing else "Both runs have the same settings."
