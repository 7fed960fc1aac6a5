"""Orders and reviews: which outcome, known when, of which split, weighing how much."""

import numpy as np
import pandas as pd
import pytest

from core.data.dataset import table
from core.data.feedback.joining import FED
from core.data.prepare import prepare
from core.data.service import (
    LARGEST_WEIGHT,
    NEVER,
    OUTCOMES,
    UNUSED,
    representative_weights,
    rows_of,
    split_starts,
    waiting_weights,
)
from core.errors import TableError
from tests.core.data.conftest import SMALL, made_shop
from tests.core.data.made_orders import DAY, START, fed_with, made_orders

OUTCOME = {outcome.name: outcome for outcome in OUTCOMES}


def rows(name: str, shop, **changes):
    tables = shop.tables | changes
    return rows_of(OUTCOME[name], tables, shop.events, temporal=True)


@pytest.fixture(scope="module")
def shop():
    return made_orders(800)


def test_outcomes_are_what_the_columns_say(shop):
    delay, days = rows("delivery_delay", shop), rows("delivery_days", shop)
    taken = (shop.service["delivered_at"] - shop.service["timestamp"]) / DAY
    np.testing.assert_allclose(days.observed, taken, atol=1e-4)
    np.testing.assert_allclose(delay.observed, taken - 9, atol=1e-4)


def test_an_order_decided_after_its_split_ended_is_not_used(shop):
    found = rows("delivery_days", shop)
    starts = split_starts(shop.events, found.users, temporal=True)
    train, validation = found.split == 0, found.split == 1
    assert (found.known[train] < starts[train, 0]).all()
    assert (found.known[validation] < starts[validation, 1]).all()
    before_but_late = (found.times < starts[:, 0]) & (found.known >= starts[:, 0])
    assert before_but_late.sum() > 5
    assert (found.split[before_but_late] == UNUSED).all()


def test_satisfaction_is_known_when_reviewed_and_not_when_delivered(shop):
    reviewed = rows("satisfaction_at_order", shop)
    np.testing.assert_array_equal(
        reviewed.known, shop.service["reviewed_at"].to_numpy("datetime64[s]").astype(np.int64)
    )
    without = shop.service.drop(columns="reviewed_at")
    delivered = rows("satisfaction_at_order", shop, service=without)
    np.testing.assert_array_equal(
        delivered.known, without["delivered_at"].to_numpy("datetime64[s]").astype(np.int64)
    )


def test_at_the_order_nothing_of_the_delivery_is_in_the_frame(shop):
    frame = rows("satisfaction_at_order", shop).frame
    assert not {"arrived", "days late so far", "days taken so far"} & set(frame)


def test_at_the_review_lateness_counts_up_to_that_moment_only():
    shop = made_orders(50)
    service = shop.service.assign(
        reviewed_at=shop.service["timestamp"] + 10 * DAY, delivered_at=shop.service["timestamp"] + 40 * DAY
    )
    service.loc[:9, "delivered_at"] = pd.NaT
    service.loc[10:19, "delivered_at"] = service.loc[10:19, "timestamp"] + 4 * DAY
    frame = rows("satisfaction_at_review", shop, service=service).frame
    assert frame["arrived"].tolist() == [0.0] * 10 + [1.0] * 10 + [0.0] * 30
    np.testing.assert_allclose(frame["days taken so far"], [10.0] * 10 + [4.0] * 10 + [10.0] * 30)
    np.testing.assert_allclose(frame["days late so far"], [1.0] * 10 + [-5.0] * 10 + [1.0] * 30)


def test_orders_of_several_lines_are_one_row_with_all_their_freight(shop):
    twice = pd.concat([shop.service, shop.service.head(5)], ignore_index=True)
    found = rows("delivery_days", shop, service=twice)
    assert len(found) == len(shop.service)
    first = found.frame.set_index("order_id").loc["o0"]
    assert first["freight"] == pytest.approx(2 * shop.service["freight"][0])


def test_each_user_has_own_split_moments_when_windows_are_not_of_the_calendar():
    events = pd.DataFrame(
        {
            "user": [0, 0, 0, 1, 2],
            "timestamp": START + DAY * np.array([0, 1, 2, 0, 0]),
            "split": np.array([0, 1, 2, 0, 2], np.int8),
        }
    )
    moment = [int(time.timestamp()) for time in (START, START + DAY, START + 2 * DAY)]
    starts = split_starts(events, np.array([0, 1, 2]), temporal=False)
    assert starts.tolist() == [[moment[1], moment[2]], [NEVER, NEVER], [moment[0], moment[0]]]


def test_ratings_are_read_where_there_are_reviews_and_split_by_user():
    reviews = pd.DataFrame({"user": [0, 1], "item": [3, 4], "timestamp": START, "rating": [5.0, 2.0]})
    events = reviews[["user", "item", "timestamp"]].assign(split=np.array([0, 2], np.int8))
    found = rows_of(OUTCOME["rating"], {"reviews": reviews}, events, temporal=False)
    assert found.observed.tolist() == [5.0, 2.0]
    assert found.split.tolist() == [0, 2]


def test_no_rows_where_no_order_has_the_outcome(shop):
    assert rows("satisfaction_at_order", shop, service=shop.service.drop(columns="satisfaction")) is None
    assert rows_of(OUTCOME["rating"], shop.tables, shop.events, temporal=True) is None


def test_waiting_weights_restore_the_share_of_slow_outcomes():
    random = np.random.default_rng(0)
    times = random.integers(0, 1000, 40_000)
    waits = random.choice([10, 700], len(times))
    known, ends = times + waits, np.full(len(times), 1000)
    weights = waiting_weights(times, known, ends, np.zeros(len(times), np.int8))
    usable = known < ends
    slow = waits[usable] == 700
    assert slow.mean() < 0.25
    assert np.average(slow, weights=weights[usable]) == pytest.approx(0.5, abs=0.02)
    assert weights.max() <= LARGEST_WEIGHT


def test_weighted_rows_look_like_the_random_ones(shop):
    random = np.random.default_rng(3)
    fair = random.random(len(shop.service)) < 0.5
    bad = shop.service["satisfaction"] <= 2
    kept = fair | bad  # the other rows are there for being bad
    service = shop.service[kept].assign(in_random_5k=fair[kept])
    found = rows("satisfaction_at_order", shop, service=service)
    train = found.split == 0
    weights = representative_weights(found, train)
    plain = found.observed[train & found.unbiased]
    assert found.observed[train].mean() < plain.mean() - 0.1
    assert np.average(found.observed[train], weights=weights[train]) == pytest.approx(plain.mean(), abs=0.1)


def test_times_of_reviews_and_flags_of_samples_are_read_from_a_folder_of_csv_files(workspace, tmp_path):
    made = made_shop()
    for name, each in made.present().items():
        each.to_csv(tmp_path / f"{name}.csv", index=False)
    orders = pd.DataFrame({"user_id": made.users["user_id"], "timestamp": "2024-03-02", "satisfaction": "4"})
    orders["reviewed_at"] = np.where(orders.index % 2, "2024-03-09 10:30", "")
    orders["in_random_5k"] = np.where(orders.index < 30, "True", "False")
    orders["in_random_20k"] = np.where(orders.index < 30, "yes", "")
    orders.to_csv(tmp_path / "service.csv", index=False)
    dataset = prepare(workspace, "tables", SMALL, path=tmp_path)
    kept = table(workspace, dataset, "service")
    assert kept["reviewed_at"].dtype == "datetime64[us]"
    assert kept["reviewed_at"].isna().sum() == 20
    assert kept[["in_random_5k", "in_random_20k"]].dtypes.eq("boolean").all()
    found = rows_of(
        OUTCOME["satisfaction_at_order"],
        {"service": kept},
        table(workspace, dataset, "events"),
        temporal=True,
    )
    assert found.unbiased.sum() == 30
    late = pd.Timestamp("2024-03-09 10:30")
    assert (found.known == late.timestamp()).sum() == 20
    for column, odd in (("reviewed_at", "soon"), ("in_random_20k", "perhaps")):
        orders.assign(**{column: odd}).to_csv(tmp_path / "service.csv", index=False)
        with pytest.raises(TableError, match=column):
            prepare(workspace, "tables", SMALL, path=tmp_path)


def test_what_is_volunteered_beside_orders_may_teach_and_changes_nothing_about_the_orders(shop):
    for name in ("satisfaction_at_order", "satisfaction_at_review", "delivery_days"):
        plain, fed = rows(name, shop), rows(name, shop, service=fed_with(shop.service))
        assert fed.volunteered.sum() == (0 if name == "delivery_days" else 200)
        assert not (fed.unbiased & fed.volunteered).any()
        kept = fed.at(~fed.volunteered)
        assert kept.unbiased.all()
        for each in ("times", "known", "observed", "split", "weights"):
            np.testing.assert_array_equal(getattr(kept, each), getattr(plain, each))
        pd.testing.assert_frame_equal(kept.frame.drop(columns=FED), plain.frame)


def test_what_is_volunteered_has_not_failed_to_arrive(shop):
    found = rows("satisfaction_at_review", shop, service=fed_with(shop.service))
    told = found.frame.loc[found.volunteered, ["arrived", "days late so far", "days taken so far"]]
    assert told.isna().all(axis=None)


def test_feedback_that_names_an_order_is_no_line_of_it(shop):
    silent = shop.service.assign(satisfaction=np.nan)
    named = fed_with(silent, order_id=silent["order_id"].head(200).to_numpy(), freight=99.0)
    plain, found = rows("delivery_days", shop), rows("delivery_days", shop, service=named)
    np.testing.assert_array_equal(found.frame["freight"], plain.frame["freight"])
    satisfied = rows("satisfaction_at_order", shop, service=named)
    assert len(satisfied) == satisfied.volunteered.sum() == 200
    assert (satisfied.frame["freight"] == 99).all()


def test_where_no_order_tells_of_satisfaction_what_is_volunteered_does(shop):
    alone = fed_with(shop.service).query(FED).dropna(axis=1, how="all").reset_index(drop=True)
    silent = fed_with(shop.service.assign(satisfaction=np.nan))
    for service in (alone, silent, silent.assign(in_random_5k=~silent[FED])):
        found = rows("satisfaction_at_order", shop, service=service)
        assert len(found) == 200
        assert found.unbiased.all()
        assert found.volunteered.all()
        assert rows("satisfaction_at_review", shop, service=service) is None


def test_a_column_of_the_shops_own_of_that_name_is_no_mark(shop):
    found = rows("satisfaction_at_order", shop, service=shop.service.assign(**{FED: "yes"}))
    assert not found.volunteered.any()
    assert found.unbiased.all()
