"""Reading the rules of the gate from a file: a mistake is one sentence that names it."""

from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from core.errors import SettingsError
from core.schema.rules import Rule, Rules
from core.schema.settings import PLAINER

MOST_BYTES = 2**18
SHOWN = 60  # characters of what was written


class _Loader(yaml.SafeLoader):
    """YAML without aliases, by which a small file can stand for a huge one, and without keys that are written twice."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.MarkedYAMLError(
                problem="aliases are not allowed", problem_mark=self.peek_event().start_mark
            )
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        found = super().construct_mapping(node, deep=deep)
        if len(found) < len(node.value):
            raise yaml.MarkedYAMLError(problem="a key is written twice", problem_mark=node.start_mark)
        return found


def read_rules(path: Path) -> Rules:
    """The rules of a YAML (or JSON) file.

    Raises:
        SettingsError: the file cannot be read, is larger than 256 KiB, is no YAML, or holds something that is no rule.
    """
    name = path.name[:SHOWN]
    values = _values(_text(path, name), name)
    if not isinstance(values, dict):
        raise SettingsError(f"{name} holds no rules; write a list under 'rules:'.")
    try:
        return Rules.model_validate(values)
    except ValidationError as error:
        raise SettingsError(f"{name}: {_problem(error, values)}") from None


def _text(path: Path, name: str) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        raise SettingsError(f"{name} cannot be read ({getattr(error, 'strerror', None) or error}).") from None
    if len(raw) > MOST_BYTES:
        raise SettingsError(f"{name} is larger than {MOST_BYTES // 1024} KiB; no file of rules is.")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise SettingsError(f"{name} is no UTF-8 text.") from None


def _values(text: str, name: str) -> Any:
    try:
        loader = _Loader(text)
        try:
            return loader.get_single_data()
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f", line {mark.line + 1}" if mark else ""
        raise SettingsError(f"{name}{where}: no YAML that can be read here ({error.problem}).") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # see core.commands.settings.UNREADABLE
        raise SettingsError(f"{name} is no YAML that can be read here ({type(error).__name__}).") from None


def _problem(error: ValidationError, values: dict[str, Any]) -> str:
    """The first mistake, named by rule and field."""
    first = error.errors()[0]
    place, field = _place(first["loc"], values)
    kind, said = first["type"], first["msg"].removeprefix("Value error, ")
    if kind == "extra_forbidden":
        known = Rule.model_fields if place else Rules.model_fields
        what = "a rule" if place else "a file of rules"
        return f"{place}'{field[:SHOWN]}' is no field of {what}; there are {', '.join(known)}."
    if kind == "missing":
        return f"{place}'{field}' is missing."
    if kind in ("too_short", "tuple_type") and field == "rules":
        return "there is no rule; write a list of them under 'rules:'."
    if kind == "model_type":
        return f"{place}that is no rule; write name: value lines."
    if not field or (kind == "value_error" and field == "rules"):
        return f"{place}{said}."
    return f"{place}'{field}'{_shown(first['input'])}: {PLAINER.get(kind, said)}."


def _place(location: tuple[int | str, ...], values: dict[str, Any]) -> tuple[str, str]:
    """Which rule, in words, and which field of it."""
    if len(location) > 1 and location[0] == "rules":
        number, rules = int(location[1]), values["rules"]
        rule = rules[number] if isinstance(rules, list) else None  # a YAML set has no order
        name = rule.get("name") if isinstance(rule, dict) else None
        called = f" '{name[:SHOWN]}'" if isinstance(name, str) else ""
        return f"rule {number + 1}{called}: ", ".".join(map(str, location[2:]))
    return "", ".".join(map(str, location))


def _shown(value: object) -> str:
    """What was written, where that is one short thing."""
    if not isinstance(value, str | float | bool) and not (isinstance(value, int) and abs(value) < 10**SHOWN):
        return ""
    text = repr(value)
    return f" is {text}" if len(text) <= SHOWN else f" is {text[:SHOWN]}..."
