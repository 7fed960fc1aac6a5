"""What is folded away is made when it is opened: what nobody sees costs neither server nor browser a moment."""

from collections.abc import Callable

import streamlit as st

NUMBERS = "Numbers and download"


@st.fragment
def fold(
    draw: Callable[[], None], *, key: str, label: str = NUMBERS, icon: str = ":material/table_rows:"
) -> None:
    """Something under a label that opens it; opening it redraws nothing else."""
    opened = st.expander(label, icon=icon, key=f"fold-{key}", on_change="rerun")
    if opened.open:
        with opened:
            draw()
