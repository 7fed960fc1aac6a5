"""Is anything unequal, for whom, and how sure is that?"""

import streamlit as st

from core.fairness.correction import NAMES
from core.figures import scorecard, sentences
from core.figures.accuracy import accuracy_figure
from core.figures.gaps import gap_figure, shown_rows
from core.figures.groups import group_styles
from core.figures.numbers import score
from core.figures.text import markdown_text
from core.figures.units import POINTS
from core.figures.verdict_table import verdict_table
from pages.ui import blocks, cached, links, more_measures, worst_crossing
from pages.ui.reference_picker import restore_reference, show_reference
from pages.ui.shell import begin_page

view = begin_page("overview")
if view.run is None:
    blocks.waiting("The audit stands here as soon as a first model is trained.", **view.next_step)
    st.stop()
if not view.by:
    blocks.waiting(
        "The audit needs groups, and these data name no user attributes.", page="data", label="See why"
    )
    st.stop()

audit = cached.audit(view.workspace, view.run.id, settings=view.settings())
groups = scorecard.shown_groups(audit.rows)
if reference := restore_reference(groups):
    audit = cached.audit(view.workspace, view.run.id, settings=view.settings(reference=reference))
kinds = [metric.partition("@")[0] for metric in audit.metrics]
links.restore("metric", kinds, kinds[0])
blocks.notes()
metric = f"{st.session_state['metric']}@{view.k}"
name = sentences.metric_name(metric)
gaps = scorecard.select(audit.rows, metric, "gap")
answer = sentences.verdict_sentence(gaps, by=view.by, metric=name)

with st.container(border=True):
    st.markdown(f"#### {answer}")
    st.caption(
        f"{sentences.basis(view.dataset, view.run)} {audit.users:,} users have test purchases and are judged. "
        f"{audit.tests:,} comparisons of groups and metrics were corrected for together ({NAMES[view.settings().correction]})."
    )
blocks.cards(scorecard.scorecard(audit.rows, metric))

blocks.section("Who is served better or worse")
left, right = st.columns([2, 1], vertical_alignment="bottom")
left.segmented_control(
    "Measured by",
    kinds,
    key="metric",
    format_func=sentences.metric_name,
    required=True,
    persist_state="session",
    help="NDCG rewards early hits, recall counts them, MRR looks at the first, coverage at how much of the catalogue is shown",
)
links.publish_choice("metric", st.session_state["metric"], default=kinds[0])
with right:
    show_reference(groups)
blocks.chart(
    gap_figure(gaps, group_styles(scorecard.all_groups(audit.rows)), metric=name),
    key="gaps",
    alt=f"Gap in {name} of each group with its interval. {answer}",
    reading=(
        f"A dot is how far a group's mean lies from that of {sentences.against(reference)}, its whisker the 95 % "
        "interval. The thick grey stroke is where gaps would fall if groups did not differ, the pale band the "
        "tolerance. *Unequal* needs the whole interval beyond the band, *equal* the whole interval inside it."
    ),
)
if left_out := sentences.left_out_sentence(gaps, drawn=len(shown_rows(gaps)[0])):
    st.caption(left_out)

blocks.section("Verdict per group", f"A gap matters from {markdown_text(audit.tolerance)} upwards.")
blocks.table(
    audit.rows,
    name=f"audit by {'-'.join(view.by)} at {view.k}",
    shown=verdict_table(audit.rows, metric, title=name, form=score, unit=POINTS),
)
for note in audit.notes:
    st.caption(markdown_text(note, limit=400))

worst_crossing.show(view)
more_measures.show(view, reference)

blocks.section("Is the recommender any good?")
beside = cached.beside_baselines(view.workspace, view.run.id, metric=f"ndcg@{view.k}")
stands = sentences.accuracy_sentence(beside, metric=f"NDCG@{view.k}")
st.markdown(stands)
blocks.chart(
    accuracy_figure(beside, metric=f"NDCG@{view.k}"),
    key="accuracy",
    alt=stands,
    reading=(
        "Mean over all test users with the 95 % interval; longer is better. A recommender that cannot beat the simple "
        "rules is not worth serving."
    ),
)
blocks.folded_table(beside.drop(columns="is_model"), name="accuracy beside baselines")
