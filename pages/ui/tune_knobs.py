"""The knobs of a policy: one block per step, its strength first, what it is about below."""

from collections.abc import Callable, Sequence
from typing import Any, Literal, get_args, get_origin

import streamlit as st

from core.figures.about_policy import STEP_WORDS
from core.figures.text import markdown_text, plain, spoken
from core.schema.policies import MOST_STEPS, PolicySettings, Step
from core.schema.settings import LONGEST_LIST, Settings
from core.workflow.policies.ground import Ground, item_dimensions
from core.workflow.policies.knobs import KNOBS
from core.workflow.policies.steps import RERANKERS
from pages.ui import cached, forms, links, tune_state
from pages.ui.shell import View
from pages.ui.sidebar import BINS

ITEM_GROUP = ("protected", "item_group")  # fields that name a group of `items_by`
LABELS = {"bins": "Number of groups"}  # of fields whose name does not say it
# How positions of knobs are written; numbers without a unit as they are.
WORDS = {
    "floor": "{:.0%} of its share",
    "ceiling": "{:.0%} of its share",
    "share": "{:.0%} of the list",
    "band": "± {:.1%} of the price range",
    "gap": "± {:.0%}",
}
WIDTHS = (20, 50, 100, 150, LONGEST_LIST)
SECOND = {"two_sided_penalty": ("users",), "two_sided_calibration": ("towards",), "price_guard": ("around",)}


def policy(view: View, ground: Ground) -> PolicySettings:
    """Every step with its knobs, and how many candidates may be shown; the policy as the knobs stand."""
    now, found = tune_state.current(), []
    for place, step in enumerate(now.steps):
        with st.container(border=True):
            about = _about(RERANKERS[step.step].settings)
            st.markdown(f"**{STEP_WORDS[step.step]}**", help=about)
            found.append(Step(step=step.step, settings=_settings(view, ground, place, step)))
    width = _width(now) if found else now.width
    return now.model_copy(update={"steps": tuple(found), "width": width})


def _width(now: PolicySettings) -> int:
    options = sorted({*(width for width in WIDTHS if width >= now.k), now.width})
    key = f"tune-{tune_state.turn()}-width-{now.k}"
    st.session_state.setdefault(key, now.width)
    return st.select_slider(
        "Candidates of each user",
        options,
        key=key,
        help="Only so many of the best by the model may be shown: fewer keep lists near to what it says, more leave room",
    )


def _about(kind: type[Settings]) -> str:
    return " ".join((kind.__doc__ or "").split())


def _settings(view: View, ground: Ground, place: int, step: Step) -> dict[str, Any]:
    """What the knobs of one step say; what stands at its default is left out."""
    kind, knob = RERANKERS[step.step].settings, KNOBS[step.step]
    field = Fields(view, ground, step, prefix=f"tune-{tune_state.turn()}-{place}")
    values = {knob.field: field.positions(knob.field, knob.positions)}
    second = SECOND.get(step.step, ())
    others = [name for name in kind.model_fields if name != knob.field]
    for name in (*_choices(others), *second):
        if name != "bins" or values["by"] in _numbers(view):
            values[name] = field.widget(name, values)
    rest = [name for name in others if name not in values and name != "bins"]
    with st.container(horizontal=True, gap="small"):
        if rest:
            with st.popover("More", icon=":material/tune:", key=f"tune-more-{tune_state.turn()}-{place}"):
                for name in rest:
                    values[name] = field.widget(name, values)
        st.button(
            "Remove",
            key=f"tune-remove-{tune_state.turn()}-{place}",
            icon=":material/close:",
            type="tertiary",
            on_click=tune_state.remove,
            args=(place,),
        )
    return {
        name: value
        for name, value in values.items()
        if kind.model_fields[name].is_required() or value != kind.model_fields[name].default
    }


def _choices(names: Sequence[str]) -> list[str]:
    """What a step is about, in an order in which each choice follows those that it depends on."""
    return [name for name in ("items_by", *ITEM_GROUP, "target", "by", "bins", "user_group") if name in names]


def _numbers(view: View) -> tuple[str, ...]:
    """Attributes of users that are cut into groups."""
    return cached.numbers_of_users(view.workspace, view.dataset.id)


def _told_apart(view: View, ground: Ground) -> tuple[str, ...]:
    """Attributes of users with a group that is large enough to be told apart, cut as the page cuts numbers."""
    return tuple(name for name in view.dataset.attributes if ground.user_groups(name, view.bins).names)


class Fields:
    """Widgets of one step's fields."""

    def __init__(self, view: View, ground: Ground, step: Step, *, prefix: str):
        self._view, self._ground, self._prefix = view, ground, prefix
        self._given, self._kind = step.settings, RERANKERS[step.step].settings

    def positions(self, name: str, positions: Sequence[float | None]) -> float | None:
        """A slider over positions; where the step began between them, that is one more."""
        first = self._first(name)
        rest, *others = positions
        if first not in positions:
            falling = len(others) > 1 and others[0] > others[-1]
            others = sorted([*others, first], reverse=falling)
        return self._slide(name, [rest, *others])

    def widget(self, name: str, chosen: dict[str, Any]) -> Any:
        """The widget that fits the field; `chosen` are the fields already asked."""
        options = self._options(name, chosen)
        if options is not None:
            return self._select(name, options)
        if name == "bins":
            return self._slide(name, BINS)
        field = self._kind.model_fields[name]
        if get_origin(field.annotation) is Literal:
            return self._select(name, get_args(field.annotation))
        if field.annotation is float and field.default is not None:
            low, high = (forms.bound(field, side) for side in ("low", "high"))
            even = [round(low + (high - low) * step / 20, 4) for step in range(21)]
            return self._slide(name, sorted({*even, self._first(name)}))
        st.session_state.setdefault(self._key(name), self._first(name))
        return forms.widget(name, field, key=self._key(name))

    def _options(self, name: str, chosen: dict[str, Any]) -> Sequence[str] | None:
        """The names that the shop has for a field; None where the field is no such choice."""
        if name == "items_by":
            return item_dimensions(self._ground.shop)
        if name in ITEM_GROUP:
            return self._ground.item_groups(chosen["items_by"]).names
        if name == "by":
            return _told_apart(self._view, self._ground)
        if name == "user_group":
            return self._ground.user_groups(chosen["by"], chosen.get("bins", self._first("bins"))).names
        return None

    def _select(self, name: str, options: Sequence[str]) -> str:
        words: Callable[[str], str] = plain if name in (*ITEM_GROUP, "user_group") else spoken
        first = self._first(name)
        if first is not None and first not in options:
            st.caption(
                f":material/link_off: {spoken(name)} “{markdown_text(first, limit=40)}” is not here (any more)."
            )
        if not options:
            return first
        links.keep(self._key(name), options, first if first in options else options[0])
        return st.selectbox(
            spoken(name),
            options,
            key=self._key(name),
            format_func=words,
            help=self._kind.model_fields[name].description,
        )

    def _slide(self, name: str, options: Sequence[float | None]) -> float | None:
        st.session_state.setdefault(self._key(name), self._first(name))
        return st.select_slider(
            LABELS.get(name, spoken(name)),
            options,
            key=self._key(name),
            format_func=lambda one: "no limit" if one is None else WORDS.get(name, "{:g}").format(one),
            help=self._kind.model_fields[name].description,
        )

    def _first(self, name: str) -> Any:
        """What the step had when its knobs were drawn first: options must not change under the hand."""
        now = self._given.get(name, self._kind.model_fields[name].default)
        return st.session_state.setdefault(f"{self._key(name)}-first", now)

    def _key(self, name: str) -> str:
        return f"{self._prefix}-{name}"


def add_step(view: View, ground: Ground) -> None:
    """A step more, chosen by what it does; those that these data do not allow are not offered."""
    if tune_state.is_full():
        st.caption(f"A policy has at most {MOST_STEPS} steps: remove one to add another.")
        return
    allowed = [name for name in RERANKERS if _allowed(view, ground, name)]
    st.selectbox(
        "Add a step",
        allowed,
        index=None,
        key=f"tune-add-{tune_state.turn()}",
        format_func=STEP_WORDS.get,
        placeholder="choose what to do",
        on_change=_add,
        args=(view, ground),
        help="Steps run in the order correct, calibrate, exposure, diversity, whatever the order here",
    )


def _allowed(view: View, ground: Ground, name: str) -> bool:
    fields, items = RERANKERS[name].settings.model_fields, ground.shop.items
    needs = {
        "by": bool(_told_apart(view, ground)),
        "items_by": bool(item_dimensions(ground.shop)),
    }
    special = {
        "price_guard": "list_price" in items,
        "deal_access": ground.shop.has_prices,
        "xquad": "category" in items,
    }
    return all(there for field, there in needs.items() if field in fields) and special.get(name, True)


def _add(view: View, ground: Ground) -> None:
    name = st.session_state.get(f"tune-add-{tune_state.turn()}")
    if name:
        tune_state.add(name, _first_settings(view, ground, name))


def _first_settings(view: View, ground: Ground, name: str) -> dict[str, Any]:
    """At rest, about the first thing that the shop has."""
    fields, chosen = RERANKERS[name].settings.model_fields, {}
    dimensions = item_dimensions(ground.shop)
    chosen[KNOBS[name].field] = KNOBS[name].positions[0]
    if "items_by" in fields and fields["items_by"].default not in dimensions:
        chosen["items_by"] = dimensions[0]
    for field in ITEM_GROUP:
        if field in fields:
            names = ground.item_groups(chosen.get("items_by", fields["items_by"].default)).names
            if fields[field].default not in names:
                chosen[field] = names[0]
    if "by" in fields:
        known = _told_apart(view, ground)
        chosen["by"] = next((name for name in view.by if name in known), known[0])
        chosen["bins"] = view.bins
    if "user_group" in fields:
        chosen["user_group"] = ground.user_groups(chosen["by"], view.bins).names[0]
    return chosen
