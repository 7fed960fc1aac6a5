"""Feedback in words and tables, from feedback made by hand."""

import pandas as pd
import pytest

from core.data.collecting import News
from core.data.watching import FileNews, WhatsNew
from core.figures.about_feedback import (
    aside_table,
    feedback_sentence,
    feedback_table,
    feedback_words,
    judgement_table,
    rows_aside,
    since_sentence,
    totals,
    waiting_sentence,
)
from core.schema.documents import Artefact, Feedback, RuleCount

HOSTILE = "<b>x</b>\u202e :red[y] [z](javascript:w)"
SHOWN = "<b>x</b>  :red[y] [z](javascript:w)"  # in a table: as it is, without the mark that turns it round


def piece(
    count: int = 0,
    *aside: tuple[str, int],
    id: str = "feedback-1",
    name: str = "impressions.csv",
    origin: str = "file",
    who: str = "Ann",
    at: str = "2026-03-01T10:20:00+00:00",
    **reactions: int,
) -> Feedback:
    """Some impressions, with the reasons for which rows were set aside."""
    rules = [
        RuleCount(table="impressions", rule=rule, action="dropped", read=50, affected=n, note=f"Note: {rule}")
        for rule, n in aside
    ]
    rows = Artefact(path=f"feedback/{id}/rows.parquet", sha256="0" * 64, bytes=0)
    told = {"table": "impressions", "origin": origin, "name": name, "who": who, "created_at": at}
    told |= {"count": count, "reactions": reactions, "period": None, "aside": rules}
    return Feedback(_id=id, line="line-1", dataset="ds-1", rows=rows, kept_aside=None, **told)


FIRST = piece(1200, ("Unknown user", 2), shown=1200, clicked=30)
SECOND = piece(
    1, ("Unknown item", 1), id="feedback-2", origin="hand", name="list of 7", who="Bo", shown=1, dismissed=1
)


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (
            piece(1200, shown=1200, clicked=30),
            "impressions.csv: 1,200 rows of impressions (1,200 shown, 30 clicked); nothing was set aside.",
        ),
        (
            piece(1, ("Unknown user", 2), ("Says nothing", 1)),
            "impressions.csv: 1 row of impressions; set aside: 2 × unknown user, 1 × says nothing.",
        ),
        (
            piece(0, ("timestamp is no date; write 2024-03-31T18:05", 1)),
            "impressions.csv: no row can be used: 1 × timestamp is no date; write 2024-03-31T18:05.",
        ),
        (piece(0, ("Unknown user", 1000)), "impressions.csv: no row can be used: 1,000 × unknown user."),
    ],
)
def test_one_piece_is_a_sentence(one, said):
    assert feedback_sentence(one) == said


def test_reactions_are_added_up_in_their_order_and_those_that_none_says_are_left_out():
    assert list(totals([SECOND, FIRST]).items()) == [("shown", 1201), ("clicked", 30), ("dismissed", 1)]
    assert totals([]) == totals([piece(3)]) == {}


def test_what_a_run_has_not_learnt_from_is_counted():
    said = "1,201 rows of feedback (1,201 shown, 30 clicked and 1 dismissed)"
    assert waiting_sentence([FIRST, SECOND]) == said
    assert feedback_sentence(piece(1, name="list of 7")).startswith("list of 7: ")  # a file may be called so
    assert waiting_sentence([piece(1)]) == "1 row of feedback"
    assert waiting_sentence([]) == waiting_sentence([piece(0, ("Unknown user", 9))]) == "no feedback"


def test_all_that_came_is_a_sentence_and_so_is_nothing():
    assert feedback_words([]) == "None has come yet."
    said = "**1,201 rows** in 2 pieces: 1,201 shown, 30 clicked and 1 dismissed. 3 more were set aside."
    assert feedback_words([FIRST, SECOND]) == said
    assert feedback_words([piece(1, ("Unknown user", 1))]) == "**1 row** in 1 piece. 1 more was set aside."
    assert feedback_words([piece(2, shown=2)]) == "**2 rows** in 1 piece: 2 shown."


def test_pieces_stand_in_a_table_newest_first():
    table = feedback_table([FIRST, SECOND], learnt=["feedback-1"])
    assert table["What"].tolist() == ["list of user 7", "impressions.csv"]
    assert table["Came"].tolist() == ["by hand, Bo", "file, Ann"]
    assert table["When (UTC)"].tolist() == ["1 Mar 2026, 10:20"] * 2
    assert table[["Rows", "Shown", "Clicked", "Bought", "Set aside"]].to_numpy().tolist() == [
        [1, 1, 0, 0, 1],
        [1200, 1200, 30, 0, 2],
    ]
    assert table["In this run"].tolist() == ["no", "yes"]
    assert feedback_table([], learnt=[]).empty


def test_reasons_stand_in_a_table_and_pieces_without_any_do_not():
    table = aside_table([FIRST, piece(3, id="feedback-3"), SECOND])
    assert table.to_dict("split", index=False)["data"] == [
        ["list of user 7", "Unknown item", 1, "Note: Unknown item"],
        ["impressions.csv", "Unknown user", 2, "Note: Unknown user"],
    ]
    assert aside_table([]).empty
    assert aside_table([piece(3)]).empty


def test_rows_set_aside_begin_with_their_number_and_the_reason():
    came = pd.DataFrame(
        {"user_id": ["nobody"], "rank": ["1"], "row": ["31"], "set_aside_because": ["Unknown user"]}
    )
    assert rows_aside(came).iloc[0].to_dict() == {
        "Row": "31",
        "Set aside because": "Unknown user",
        "user_id": "nobody",
        "rank": "1",
    }
    assert list(rows_aside(came)) == ["Row", "Set aside because", "user_id", "rank"]
    assert rows_aside(came.iloc[:0]).empty


def test_markup_in_names_is_text_without_marks_that_turn_it_round():
    hostile = piece(1, (HOSTILE, 1), name=HOSTILE, who=HOSTILE)
    assert feedback_table([hostile], learnt=[]).loc[0, ["What", "Came"]].tolist() == [SHOWN, f"file, {SHOWN}"]
    assert aside_table([hostile]).loc[0, ["What", "Reason"]].tolist() == [SHOWN, SHOWN]
    assert feedback_sentence(hostile).startswith(f"{SHOWN}: 1 row")
    assert len(feedback_table([piece(1, name="x" * 120)], learnt=[])["What"][0]) == 60


def judgements(*told: tuple[str, float | None, str]) -> pd.DataFrame:
    """As `judgements_of` gives them: item id, rating (none: flagged) and time of each."""
    items, ratings, times = zip(*told, strict=True) if told else ((), (), ())
    return pd.DataFrame(
        {
            "timestamp": pd.to_datetime(pd.Series(times, dtype="str")),
            "item_id": pd.Series(items, dtype="str"),
            "satisfaction": pd.Series(ratings, dtype="float64"),
            "dismissed": pd.array([rating is None or None for rating in ratings], dtype="boolean"),
            "reason": HOSTILE,
            "who": "Ann",
        }
    )


def test_what_analysts_said_names_flagged_products_and_tells_a_rated_list_once():
    said = judgements(
        ("p0", None, "2026-03-02 09:05"),
        ("p1", None, "2026-03-02 09:04"),
        ("p0", 2.0, "2026-03-01 10:00"),
        ("p1", 2.0, "2026-03-01 10:00"),
        ("p0", 2.0, "2026-02-01 10:00"),
    )
    table = judgement_table(said, pd.Series({"p0": HOSTILE, "q": "Milk"}))
    assert table.to_dict("split", index=False)["data"] == [
        [SHOWN, "flagged", SHOWN, "Ann", "2 Mar 2026, 09:05"],
        ["p1", "flagged", SHOWN, "Ann", "2 Mar 2026, 09:04"],
        ["the list of 2 products", "2 of 5", SHOWN, "Ann", "1 Mar 2026, 10:00"],
        ["the list of 1 product", "2 of 5", SHOWN, "Ann", "1 Feb 2026, 10:00"],
    ]


@pytest.mark.parametrize(
    ("told", "said"),
    [([("p0", None, "2026-03-02")], ["flagged"]), ([("p0", 5.0, "2026-03-02")], ["5 of 5"])],
)
def test_flags_alone_and_ratings_alone_are_shown_too(told, said):
    assert judgement_table(judgements(*told), pd.Series({"p0": "Milk"}))["Said"].tolist() == said


def test_of_no_judgement_there_is_no_row():
    assert judgement_table(judgements(), pd.Series({"p0": "Milk"})).empty


@pytest.mark.parametrize(
    ("news", "feedback", "said"),
    [
        (WhatsNew(), [], "Nothing has come since it was trained: no new data, no feedback."),
        (
            None,
            [],
            "No feedback has come since it was trained; whether there are new data is not known.",
        ),
        (None, [piece(2)], "**2 rows of feedback** came since it was trained."),
        (
            WhatsNew([FileNews("events.csv", "changed", 20)]),
            [],
            "**20 new events** came since it was trained.",
        ),
        (
            WhatsNew([FileNews("events/2.csv", "new", 1), FileNews("items.csv", "changed", 3)]),
            [FIRST],
            "**1 new event, changes in 1 other table and 1,200 rows of feedback (1,200 shown and 30 clicked)** came since it "
            "was trained.",
        ),
        (
            WhatsNew(documents={"events": News(new=5), "users": News(changed=1), "items": News()}),
            [],
            "**5 new events and changes in 1 other table** came since it was trained.",
        ),
        (
            WhatsNew([FileNews("events.parquet", "changed", None), FileNews("users.csv", "gone", None)]),
            [],
            "**Changes in 2 files or collections** came since it was trained.",
        ),
    ],
)
def test_what_came_since_a_run_is_counted_and_what_cannot_be_counted_is_named(news, feedback, said):
    assert since_sentence(news, feedback) == said
