"""Who waits longer in the same circumstances, and who answers: planted gaps, none, small groups, scopes, bad input."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from core.data.feedback.joining import FED
from core.data.files import read_file
from core.errors import InputError, NotFound
from core.schema.settings import Scope
from core.workflow.audits.orders import (
    answers,
    circumstances,
    deliveries,
    delivery,
    one_per_order,
    orders_behind,
)
from tests.core.data.made_orders import fed_with
from tests.core.workflow.audits.served import (
    BY_REGION,
    REGIONS,
    SMALL,
    START,
    gap,
    mean,
    numbers_of,
    served,
    shop_with,
)

UNEQUAL = "unequal"


def unequal(rows: pd.DataFrame, suffix: str) -> set[tuple[str, str]]:
    found = rows[(rows["verdict"] == UNEQUAL) & rows["metric"].str.endswith(f"{suffix}_gap")]
    return set(zip(found["group"], found["metric"], strict=True))


def test_a_region_that_waits_three_days_longer_is_found_and_the_planted_gap_lies_in_its_interval():
    covered = 0
    for seed in range(20):
        shop, orders, _ = served(seed=seed, later=3.0)
        found = delivery(shop, orders, BY_REGION.model_copy(update={"reference": "west"}))
        rows = found.rows
        row = gap(rows, "days_waited_adjusted", "north")
        assert row["verdict"] == UNEQUAL
        assert gap(rows, "days_waited_observed", "north")["value"] > 6  # five of them are the distance's
        assert gap(rows, "days_waited_adjusted", "south")["verdict"] != UNEQUAL
        covered += row["low"] <= 3.0 <= row["high"]
    assert covered >= 17


def test_where_the_circumstances_explain_everything_there_is_no_alarm():
    alarms = 0
    for seed in range(20):
        shop, orders, _ = served(seed=seed)
        rows = delivery(shop, orders, BY_REGION).rows
        assert gap(rows, "days_waited_observed", "north")["verdict"] == UNEQUAL
        alarms += bool(unequal(rows, "_adjusted"))
    assert alarms <= 1


def test_distance_in_a_csv_explains_the_waiting_that_it_alone_drives(tmp_path):
    shop, orders, _ = served(600, seed=2)
    far = orders["distance_km"]
    came = orders["timestamp"] + pd.to_timedelta(2 + 0.01 * far, unit="D")
    columns = {"user_id": shop.users["user_id"], "timestamp": orders["timestamp"], "delivered_at": came}
    known = {"distance_km": far, "weight_g": orders["weight_g"], "same_state": orders["seller_state"] == "SP"}
    pd.DataFrame(columns | known).to_csv(tmp_path / "service.csv", index=False)
    read = read_file(tmp_path / "service.csv", "service").assign(user=orders["user"])
    found = delivery(shop, read, BY_REGION)
    assert gap(found.rows, "days_waited_observed", "north")["value"] > 3
    for group in REGIONS:
        assert gap(found.rows, "days_waited_adjusted", group)["value"] == pytest.approx(0, abs=1e-4)
    state = "whether seller and customer are of one state"
    assert f"Held equal: distance, weight, {state}, month of the order." in found.notes


def test_text_that_never_comes_again_is_not_called_held_equal():
    shop, orders, _ = served(seed=1)
    names = pd.Series([f"place {place}" for place in range(len(orders))])
    half_blank = names.where(names.index % 2 == 0)  # blanks come again, but tell of no place
    for given in (names, half_blank):
        found = delivery(shop, orders.assign(seller_state=given), BY_REGION)
        assert "Held equal: distance, freight, weight, month of the order." in found.notes


def test_days_and_lateness_by_hand():
    shop, orders, _ = served(60)
    rows = delivery(shop, orders, BY_REGION).rows
    came = deliveries(orders)
    waited = (orders["delivered_at"] - orders["timestamp"]).dt.total_seconds() / 86400
    region = shop.users["region"]
    assert came["late"].tolist() == (waited > 12).astype(float).tolist()
    for metric, values in (
        ("days_waited", waited),
        ("days_overdue", waited - 12),
        ("late", (waited > 12).astype(float)),
    ):
        for group in ("north", "south"):
            own = values[region == group].mean()
            assert mean(rows, f"{metric}_observed", group) == pytest.approx(own, abs=1e-6)
            row = gap(rows, f"{metric}_observed", group)
            assert row["value"] == pytest.approx(own - values[region != group].mean(), abs=1e-6)
    share = (waited > 12).mean()
    for metric, level in (("days_waited", waited.mean()), ("days_overdue", waited.mean()), ("late", share)):
        assert gap(rows, f"{metric}_adjusted", "north")["tolerance"] == pytest.approx(0.1 * level)


def test_what_has_not_arrived_and_what_was_not_drawn_at_random_do_not_count():
    shop, orders, _ = served(400)
    open_, drawn = np.arange(400) % 10 == 0, np.arange(400) % 3 != 0
    given = orders.assign(in_random_20k=drawn)
    given.loc[open_, "delivered_at"] = pd.NaT
    given.loc[~drawn, "delivered_at"] += pd.Timedelta(days=500)
    found = delivery(shop, given, BY_REGION)
    kept = delivery(shop, orders[drawn & ~open_].reset_index(drop=True), BY_REGION)
    pd.testing.assert_frame_equal(found.rows, kept.rows)
    told = " ".join(found.notes)
    assert f"{(drawn & open_).sum()} more have not arrived" in told
    assert f"{(~drawn).sum()} orders were not drawn at random" in told


def test_notes_say_what_was_held_equal_and_what_stands_in_for_distance():
    shop, orders, _ = served(200)
    near = orders["seller_state"] == "SP"
    without = orders.drop(columns="distance_km").assign(same_state=near.astype("boolean"))
    known, unknown = (delivery(shop, one, BY_REGION) for one in (orders, without))
    assert "Held equal: distance, freight, weight, the seller's state, month of the order." in known.notes
    assert not any("Distance is not in these data" in note for note in known.notes)
    (note,) = (note for note in unknown.notes if "Distance is not in these data" in note)
    assert "whether seller and customer are of one state stand in for it" in note
    alone = orders[["user", "timestamp", "delivered_at"]].assign(timestamp=orders["timestamp"].min())
    bare = delivery(shop, alone, BY_REGION)
    assert not bare.rows["metric"].str.contains("adjusted|late|overdue").any()
    assert any("nothing could be held equal" in note for note in bare.notes)


def test_a_distance_that_is_the_same_for_all_is_not_called_unknown():
    shop, orders, _ = served(200)
    for distance, where in (
        (80.0, "for all of these orders"),
        (np.where(orders.index % 2, 80.0, np.nan), "wherever it is known"),
    ):
        notes = delivery(shop, orders.assign(distance_km=distance), BY_REGION).notes
        assert f"Distance is the same {where}, so it explains no difference between orders." in notes
        assert not any("not in these data" in note for note in notes)
    unknown = delivery(shop, orders.assign(distance_km=np.nan), BY_REGION).notes
    assert any(note.startswith("Distance is not in these data.") for note in unknown)


def test_one_name_stands_in_and_several_stand_in():
    shop, orders, _ = served(200)
    without = orders.drop(columns="distance_km")
    several, one = (
        delivery(shop, each, BY_REGION) for each in (without, without.drop(columns="seller_state"))
    )
    assert any("Freight and the seller's state stand in for it." in note for note in several.notes)
    assert any("Freight stands in for it." in note for note in one.notes)


def test_one_order_is_told_as_one():
    shop, orders, _ = served(60)
    given = orders.assign(in_random_20k=orders.index != 3, in_random_5k=orders.index != 3)
    given.loc[7, "delivered_at"], given.loc[9, "item"] = pd.NaT, -1
    given.loc[given.index != 20, "satisfaction"] = np.nan
    within = BY_REGION.model_copy(update={"scope": Scope(categories=("tools", "toys"))})
    told = " ".join(delivery(shop, given, within).notes)
    assert (
        "57 delivered orders of 57 users; 1 more has not arrived, or nobody knows when, and does not count."
        in told
    )
    assert "1 order was not drawn at random (in_random_20k) and does not count." in told
    assert (
        "1 order of several products, or of one that is not known, belongs to no category; it is left out."
        in told
    )
    told = " ".join(answers(shop, given, within).notes)
    assert "1 of 58 orders of 58 users was rated." in told
    assert "they say as much as 1 rating would." in told


def test_the_orders_behind_rows_are_found_by_whatever_both_tell():
    orders = pd.DataFrame(
        {
            "user": [0, 0, 1, 2],
            "timestamp": [START, START, START, START],
            "order_id": ["a", "b", None, "c"],
            "freight": [1.0, 2.0, 3.0, 4.0],
        }
    )
    rows = orders.iloc[[2, 1, 0, 1]][["user", "timestamp", "order_id"]].assign(item=-1)
    stranger = pd.DataFrame({"user": [9], "timestamp": [START], "order_id": ["z"], "item": [-1]})
    found = orders_behind(pd.concat([rows, stranger]), orders)
    np.testing.assert_array_equal(found["freight"], [3.0, 2.0, 1.0, 2.0, np.nan])
    twice = pd.concat([orders, orders], ignore_index=True)
    assert len(orders_behind(rows, twice)) == len(rows)


def test_what_tells_of_the_outcome_is_no_circumstance():
    shop, orders, _ = served(60)
    given = orders.assign(status="delivered late", reviewed_at=orders["delivered_at"])
    assert list(circumstances(given, shop)) == ["distance_km", "freight", "weight_g", "seller_state", "month"]


def test_lines_of_an_order_are_one_order_with_all_of_its_freight():
    lines = pd.DataFrame(
        {
            "order_id": ["a", "a", None, "b", None],
            "user": [0, 0, 1, 2, 1],
            "freight": [1.0, 2.0, 5.0, np.nan, 7.0],
        }
    )
    found = one_per_order(lines)
    assert found["user"].tolist() == [0, 1, 2, 1]
    np.testing.assert_array_equal(found["freight"], [3.0, 5.0, np.nan, 7.0])


def test_the_names_of_regions_do_not_matter():
    shop, orders, _ = served(300, later=1.0)
    renamed = shop_with(shop.users["region"].map({"north": "z", "south": "y", "west": "x"}).to_numpy())
    one, other = (delivery(each, orders, BY_REGION).rows for each in (shop, renamed))
    for metric in ("days_waited_adjusted", "late_observed"):
        assert gap(one, metric, "north")["value"] == pytest.approx(gap(other, metric, "z")["value"])
        assert gap(one, metric, "north")["high"] == pytest.approx(gap(other, metric, "z")["high"])


def test_small_groups_carry_no_number():
    shop, orders, _ = served(300, small=True)
    for section in (delivery(shop, orders, BY_REGION), answers(shop, orders, BY_REGION)):
        own = section.rows[section.rows["group"] == SMALL]
        assert own["suppressed"].all()
        assert set(own["n"]) == {"hidden"}
        assert numbers_of(section.rows, SMALL).isna().all(axis=None)
        assert not any(SMALL in note for note in section.notes)


def test_a_scope_cuts_orders_by_category_and_period_and_says_what_it_cannot_do():
    shop, orders, _ = served(400)
    orders.loc[::20, "item"] = -1
    scope = Scope(categories=("tools",), stores=("a",), start=date(2024, 1, 10), end=date(2024, 2, 20))
    inside = (orders["item"] % 2 == 1) & orders["timestamp"].between("2024-01-10", "2024-02-20 23:59:59")
    inside &= orders["item"] >= 0
    settings = BY_REGION.model_copy(update={"scope": scope})
    for ask in (delivery, answers):
        found = ask(shop, orders, settings)
        kept = ask(shop, orders[inside].reset_index(drop=True), BY_REGION)
        pd.testing.assert_frame_equal(found.rows, kept.rows)
        told = " ".join(found.notes)
        assert "choice of stores is not applied" in told
        assert "20 orders of several products" in told


def test_bad_scopes_and_lacking_columns_give_one_clear_error():
    shop, orders, _ = served(100)
    nowhere = BY_REGION.model_copy(update={"scope": Scope(categories=("none",))})
    with pytest.raises(NotFound, match="no category 'none'"):
        delivery(shop, orders, nowhere)
    long_ago = BY_REGION.model_copy(update={"scope": Scope(end=date(2001, 1, 1))})
    for ask in (delivery, answers):
        with pytest.raises(InputError, match="Fewer than 10 users"):
            ask(shop, orders, long_ago)
    with pytest.raises(InputError, match="when orders were delivered"):
        delivery(shop, orders.assign(delivered_at=pd.NaT), BY_REGION)
    with pytest.raises(InputError, match="how satisfied customers were"):
        answers(shop, orders.drop(columns="satisfaction"), BY_REGION)


def test_a_group_without_a_late_order_is_not_called_less_late():
    shop, orders, _ = served(400)
    few = np.flatnonzero(shop.users["region"] == "south")[:20]
    region = shop.users["region"].to_numpy(copy=True)
    region[few] = "east"
    orders["promised_at"] = orders["delivered_at"] + pd.Timedelta(days=1)
    late = np.random.default_rng(3).random(400) < 0.08
    late[few] = False
    orders.loc[late, "promised_at"] -= pd.Timedelta(days=2)
    rows = delivery(shop_with(region), orders, BY_REGION).rows
    for suffix in ("_observed", "_adjusted"):
        row = gap(rows, f"late{suffix}", "east")
        assert row["verdict"] == "not_enough_data"
        assert row["high"] > 3 / 20 - 0.1 > 0
        assert row["p_value"] > 0.05


def test_weights_bring_the_mean_of_answers_near_that_of_everybody():
    shop, orders, _ = served(3000, later=3.0)
    days = deliveries(orders)["days_waited"]
    silent = np.random.default_rng(5).random(3000) < 1 / (1 + np.exp(3 - 0.25 * days))
    given = orders.assign(in_random_5k=True)
    given.loc[silent, "satisfaction"] = np.nan
    found = answers(shop, given, BY_REGION)
    own = shop.users["region"] == "north"
    rate = mean(found.rows, "satisfaction_response_rate", "north")
    assert rate == pytest.approx(1 - silent[own].mean(), abs=1e-6)
    assert gap(found.rows, "satisfaction_response_rate", "north")["verdict"] == UNEQUAL
    truth = orders["satisfaction"][own].mean()
    naive, weighted = (
        mean(found.rows, f"satisfaction_{name}_mean", "north") for name in ("naive", "weighted")
    )
    assert naive == pytest.approx(given["satisfaction"][own].mean(), abs=1e-6)
    assert abs(weighted - truth) < 0.5 * abs(naive - truth)
    told = " ".join(found.notes)
    assert f"{(~silent).sum():,} of 3,000 orders of 3,000 users were rated" in told
    assert "Chances below 5% count as 5%" in told


def test_where_everybody_answers_nothing_is_unequal_and_the_note_says_so():
    shop, orders, _ = served(300)
    found = answers(shop, orders, BY_REGION)
    assert not unequal(found.rows, "response_rate")
    assert any("Every order here was rated" in note for note in found.notes)
    assert gap(found.rows, "satisfaction_response_rate", "north")["value"] == 0


def test_who_volunteers_a_rating_has_placed_no_order_and_answered_none():
    shop, orders, _ = served(400)
    silent = np.arange(400) % 4 != 0
    orders["satisfaction"] = orders["satisfaction"].where(~silent)
    given = fed_with(orders, order_id=orders["order_id"].head(200).to_numpy(), freight=50.0)
    given = given.assign(
        delivered_at=given["delivered_at"].fillna(given["timestamp"] + pd.Timedelta(days=90))
    )
    given = one_per_order(given)
    assert given[FED].sum() == 200
    for ask in (answers, delivery):
        found, plain = ask(shop, given, BY_REGION), ask(shop, orders, BY_REGION)
        pd.testing.assert_frame_equal(found.rows, plain.rows)
        left_out = "200 rows that customers volunteered in feedback are of no order and do not count."
        assert found.notes == (*plain.notes, left_out)
    assert mean(answers(shop, given, BY_REGION).rows, "satisfaction_response_rate", "all") == 0.25


def test_feedback_alone_says_nothing_of_who_answers():
    shop, orders, _ = served(60)
    alone = fed_with(orders, 50).query(FED).reset_index(drop=True)
    with pytest.raises(InputError, match=r"so nobody was asked\. 50 rows that customers volunteered"):
        answers(shop, alone, BY_REGION)
    with pytest.raises(InputError, match="when orders were delivered"):
        delivery(shop, alone, BY_REGION)
    unrated = fed_with(orders.assign(satisfaction=np.nan), 50)
    with pytest.raises(InputError, match="do not tell how satisfied"):
        answers(shop, unrated, BY_REGION)
    one = fed_with(orders, 1)
    assert (
        "1 row that customers volunteered in feedback is of no order and does not count."
        in answers(shop, one, BY_REGION).notes
    )
