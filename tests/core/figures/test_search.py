"""Figures, sentences and tables of a search."""

from math import log

import pytest

from core.figures import about_search as about
from core.figures.about_search import BEST, FIRST, OTHERS, QUARTER, STOPPED
from core.figures.layout import WORDS_ON_DARK, WORDS_ON_LIGHT, themed
from core.figures.search import importance_figure, trials_figure
from core.schema.documents import Search, SearchTrial

RATES = (0.002, 0.0003, 0.01, 0.001, 0.004, 0.0005, 0.006, 0.003)


def made_search(values=(0.40, 0.35, 0.45, 0.42, 0.41, 0.39, 0.20, None), *, best=3, **changes) -> Search:
    """A search of trials with these values; the seventh was stopped early, the eighth failed."""
    states = ["complete"] * 6 + ["stopped", "failed"]
    trials = [
        SearchTrial(
            number=number + 1,
            params={
                "batch_size": (16, 32, 64)[number % 3],
                "learning_rate": RATES[number],
                "layers": 2,
                "mask": 0.1 * number,
            },
            state=states[number],
            value=value,
            epochs=3,
            seconds=10.0,
            problem="Training <b>diverged</b>." if value is None else None,
        )
        for number, value in enumerate(values)
    ]
    given = {
        "dataset": "ds-made",
        "base": {"layers": 2, "learning_rate": 0.002},
        "settings": {"trials": 8, "minutes": None},
        "created_at": "2026-11-24T20:41:00+00:00",
        "finished": True,
        "trials": trials,
        "best": best,
        "importances": {"mask": 0.5, "learning_rate": 0.3, "batch_size": 0.2, "layers": 0.0},
    }
    return Search(**{"_id": "search-made"} | given | changes)


def lines(trace) -> list[list[tuple]]:
    """The points (x, y, text) of each line of a trace."""
    found = [[]]
    for x, y, (text,) in zip(trace.x, trace.y, trace.customdata, strict=True):
        if x is None:
            found.append([])
        else:
            found[-1].append((x, y, text))
    assert found.pop() == []
    return found


def test_every_trial_with_a_value_is_one_line_through_every_varied_setting():
    drawn = trials_figure(made_search())
    traces = {trace.name: lines(trace) for trace in drawn.data}
    assert {name: len(found) for name, found in traces.items()} == {
        STOPPED: 1,
        OTHERS: 3,
        QUARTER: 1,
        FIRST: 1,
        BEST: 1,
    }
    assert list(drawn.layout.yaxis.ticktext) == ["Mask", "Learning rate", "Batch size", about.OUTCOME]
    for found in traces.values():
        for line in found:
            assert [y for _, y, _ in line] == [3, 2, 1, 0]
            assert all(0 <= x <= 1 for x, *_ in line)
    assert traces[BEST][0][-1][0] == 1.0
    assert traces[STOPPED][0][-1][0] == 0.0


def test_few_values_are_spread_evenly_and_a_wide_range_is_logarithmic():
    drawn = trials_figure(made_search())
    points = [point for trace in drawn.data for line in lines(trace) for point in line]
    places = {text.partition("<br>")[2]: x for x, _, text in points}
    assert [places[f"Batch size {size}"] for size in ("16", "32", "64")] == [0.0, 0.5, 1.0]
    assert places["Learning rate 0.0003"] == 0.0
    assert places["Learning rate 0.002"] == pytest.approx(log(2e-3 / 3e-4) / log(1e-2 / 3e-4))
    written = {note.text for note in drawn.layout.annotations}
    assert {"16", "32", "64", "0.0003", "0.01", "0.2000", "0.4500"} <= written


def test_classes_of_trials_differ_in_more_than_colour():
    traces = trials_figure(made_search()).data
    assert len({(trace.line.dash, trace.line.width) for trace in traces}) == len(traces)
    assert len({trace.marker.symbol for trace in traces}) == len(traces)


def test_what_is_written_in_the_figure_follows_the_theme():
    for dark, words in ((False, WORDS_ON_LIGHT), (True, WORDS_ON_DARK)):
        drawn = themed(trials_figure(made_search()), dark=dark)
        assert {note.font.color for note in drawn.layout.annotations} == {words}


def test_importances_are_bars_in_their_order_with_their_shares():
    (bar,) = importance_figure({"mask": 0.7, "learning_rate": 0.3}).data
    assert list(bar.y) == ["Mask", "Learning rate"]
    assert list(bar.x) == pytest.approx([70, 30])
    assert bar.customdata[0][0] == "70.0 %"


def test_the_answer_holds_the_best_value_beside_that_of_the_first_trial():
    said = about.search_sentence(made_search())
    assert "**Trial 3 is best**" in said
    assert "0.4500 beside 0.4000 of the settings that it started from (12.5 % more)" in said
    assert "8 trials in 1 min 20 s, 1 of them stopped early" in said


@pytest.mark.parametrize(
    ("search", "said"),
    [
        (made_search((0.4,), best=1), "1 trial in 10 s: the settings that it started from reach"),
        (
            made_search((0.4, 0.3), best=1),
            "**No better settings were found** than those that it started from, with a validation NDCG@10 of 0.4000: 2 trials",
        ),
        (
            made_search((0.0, 0.3), best=2),
            "0.3000 beside 0.0000 of the settings that it started from: 2 trials",
        ),
    ],
)
def test_other_outcomes_have_their_own_sentence(search, said):
    assert said in about.search_sentence(search)


def test_an_unfinished_search_says_how_far_it_came():
    assert "after 2 of 8 trials" in about.unfinished_sentence(made_search((0.4, 0.3), best=1))


def test_the_table_holds_every_trial_best_first_and_tells_why_one_failed():
    shown = about.trials_table_shown(made_search())
    assert shown["Trial"].tolist()[0] == "3"
    assert shown["Trial"].tolist()[-1] == "8"
    assert shown["Ended"].tolist()[-1] == "Training <b>diverged</b>."
    download = about.trials_table(made_search())
    assert download["validation_ndcg@10"].isna().tolist() == [False] * 7 + [True]
    assert {"trial", "state", "learning_rate", "batch_size"} <= set(download)


def test_the_best_settings_stand_beside_those_it_started_from_and_differing_ones_come_first():
    table = about.best_table(made_search())
    assert table["Setting"].tolist() == ["Batch size", "Learning rate", "Mask", "Layers"]
    assert table.iloc[0].tolist() == ["Batch size", "16", "64"]
