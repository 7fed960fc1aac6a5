"""A view is a link: what is chosen stands in the address, and an address restores what was chosen.

Streamlit's own `bind="query-params"` leaves defaults out of the address, so a link would change its meaning when a
newer run arrives, and it drops what it does not know without a word. So the filters pass through here: `restore`
reads the address into a widget's state, `publish` writes the view back.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from urllib.parse import quote, unquote

import streamlit as st

from core.figures.text import markdown_text

_WRITTEN = "link_written"  # what we last wrote: whatever differs was typed, shared or gone back to
_NOTES = "link_notes"


def asked(name: str) -> str | None:
    """What the address newly asks for under `name`; None if nothing, or what we wrote there ourselves."""
    given = st.query_params.get_all(name)
    if not given or given == [st.session_state.get(_WRITTEN, {}).get(name)]:
        return None
    if len(given) > 1:
        _tell(f"The link names {markdown_text(name)} more than once; the last one counts.")
    return given[-1]


def restore(name: str, options: Sequence, default: object, *, text: Callable[[object], str] = str) -> None:
    """Put the address's value for `name` into the widget state of that key, if it is one of the options.

    Unknown and hostile values leave the choice as it was, or at the default, with a note for the reader.
    """
    wanted = asked(name)
    if wanted is not None:
        by_text = {text(option): option for option in options}
        if wanted in by_text:
            st.session_state[name] = by_text[wanted]
        else:
            unknown(name, wanted)
    keep(name, options, default)


def restore_many(name: str, options: Sequence[str]) -> None:
    """The same for a widget of several values: those of the address's that are options."""
    wanted = asked(name)
    if wanted is not None:
        given = many_values(wanted)
        for value in given:
            if value not in options:
                unknown(name, value)
        st.session_state[name] = [value for value in given if value in options]
    value = st.session_state.get(name, [])
    st.session_state[name] = [one for one in value if one in options]


def many_text(values: Sequence[str]) -> str | None:
    """Several values as one parameter; None for none."""
    return "|".join(quote(value, safe=" ") for value in values) or None


def many_values(text: str) -> list[str]:
    """What `many_text` wrote."""
    return list(dict.fromkeys(unquote(part) for part in text.split("|") if part))


def restore_date(name: str, *, first: date, last: date) -> None:
    """The same for a day within the data's calendar; None where the address names none."""
    wanted = asked(name)
    if wanted is not None:
        try:
            st.session_state[name] = date.fromisoformat(wanted)
        except ValueError:
            unknown(name, wanted)
    value = st.session_state.get(name)
    st.session_state[name] = value if value is not None and first <= value <= last else None


def keep(name: str, options: Sequence, default: object) -> None:
    """Hold a widget's value across pages; the default where it is no option (any more).

    A value is assigned on every run, also an unchanged one: Streamlit 1.67 forgets a value that was set from code,
    `persist_state` or not, when the widget appears on another page.
    """
    value = st.session_state.get(name)
    st.session_state[name] = value if value in options else default


def fill(name: str, *, default: str) -> None:
    """Put the address's text for `name` into the widget state of that key; the page checks what it means."""
    wanted = asked(name)
    st.session_state[name] = st.session_state.get(name, default) if wanted is None else wanted[:200]


def unknown(name: str, value: str) -> None:
    """Remember to tell the reader that the link asked for something that is not here."""
    _tell(f"The link asks for {markdown_text(name)} = “{markdown_text(value, limit=40)}”, which is not here.")


def notes() -> list[str]:
    """What of the address could not be used; each is told once."""
    return st.session_state.pop(_NOTES, [])


def publish_choice(name: str, value: str, *, default: str | None) -> None:
    """Write a choice of one page into the address once it differs from what the page shows anyway.

    Every change of the address is a step of the browser's history, so the defaults of a page stay out of it.
    """
    publish({name: None if value == default else value})


def publish(values: Mapping[str, str | None]) -> None:
    """Write the view into the address; names without a value are left out, parameters of others are kept."""
    present = {name: st.query_params.get_all(name) for name in st.query_params}
    wanted = {name: [value] for name, value in values.items() if value is not None}
    wanted |= {name: given for name, given in present.items() if name not in values}
    if wanted != present:
        st.query_params.from_dict(wanted)
    st.session_state[_WRITTEN] = st.session_state.get(_WRITTEN, {}) | dict(values)


def _tell(sentence: str) -> None:
    st.session_state.setdefault(_NOTES, []).append(sentence)
