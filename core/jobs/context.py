"""What a task sees of its job: it reports progress here and finds its scratch folder."""

import math
import threading
import time
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Literal

from core.errors import Cancelled
from core.schema.documents import Job, JobProgress
from core.store.workspace import Workspace

SHOWN_LINES = 20
SHOWN_CHARACTERS = 300
LINE_SECONDS = 1.0
# The time estimate looks at the recent pace, for stages differ and a resumed job starts with a leap: at this long,
# or longer until this much got done.
PACE_SECONDS = 30.0
PACE_FRACTION = 0.02
PACE_STEP_SECONDS = 0.5
PACE_MINIMUM_SECONDS = 1.0

Stop = Literal["cancel", "terminate"]


class JobContext:
    """A `Progress` for one attempt at a job.

    Attributes:
        job_id: names the job's results, so that a second attempt repeats the writes of the first.
        scratch: a folder for checkpoints that survives a crash.
        progress: the latest report.
    """

    def __init__(self, workspace: Workspace, job: Job):
        self.job_id = job.id
        self.scratch: Path = workspace.artefacts.scratch(job.id)
        self._file = log_file(workspace, job.id)
        self._lines: deque[str] = deque(job.log, maxlen=SHOWN_LINES)
        self.progress = job.progress.model_copy(update={"seconds_left": None})
        self._pace: deque[tuple[float, float]] = deque()
        self._last_line = 0.0
        self._stop: tuple[Stop, float] | None = None
        self._lock = threading.Lock()  # the task and the worker's watch both look here

    def __call__(self, stage: str, fraction: float, message: str = "") -> None:
        """Report the stage and the fraction of the job done, in [0, 1]; raises `Cancelled` to end it."""
        if self._stop is not None:
            raise Cancelled("Stopped.")
        if not math.isfinite(fraction):
            fraction = self.progress.fraction
        moment, fraction = time.monotonic(), min(max(float(fraction), 0.0), 1.0)
        with self._lock:
            changed = stage != self.progress.stage
            news = changed or (message != self.progress.message and moment - self._last_line > LINE_SECONDS)
            self.progress = JobProgress(stage=stage, fraction=fraction, message=message)
            _keep_pace(self._pace, moment, fraction)
        if news:
            self._last_line = moment
            self.log(f"{stage}: {message}" if message else stage)

    def log(self, text: str, *, shown: bool = True) -> None:
        """Add to the job's log file and, if `shown`, to the lines that its page shows."""
        stamped = f"{datetime.now().astimezone():%H:%M:%S} {text}"
        with (
            suppress(OSError),
            self._file.open("a", encoding="utf-8") as file,
        ):  # a full disk fails no job here
            file.write(f"{stamped}\n")
        if shown:
            with self._lock:
                self._lines.append(stamped[:SHOWN_CHARACTERS])

    def stop(self, reason: Stop) -> None:
        """Let the next report raise `Cancelled`; the first reason stands."""
        self._stop = self._stop or (reason, time.monotonic())

    @property
    def stopping(self) -> Stop | None:
        """Why the job is to end, if it is."""
        return self._stop and self._stop[0]

    def overdue(self, patience: Mapping[Stop, float]) -> bool:
        """Whether the task has not ended within the seconds that its reason to stop allows."""
        return self._stop is not None and time.monotonic() - self._stop[1] > patience[self._stop[0]]

    def state(self) -> dict:
        """Progress and log tail as the job's document keeps them."""
        with self._lock:
            left = seconds_left(list(self._pace), time.monotonic())
            progress = self.progress.model_copy(update={"seconds_left": left})
            return {"progress": progress.model_dump(), "log": list(self._lines)}


def _keep_pace(pace: deque[tuple[float, float]], moment: float, fraction: float) -> None:
    """Add a report to the pace and forget what is no longer recent."""
    if len(pace) > 1 and moment - pace[-2][0] < PACE_STEP_SECONDS:
        pace.pop()
    pace.append((moment, fraction))
    while len(pace) > 2 and moment - pace[1][0] > PACE_SECONDS and fraction - pace[1][1] > PACE_FRACTION:
        pace.popleft()


def seconds_left(pace: list[tuple[float, float]], moment: float) -> float | None:
    """Time that the rest takes at the recent pace; None while there is too little to go by.

    Args:
        pace: (time in seconds, fraction done) of recent reports, oldest first.
        moment: the present on the same clock; time that passed since the last report counts as waiting.
    """
    if not pace:
        return None
    (since, before), (_, done) = pace[0], pace[-1]
    if moment - since < PACE_MINIMUM_SECONDS or done - before < PACE_FRACTION:
        return None
    return (1.0 - done) * (moment - since) / (done - before)


def log_file(workspace: Workspace, job_id: str) -> Path:
    """The whole log of a job, with the details of what went wrong."""
    logs = workspace.root / "logs"
    logs.mkdir(exist_ok=True)
    return logs / f"{job_id}.log"
