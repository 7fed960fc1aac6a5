"""The feedback loop on the screen: its knobs, how long it takes, and what came of it."""

import streamlit as st

from core.figures.simulation import TITLES, simulation_figure, simulation_sentence, simulation_table
from core.figures.text import markdown_text
from core.schema.simulation import SimulationSettings
from core.simulation.kept import find_simulation, rounds_table
from core.simulation.loop import MEASURES
from pages.ui import blocks, jobs, links
from pages.ui.shell import View

KNOBS = {  # setting -> label, and the values on the screen; those that may be set are more
    "rounds": ("Rounds of learning", (5, 10, 20, 40, 60)),
    "head_start": ("Head start of known sellers", (0, 10, 20, 50, 100)),
    "position_bias": ("Position bias", (0.0, 0.5, 1.0, 1.5, 2.0)),
    "exploration": ("Lists drawn at random", (0.0, 0.02, 0.05, 0.1, 0.2)),
    "minority": ("Share of the minority", (0.05, 0.1, 0.25, 0.4, 0.5)),
    "control": ("FairCo: how strongly it pushes", (0.0, 0.02, 0.1, 0.5, 1.0)),
    "floor": ("Floor: share of merit", (0.0, 0.5, 0.8, 0.9, 1.0)),
}
STANDARD = SimulationSettings()


def choose() -> SimulationSettings:
    """The knobs; they stand in the link where they differ from the standard."""
    with st.container(border=True), st.grid(len(KNOBS), min_column_width=210) as grid:
        for name, (label, values) in KNOBS.items():
            links.restore(_key(name), values, getattr(STANDARD, name), text="{:g}".format)
            with grid.cell():
                st.select_slider(
                    label,
                    values,
                    key=_key(name),
                    help=SimulationSettings.model_fields[name].description,
                    persist_state="session",
                )
    chosen = {name: st.session_state[_key(name)] for name in KNOBS}
    links.publish(
        {
            _key(name): None if value == getattr(STANDARD, name) else f"{value:g}"
            for name, value in chosen.items()
        }
    )
    return STANDARD.model_copy(update=chosen)


def _key(name: str) -> str:
    """Of the widget, and its name in the link: other pages have knobs of such names."""
    return f"loop_{name}"


def show(view: View, settings: SimulationSettings) -> None:
    """The answer, the lines, the numbers; or what is to be waited for."""
    found = find_simulation(view.workspace, settings)
    if found is None:
        blocks.waiting("These settings were not simulated yet. It takes some seconds.")
        if st.button("Simulate", type="primary", icon=":material/cycle:", disabled=view.busy):
            jobs.start(view.workspace, "simulate", {"settings": settings.model_dump(mode="json")})
            st.rerun()
        return
    rows = rounds_table(view.workspace, found)
    st.markdown(simulation_sentence(rows, policies=settings.policies))
    st.caption(
        f"{settings.replications} made shops of {settings.users} customers and {settings.items} products, the same for every "
        "policy. Tastes are known here, so that whatever is learnt can be held against the truth; nothing of it is of your data."
    )
    measure = st.segmented_control(
        "What to look at",
        list(MEASURES),
        default=next(iter(MEASURES)),
        format_func=lambda name: name.replace("_", " ").capitalize(),
        key="loop-measure",
        required=True,
    )
    blocks.chart(
        simulation_figure(rows, measure=measure),
        key="loop",
        alt=f"{MEASURES[measure]}, round by round, of {len(settings.policies)} policies.",
        reading=f"{MEASURES[measure]}. A line is a policy, its band the 95 % interval of the mean over shops. Sellers begin "
        "unequally known: newcomers' products merit as much as the others', but nobody clicked on them yet.",
    )
    blocks.table(
        rows[rows["measure"] == measure],
        name=f"feedback loop, {measure}",
        shown=simulation_table(rows, measure=measure),
    )
    with st.expander("What each policy does", icon=":material/help:"):
        st.markdown(
            "\n".join(f"- **{markdown_text(TITLES[name])}**: {WORDS[name]}" for name in settings.policies)
        )


WORDS = {
    "random": "learns nothing; says what lists cost that please nobody in particular.",
    "popularity": "shows all the same products, those clicked most often so far. Who is known stays known.",
    "clicks": "learns personal tastes, but takes a high place for a good product.",
    "corrected": "divides each click by the chance that its place is looked at (IPS).",
    "fairco": "adds what a group of sellers is owed by merit so far, round after round.",
    "floor": "gives each group at least a share of its merit in every round: the engine of the Tune page.",
}
