"""What the log of a running training tells: its finished epochs."""

import re

from core.schema.documents import Epoch

# `epoch 2: loss 8.356, validation NDCG@10 0.4029 (next item 7.476, intent 0.692)`; the objectives may be missing
_FINISHED = re.compile(
    r"epoch (\d+): loss (\d+\.\d+), validation NDCG@10 (\d+\.\d+)(?: \(([^()\n]{1,400})\))?"
)
_OBJECTIVE = re.compile(r"([a-z][a-z ]*) (\d+\.\d+)")


def epochs_in(log: str) -> list[Epoch]:
    """Finished epochs in a training log, in order; of an epoch that was repeated after a crash the last line counts."""
    found = {int(epoch): values for epoch, *values in _FINISHED.findall(log)}
    return [
        Epoch(
            epoch=epoch,
            loss=float(loss),
            losses={name: float(value) for name, value in _OBJECTIVE.findall(objectives)},
            validation_ndcg=float(ndcg),
            seconds=0.0,
        )
        for epoch, (loss, ndcg, objectives) in sorted(found.items())
    ]
