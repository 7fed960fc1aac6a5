"""What the policy does: the answer, then gaps before and after, who gains and loses, who is seen, and prices."""

from collections.abc import Callable

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.fairness.verdicts import UNEQUAL
from core.figures import about_policy
from core.figures.about_policy import METRIC_WORDS
from core.figures.groups import group_styles
from core.figures.numbers import change, money, share
from core.figures.policy import (
    attention_figure,
    before_and_after_figure,
    changes_figure,
    distribution_figure,
    gains_figure,
)
from core.figures.scorecard import select
from core.figures.sentences import by_words, plural
from core.figures.text import markdown_text
from core.figures.units import POINTS, Unit
from core.workflow.policies.consequences import Consequences, gains_and_losses
from core.workflow.policies.engine import Shortfall
from core.workflow.policies.rerank import Stage
from core.workflow.policies.yardsticks import DEALS, NDCG, PERCENTILE, SPENDING
from pages.ui import blocks, definitions, links, tune_user
from pages.ui.shell import View

SHORT = {NDCG: "accuracy", PERCENTILE: "price level", DEALS: "offers"}
SECTIONS = {
    NDCG: "users",
    SPENDING: "pricing",
    PERCENTILE: "pricing",
    DEALS: "pricing",
}  # of the audit, which define the measures
RELATIVE = (NDCG, DEALS)  # measures whose tolerance is a share of their level
BAND = (
    "The band is a share of the level of all users, so it is wider where a policy raises that: drawn is the band after the "
    "policy, while gaps before were judged by the level before."
)
WIDE = {"Gap in": st.column_config.TextColumn(width=215)}  # pixels that the longest name of a measure needs
ENDS = {NDCG: ("worse", "better"), PERCENTILE: ("cheaper", "dearer"), DEALS: ("fewer offers", "more offers")}


def show(view: View, found: Consequences, stages: tuple[Stage, ...], foot: DeltaGenerator) -> None:
    """The answer and its cards, then one view at a time: each change of a knob draws only what is looked at.

    Args:
        foot: where the answer stands in one line.
    """
    counts = gains_and_losses(found)
    options = {"k": view.k, "moved": found.moved}
    said = about_policy.answer(found.changes, found.before, found.after, counts, **options)
    foot.markdown(about_policy.in_short(found.changes, found.before, found.after, counts, **options))
    with st.container(border=True):
        st.markdown(f"#### {said}")
        st.caption(
            f"Validation split, {found.buyers:,} users who bought, {found.users:,} with a list, top {view.k}. The test "
            "split is for the confirmation alone."
        )
    options["currency"] = view.dataset.settings["currency"]
    blocks.cards(about_policy.cards(found.changes, found.before, found.after, counts, **options))
    for stage in stages:
        for note in stage.notes:
            icon = "warning" if isinstance(note, Shortfall) else "verified"
            said = f"{about_policy.STEP_WORDS[stage.step]}: {markdown_text(note, limit=300)}"
            st.caption(f":material/{icon}: {said}")
    looks: dict[str, Callable[[], None]] = {
        "Gaps": lambda: _gaps(view, found),
        "Who gains": lambda: _gains(found, counts),
        "Attention": lambda: _seen(found),
        "Cost": lambda: _changes(view, found),
        "One user": lambda: tune_user.show(view),
        "Numbers": lambda: _numbers(view, found),
    }
    links.restore("look", list(looks), next(iter(looks)))
    look = st.pills("Look at", list(looks), key="look", required=True, persist_state="session")
    links.publish_choice("look", look, default=next(iter(looks)))
    looks[look]()


def _gaps(view: View, found: Consequences) -> None:
    """One measure at a time: a chart takes as long to draw as the rest of the page."""
    told = {metric: _both(found, f"{metric}@{view.k}") for metric in (NDCG, PERCENTILE, DEALS)}
    told = {metric: (before, after) for metric, (before, after) in told.items() if not _empty(after)}
    if not told:
        st.caption("No group is large enough to be shown.")
        return
    links.restore("gap", list(told), next(iter(told)))
    metric = st.segmented_control(
        "Gap in", list(told), key="gap", required=True, format_func=SHORT.get, persist_state="session"
    )
    links.publish_choice("gap", metric, default=NDCG)
    before, after = told[metric]
    others = [_others_words(one, *rows) for one, rows in told.items() if one != metric]
    blocks.section(METRIC_WORDS[metric], " ".join([_gap_sentence(before, after, view.by), *others]))
    blocks.chart(
        before_and_after_figure(
            before,
            after,
            group_styles(list(after["group"])),
            metric=METRIC_WORDS[metric].lower(),
            unit=POINTS,
            ends=ENDS[metric],
        ),
        key="tune-gaps",
        alt=f"{METRIC_WORDS[metric]}: gap of each group to everyone else, before and after the policy.",
        reading="The small open diamond is the gap before, the full mark the gap after, with its 95 % interval. Within the "
        "pale band a gap does not matter; the grey stroke is where it would fall if the groups did not differ."
        + (" " + BAND if metric in RELATIVE else ""),
    )
    definitions.explained(f"{metric}@{view.k}", section=SECTIONS[metric], key="tune")


def _both(found: Consequences, name: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    return select(found.before, name, "gap"), select(found.after, name, "gap")


def _empty(rows: pd.DataFrame) -> bool:
    return bool(rows.empty or rows["suppressed"].all())


def _others_words(metric: str, before: pd.DataFrame, after: pd.DataFrame) -> str:
    was, now = (int((rows["verdict"] == UNEQUAL).sum()) for rows in (before, after))
    return f"{METRIC_WORDS[metric]}: {now} unequal ({was} before)."


def _gap_sentence(before: pd.DataFrame, after: pd.DataFrame, by: tuple[str, ...]) -> str:
    was, now = (int((rows["verdict"] == UNEQUAL).sum()) for rows in (before, after))
    judged = int(after["verdict"].notna().sum())
    verb = "is" if now == 1 else "are"
    return f"Of {plural(judged, 'group')} by {by_words(by)}, **{now} {verb} unequal** after the policy, {was} before."


def _gains(found: Consequences, counts: pd.DataFrame) -> None:
    blocks.section("Who gains and who loses", about_policy.gains_sentence(counts))
    blocks.chart(
        gains_figure(counts),
        key="tune-gains",
        alt="Share of users of each group whose list becomes better or worse.",
        reading=about_policy.gains_reading(counts),
    )
    blocks.chart(
        distribution_figure(found.per_user["change"].to_numpy(), metric="NDCG"),
        key="tune-distribution",
        alt="Users by how much their NDCG changes.",
        reading="Users whose NDCG does not change are left out. Far to the left stand those who lose most.",
    )
    blocks.folded_table(counts, name="who gains and loses")


def _seen(found: Consequences) -> None:
    _attention(found.seen, key="seen", title="Attention of groups of products", target=True)
    if found.providers is not None:
        sellers = found.providers.sort_values("before", ascending=False)
        _attention(
            sellers, key="providers", title="Attention of the sellers with most products", target=False
        )


def _attention(rows: pd.DataFrame, *, key: str, title: str, target: bool) -> None:
    most = rows.loc[rows["change"].abs().idxmax()]
    blocks.section(
        title,
        f"**{markdown_text(most['group'])}** moves most: {share(most['before'])} of all attention before, "
        f"{share(most['after'])} after."
        if most["change"]
        else "Nobody's share moves.",
    )
    blocks.chart(
        attention_figure(rows, target=target),
        key=f"tune-{key}",
        alt=f"{title} before and after the policy.",
        reading="The share of everybody's attention, before (small open diamond) and after (dot); the first place of a list "
        "counts most. Changes are of the same lists, with 95 % intervals over users.",
    )
    blocks.folded_table(rows, name=f"{title.lower()} before and after")


def _changes(view: View, found: Consequences) -> None:
    currency = view.dataset.settings["currency"]
    spent = Unit(change(lambda value: money(value, currency)))
    for metric in found.changes["metric"].unique():
        name = metric.partition("@")[0]
        rows = found.changes[found.changes["metric"] == metric]
        title = about_policy.metric_words(metric)
        about = title.lower() + (f", {currency}" if name == SPENDING else "")
        blocks.section(f"{title}: change of each group")
        blocks.chart(
            changes_figure(rows, metric=about, unit=POINTS if name == NDCG else spent),
            key=f"tune-change-{name}",
            alt=f"{title}: paired change of everybody and of each group.",
            reading="What the same users get after, less what they got before, with 95 % intervals; verdicts are corrected "
            "for all rows together."
            + (
                " Spending met is the price of those recommended products that the user then bought: a stand-in for "
                "revenue, not a forecast of it."
                if name == SPENDING
                else ""
            ),
        )
        definitions.explained(metric, section=SECTIONS[name], key="tune-cost")


def _numbers(view: View, found: Consequences) -> None:
    blocks.section("All gaps, before and after")
    gaps = about_policy.gap_table(found.before, found.after)
    blocks.table(
        gaps, name=f"gaps before and after at {view.k}", shown=about_policy.shown_gaps(gaps), columns=WIDE
    )
    blocks.section("All changes")
    blocks.table(
        found.changes,
        name=f"changes of the same users at {view.k}",
        shown=about_policy.shown_changes(found.changes, currency=view.dataset.settings["currency"]),
    )
