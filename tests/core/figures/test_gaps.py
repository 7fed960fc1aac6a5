import json

import numpy as np
import pytest

from core.figures.gaps import gap_figure, shown_rows
from core.figures.groups import PALETTE, group_styles
from core.figures.numbers import score
from core.figures.scorecard import scorecard, select
from core.figures.text import plain
from core.figures.units import POINTS
from core.figures.verdict_table import verdict_table
from tests.core.figures.rows import EVIL, GROUPS, audit_rows


@pytest.fixture
def gaps():
    return select(audit_rows(), "ndcg@10", "gap")


@pytest.fixture
def drawn(gaps):
    return gap_figure(gaps, group_styles(GROUPS), metric="NDCG@10")


def dots(drawn):
    return [trace for trace in drawn.data if trace.mode == "markers"]


def test_every_dot_has_its_interval_and_n(drawn, gaps):
    seen = gaps[~gaps["suppressed"]]
    assert len(dots(drawn)) == len(seen)
    for trace, row in zip(dots(drawn), seen.itertuples(), strict=True):
        assert trace.x[0] == pytest.approx(100 * row.value)
        assert trace.x[0] + trace.error_x.array[0] == pytest.approx(100 * row.high)
        assert trace.x[0] - trace.error_x.arrayminus[0] == pytest.approx(100 * row.low)
        assert f"n={row.n:,}" in trace.hovertemplate
        found = f"a true gap of {POINTS.amount(row.detectable)} would be found four times in five"
        assert found in trace.hovertemplate
    assert all("n=" in label or "hidden" in label for label in drawn.layout.yaxis.ticktext)


def test_a_hidden_group_has_no_number_anywhere(drawn):
    assert "65+" not in {trace.name for trace in dots(drawn)}
    assert [note.text for note in drawn.layout.annotations if "hidden" in note.text]
    place = next(i for i, label in enumerate(drawn.layout.yaxis.ticktext) if label.startswith("65+"))
    assert "hidden" in drawn.layout.yaxis.ticktext[place]


def test_text_of_the_data_cannot_reach_the_page_as_markup_or_template(drawn):
    written = json.dumps(drawn.to_plotly_json(), default=lambda value: np.asarray(value).tolist())
    assert "<img" not in written
    assert "&lt;img" in written
    assert "$$" not in written
    assert "%{x}" not in written


def test_tolerance_band_null_band_and_parity_line_are_drawn(drawn):
    shapes = {(shape.x0, shape.x1) for shape in drawn.layout.shapes}
    assert (-3.0, 3.0) in shapes
    assert (0, 0) in shapes
    null = next(trace for trace in drawn.data if trace.mode == "lines")
    assert [x for x in null.x if x is not None][:2] == [-2.0, 2.0]


def test_a_group_keeps_its_colour_whichever_groups_are_drawn(gaps):
    styles = group_styles(GROUPS)
    whole = gap_figure(gaps, styles, metric="NDCG@10")
    part = gap_figure(gaps.iloc[1:], styles, metric="NDCG@10")
    colours = {trace.name: trace.marker.color for trace in dots(whole)}
    assert all(colours[trace.name] == trace.marker.color for trace in dots(part))


def test_groups_differ_in_colour_and_marker_and_unknown_is_grey():
    styles = group_styles([*"abcdefgh", "Unknown", "a × Unknown"])
    assert [styles[name].colour for name in "abcdef"] == list(PALETTE)
    assert len({(styles[name].colour, styles[name].symbol) for name in "abcdefgh"}) == 8
    assert styles["a"].symbol != styles["g"].symbol
    assert styles["Unknown"] == styles["a × Unknown"]
    assert styles["Unknown"].colour not in PALETTE
    assert group_styles("ab", reference="a")["a"].colour not in PALETTE


def test_too_many_groups_leave_out_hidden_and_small_gaps_first(gaps):
    kept, left_out = shown_rows(gaps, limit=2)
    assert set(kept["group"]) == {"19-24", EVIL}
    assert left_out == len(gaps) - 2


def test_an_audit_with_hidden_groups_only_can_be_drawn(gaps):
    hidden = gaps[gaps["suppressed"]]
    assert dots(gap_figure(hidden, group_styles(GROUPS), metric="NDCG@10")) == []


def test_the_scorecard_shows_worst_group_range_and_verdicts():
    cards = {card.label: card for card in scorecard(audit_rows(), "ndcg@10")}
    assert cards["NDCG@10, all users"].value == "0.300"
    assert cards["NDCG@10, all users"].note == "[0.280, 0.320] · n=2,165"
    assert cards["Worst-served group"].value == "0.220"
    assert cards["Worst-served group"].note.startswith("19-24")
    assert cards["Best minus worst group"].value == "13.0 pp"
    assert "chance alone: up to 4.0 pp" in cards["Best minus worst group"].note
    assert cards["Groups found unequal"].value == "1 of 4"


def test_the_verdict_table_hides_what_is_hidden_and_says_how_many_users_would_decide():
    options = {"title": "NDCG@10", "form": score, "unit": POINTS}
    table = verdict_table(audit_rows(), "ndcg@10", **options).set_index("Group")
    assert list(table.loc["65+", ["Users", "NDCG@10", "Gap"]]) == ["hidden"] * 3
    assert table.loc["19-24", "Gap"] == "−8.0 pp [−12.0 pp, −4.0 pp]"
    assert "unequal" in table.loc["19-24", "Verdict"]
    assert table["Users to decide it"].tolist().count("about 780 more") == 1
    assert table["Gap that would be found"].to_dict() == {
        "19-24": "5.7 pp",
        "25-34": "2.1 pp",
        plain(EVIL): "10.0 pp",
        "Unknown": "1.4 pp",
        "65+": "",
    }


def test_rows_with_tolerances_of_their_own_have_bands_of_their_own(gaps):
    seen = gaps[~gaps["suppressed"]].head(2)

    def bands(*tolerances: float) -> list[tuple]:
        figure = gap_figure(seen.assign(tolerance=tolerances), group_styles(GROUPS), metric="share")
        return [(one.x0, one.x1, one.y0, one.y1) for one in figure.layout.shapes if one.fillcolor]

    assert [ends[:2] for ends in bands(0.02, 0.02)] == [(-2, 2)]
    assert bands(0.02, 0.005) == [(-2, 2, 0.5, 1.5), (-0.5, 0.5, -0.5, 0.5)]
    assert not bands(np.nan, np.nan)
