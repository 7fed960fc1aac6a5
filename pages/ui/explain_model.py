"""What a model goes by, on the whole and by group."""

import streamlit as st

from core.figures import about_explanations
from core.figures.explanations import (
    MARK,
    MOST_FEATURES,
    importance_figure,
    swarm_figure,
)
from core.figures.gaps import gap_figure
from core.figures.groups import group_styles
from core.figures.numbers import moment, share
from core.figures.text import plain
from core.figures.units import POINTS
from core.figures.verdict_table import verdict_table
from core.schema.documents import ExplainedModel
from core.schema.settings import ALL
from core.workflow.explaining.asking import subjects_of
from core.workflow.explaining.kept import MARKS, SHOWN, VALUES
from pages.ui import blocks, explain_cached, explain_case, jobs, links
from pages.ui.group_picker import hidden_caption
from pages.ui.shell import View

FAMILIES = {"weight": "how much it weighs", "push": "which way it pushes"}


def show(view: View) -> None:
    """One model of the run: its whole, its groups, one case."""
    subjects = subjects_of(view.run)
    if not subjects:
        blocks.waiting("Another system made these lists; there is no model here to be explained.")
        return
    links.restore("model", list(subjects), next(iter(subjects)))
    name = st.selectbox(
        "Prediction",
        list(subjects),
        key="model",
        format_func=lambda one: subjects[one][:1].upper() + subjects[one][1:],
        persist_state="session",
    )
    links.publish_choice("model", name, default=next(iter(subjects)))
    explained = explain_cached.kept(view.workspace, view.run.id, name)
    marked: list[str] = []
    if explained is None:
        _offer(view, name)
    else:
        marked = _whole(view, explained)
        if view.by:
            _groups(view, explained)
    explain_case.show(view, name, marked)


def _offer(view: View, name: str) -> None:
    """Nothing is computed yet: say so, and how to get it."""
    blocks.section("What the model goes by")
    if view.busy:
        blocks.waiting(
            "This appears here by itself once the work under way is done and the model is explained."
        )
        return
    with st.container(border=True):
        st.markdown(
            ":material/hourglass_empty: Nobody has asked yet what this model goes by on the whole. It takes about a minute, in "
            "the background, and is kept."
        )
        st.button(
            "Explain this model",
            key="explain-model",
            type="primary",
            icon=":material/play_arrow:",
            on_click=jobs.start,
            args=(view.workspace, "explain", {"run": view.run.id, "subject": name}),
        )


def _whole(view: View, explained: ExplainedModel) -> list[str]:
    """Importance and the swarm; the features that are marked."""
    unit = about_explanations.unit_of(explained.unit)
    told = explain_cached.weights(view.workspace, explained, explained.id)
    values, shown, marks = (
        explain_cached.table(view.workspace, explained, explained.id, name) for name in (VALUES, SHOWN, MARKS)
    )
    marked = about_explanations.marked_features(marks)
    answer = about_explanations.importance_sentence(told, title=explained.title, unit=unit)
    blocks.section("What the model goes by", answer)
    st.markdown(about_explanations.marks_sentence(marks))
    if told.empty:
        return marked
    blocks.chart(
        importance_figure(told, unit=unit, marked=marked),
        key=f"importance-{explained.subject}",
        alt=answer,
        reading=(
            "A bar is how far a feature moves a prediction from the usual one, up or down, on average over users, with its 95 % "
            f"interval. {MARK}: the feature is a protected attribute or tells one. Vectors are all numbers of one kind together."
        ),
    )
    features = told["feature"].head(MOST_FEATURES).tolist()
    blocks.chart(
        swarm_figure(values, shown, features, unit=unit, marked=marked),
        key=f"swarm-{explained.subject}",
        alt=f"One dot per user and feature for the {len(features)} features that weigh most.",
        reading=(
            "A dot is one user's prediction; its place says how far the feature moved it, its colour whether the feature was low "
            "or high there, grey where it has no order. Expected gradients against "
            f"{explained.usual} usual predictions, {moment(explained.created_at)}."
        ),
    )
    st.caption(
        about_explanations.completeness_sentence(
            users=explained.users,
            incomplete=explained.incomplete,
            worst=explained.worst_error,
            allowed=explained.allowed,
            unit=unit,
        )
    )
    blocks.folded_table(told, name=f"weights of {explained.subject}")
    with st.expander("What tells protected attributes", icon=":material/flag:"):
        blocks.table(marks, name=f"marks of {explained.subject}", shown=about_explanations.marks_table(marks))
    return marked


def _groups(view: View, explained: ExplainedModel) -> None:
    """Does the model go by other things for some groups?"""
    blocks.section("Another reason for another group?")
    rows = blocks.asked(
        explain_cached.by_group, view.workspace, explained, explained.id, settings=view.settings()
    )
    if rows is None:
        return
    st.markdown(about_explanations.group_sentence(rows, by=view.by))
    features = about_explanations.features_of(rows)
    if not features:
        return
    left, right = st.columns(2)
    links.restore("feature", features, features[0])
    feature = left.selectbox("Feature", features, key="feature", format_func=plain, persist_state="session")
    links.publish_choice("feature", feature, default=features[0])
    links.restore("family", list(FAMILIES), "weight")
    family = right.segmented_control(
        "Compared",
        list(FAMILIES),
        key="family",
        format_func=FAMILIES.get,
        required=True,
        persist_state="session",
    )
    links.publish_choice("family", family, default="weight")
    metric = f"{family}: {feature}"
    weight = family == "weight"
    unit = POINTS if weight else about_explanations.unit_of(explained.unit)
    gaps = rows[rows["metric"] == f"{metric}_gap"]
    every = list(dict.fromkeys(rows.loc[rows["group"] != ALL, "group"]))
    ends = ("weighs less", "weighs more") if weight else ("lowers the prediction", "raises it")
    blocks.chart(
        gap_figure(gaps, group_styles(every), metric=plain(feature, limit=30), unit=unit, ends=ends),
        key=f"reasons-{family}",
        alt=f"How the part of {feature} in the predictions differs by group.",
        reading=(
            "*How much it weighs*: the feature's share of all that moves a user's prediction, against everyone else; judged, with "
            "one correction for all features and groups. *Which way it pushes*: mean signed part; over all features these gaps "
            "add up to the gap of the predictions themselves, so they say what makes a group's predictions higher or lower."
        ),
    )
    blocks.table(
        rows[rows["metric"].str.startswith(metric)],
        name=f"{feature} by {'-'.join(view.by)}",
        shown=verdict_table(
            rows, metric, title="Weight" if weight else "Push", form=share if weight else unit.form, unit=unit
        ),
    )
    hidden_caption(tuple(gaps.loc[gaps["suppressed"].astype(bool), "group"]))
