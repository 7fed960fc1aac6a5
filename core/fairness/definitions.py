"""What every metric of an audit means. Each section keeps its own definitions; this finds them by a row's metric."""

import re

from core.fairness.exposure.definitions import DEFINITIONS as EXPOSURE
from core.fairness.pricing.definitions import DEFINITIONS as PRICING
from core.fairness.quality.definitions import DEFINITIONS as USERS
from core.fairness.rows import STATISTICS
from core.fairness.service.definitions import DEFINITIONS as SERVICE
from core.schema.definitions import Definition

DEFINITIONS: dict[str, dict[str, Definition]] = {
    "users": USERS,
    "exposure": EXPOSURE,
    "pricing": PRICING,
    "service": SERVICE,
}  # by section, then by key
_SUFFIXES = (*filter(None, STATISTICS.values()), "_max_min")
_LENGTH_OF_LIST = re.compile(r"@\d+")
_NUMBER = re.compile(r"_\d+$")  # `mmf_2`: of the two worst-off groups


def definition_of(metric: str, section: str | None = None) -> Definition | None:
    """The definition of a row's metric: `ndcg@10_gap` -> that of NDCG; None where there is none.

    Args:
        section: that of the row. Two sections may use one name (`coverage` is three metrics); without it the first
            of them is meant, in the order users, exposure, pricing, service.
    """
    found = key_of(metric, section)
    return found and DEFINITIONS[found[0]][found[1]]


def key_of(metric: str, section: str | None = None) -> tuple[str, str] | None:
    """Section and key of the definition: `ndcg@10_gap` -> `("users", "ndcg")`."""
    bare = _NUMBER.sub("", _LENGTH_OF_LIST.sub("", metric))
    for name in dict.fromkeys((bare, _without_statistic(bare))):  # `discount_gap` is a name of its own
        for part in DEFINITIONS if section is None else (section,):
            key = _key(name, DEFINITIONS[part])
            if key is not None:
                return part, key
    return None


def _without_statistic(name: str) -> str:
    for suffix in _SUFFIXES:
        if name.endswith(suffix):
            return _NUMBER.sub("", name.removesuffix(suffix))
    return name


def _key(name: str, definitions: dict[str, Definition]) -> str | None:
    """The key itself; else the longest key with a leading underscore that the name ends with, or is but for it."""
    if name in definitions:
        return name
    fitting = [key for key in definitions if key.startswith("_") and f"_{name}".endswith(key)]
    return max(fitting, key=len, default=None)
