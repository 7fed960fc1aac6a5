"""Figures of data, accuracy and lists."""

from io import BytesIO

import numpy as np
import pandas as pd
import pytest

from core.figures.about_data import quality_table, size_table
from core.figures.accuracy import accuracy_figure, comparison_figure, training_figure
from core.figures.dataset import calendar_figure, crossing_figure, group_size_figure
from core.figures.export import parquet_bytes
from core.figures.groups import group_styles
from core.figures.layout import themed
from core.figures.shares import share_figure
from core.schema.documents import Epoch, RuleCount


@pytest.fixture
def shares():
    rows = [
        (group, name, value, value - 0.05, value + 0.1, n)
        for group, n, values in (("a", 40, (0.6, 0.4)), ("b", 1200, (0.3, 0.7)))
        for name, value in zip(("Milk", "Beer"), values, strict=True)
    ]
    return pd.DataFrame(rows, columns=["group", "value_name", "value", "low", "high", "n"])


def test_every_bar_of_a_mix_has_its_interval_and_n_and_groups_differ_in_pattern(shares):
    drawn = share_figure(shares, group_styles(["a", "b"]), of="top 10 list")
    bars = {trace.name: trace for trace in drawn.data}
    assert set(bars) == {"a (n=40)", "b (n=1,200)"}
    for trace in bars.values():
        assert np.allclose(trace.error_x.array, 10)
        assert np.allclose(trace.error_x.arrayminus, 5)
    assert len({(trace.marker.color, trace.marker.pattern.shape) for trace in bars.values()}) == 2
    assert len({trace.marker.pattern.shape for trace in bars.values()}) == 2


def test_whiskers_over_bars_take_the_themes_ink(shares):
    styles = group_styles(["a", "b"])
    colours = {
        themed(share_figure(shares, styles, of="list"), dark=dark).data[0].error_x.color
        for dark in (True, False)
    }
    assert len(colours) == 2


def test_accuracy_bars_carry_their_intervals():
    rows = pd.DataFrame(
        [("This run", 0.4, 0.38, 0.43, 900, True), ("Popularity", 0.2, 0.19, 0.22, 900, False)],
        columns=["name", "value", "low", "high", "n", "is_model"],
    )
    bar = accuracy_figure(rows, metric="NDCG@10").data[0]
    assert np.allclose(bar.error_x.array, [0.03, 0.02])
    assert "n=900" in bar.customdata[0][0]
    assert bar.marker.color[0] != bar.marker.color[1]


def test_a_comparison_leaves_out_hidden_groups_and_keeps_each_dot_on_its_row():
    rows = pd.DataFrame(
        [
            ("all", 0.01, 0.0, 0.02, 99, False),
            ("a", np.nan, np.nan, np.nan, "hidden", True),
            ("b", -0.02, -0.03, -0.01, 50, False),
        ],
        columns=["group", "difference", "low", "high", "n", "suppressed"],
    )
    drawn = comparison_figure(rows, metric="NDCG@10")
    assert list(drawn.data[0].x) == [1.0, -2.0]
    assert list(drawn.data[0].y) == [2, 0]
    assert drawn.layout.yaxis.ticktext[2].startswith("b")


def test_training_shows_loss_and_validation_of_every_epoch():
    history = [Epoch(epoch=n, loss=5 - n, validation_ndcg=0.1 * n, seconds=1) for n in (1, 2, 3)]
    loss, ndcg = training_figure(history).data
    assert list(loss.y) == [4, 3, 2]
    assert list(ndcg.y) == pytest.approx([0.1, 0.2, 0.3])
    assert ndcg.yaxis == "y2"


def test_loss_and_ndcg_lie_in_panels_of_their_own_so_that_they_never_cover_each_other():
    history = [Epoch(epoch=n, loss=5 - n, validation_ndcg=0.3 - 0.1 * n, seconds=1) for n in (1, 2)]
    layout = training_figure(history).layout
    assert layout.yaxis2.overlaying is None
    assert layout.yaxis2.domain[1] < layout.yaxis.domain[0]


def test_the_calendar_keeps_the_splits_apart():
    weeks = pd.DataFrame(
        {
            "week": pd.to_datetime(["2024-01-01", "2024-01-08", "2024-01-15"]),
            "split": ["train", "validation", "test"],
            "events": [5, 6, 7],
        }
    )
    bars = {trace.name: trace for trace in calendar_figure(weeks).data}
    assert {name: list(bar.y) for name, bar in bars.items()} == {"train": [5], "validation": [6], "test": [7]}
    assert len({bar.marker.pattern.shape for bar in bars.values()}) == 3


def test_group_sizes_and_crossings_tell_no_hidden_number():
    sizes = pd.DataFrame(
        {"group": ["a", "b"], "users": [50, pd.NA], "test_users": [40, pd.NA], "suppressed": [False, True]}
    )
    sizes = sizes.astype({"users": "Int64", "test_users": "Int64"})
    drawn = group_size_figure(sizes, group_styles(["a", "b"]))
    assert "40 of 50" in drawn.data[0].y[0]
    assert "hidden" in drawn.data[0].y[1]
    cells = pd.DataFrame([[12, np.nan]], index=["x"], columns=["y", "z"])
    heat, dots = crossing_figure(cells, titles=("Age", "Income")).data
    assert np.isnan(heat.z[0][1])
    assert (list(dots.x), list(dots.y)) == (["z"], ["x"])
    assert list(heat.text[0]) == ["12", "·"]
    assert heat.customdata[0][1] == "hidden"


def test_accepted_and_rejected_add_up_to_read():
    rules = [
        RuleCount(table="events", rule="Zero quantity", action="dropped", read=100, affected=7, note=""),
        RuleCount(table="events", rule="Unknown items", action="repaired", read=93, affected=5, note=""),
    ]
    table = quality_table(rules)
    assert (table["Accepted"] + table["Rejected"] == table["Read"]).all()
    assert table["Rejected"].tolist() == [7, 0]
    assert table["Repaired"].tolist() == [0, 5]


def test_group_sizes_can_be_downloaded_and_tell_no_hidden_number():
    sizes = pd.DataFrame(
        {"group": ["a", "b"], "users": [50, 3], "test_users": [40, 2], "suppressed": [False, True]}
    )
    table = pd.read_parquet(BytesIO(parquet_bytes(size_table(sizes))))
    assert table["users"].dropna().tolist() == [50]
    assert table["test_users"].dropna().tolist() == [40]
    assert table["hidden"].tolist() == [False, True]


def test_several_objectives_are_drawn_as_shares_of_their_first_epoch_with_their_values_at_hand():
    history = [
        Epoch(
            epoch=n, loss=8 - n, losses={"next item": 8.0 / n, "intent": 0.5}, validation_ndcg=0.1, seconds=1
        )
        for n in (1, 2)
    ]
    curves = {trace.name: trace for trace in training_figure(history).data}
    assert list(curves) == ["All, weighted", "Next item", "Intent", "Validation NDCG@10"]
    assert list(curves["Next item"].y) == [1, 0.5]
    assert list(curves["Intent"].y) == [1, 1]
    assert [value for (value,) in curves["Next item"].customdata] == [8.0, 4.0]
    looks = {(curve.line.color, curve.line.dash, curve.marker.symbol) for curve in curves.values()}
    assert len(looks) == 4
