"""Wall time and peak memory of a function in a process of its own, and one way to print a table."""

import multiprocessing
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # benchmarks run from anywhere, alone

MEGABYTE = 1024**2 if sys.platform == "darwin" else 1024  # ru_maxrss is in bytes on macOS, in KiB on Linux


def in_own_process(function: Callable[..., Any], *arguments: Any) -> tuple[Any, float, float]:
    """Result, wall seconds without the start of the process, and peak resident memory in MB.

    The function must be importable and its result small: both cross a process boundary.
    """
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        return pool.apply(_measured, (function, arguments))


def _measured(function: Callable[..., Any], arguments: tuple) -> tuple[Any, float, float]:
    start = time.perf_counter()
    result = function(*arguments)
    seconds = time.perf_counter() - start
    return result, seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MEGABYTE


def print_table(title: str, rows: list[dict[str, Any]]) -> None:
    """One table on standard output."""
    print(title)
    print(pd.DataFrame(rows).to_string(index=False, float_format=_short))


def _short(value: float) -> str:
    """Whole numbers from a hundred upwards, four digits below."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.4g}"
