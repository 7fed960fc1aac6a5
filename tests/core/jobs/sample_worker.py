"""A worker with small tasks and a short lease, as a process:  python -m tests.core.jobs.sample_worker SECONDS

Also used by the tests themselves for the short lease. Every few steps of `count` are logged with the process
to a ledger in the workspace, so that a test can see who worked when.
"""

import hashlib
import json
import os
import signal
import sys
import time

import numpy as np
import pandas as pd

from core.errors import TrainingError
from core.jobs import context as context_module
from core.jobs import queue, slot, tasks, worker
from core.store.workspace import Workspace

IDLE_SECONDS = 1.5


def use_short_lease() -> None:
    """A second and a half in place of ten, so that the tests of lost workers are quick."""
    slot.LEASE_SECONDS, slot.DOUBT_SECONDS, slot.SURE_SECONDS = 1.5, 0.8, 1.1
    worker.RENEW_SECONDS = 0.35
    queue.WORKER_COMMAND = (sys.executable, "-m", "tests.core.jobs.sample_worker", str(IDLE_SECONDS))


def count(workspace, params, context):
    """Add up hashes, with a checkpoint every few steps; the result is the same however often it is killed."""
    checkpoint = context.scratch / "checkpoint.json"
    step, total = json.loads(checkpoint.read_text()) if checkpoint.exists() else (0, 0)
    while step < params["steps"]:
        context("Counting", step / params["steps"], f"step {step}")
        total += int(hashlib.sha256(str(step).encode()).hexdigest()[:8], 16)
        step += 1
        time.sleep(params.get("pause", 0.002))
        if step % 5 == 0:
            with (workspace.root / "ledger").open("a") as ledger:
                ledger.write(f"{time.time()} {os.getpid()} {step}\n")
            temporary = checkpoint.with_suffix(".new")
            temporary.write_text(json.dumps([step, total]))
            os.replace(temporary, checkpoint)
    artefact = workspace.artefacts.write_json("results/total.json", total)
    workspace.documents.put("runs", {"_id": f"run-{context.job_id}", "total": total, "path": artefact.path})
    return {"total": total}


def total(steps: int) -> int:
    """What an uninterrupted `count` gives."""
    return sum(int(hashlib.sha256(str(step).encode()).hexdigest()[:8], 16) for step in range(steps))


def long_call(workspace, params, context):
    """Report once, then stay inside single calls of pandas or torch that take many seconds."""
    context("Working", 0.5)
    (workspace.root / "inside").write_text(str(os.getpid()))
    if params["library"] == "pandas":
        keys = np.random.default_rng(0).integers(0, 10**9, 4_000_000)
        while True:
            frame = pd.DataFrame({"a": keys, "b": keys})
            frame.groupby("a")["b"].transform("mean").sort_values()
    elif params["library"] == "torch":
        import torch

        matrix = torch.rand(2500, 2500)
        while True:
            torch.linalg.svd(matrix)
    time.sleep(60)


def die(workspace, params, context):
    """Be killed at the same point each time, as by the kernel when memory runs out."""
    context("Eating memory", 0.3)
    time.sleep(0.6)  # the watch stores the progress
    os.kill(os.getpid(), signal.SIGKILL)


def fail(workspace, params, context):
    """Fail with a sentence for the user, or unexpectedly."""
    context("Failing", 0.1)
    if params["expected"]:
        raise TrainingError("The loss is no longer a number; lower the learning rate.")
    return {"x": {}["secret-key"]}


def bad_result(workspace, params, context):
    """Return what a document cannot hold."""
    return {"x": float("nan")}


def stall(workspace, params, context):
    """Write after having slept through the loss of the lease (the test stops the process meanwhile)."""
    context("Stalling", 0.2)
    with (workspace.root / "ledger").open("a") as ledger:
        ledger.write(f"{os.getpid()}\n")
    deadline = time.time() + params["seconds"]
    while time.time() < deadline:
        time.sleep(0.005)
    workspace.documents.put("runs", {"_id": "run-stalled", "by": os.getpid()})
    return {"by": os.getpid()}


def train(workspace, params, context):
    """The real task, with a checkpoint every few steps."""
    from core.train import fit  # not at the top: the other tasks should not wait for torch

    fit.CHECKPOINT_SECONDS = 0.05
    return tasks.train(workspace, params, context)


TASKS = {
    task.__name__: task
    for task in (
        count,
        long_call,
        die,
        fail,
        bad_result,
        stall,
        train,
        tasks.prepare,
        tasks.search,
        tasks.import_lists,
    )
}

if __name__ == "__main__":
    use_short_lease()
    context_module.LINE_SECONDS = 0.1
    worker.run_worker(Workspace.open(), idle_seconds=float(sys.argv[1]), tasks=TASKS)
