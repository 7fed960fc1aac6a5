"""One audit's way of making intervals: the settings, and a stream of random numbers for every part."""

import zlib
from dataclasses import dataclass

import numpy as np

from core.fairness.exposure.inference import MeanTest, compare_means
from core.fairness.exposure.ranking_parity import Spread, spread_of_chances
from core.fairness.stats import Interval
from core.fairness.totals import Statistic, total_intervals
from core.schema.settings import AuditSettings


@dataclass(frozen=True)
class Engine:
    """Attributes: draws: of means; enough for p-values to survive correction. attribute: names the streams."""

    settings: AuditSettings
    draws: int
    attribute: str

    def rng(self, part: str) -> np.random.Generator:
        return np.random.default_rng([self.settings.seed, zlib.crc32(f"{self.attribute} {part}".encode())])

    def means(self, part: str, columns: np.ndarray, target: np.ndarray, bounded: np.ndarray) -> MeanTest:
        options = {"draws": self.draws, "confidence": self.settings.confidence, "rng": self.rng(part)}
        return compare_means(columns, target, bounded=bounded, **options)

    def spread(self, part: str, above: np.ndarray, below: np.ndarray) -> Spread:
        options = {
            "draws": self.settings.draws,
            "confidence": self.settings.confidence,
            "rng": self.rng(part),
        }
        return spread_of_chances(above, below, **options)

    def totals(
        self, part: str, contributions: np.ndarray, statistic: Statistic, strata: np.ndarray | None = None
    ) -> Interval:
        """Statistics of totals, (Q,); ends are NaN where users show no spread: that is no certainty."""
        strata = np.zeros(len(contributions), dtype=int) if strata is None else strata
        options = {
            "draws": self.settings.draws,
            "confidence": self.settings.confidence,
            "rng": self.rng(part),
        }
        found = total_intervals(contributions, strata, statistic, n_groups=int(strata.max()) + 1, **options)
        low, high = (np.where(found.error > 0, part, np.nan) for part in (found.low, found.high))
        return Interval(found.value, low, high, found.error)
