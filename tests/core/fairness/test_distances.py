"""Distances between groups: zero is covered, a planted one is found and covered."""

import numpy as np

from core.fairness.distances import distance_rows
from core.fairness.judging import judged
from core.schema.settings import Statistics
from tests.core.fairness.parts import part_of, row_of

ONLY = {"section": "users"}


def spread(own, other):
    p, q = (part / part.sum(axis=-1, keepdims=True) for part in (own, other))
    return np.abs(p - q).sum(axis=-1, keepdims=True) / 2


def test_a_distance_of_zero_is_covered_and_a_large_one_is_found():
    rng = np.random.default_rng(3)
    strata = np.repeat([0, 1], 150)
    settings = Statistics(draws=200, permutations=199)
    alarms = 0
    for _ in range(40):
        shares = rng.dirichlet([1, 1, 1], 300)
        row = row_of(
            distance_rows(shares, spread, ["tv"], part_of(strata, reference=1), settings, **ONLY),
            "tv_gap",
            "a",
        )
        assert 0 <= row.low <= row.value <= row.high
        alarms += row.low > 0
    assert alarms <= 6
    shares[:150] = rng.dirichlet([4, 1, 1], 150)
    rows = distance_rows(shares, spread, ["tv"], part_of(strata), settings, **ONLY, tolerances={"tv": 0.05})
    row = judged(rows, settings)[0]
    assert row.verdict == "unequal"
    assert row.low > row.null_high


def test_intervals_of_a_distance_cover_the_truth():
    rng = np.random.default_rng(4)
    settings = Statistics(draws=300, permutations=199)
    truth = 4 / 6 - 1 / 3
    covered = 0
    for _ in range(60):
        shares = np.concatenate([rng.dirichlet([4, 1, 1], 80), rng.dirichlet([1, 1, 1], 120)])
        rows = distance_rows(
            shares,
            spread,
            ["tv"],
            part_of(np.repeat([0, 1], [80, 120]), reference=1),
            settings,
            **ONLY,
        )
        covered += rows[0].low <= truth <= rows[0].high
    assert covered >= 52
