"""What one group, or two side by side, are foretold to take next, and which way their next steps go."""

import streamlit as st

from core.figures import about_behaviour
from core.figures.about_lists import mix_sentence
from core.figures.absence import absence
from core.figures.groups import group_styles
from core.figures.model_card import card_metric
from core.figures.model_card_text import standing_sentence
from core.figures.shares import share_figure
from core.workflow.behaviour_paths import CATEGORIES, COMMON_PATHS, NEXT_CATEGORIES, PATHS
from core.workflow.showing_groups import GroupMeans
from pages.ui import blocks, cached
from pages.ui.group_picker import choose_groups, hidden_caption
from pages.ui.shell import View

OF = "users"


def show(view: View) -> None:
    """Next categories and paths, each beside the best plain rule."""
    blocks.section("What they take next")
    parts = [name for name in (NEXT_CATEGORIES, COMMON_PATHS) if name in view.run.artefacts]
    if not parts:
        reports = (PATHS, CATEGORIES)
        reason = absence(view.run, view.dataset, model="behaviour", reports=reports, needs=("categories",))
        blocks.absent(reason)
        return
    if not view.by:
        blocks.waiting(
            "These data name no user attributes, so there are no groups.", page="data", label="See why"
        )
        return
    paths = cached.paths_of_groups(view.workspace, view.run.id, by=view.by)
    if not paths.shown:
        blocks.waiting("Every group of this grouping has fewer than 10 users, so nothing can be shown.")
        return
    groups = choose_groups(paths.shown)
    if NEXT_CATEGORIES in parts:
        _categories(view, groups)
    _paths(view, paths, groups)
    hidden_caption(paths.hidden)


def _categories(view: View, groups: list[str]) -> None:
    found = cached.categories_of_groups(view.workspace, view.run.id, by=view.by)
    rows = _of(found, groups).rename(columns={"name": "value_name"})
    if rows.empty:
        blocks.waiting("These groups have too few users with a next category, so nothing can be shown.")
        return
    answer = mix_sentence(rows, of=OF, who="Likeliest next categories")
    st.markdown(answer)
    blocks.chart(
        share_figure(rows, group_styles(found.groups), of=OF),
        key="next-categories",
        alt=f"Likeliest next category by group. {answer}",
        reading="A bar is the share of the group's users whose likeliest next category it is, asked when the test window "
        "begins; its whisker is the 95 % interval over users.",
    )
    _standing(view, CATEGORIES, "hit@1")
    blocks.folded_table(rows, name=f"likeliest next category by {'-'.join(view.by)}")


def _paths(view: View, found: GroupMeans, groups: list[str]) -> None:
    rows = _of(found, groups)
    st.markdown("**The likeliest paths of the next three steps**")
    st.markdown(about_behaviour.path_sentence(rows))
    blocks.table(rows, name=f"likeliest paths by {'-'.join(view.by)}", shown=about_behaviour.path_table(rows))
    blocks.how_to_read(
        "A step is the main category of one visit. The probability is that of exactly these steps in this order: the mean "
        "over the group's users, with its 95 % interval. Single paths are rare where there are many categories."
    )
    _standing(view, PATHS, "path_hit@10")


def _standing(view: View, name: str, metric: str) -> None:
    report = view.run.reports.get(name)
    if report and metric in report.metrics:
        blocks.beside_rules(standing_sentence(card_metric(report, metric)))


def _of(found: GroupMeans, groups: list[str]):
    rows = found.rows[found.rows["group"].isin(groups)]
    return rows.sort_values("group", key=lambda names: names.map(groups.index), kind="stable")
