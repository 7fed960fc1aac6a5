"""Attention of groups of items against a target, who sees what, and how evenly items are seen."""

import streamlit as st

from core.fairness.groups import attribute_name
from core.figures import about_exposure
from core.figures.exposure import heat_map, items_with_half, lorenz_figure
from core.figures.gaps import VERDICT_WORDS, gap_figure
from core.figures.groups import group_styles
from core.figures.text import markdown_text
from core.schema.settings import AuditSettings
from core.workflow.audits.exposure import Exposure
from pages.ui import blocks, definitions
from pages.ui.folds import fold
from pages.ui.shell import View

VIEWS = ("awrf_js_user", "ndkl_user", "ndkl_pooled")  # besides those of the cards


def show(view: View, found: Exposure, settings: AuditSettings) -> None:
    """The answer, then item groups, then who sees what, then items one by one, then every number."""
    rows, attribute = found.section.rows, found.item_groups.attribute
    answer = about_exposure.exposure_sentence(rows, attribute=attribute, target=settings.target, k=view.k)
    with st.container(border=True):
        st.markdown(f"#### {answer}")
        st.caption(
            f"{found.section.users:,} users with a list, top {view.k}, {len(found.item_groups.codes):,} products in "
            f"{len(found.item_groups.names)} groups. {found.section.tests:,} comparisons were corrected for together."
        )
    blocks.cards(about_exposure.cards(rows, attribute=attribute, k=view.k))
    _explained(view, "cards", *about_exposure.CARDS)
    _groups(view, found, answer)
    _views(view, found)
    _matrix(view, found)
    _items(found)
    blocks.section("All measures")
    own = rows[rows["attribute"] == attribute].reset_index(drop=True)
    definitions.metric_table(own, name=f"exposure by {attribute} at {view.k}", section="exposure")
    for note in found.section.notes:
        st.caption(markdown_text(note, limit=400))


def _groups(view: View, found: Exposure, answer: str) -> None:
    blocks.section("Which groups of products are seen more or less than their target")
    gaps = about_exposure.item_gaps(found.section.rows, attribute=found.item_groups.attribute, k=view.k)
    blocks.chart(
        gap_figure(
            gaps,
            group_styles(found.item_groups.names),
            metric=f"attention against {found.target.name}",
            ends=("seen less", "seen more"),
        ),
        key="item-groups",
        alt=f"Share of attention of each group of products less its target. {answer}",
        reading=(
            "A dot is how far a group's share of attention lies from its target, the whisker the 95 % interval over "
            "users. The pale band is the tolerance. Attention falls along the list: the first place counts most."
        ),
    )
    _explained(view, "groups", "exposure_share")


def _views(view: View, found: Exposure) -> None:
    shown = about_exposure.views_table(found.section.rows, attribute=found.item_groups.attribute, k=view.k)
    blocks.section("One list at a time, and all lists together")
    if found.views:
        single, together = (VERDICT_WORDS[verdict] for verdict in found.views)
        st.markdown(
            f"Single lists, beside lists filled at random by the target: *{single}*. All lists together: *{together}*."
        )
    if found.disagree:
        st.warning(found.disagree, icon=":material/call_split:")
    else:
        st.caption("The two views do not contradict each other.")
    st.dataframe(shown, hide_index=True, height="content", alt="per user and pooled")
    _explained(view, "views", *VIEWS)


def _matrix(view: View, found: Exposure) -> None:
    blocks.section("Who sees what")
    cells = about_exposure.cells(
        found.section.rows, by=attribute_name(view.by), attribute=found.item_groups.attribute, k=view.k
    )
    if not view.by or cells.empty:
        st.caption("No group of users is large enough to be shown.")
        return
    answer = about_exposure.matrix_sentence(cells, others="everyone else")
    st.markdown(answer)
    blocks.chart(
        heat_map(cells, dark=st.context.theme.type == "dark"),
        key="matrix",
        alt=f"Share of attention of each group of products in the lists of each group of users. {answer}",
        reading=(
            "A cell is the mean share of a list's attention. Orange: more of it than others see, blue: less; ◆ marks cells "
            "found unequal after correction. People differ in what they want: a gap here is a difference in what is shown, "
            "not yet an injustice."
        ),
    )
    name = f"who sees what by {'-'.join(view.by)} at {view.k}"
    fold(lambda: blocks.table(cells, name=name), key="cells")
    fold(
        lambda: _joint(found),
        key="joint",
        label="Distance from the target, seen from both sides",
        icon=":material/grid_on:",
    )


def _joint(found: Exposure) -> None:
    st.dataframe(
        about_exposure.joint_table(found.joint[0]),
        hide_index=True,
        height="content",
        alt="joint exposure",
    )
    st.caption(
        "Mean squares of shares of attention per product less the target, over single ones, groups or all: without "
        "interval, and larger by chance where groups are small. Compare them between lists of the same data alone."
    )
    definitions.explained("GG-F", section="exposure", key="joint")  # one definition for all six


def _items(found: Exposure) -> None:
    n, unseen = len(found.attention), int((found.attention == 0).sum())
    answer = (
        f"Half of all attention goes to **{items_with_half(found.attention):,} of {n:,} products**; {unseen:,} are in "
        "nobody's list."
    )
    blocks.section("How evenly single products are seen", answer)
    blocks.chart(
        lorenz_figure(found.attention),
        key="lorenz",
        alt=f"Lorenz curve of attention over products. {answer}",
        reading="On the dotted line every product would be seen alike; the further the curve sags, the fewer products "
        "share the attention. Short lists for few users cannot show a large catalogue evenly.",
    )


def _explained(view: View, key: str, *metrics: str) -> None:
    """What each of some metrics at this length of the list means."""
    definitions.all_explained([f"{metric}@{view.k}" for metric in metrics], section="exposure", key=key)
