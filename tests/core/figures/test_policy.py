"""Pictures of a policy: marks that cannot be taken for others, and bins that hold losses or gains."""

import numpy as np
import pandas as pd
import pytest

from core.figures.groups import UNNAMED, group_styles
from core.figures.policy import (
    GAIN,
    LOSE,
    attention_figure,
    before_and_after_figure,
    changes_figure,
    distribution_figure,
)
from core.figures.scorecard import select
from core.figures.units import POINTS
from tests.core.figures.rows import GROUPS, audit_rows


def test_no_bin_holds_losses_and_gains():
    """Also the smallest changes are on their own side."""
    changes = np.array([*np.linspace(-0.5, 0.4, 90), -1e-6, -1e-6, 1e-6, 0.0])
    (bars,) = distribution_figure(changes, metric="NDCG").data
    half = np.asarray(bars.width) / 2
    left, right = np.asarray(bars.x) - half, np.asarray(bars.x) + half
    below, above = right <= 1e-12, left >= -1e-12
    assert (below ^ above).all()
    assert (np.asarray(bars.marker.color) == np.where(above, GAIN, LOSE)).all()
    assert bars.y[above].sum() == (changes > 0).sum()
    assert bars.y[below].sum() == (changes < 0).sum()


def test_a_distribution_without_changes_is_empty():
    (bars,) = distribution_figure(np.zeros(5), metric="NDCG").data
    assert bars.y.sum() == 0


def test_the_mark_of_before_is_no_mark_of_a_group():
    gaps = select(audit_rows(), "ndcg@10", "gap")
    before = gaps.assign(value=gaps["value"] - 0.02)
    styles = group_styles(GROUPS)
    drawn = before_and_after_figure(
        before, gaps, styles, metric="accuracy", unit=POINTS, ends=("worse", "better")
    )
    (marks,) = [trace for trace in drawn.data if trace.mode == "lines+markers"]
    shown = gaps[~gaps["suppressed"]]
    assert list(marks.x[::3]) == pytest.approx(list(100 * shown["value"] - 2))
    assert list(marks.x[1::3]) == pytest.approx(list(100 * shown["value"]))
    assert set(marks.marker.size[1::3]) == {0}  # only the diamond is drawn; the full dot is another trace
    symbols = {marks.marker.symbol}
    assert not symbols & {UNNAMED.symbol, *(style.symbol for style in styles.values())}
    attention = pd.DataFrame(
        {
            "group": ["A"],
            "before": [0.4],
            "after": [0.6],
            "change": [0.2],
            "low": [0.1],
            "high": [0.3],
            "n": 9,
        }
    )
    seen = {trace.name: trace for trace in attention_figure(attention, target=False).data}
    assert {seen["before"].marker.symbol} == symbols  # the same on both pictures
    assert seen["after"].marker.symbol not in symbols


def test_a_group_has_the_same_look_whichever_others_are_hidden():
    rows = pd.DataFrame({"group": ["all", "A", "B"], "difference": 0.01, "low": 0.0, "high": 0.02, "n": 50})
    rows = rows.assign(verdict="better", suppressed=[False, True, False])
    drawn = changes_figure(rows, metric="accuracy", unit=POINTS)
    assert drawn.data[-1].marker.color == group_styles(["A", "B"])["B"].colour
