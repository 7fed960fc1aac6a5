"""The policy that is being tuned: its steps, what was tried before, and what was kept beside it. It stands in the link."""

import json
from collections.abc import Sequence
from typing import Any

import streamlit as st

from core.errors import SettingsError
from core.schema.policies import PolicySettings, Step
from core.schema.settings import settings_from
from core.workflow.policies.steps import reranker
from pages.ui import links

LETTERS = ("A", "B", "C")
MOST_KEPT = 50  # policies that can be gone back to
_POLICY, _PAST, _AHEAD, _TURN = "tune-policy", "tune-past", "tune-ahead", "tune-turn"
_LINK = "policy"


def begin(k: int) -> None:
    """Take over what the address asks for; lists are as long as the page's."""
    for name in (_LINK, *map(_of_letter, LETTERS)):
        asked = links.asked(name)
        if asked is None:
            continue
        steps = _read(asked)
        if steps is None:
            links.unknown(name, asked)
        elif name == _LINK:
            put(steps)
        else:
            st.session_state[f"tune-{name}"] = steps
    st.session_state.setdefault(_POLICY, ())
    st.session_state["tune-k"] = k


def current() -> PolicySettings:
    """The policy as it stands."""
    return _policy(st.session_state[_POLICY])


def _policy(steps: Sequence[Step]) -> PolicySettings:
    return PolicySettings(steps=tuple(steps), k=st.session_state["tune-k"])


def turn() -> int:
    """Changes whenever steps are put from elsewhere than the knobs: part of the knobs' keys, so that they begin anew."""
    return st.session_state.get(_TURN, 0)


def moved(steps: Sequence[Step]) -> None:
    """The knobs stand elsewhere: what stood before can be gone back to."""
    if tuple(steps) == st.session_state[_POLICY]:
        return
    past = st.session_state.setdefault(_PAST, [])
    past.append(st.session_state[_POLICY])
    del past[:-MOST_KEPT]
    st.session_state[_AHEAD] = []
    st.session_state[_POLICY] = tuple(steps)


def put(steps: Sequence[Step]) -> None:
    """Other steps, from a preset, a point of the frontier, a snapshot or a saved policy."""
    st.session_state.setdefault(_POLICY, ())
    moved(steps)
    st.session_state[_TURN] = turn() + 1


def add(name: str, settings: dict[str, Any]) -> None:
    """One step more, at rest or near it."""
    put((*st.session_state[_POLICY], Step(step=name, settings=settings)))


def remove(place: int) -> None:
    """Without the step at a place."""
    steps = st.session_state[_POLICY]
    put((*steps[:place], *steps[place + 1 :]))


def can_undo() -> bool:
    return bool(st.session_state.get(_PAST))


def can_redo() -> bool:
    return bool(st.session_state.get(_AHEAD))


def undo() -> None:
    """Back to what stood before the last change."""
    _step(_PAST, _AHEAD)


def redo() -> None:
    """Forward again."""
    _step(_AHEAD, _PAST)


def _step(source: str, to: str) -> None:
    if st.session_state.get(source):
        st.session_state.setdefault(to, []).append(st.session_state[_POLICY])
        st.session_state[_POLICY] = st.session_state[source].pop()
        st.session_state[_TURN] = turn() + 1


def reset() -> None:
    """The lists as the model made them."""
    put(())


def keep(letter: str) -> None:
    """Remember the policy under a letter."""
    st.session_state[f"tune-{_of_letter(letter)}"] = st.session_state[_POLICY]


def forget(letter: str) -> None:
    st.session_state.pop(f"tune-{_of_letter(letter)}", None)


def kept() -> dict[str, PolicySettings]:
    """What is remembered, by letter."""
    found = {letter: st.session_state.get(f"tune-{_of_letter(letter)}") for letter in LETTERS}
    return {letter: _policy(steps) for letter, steps in found.items() if steps is not None}


def publish() -> None:
    """Write the policy and what is remembered into the address."""
    steps = {_LINK: st.session_state[_POLICY] or None}
    steps |= {_of_letter(letter): st.session_state.get(f"tune-{_of_letter(letter)}") for letter in LETTERS}
    links.publish({name: None if one is None else _text(one) for name, one in steps.items()})


def _of_letter(letter: str) -> str:
    return f"policy_{letter.lower()}"


def _text(steps: Sequence[Step]) -> str:
    return json.dumps([[step.step, step.settings] for step in steps], separators=(",", ":"))


def _read(text: str) -> tuple[Step, ...] | None:
    """What `_text` wrote; None where a step or a setting is none that there is."""
    try:
        steps = tuple(Step(step=name, settings=settings) for name, settings in json.loads(text[:4000]))
        for step in steps:
            settings_from(reranker(step.step).settings, step.settings)
    except (ValueError, TypeError, RecursionError, SettingsError):
        return None
    return steps if len(steps) <= 8 else None
