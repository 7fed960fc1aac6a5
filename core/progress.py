"""How long work tells the outside where it stands."""

from typing import Protocol


class Progress(Protocol):
    """Called by long work at least twice a second where it can; may raise `Cancelled`."""

    def __call__(self, stage: str, fraction: float, message: str = "") -> None:
        """Report the stage's name and the fraction of the whole job done, in [0, 1]."""


def quiet(stage: str, fraction: float, message: str = "") -> None:
    """Progress that nobody watches."""


def part_of(progress: Progress, start: float, end: float) -> Progress:
    """Progress of one part of a job: its [0, 1] becomes [start, end] of the whole."""

    def report(stage: str, fraction: float, message: str = "") -> None:
        progress(stage, start + (end - start) * min(max(fraction, 0.0), 1.0), message)

    return report
