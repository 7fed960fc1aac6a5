"""Widgets from settings: range, default and help come from the field, never from a page."""

from typing import Any, Literal, get_args, get_origin

import streamlit as st
from annotated_types import Ge, Gt, Le, Lt, MultipleOf
from pydantic.fields import FieldInfo

from core.figures.text import spoken
from core.schema.settings import Settings


def fields(kind: type[Settings], names: tuple[str, ...], *, prefix: str, columns: int = 3) -> dict[str, Any]:
    """One widget per named field in a grid; the values by field name."""
    grid = st.grid(columns, min_column_width=170, vertical_alignment="bottom")
    values = {}
    for name in names:
        with grid.cell():
            values[name] = widget(name, kind.model_fields[name], key=f"{prefix}-{name}")
    return values


def assign(kind: type[Settings], names: tuple[str, ...], *, prefix: str, given: dict[str, Any]) -> None:
    """Put values into the widgets' state: what is given, else each field's default."""
    for name in names:
        st.session_state[f"{prefix}-{name}"] = _state(given.get(name, kind.model_fields[name].default))


def _state(value: Any) -> Any:
    """A setting as a widget's state holds it."""
    return list(value) if isinstance(value, tuple) else value


def widget(name: str, field: FieldInfo, *, key: str) -> Any:
    """The widget of one field."""
    st.session_state.setdefault(key, _state(field.default))
    label, shared = spoken(name), {"key": key, "help": field.description}
    if get_origin(field.annotation) is tuple:  # any of some words
        (options,) = (get_args(part) for part in get_args(field.annotation) if part is not Ellipsis)
        return tuple(st.pills(label, options, selection_mode="multi", format_func=spoken, **shared))
    kind = next(
        (part for part in get_args(field.annotation) if part in (int, float, str)), field.annotation
    )  # int | None
    if get_origin(kind) is Literal:
        return st.selectbox(label, get_args(kind), format_func=spoken, **shared)
    if kind is bool:
        return st.toggle(label, **shared)
    if kind is str:
        return st.text_input(label, placeholder="as the source has it", **shared) or None
    if kind is int:
        low, high, step = (_bound(field, *kinds) for kinds in ((Ge, Gt), (Le, Lt), (MultipleOf,)))
        return st.number_input(label, min_value=low, max_value=high, step=step or 1, **_open(field), **shared)
    return _fraction(label, field, shared)


def _open(field: FieldInfo) -> dict[str, Any]:
    """A number that may be left open, as its help text says, begins so."""
    return {"value": None, "placeholder": "not set"} if field.default is None else {}


def _fraction(label: str, field: FieldInfo, shared: dict[str, Any]) -> float | None:
    """A float; it moves in steps of the default's last digit."""
    digits = 2 if field.default is None else len(f"{field.default:f}".rstrip("0").partition(".")[2])
    bounds = {"min_value": bound(field, "low"), "max_value": bound(field, "high")}
    bounds = {name: None if bound is None else float(bound) for name, bound in bounds.items()}
    return st.number_input(
        label, step=10.0**-digits, format=f"%.{max(digits, 1)}f", **bounds, **_open(field), **shared
    )


def bound(field: FieldInfo, side: Literal["low", "high"]) -> int | float | None:
    """The lowest or highest value of a field; exclusive bounds are left to validation."""
    return _bound(field, *((Ge, Gt) if side == "low" else (Le, Lt)))


def _bound(field: FieldInfo, *kinds: type) -> int | float | None:
    """The field's lower or upper bound, or step."""
    attributes = {Ge: "ge", Gt: "gt", Le: "le", Lt: "lt", MultipleOf: "multiple_of"}
    for mark in field.metadata:
        for kind in kinds:
            if isinstance(mark, kind):
                return getattr(mark, attributes[kind])
    return None
