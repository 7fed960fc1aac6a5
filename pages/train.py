"""Retrain: what, how long, did it work, and is it better than before?"""

import streamlit as st

from core.figures import about_runs
from core.figures.accuracy import training_figure
from pages.ui import blocks, bring_lists, cached, compare, model_card, retrain, search, since
from pages.ui.shell import begin_page

view = begin_page("train")
if view.dataset is None:
    blocks.waiting("A model can be trained as soon as data are prepared.", **view.next_step)
    st.stop()

since.show(view)
retrain.form(view)
bring_lists.form(view)
search.show(view)

runs = [run for run in view.runs if run.dataset == view.dataset.id]
blocks.section("Runs on these data", about_runs.runs_sentence(runs))
if view.run is None:
    blocks.waiting("The first run appears here as soon as it is trained.")
    st.stop()
shown = about_runs.run_table_shown(runs, cached.accuracies(view.workspace, runs))
blocks.table(about_runs.run_table(runs), name="runs", shown=shown)
blocks.how_to_read(
    "NDCG@10 on the test split, with its 95 % interval. *Beside best rule* divides it by the best simple rule's: above "
    "1.00× the model earns its keep."
)

origin = "Where the lists come from" if view.run.brought else "How training went"
blocks.section(origin, about_runs.training_sentence(view.run))
if len(view.run.history) > 1:
    blocks.chart(
        training_figure(view.run.history),
        key="history",
        alt=about_runs.training_sentence(view.run),
        reading="Losses should fall; those of several objectives are drawn as shares of their first epoch, since their "
        "units differ. Training stops when NDCG@10 on the validation split no longer rises, and the best epoch is kept. "
        "None of these is the test result.",
    )
if view.run.history:
    blocks.folded_table(about_runs.history_table(view.run), name="training history")

model_card.show(view)
compare.show(view, runs)
blocks.notes()
