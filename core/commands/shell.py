"""What commands share: how one enters the parser, what it answers, and progress on standard error."""

import argparse
import sys
import time
from collections.abc import Callable
from typing import Any

Answer = tuple[dict[str, Any] | None, str]  # one JSON object, and the same as text
Command = Callable[[str, Callable[..., Answer], str], argparse.ArgumentParser]


class CheckFailed(Exception):
    """What a check found is printed as any answer is, and the exit status is 1."""

    def __init__(self, answer: Answer):
        super().__init__()
        self.answer = answer


class ProgressLine:
    """Progress on standard error: one line per stage, and one a few seconds while it lasts."""

    def __init__(self, every_seconds: float = 5.0):
        self.every_seconds, self.stage, self.said = every_seconds, "", 0.0

    def __call__(self, stage: str, fraction: float, message: str = "") -> None:
        moment = time.monotonic()
        if stage != self.stage or moment - self.said >= self.every_seconds:
            print(f"{fraction:4.0%} {stage} {message}".rstrip(), file=sys.stderr, flush=True)
            self.stage, self.said = stage, moment
