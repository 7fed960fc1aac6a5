"""How numbers are written: with their unit, their interval and their n. Minus signs are real ones."""

import math
from collections.abc import Callable
from datetime import UTC, datetime

MISSING = "–"
SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥", "BRL": "R$"}


def _signed(text: str) -> str:
    """With a real minus; none before what is zero as it is written."""
    return text.replace("-", "−" if any(digit in text for digit in "123456789") else "")


def _missing(value: float | None) -> bool:
    return value is None or not math.isfinite(value)


def count(value: float | None) -> str:
    """`12,480`."""
    return MISSING if _missing(value) else _signed(f"{value:,.0f}")


def score(value: float | None) -> str:
    """A metric in [0, 1] with three decimals: `0.412`."""
    return MISSING if _missing(value) else _signed(f"{value:.3f}")


def share(value: float | None) -> str:
    """`41.2 %`, from a fraction."""
    return MISSING if _missing(value) else _signed(f"{100 * value:.1f} %")


def points(value: float | None) -> str:
    """A difference of two fractions in percentage points: `−3.1 pp`."""
    return MISSING if _missing(value) else _signed(f"{100 * value:+.1f} pp")


def ratio(value: float | None) -> str:
    """`0.87×`."""
    return MISSING if _missing(value) else f"{value:.2f}×"


def money(value: float | None, currency: str = "USD") -> str:
    """`$3.49`, or `3.49 CHF` for a currency without a common sign."""
    if _missing(value):
        return MISSING
    sign = SYMBOLS.get(currency)
    return (
        _signed(f"{value:,.2f} {currency}")
        if sign is None
        else _signed(f"{sign}{value:,.2f}".replace(f"{sign}-", f"-{sign}"))
    )


def p_value(value: float | None) -> str:
    """`0.034`, or `<0.001`."""
    if _missing(value):
        return MISSING
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def duration(seconds: float | None) -> str:
    """`8 s`, `3 min 20 s`, `2 h 5 min`."""
    if _missing(seconds):
        return MISSING
    whole = max(round(seconds), 0)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def interval(low: float | None, high: float | None, *, form=score) -> str:
    """`[0.381, 0.443]`, in the number form given; empty where there is none."""
    return "" if _missing(low) or _missing(high) else f"[{form(low)}, {form(high)}]"


def with_interval(value, low, high, n=None, *, form=score) -> str:
    """`0.412 [0.381, 0.443] · n=1,204`: a group's value never stands without its n and interval."""
    parts = " ".join(part for part in (form(value), interval(low, high, form=form)) if part)
    return parts if n is None else f"{parts} · {sample(n)}"


def sample(n: int | str | None) -> str:
    """`n=1,204`; `n<10` or `hidden` where a group is not shown."""
    if isinstance(n, str):
        return f"n{n}" if n.startswith("<") else n
    return f"n={count(n)}"


def moment(iso: str) -> str:
    """`24 Nov 2026, 20:41` (UTC), from the text that documents hold."""
    return f"{datetime.fromisoformat(iso).astimezone(UTC):%-d %b %Y, %H:%M}"


def size(bytes: int) -> str:
    """`31.2 MB`."""
    return f"{bytes / 1e6:,.1f} MB" if bytes >= 1e5 else f"{bytes / 1e3:,.1f} kB"


def decimal(value: float | None) -> str:
    """A rating or another plain number with two decimals: `4.06`."""
    return MISSING if _missing(value) else _signed(f"{value:.2f}")


def days(value: float | None) -> str:
    """`9.4 days`."""
    return MISSING if _missing(value) else _signed(f"{value:.1f} days")


def fine(value: float | None) -> str:
    """A difference of two metrics: `+0.0043`."""
    return MISSING if _missing(value) else _signed(f"{value:+.4f}")


def short(value: float | None) -> str:
    """Three digits that count, whatever the unit: `0.0421`, `1,204`."""
    if _missing(value):
        return MISSING
    return _signed(f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}")


def change(form: Callable[[float | None], str]) -> Callable[[float | None], str]:
    """A number form for differences, with a plus where there is no minus: `+0.12`; none before what is zero as written."""

    def written(value: float | None) -> str:
        text = form(value)
        return f"+{text}" if not _missing(value) and value > 0 and text != form(0.0) else text

    return written
