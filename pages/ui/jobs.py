"""Long work as a page sees it: the first job, one polled progress card, and what to do after a failure."""

import os
from datetime import UTC, datetime

import streamlit as st

from core.figures.accuracy import training_figure
from core.figures.layout import CONFIG
from core.figures.numbers import duration, moment
from core.figures.progress import epochs_in
from core.figures.text import markdown_text, plain
from core.jobs.context import log_file
from core.jobs.queue import enqueue, ensure_worker, get, jobs, request_cancel, resume
from core.schema.documents import DATASETS, RUNS, TERMINAL, Epoch, Job
from core.store.workspace import Workspace

FIRST_JOB = "job-first-open"
POLL_SECONDS = 1.5
SILENT_SECONDS = 5
TITLES = {
    "prepare": "Preparing data",
    "train": "Training a model",
    "prepare_and_train": "Preparing data and training a first model",
    "feedback": "Bringing in feedback",
    "retrain": "Training on with what came since",
    "search": "Searching settings",
    "import_lists": "Bringing in lists",
    "frontier": "Computing the frontier",
    "explain": "Explaining a model",
    "publish": "Publishing a policy",
    "rollback": "Rolling back",
    "report": "Making a report",
    "simulate": "Simulating the feedback loop",
}
_SEEN, _DISMISSED, _WATCHED = "jobs_seen", "jobs_dismissed", "job_watched"


def start_first(workspace: Workspace) -> None:
    """With nothing there yet, prepare the built-in data and train a first model; repeating this is harmless.

    EVENHAND_SAMPLE_USERS makes it use that many users only, for a quick look.
    """
    if workspace.documents.count(DATASETS) or jobs(workspace, limit=1):
        return
    sample = os.environ.get("EVENHAND_SAMPLE_USERS", "")
    settings = {"sample_users": int(sample)} if sample.isdecimal() else {}
    params = {
        "prepare": {"source": "complete_journey", "settings": settings},
        "train": {"name": "First model"},
    }
    enqueue(workspace, "prepare_and_train", params, id=FIRST_JOB)


def start(workspace: Workspace, kind: str, params: dict) -> None:
    """Queue a job and see to it that somebody works on it."""
    enqueue(workspace, kind, params)
    ensure_worker(workspace)


def running(workspace: Workspace) -> Job | None:
    """The job that is worked on, or the next in line."""
    waiting = [job for job in jobs(workspace, limit=50) if job.state not in TERMINAL]
    return min(waiting, key=lambda job: (job.state != "running", job.created_at), default=None)


def watch(workspace: Workspace, *, curve: bool = False) -> bool:
    """The progress of what is running, or what became of the last job if it did not end well.

    Args:
        curve: draw loss and validation NDCG of a training as well.

    Returns:
        whether something is running.
    """
    st.session_state[_SEEN] = _signature(workspace)
    job = running(workspace)
    if job is None:
        _last_one(workspace)
        return False
    st.session_state[_WATCHED] = job.id
    with st.container(border=True):
        _progress(workspace, curve)
        st.button(
            "Cancel",
            key=f"cancel-{job.id}",
            icon=":material/stop_circle:",
            disabled=job.cancel_requested,
            on_click=request_cancel,
            args=(workspace, job.id),
        )
    return True


def watched(workspace: Workspace) -> Job | None:
    """The job that this session saw under way, once it is done."""
    id = st.session_state.get(_WATCHED)
    job = get(workspace, id) if id else None
    return job if job and job.state == "done" else None


def forget_watched() -> None:
    """What the watched job brought has been told."""
    st.session_state.pop(_WATCHED, None)


@st.fragment(run_every=POLL_SECONDS)
def _progress(workspace: Workspace, curve: bool) -> None:
    """Read from the store, so it survives closing the tab; the page fills anew when something has come about."""
    if _signature(workspace) != st.session_state.get(_SEEN):
        st.rerun()
    ensure_worker(workspace)
    if job := running(workspace):
        _card(job)
        if curve and len(epochs := _epochs(workspace, job)) > 1:
            st.plotly_chart(
                training_figure(epochs),
                key="live-curve",
                config=CONFIG,
                alt=f"Loss and validation NDCG@10 of {len(epochs)} epochs so far.",
            )


def _epochs(workspace: Workspace, job: Job) -> list[Epoch]:
    try:
        return epochs_in(log_file(workspace, job.id).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []


def _signature(workspace: Workspace) -> tuple:
    """What of the workspace a page depends on."""
    states = [(job.id, job.state, job.cancel_requested) for job in jobs(workspace, limit=10)]
    return states, workspace.documents.count(DATASETS), workspace.documents.count(RUNS)


def _card(job: Job) -> None:
    progress = job.progress
    stage = progress.stage if job.state == "running" else "Starting"
    if job.cancel_requested:
        stage = "Stopping"
    st.progress(progress.fraction, text=f"**{title(job)}** · {markdown_text(stage)}")
    left = (
        "time left not known yet"
        if progress.seconds_left is None
        else f"about {duration(progress.seconds_left)} left"
    )
    message = f" · {markdown_text(progress.message)}" if progress.message else ""
    if _silent(job):
        left, message = "the worker has stopped answering; another takes over within seconds", ""
    st.caption(f"{100 * progress.fraction:.0f} % · {left}{message}")
    with st.expander("Log", icon=":material/terminal:"):
        st.code(
            "\n".join(plain(line, limit=160) for line in job.log) or "Nothing yet.",
            language=None,
            wrap_lines=True,
        )


def _silent(job: Job) -> bool:
    """Whether a running job's worker, which writes every second, has not been heard for a while."""
    if job.state != "running" or job.heartbeat is None:
        return False
    age = datetime.now(UTC) - datetime.fromisoformat(job.heartbeat)
    return age.total_seconds() > SILENT_SECONDS


def title(job: Job) -> str:
    """What a job does, in words."""
    return TITLES.get(job.kind, plain(job.kind))


def _last_one(workspace: Workspace) -> None:
    """A failed or cancelled last job: its cause, what was kept, and how to go on."""
    job = next(iter(jobs(workspace, limit=1)), None)
    if (
        job is None
        or job.state not in {"failed", "cancelled"}
        or job.id in st.session_state.get(_DISMISSED, set())
    ):
        return
    when = f" on {moment(job.finished_at)}" if job.finished_at else ""
    with st.container(border=True):
        if job.state == "failed":
            st.error(
                f"**{title(job)} failed**{when}. {markdown_text(job.error or '', limit=600)}",
                icon=":material/error:",
            )
        else:
            st.info(
                f"**{title(job)} was cancelled**{when}, at {100 * job.progress.fraction:.0f} %.",
                icon=":material/stop_circle:",
            )
        st.caption("Everything finished before is kept. Resume goes on from the last checkpoint of this job.")
        with st.container(horizontal=True):
            st.button(
                "Resume",
                key="resume",
                type="primary",
                icon=":material/play_arrow:",
                on_click=_again,
                args=(workspace, job.id),
            )
            st.button("Dismiss", key="dismiss", on_click=_dismiss, args=(job.id,))
        if job.log:
            with st.expander("Log", icon=":material/terminal:"):
                st.code("\n".join(plain(line, limit=160) for line in job.log), language=None, wrap_lines=True)


def _again(workspace: Workspace, job_id: str) -> None:
    resume(workspace, job_id)
    ensure_worker(workspace)


def _dismiss(job_id: str) -> None:
    st.session_state[_DISMISSED] = st.session_state.get(_DISMISSED, set()) | {job_id}
