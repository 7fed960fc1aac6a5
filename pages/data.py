"""What is loaded, and can it support the conclusions?"""

import streamlit as st

from core.figures import about_data
from core.figures.dataset import calendar_figure, crossing_figure, group_size_figure
from core.figures.groups import group_styles
from core.figures.text import markdown_text, spoken
from pages.ui import blocks, cached, feedback, news, prepare
from pages.ui.shell import begin_page

view = begin_page("data")
dataset = view.dataset
if dataset is None:
    blocks.waiting("The data appear here as soon as they are prepared.")
    prepare.another(view)
    st.stop()

blocks.section("What is loaded")
st.markdown(about_data.dataset_sentence(dataset))
blocks.cards(about_data.dataset_cards(dataset))
windows = (
    f"{about_data.split_sentence(dataset)} The model learns from *train*, is tuned on *validation*, and every "
    "audit is read on *test*, which it has never seen."
)
if dataset.period:
    blocks.chart(
        calendar_figure(cached.calendar(view.workspace, dataset.id)),
        key="calendar",
        alt=about_data.split_sentence(dataset),
        reading=windows,
    )
    blocks.folded_table(cached.calendar(view.workspace, dataset.id), name="events per week")
else:
    st.markdown(windows)

blocks.section("How large the groups are")
if view.by:
    sizes = cached.group_sizes(view.workspace, dataset.id, view.by)
    st.markdown(about_data.groups_sentence(sizes, by=view.by))
    if len(view.by) == 1:
        blocks.chart(
            group_size_figure(sizes, group_styles(sizes["group"].tolist())),
            key="groups",
            alt=about_data.groups_sentence(sizes, by=view.by),
            reading="Pale bars count everyone, full bars those with purchases in the test window: only they can be "
            "judged. Under 30 a verdict is hardly possible, under 10 a group is hidden.",
        )
    else:
        cells = cached.crossing(view.workspace, dataset.id, view.by)
        blocks.chart(
            crossing_figure(cells, titles=tuple(map(spoken, view.by))),
            key="crossing",
            alt=about_data.groups_sentence(sizes, by=view.by),
            reading="Each cell counts the users with both attributes. A dot is a hidden cell: it holds fewer than 10 "
            "users, or would let a hidden one be worked out.",
        )
    blocks.folded_table(about_data.size_table(sizes), name=f"users by {'-'.join(view.by)}")
else:
    blocks.waiting("These data name no user attributes, so there are no groups to compare.")

blocks.section("What cleaning did", about_data.quality_sentence(dataset.quality))
widths = {name: st.column_config.NumberColumn(format="localized", width=96) for name in about_data.COUNTS}
blocks.table(
    about_data.quality_table(dataset.quality),
    name="cleaning report",
    columns=widths | {"Table": st.column_config.TextColumn(width=96)},
)
blocks.how_to_read(
    "Each rule looked at *read* rows, and *accepted* and *rejected* add up to them. Repaired and remarked rows are "
    "among the accepted ones."
)

prices = cached.price_coverage(view.workspace, dataset.id)
blocks.section("What prices can be compared", about_data.price_sentence(prices))
blocks.table(prices, name="price coverage", shown=about_data.price_table(prices))

blocks.section("What these data cannot support", about_data.missing_sentence(dataset.missing))
if dataset.missing:
    blocks.table(about_data.missing_table(dataset.missing), name="missing tables and columns")
for remark in dataset.notes:
    st.caption(f":material/sticky_note_2: {markdown_text(remark, limit=400)}")

feedback.section(view)
news.section(view)
prepare.another(view)
