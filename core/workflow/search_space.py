"""Which settings a search varies, and between which bounds."""

from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from core.schema.settings import TrainSettings, settings_from

WIDTHS, HEADS = (32, 64, 128, 192), (1, 2, 4)
CHOICES = {
    "batch_size": (16, 32, 64, 128),
    "history_length": (64, 128, 256, 512),
    "weight_decay": (0.0, 0.001, 0.01, 0.1),
}
LAYERS = (1, 3)
LEARNING_RATES = (3e-4, 1e-2)
RANGES = {
    "dropout": (0.0, 0.5),
    "id_dropout": (0.0, 0.5),
    "reconstruction_weight": (0.0, 1.0),
    "mask": (0.0, 0.5),
    "substitute": (0.0, 0.3),
}
DIGITS = 3  # of a tried number: more would only look exact


def space(base: TrainSettings) -> dict[str, BaseDistribution]:
    """The values that each varied setting may take; those of `base`, none of them automatic, are always among them.

    Every combination is valid: each number of heads divides each width.
    """
    widths = [width for width in _with(WIDTHS, base.width) if width % base.heads == 0]
    heads = [n for n in _with(HEADS, base.heads) if all(width % n == 0 for width in widths)]
    choices = {"width": widths, "heads": heads}
    choices |= {name: _with(options, getattr(base, name)) for name, options in CHOICES.items()}
    floats = {name: _around(bounds, getattr(base, name)) for name, bounds in RANGES.items()}
    return (
        {name: CategoricalDistribution(options) for name, options in choices.items()}
        | {"layers": IntDistribution(*_around(LAYERS, base.layers))}
        | {"learning_rate": FloatDistribution(*_around(LEARNING_RATES, base.learning_rate), log=True)}
        | {name: FloatDistribution(*bounds) for name, bounds in floats.items()}
    )


def tried(base: TrainSettings, params: dict[str, Any]) -> TrainSettings:
    """The settings of a trial that varies `params`."""
    rounded = {name: _rounded(params[name], values) for name, values in space(base).items()}
    return settings_from(TrainSettings, base.model_dump() | rounded)


def _rounded(value: float, values: BaseDistribution) -> float:
    """A float to few digits, still between its bounds; anything else as it is."""
    if not isinstance(values, FloatDistribution):
        return value
    return min(max(float(f"{value:.{DIGITS}g}"), values.low), values.high)


def varied(settings: TrainSettings) -> dict[str, Any]:
    """The values of the settings that a search varies."""
    return {name: getattr(settings, name) for name in space(settings)}


def _with(options: tuple, value: float) -> list:
    """The options and the value, in order."""
    return sorted({*options, value})


def _around(bounds: tuple, value: float) -> tuple:
    """The bounds, widened to hold the value."""
    return min(bounds[0], value), max(bounds[1], value)
