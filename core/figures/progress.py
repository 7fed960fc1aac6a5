"""What the log of a running training tells: its finished epochs."""

import re

from core.schema.documents import Epoch

_FINISHED = re.compile(r"epoch (\d+): loss (\d+\.\d+), validation NDCG@10 (\d+\.\d+)")


def epochs_in(log: str) -> list[Epoch]:
    """Finished epochs in a training log, in order; of an epoch that was repeated after a crash the last line counts."""
    found = {int(epoch): (float(loss), float(ndcg)) for epoch, loss, ndcg in _FINISHED.findall(log)}
    return [
        Epoch(epoch=epoch, loss=loss, validation_ndcg=ndcg, seconds=0.0)
        for epoch, (loss, ndcg) in sorted(found.items())
    ]
