"""The policy that is being tuned, what was tried before, and what was kept beside it. It stands in the link.

Lists are as long as the page's: `k` is the page's own, the rest is the policy's.
"""

import json
from collections.abc import Sequence
from typing import Any

import streamlit as st

from core.errors import SettingsError
from core.schema.documents import Policy, Run
from core.schema.policies import MOST_STEPS, PolicySettings, Step
from core.schema.settings import LONGEST_LIST, settings_from
from core.store.workspace import Workspace
from core.workflow.policies.frontier import of_length
from core.workflow.policies.saved import load_policy
from core.workflow.policies.steps import reranker
from pages.ui import links

LETTERS = ("A", "B", "C")
MOST_KEPT = 50  # policies that can be gone back to
_POLICY, _PAST, _AHEAD, _TURN = "tune-policy", "tune-past", "tune-ahead", "tune-turn"
_CARRIED = "tune-carried"
_LINK = "policy"
NOTHING_DONE = PolicySettings(k=1)  # any k: see `current`


def begin(k: int) -> None:
    """Take over what the address asks for; lists are as long as the page's."""
    for name in (_LINK, *map(_of_letter, LETTERS)):
        asked = links.asked(name)
        if asked is None:
            continue
        policy = _read(asked)
        if policy is None:
            links.unknown(name, asked)
        elif name == _LINK:
            put(policy)
        else:
            st.session_state[f"tune-{name}"] = policy
    st.session_state.setdefault(_POLICY, NOTHING_DONE)
    st.session_state["tune-k"] = k


def current() -> PolicySettings:
    """The policy as it stands."""
    return of_length(st.session_state[_POLICY], st.session_state["tune-k"])


def turn() -> int:
    """Changes whenever steps are put from elsewhere than the knobs: part of the knobs' keys, so that they begin anew."""
    return st.session_state.get(_TURN, 0)


def moved(policy: PolicySettings) -> None:
    """The knobs stand elsewhere: what stood before can be gone back to."""
    policy = policy.model_copy(update={"k": NOTHING_DONE.k})
    if policy == st.session_state[_POLICY]:
        return
    past = st.session_state.setdefault(_PAST, [])
    past.append(st.session_state[_POLICY])
    del past[:-MOST_KEPT]
    st.session_state[_AHEAD] = []
    st.session_state[_POLICY] = policy


def put(policy: PolicySettings, *, carried: str | None = None) -> None:
    """Another policy: a point of the frontier, a snapshot or a saved one.

    Args:
        carried: the id of a saved policy of another run that its steps come from.
    """
    st.session_state.setdefault(_POLICY, NOTHING_DONE)
    moved(policy)
    st.session_state[_TURN] = turn() + 1
    st.session_state[_CARRIED] = carried


def carried(workspace: Workspace, run: Run) -> Policy | None:
    """The saved policy that the steps come from, where it is one of another run."""
    id = st.session_state.get(_CARRIED)
    policy = load_policy(workspace, id) if id else None
    return None if policy is None or policy.run == run.id else policy


def forget_carried() -> None:
    """The steps are this run's own by now."""
    st.session_state.pop(_CARRIED, None)


def put_steps(steps: Sequence[Step]) -> None:
    """Other steps among the same candidates."""
    put(
        st.session_state[_POLICY].model_copy(update={"steps": tuple(steps)}),
        carried=st.session_state.get(_CARRIED),
    )


def add(name: str, settings: dict[str, Any]) -> None:
    """One step more, at rest or near it."""
    put_steps((*st.session_state[_POLICY].steps, Step(step=name, settings=settings)))


def is_full() -> bool:
    """Whether a policy can have no more steps."""
    return len(st.session_state[_POLICY].steps) >= MOST_STEPS


def remove(place: int) -> None:
    """Without the step at a place."""
    steps = st.session_state[_POLICY].steps
    put_steps((*steps[:place], *steps[place + 1 :]))


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
    put(NOTHING_DONE)


def keep(letter: str) -> None:
    """Remember the policy under a letter."""
    st.session_state[f"tune-{_of_letter(letter)}"] = st.session_state[_POLICY]


def forget(letter: str) -> None:
    st.session_state.pop(f"tune-{_of_letter(letter)}", None)


def kept() -> dict[str, PolicySettings]:
    """What is remembered, by letter."""
    found = {letter: st.session_state.get(f"tune-{_of_letter(letter)}") for letter in LETTERS}
    k = st.session_state["tune-k"]
    return {letter: of_length(policy, k) for letter, policy in found.items() if policy is not None}


def publish() -> None:
    """Write the policy and what is remembered into the address."""
    policy = st.session_state[_POLICY]
    told = {_LINK: policy if policy.steps else None}
    told |= {_of_letter(letter): st.session_state.get(f"tune-{_of_letter(letter)}") for letter in LETTERS}
    links.publish({name: None if one is None else _text(one) for name, one in told.items()})


def _of_letter(letter: str) -> str:
    return f"policy_{letter.lower()}"


def _text(policy: PolicySettings) -> str:
    """Its steps, and its width where that leaves candidates out."""
    steps = [[step.step, step.settings] for step in policy.steps]
    found = steps if policy.width == LONGEST_LIST else {"width": policy.width, "steps": steps}
    return json.dumps(found, separators=(",", ":"))


def _read(text: str) -> PolicySettings | None:
    """What `_text` wrote; None where a step or a setting is none that there is."""
    try:
        found = json.loads(text[:4000])
        told = found if isinstance(found, dict) else {"steps": found}
        steps = [{"step": name, "settings": settings} for name, settings in told["steps"]]
        policy = settings_from(PolicySettings, {**told, "steps": steps, "k": NOTHING_DONE.k})
        for step in policy.steps:
            settings_from(reranker(step.step).settings, step.settings)
    except (ValueError, TypeError, KeyError, RecursionError, SettingsError):
        return None
    return policy
