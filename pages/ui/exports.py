"""Files that a page hands out: the audit trail tells of each one before it is made."""

from collections.abc import Callable

import streamlit as st

from core.schema.documents import Dataset, Run
from core.store.trail import PAGE, tell
from pages.ui import cached

_OF = "exports-of"  # ids of what the page shows; no key of a widget


def are_of(dataset: Dataset | None, run: Run | None) -> None:
    """What the files of this page are of, from now on."""
    shown = {"dataset": dataset, "run": run}
    st.session_state[_OF] = {name: one.id for name, one in shown.items() if one is not None}


def told(make: Callable[[], bytes | str], file: str) -> Callable[[], bytes | str]:
    """The same, for a click: where the store does not answer there is no file either."""
    about = st.session_state.get(_OF, {})

    def hand_out() -> bytes | str:
        tell(cached.workspace(), "exported", who=PAGE, about=about, details={"file": file})
        return make()

    return hand_out
