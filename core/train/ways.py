"""Ways to learn a service-quality model, of which the tuning rows choose one."""

from dataclasses import dataclass, replace

import numpy as np

from core.data.order_context import Coding
from core.data.service import Rows, representative_weights
from core.data.splits import TRAIN
from core.models.bias import fit_line, line_at
from core.models.service import ServiceModel, ServiceShape
from core.progress import Progress, part_of
from core.train.device import Device
from core.train.quality import Inputs, Learnt, Lesson, train_again, train_network

MOST_WAYS = 4  # that are tried for one outcome


@dataclass(frozen=True)
class Way:
    """One way to learn.

    Attributes:
        represented: with U, P and R beside the context.
        all_rows: from all rows, weighted, or from the unbiased ones alone; None where all are unbiased.
        line: what a line through the numbers of the context leaves, or the outcome itself.
    """

    represented: bool
    all_rows: bool | None
    line: bool = False

    def __str__(self) -> str:
        rows = {None: "", True: ", all rows weighted", False: ", unbiased rows alone"}[self.all_rows]
        inputs = "U, P, R and context" if self.represented else "context alone"
        return inputs + rows + (", on top of a line" if self.line else "")


@dataclass(frozen=True)
class Study:
    """What all ways of learning one outcome share.

    Attributes:
        deviation: by which outcomes are standardised. tuning: places of the rows that choose.
    """

    rows: Rows
    inputs: Inputs
    coding: Coding
    deviation: float
    tuning: np.ndarray
    device: Device
    seed: int

    def choose(self, progress: Progress) -> tuple[Way, dict[Way, Learnt]]:
        """The best way and what each way tried led to: rows first, then inputs, then the line."""
        found: dict[Way, Learnt] = {}

        def try_out(way: Way) -> None:
            lesson = self.lesson(way, self._used(way))
            part = part_of(progress, len(found) / MOST_WAYS, (len(found) + 1) / MOST_WAYS)
            found[way] = train_network(lesson, self._shape(way), **self._options(part))

        def best() -> Way:
            return min(found, key=lambda way: found[way].error)

        represented = self.inputs.represented is not None
        biased = bool(((self.rows.split == TRAIN) & ~self.rows.unbiased).any())
        for all_rows in (False, True) if biased else (None,):
            try_out(Way(represented, all_rows))
        if represented:
            try_out(replace(best(), represented=False))
        if self.coding.width:
            try_out(replace(best(), line=True))
        return best(), found

    def again(self, way: Way, learnt: Learnt, progress: Progress) -> tuple[ServiceModel, np.ndarray, int]:
        """The network learnt from the tuning rows too, the line below it, and the number of rows.

        The tuning rows are the latest ones: what they say of the present is worth having, once they have chosen.
        """
        used = np.concatenate([self._used(way), self.tuning])
        model = train_again(self.lesson(way, used), learnt, **self._options(progress))
        return model, self.line(way, used), len(used)

    def line(self, way: Way, used: np.ndarray) -> np.ndarray:
        """What the network starts from, (F + 1,): a line through the numbers, or a constant."""
        observed, weights = self.rows.observed[used].astype(float), self._weights(way)[used]
        if way.line:
            return fit_line(self.inputs.numbers[used], observed, weights)
        return np.concatenate([[np.average(observed, weights=weights)], np.zeros(self.coding.width)])

    def lesson(self, way: Way, used: np.ndarray) -> Lesson:
        """What the network is to learn from these rows."""
        left = self.rows.observed - line_at(self.line(way, used), self.inputs.numbers)
        return Lesson(
            inputs=self.inputs if way.represented else replace(self.inputs, represented=None),
            target=(left / self.deviation).astype(np.float32),
            weights=self._weights(way),
            used=used,
            tuning=self.tuning,
            title=self.rows.outcome.title,
        )

    def _used(self, way: Way) -> np.ndarray:
        train = self.rows.split == TRAIN
        return np.flatnonzero(train if way.all_rows else train & self.rows.unbiased)

    def _weights(self, way: Way) -> np.ndarray:
        train = self.rows.split == TRAIN
        return representative_weights(self.rows, train) if way.all_rows else self.rows.weights

    def _shape(self, way: Way) -> ServiceShape:
        vectors = self.inputs.represented.users.shape[1] if way.represented else 0
        return ServiceShape(vectors=vectors, numbers=self.coding.width, sizes=tuple(self.coding.sizes))

    def _options(self, progress: Progress) -> dict:
        return {"seed": self.seed, "device": self.device, "progress": progress}
