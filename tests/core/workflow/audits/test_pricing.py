"""The price sections on a slice of a real shop, and on made shops where the truth is known."""

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from core.errors import InputError, NotFound
from core.fairness.pricing.purchases import DAY
from core.fairness.standing_out import MOSTLY
from core.fairness.verdicts import UNEQUAL
from core.schema.documents import Dataset
from core.schema.settings import AuditSettings, Scope
from core.workflow.audits import pricing
from core.workflow.audits.shop import Shop, day_number, in_scope, prices_within, read_shop
from tests.core.fairness.pricing import pricing_shops

QUICK = {"draws": 200, "permutations": 200}


@pytest.fixture(scope="module")
def shop(prepared) -> Shop:
    return read_shop(prepared.workspace, prepared.dataset)


def by_age(**changes) -> AuditSettings:
    return AuditSettings(**{"by": (("age",),), **QUICK} | changes)


def made_shop(seed: int, **options) -> Shop:
    """A made shop of two groups as a dataset."""
    events, items, group = pricing_shops.shop(seed, **options)
    dataset = Dataset(
        _id="ds-made",
        name="made",
        source="tables",
        settings={"timezone": "UTC", "maximum_quantity": 50.0, "split": "temporal"},
        created_at="",
        quality=[],
        counts={},
        period={},
        attributes=["side"],
        protected=["side"],
        missing={},
        tables={},
    )
    users = pd.DataFrame({"user_id": map(str, range(len(group))), "side": np.array(["a", "b"])[group]})
    events = events.assign(split=np.int8(0))
    bought = events[["user", "item", "split"]].assign(
        day=events["timestamp"].to_numpy("datetime64[D]").astype(np.int64),
        channel=events["channel"].cat.codes,
        category=items["category"].cat.codes.to_numpy()[events["item"]],
    )
    return Shop(dataset, users, items.assign(in_catalogue=True), None, events, bought, "UTC")


def test_a_scope_keeps_the_lines_it_names_and_no_others(shop):
    store, category = shop.stores[0], shop.categories[0]
    lines = shop.bought
    busiest = shop.stores[int(lines["channel"].value_counts().index[0])]
    scope = Scope(stores=(busiest,), start=date(2017, 3, 1), end=date(2017, 3, 31))
    kept = lines[in_scope(lines, shop, scope)]
    names = np.array(shop.stores)[kept["channel"]]
    assert set(names) == {busiest}
    assert kept[DAY].between(day_number(date(2017, 3, 1)), day_number(date(2017, 3, 31))).all()
    both = in_scope(lines, shop, Scope(stores=(store,), categories=(category,)))
    alone = [in_scope(lines, shop, one) for one in (Scope(stores=(store,)), Scope(categories=(category,)))]
    assert (both == alone[0] & alone[1]).all()
    assert in_scope(lines, shop, Scope()).all()


def test_what_is_not_there_is_refused(shop):
    with pytest.raises(NotFound, match="no store 'nowhere'"):
        pricing.same_product(shop, by_age(scope=Scope(stores=("nowhere",))))
    with pytest.raises(NotFound, match="no category 'nothing'"):
        pricing.same_product(shop, by_age(scope=Scope(categories=("nothing",))))
    with pytest.raises(InputError, match="No purchase is left"):
        pricing.price_ladder(shop, by_age(scope=Scope(start=date(2030, 1, 1))))
    untimed = replace(shop, bought=shop.bought.drop(columns=DAY), zone=None)
    with pytest.raises(InputError, match="only an order"):
        in_scope(untimed.bought, untimed, Scope(start=date(2017, 1, 1)))


def test_comparable_prices_are_of_what_is_sold_by_the_piece_and_paid_for(shop):
    everything, comparable = prices_within(shop, Scope()), prices_within(shop, Scope(), comparable=True)
    assert (comparable.lines["paid_price"] > 0).all()
    assert len(comparable.lines) < len(everything.lines)
    left_out = len(everything.lines) - len(comparable.lines)
    assert comparable.dropped["free, or sold by weight"] == left_out


def test_every_section_speaks_of_shown_groups_and_hides_the_others(shop):
    settings = by_age(by=(("age", "income"),))
    sections = {
        "same": pricing.same_product(shop, settings),
        "ladder": pricing.price_ladder(shop, settings),
        "discounts": pricing.discounts(shop, settings),
        "for the same": pricing.discounts_for_the_same(shop, settings),
        "why": pricing.why_discounts_differ(shop, settings),
        "offers": pricing.offers(shop, settings),
    }
    for name, found in sections.items():
        rows = found.rows
        assert set(rows["section"]) == {"pricing"}, name
        hidden = rows[rows["suppressed"]]
        assert len(hidden), name
        assert hidden[["value", "low", "high", "p_value", "tolerance"]].isna().all(axis=None), name
        told = rows[~rows["suppressed"] & rows["low"].notna()]
        assert (told["low"] <= told["value"] + 1e-9).all(), name
        assert (told["value"] <= told["high"] + 1e-9).all(), name
        assert found.tests == rows["p_adjusted"].notna().sum(), name


def test_the_parts_of_a_discount_gap_add_up_to_it(shop):
    rows = pricing.why_discounts_differ(shop, by_age()).rows
    wide = rows[rows["value"].notna()].pivot(index="group", columns="metric", values="value")
    parts = wide[["discount_gap_what", "discount_gap_when", "discount_gap_where", "discount_gap_unexplained"]]
    np.testing.assert_allclose(parts.sum(axis=1), wide["discount_gap"], atol=1e-9)
    depth = pricing.discounts(shop, by_age()).rows
    gap = depth[depth["metric"] == "any_discount_depth_gap"].set_index("group")["value"].dropna()
    np.testing.assert_allclose(wide["discount_gap"], gap[wide.index], atol=1e-9)


def test_a_period_counts_the_offers_that_began_in_it(shop):
    half = by_age(scope=Scope(start=date(2017, 1, 1), end=date(2017, 6, 30)))
    began = (shop.offers["start"] <= "2017-06-30").sum()
    rows = pricing.offers(shop, half).rows
    users = rows[(rows["metric"] == "offers") & (rows["group"] == "all")].iloc[0]
    assert users["value"] * users["n"] <= began
    with pytest.raises(InputError, match="No offer began"):
        pricing.offers(shop, by_age(scope=Scope(start=date(2017, 12, 30))))


def test_lists_of_dear_products_are_steering(shop):
    dear = shop.items[shop.items["in_catalogue"]].groupby("category", observed=True)["list_price"]
    last, first = dear.idxmax().to_numpy()[:10], dear.idxmin().to_numpy()[:10]
    old = shop.users["age"].astype(str).isin(["45-54", "55-64", "65+"]).to_numpy()
    rows = [
        (user, item, place + 1)
        for user in range(len(shop.users))
        for place, item in enumerate(last if old[user] else first)
    ]
    lists = pd.DataFrame(rows, columns=["user", "item", "rank"])
    found = pricing.steering(shop, lists, by_age()).rows
    gaps = found[found["metric"] == "price_percentile@10_gap"].set_index("group")
    assert gaps.loc["45-54", "verdict"] == UNEQUAL
    assert gaps.loc["45-54", "value"] > 0.5
    assert not found["statistic"].eq("ratio").any()


def judged_gap(seed: int, metric: str, **options) -> pd.Series:
    made = made_shop(seed, users=150, **options)
    settings = AuditSettings(by=(("side",),), draws=1000, permutations=200)
    ask = pricing.same_product if metric == "same_product_price" else pricing.price_ladder
    rows = ask(made, settings).rows
    return rows[(rows["metric"] == metric) & (rows["group"] == "b")].iloc[0]


@pytest.mark.parametrize("metric", ["same_product_price", "price_gap_conditional"])
def test_a_planted_gap_lies_in_the_interval_in_nine_of_ten_shops(metric):
    gaps = [judged_gap(seed, metric, gap=0.03) for seed in range(100)]
    inside = sum(gap["low"] <= 0.03 <= gap["high"] for gap in gaps)
    assert inside >= 90, inside


@pytest.mark.parametrize("metric", ["same_product_price", "price_gap_conditional"])
def test_without_a_gap_one_audit_in_twenty_at_most_cries_wolf(metric):
    rows = [judged_gap(1000 + seed, metric) for seed in range(100)]
    alarms = sum(row["p_adjusted"] <= 0.05 for row in rows)
    assert alarms <= 5, alarms
    assert not any(row["verdict"] == UNEQUAL for row in rows)


def noisy_shop(spread: float, *, stores: bool = True, seed: int = 3) -> Shop:
    """A made shop of 300 users with a gap of 5 %, whose shelf prices move within a week."""
    shop = made_shop(seed, users=300, gap=0.05)
    rng = np.random.default_rng(seed)
    move = rng.lognormal(0, spread, len(shop.events))
    events = shop.events.assign(**{name: shop.events[name] * move for name in ("list_price", "paid_price")})
    if not stores:
        events = events.drop(columns="channel")
    return replace(shop, events=events, bought=shop.bought.drop(columns=[] if stores else "channel"))


@pytest.mark.parametrize("stores", [True, False])
@pytest.mark.parametrize("spread", [0.0, 0.01, 0.03])
def test_shelf_prices_that_move_within_a_week_are_compared_all_the_same(spread, stores):
    shop = noisy_shop(spread, stores=stores)
    assert shop.comparable.mean() > (0.99 if stores and spread < 0.02 else 0.5)
    found = pricing.same_product(shop, AuditSettings(by=(("side",),), **QUICK))
    gap = found.rows[(found.rows["metric"] == "same_product_price") & (found.rows["group"] == "b")].iloc[0]
    assert gap["low"] <= 0.05 <= gap["high"]
    assert gap["verdict"] == UNEQUAL


def test_a_shop_whose_prices_all_vary_is_compared_with_a_warning():
    found = pricing.same_product(noisy_shop(0.5), AuditSettings(by=(("side",),), **QUICK))
    assert any("sold by weight" in note for note in found.notes)
    steady = pricing.same_product(noisy_shop(0.01), AuditSettings(by=(("side",),), **QUICK))
    assert not any("shelf prices far apart" in note for note in steady.notes)


def test_a_scope_of_goods_by_weight_says_that_they_are():
    made = made_shop(0)
    of_one = made.events["item"].map(made.items["category"]).eq(made.categories[0])
    packs = np.where(of_one, np.random.default_rng(0).lognormal(0, 0.5, len(of_one)), 1.0)
    prices = {name: made.events[name] * packs for name in ("list_price", "paid_price")}
    made = replace(made, events=made.events.assign(**prices))
    with pytest.raises(InputError, match="sold by weight"):
        pricing.same_product(
            made, AuditSettings(by=(("side",),), scope=Scope(categories=(made.categories[0],)), **QUICK)
        )


def five_sided(seed: int, *, gap: float, reference: str | None = None):
    """The answer on a made shop of five groups, of which e (a fifth) is charged more for the same."""
    made = made_shop(seed, users=350, gap=gap, share=0.2)
    sides = np.random.default_rng(seed).choice(list("abcd"), len(made.users))
    sides = np.where(made.users["side"] == "b", "e", sides)
    settings = AuditSettings(by=(("side",),), reference=reference, **QUICK)
    return pricing.same_product(replace(made, users=made.users.assign(side=sides)), settings)


def test_one_group_that_makes_the_others_differ_is_named():
    named = 0
    for seed in range(10):
        found = five_sided(seed, gap=0.25)
        rows = found.rows[found.rows["metric"] == "same_product_price"]
        others = set(rows.loc[rows["verdict"] == UNEQUAL, "group"]) - {"e"}
        notes = [note for note in found.notes if note.startswith(MOSTLY)]
        assert len(notes) <= 1
        if notes:
            assert "by side come from e, which is part of everyone else" in notes[0]
            assert others
        named += len(notes)
    assert named >= 9, named


def test_no_group_is_named_where_none_stands_out_or_one_is_the_reference():
    for seed in range(10):
        assert not any(note.startswith(MOSTLY) for note in five_sided(100 + seed, gap=0.0).notes)
    beside_a = five_sided(0, gap=0.25, reference="a")
    assert not any(note.startswith(MOSTLY) for note in beside_a.notes)
    rows = beside_a.rows[beside_a.rows["metric"] == "same_product_price"].set_index("group")
    assert rows.loc["e", "verdict"] == UNEQUAL
    assert (rows.loc[["b", "c", "d"], "verdict"] != UNEQUAL).all()


def test_discounts_of_every_kind_are_told_for_the_same(shop):
    found = pricing.discounts_for_the_same(shop, by_age())
    kinds = ("any", "loyalty", "coupon", "coupon_match")
    expected = {f"{kind}_discount_{way}_same_product" for kind in kinds for way in ("rate", "depth")}
    assert set(found.rows["metric"]) == expected
    lacking = replace(shop, events=shop.events.drop(columns="coupon_match_discount"))
    rows = pricing.discounts_for_the_same(lacking, by_age()).rows
    assert set(rows["metric"]) == {metric for metric in expected if not metric.startswith("coupon_match")}
