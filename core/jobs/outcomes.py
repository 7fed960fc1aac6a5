"""What becomes of a job when an attempt at it ends: the changes to its document."""

from typing import Any

from core.jobs.context import JobContext
from core.schema.documents import Job, JobProgress, now

LOSSES_ALLOWED = 3
FURTHER = 0.01  # a lost worker had got further if the job stood higher by this fraction


def done(result: dict[str, Any]) -> dict[str, Any]:
    """The job has a result."""
    progress = JobProgress(stage="Done", fraction=1.0).model_dump()
    return {"state": "done", "result": result, "progress": progress, "finished_at": now()}


def failed(sentence: str) -> dict[str, Any]:
    """The job failed; `sentence` is what its page says."""
    return {"state": "failed", "error": sentence, "finished_at": now()}


def stopped(context: JobContext) -> dict[str, Any]:
    """The job was told to stop: cancelled, or queued for the next worker if only this one has to end."""
    if context.stopping == "terminate":
        return {"state": "queued", "worker": None}
    return {"state": "cancelled", "finished_at": now()}


def after_loss(job: Job) -> dict[str, Any]:
    """A job whose worker was lost is queued again, unless that happens time and again at the same point."""
    if job.cancel_requested:
        return {"state": "cancelled", "finished_at": now()}
    fraction = job.progress.fraction
    losses = 1 if fraction >= job.furthest + FURTHER else job.losses + 1
    changes = {"losses": losses, "furthest": max(job.furthest, fraction), "worker": None}
    if losses < LOSSES_ALLOWED:
        return changes | {"state": "queued"}
    sentence = (
        f"The worker was lost {losses} times in a row at {fraction:.0%} ({job.progress.stage}); it may need "
        "more memory than there is. Resume goes on from the last checkpoint."
    )
    return changes | failed(sentence)
