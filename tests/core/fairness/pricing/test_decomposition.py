"""The decomposition: by hand, against a fit with all dummies, and on shops where the reason of a gap is known."""

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyfixest import feols
from statsmodels.stats.oaxaca import OaxacaBlinder

from core.errors import InputError
from core.fairness.pricing.decomposition import decompose_discount
from core.fairness.pricing.purchases import only
from core.fairness.pricing.sides import gap_rows
from core.schema.settings import Statistics
from tests.core.fairness.pricing.pricing_shops import QUICK, priced, shop, two_groups

SHOPS = 60


def decomposed(events, group, *, seed=0, reference=0, statistics=QUICK):
    part = two_groups(group, reference=reference)
    rng = np.random.default_rng(seed)
    return decompose_discount(priced(events, free=True), part, settings=statistics, rng=rng)


def values(found, row=0):
    return dict(zip(found.parts, found.intervals.value[row], strict=True))


def two_products(counts, depths):
    """Lines with `counts[g][p]` of product p by group g, each at depth `depths[p]`, two users a group."""
    rows = [
        {"user": 2 * g + number % 2, "item": p, "list_price": 10.0, "paid_price": 10 * (1 - depths[p])}
        for g, of_group in enumerate(counts)
        for p, count in enumerate(of_group)
        for number in range(count)
    ]
    events = pd.DataFrame(rows)
    events["timestamp"] = pd.Timestamp("2024-01-01")
    return events.astype({"timestamp": "datetime64[us]"}), np.array([0, 0, 1, 1])


def test_what_is_bought_explains_all_by_hand():
    # group a buys the discounted product in 2 of 8 lines, b in 6 of 8; it costs 20 % less for both
    events, group = two_products([(6, 2), (2, 6)], (0.0, 0.2))
    found = values(decomposed(events, group))
    assert found["gap"] == pytest.approx(0.2 * 6 / 8 - 0.2 * 2 / 8)
    assert [found["what"], found["explained"]] == pytest.approx([found["gap"]] * 2)
    assert found["unexplained"] == pytest.approx(0, abs=1e-12)


def test_a_different_discount_on_the_same_is_unexplained_by_hand():
    events, group = two_products([(4, 4), (4, 4)], (0.0, 0.2))
    events.loc[group[events["user"]] == 1, "paid_price"] -= 1.0  # a tenth of the list price more
    found = values(decomposed(events, group))
    assert [found["gap"], found["unexplained"]] == pytest.approx([0.1, 0.1])
    assert found["explained"] == pytest.approx(0, abs=1e-12)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000))
def test_parts_add_up_and_agree_with_all_dummies_written_out(seed):
    events, _, group = shop(seed, users=25, dearer=1.0)
    found = values(decomposed(events, group, seed=seed, statistics=Statistics(draws=100)))
    assert found["what"] + found["when"] + found["where"] == pytest.approx(found["explained"])
    assert found["explained"] + found["unexplained"] == pytest.approx(found["gap"])
    lines = priced(events, free=True).lines
    depth, b = 1 - (lines["paid_price"] / lines["list_price"]).to_numpy(), group[lines["user"]]
    effects = [pd.get_dummies(lines[name]).to_numpy(float) for name in ("item", "week", "channel")]
    beta = np.linalg.lstsq(np.hstack([*effects, b[:, None]]), depth, rcond=None)[0]
    assert found["unexplained"] == pytest.approx(beta[-1], abs=1e-9)
    start = 0
    for name, effect in zip(("what", "when", "where"), effects, strict=True):
        part = effect @ beta[start : start + effect.shape[1]]
        assert found[name] == pytest.approx(part[b == 1].mean() - part[b == 0].mean(), abs=1e-9)
        start += effect.shape[1]


def test_it_is_the_pooled_decomposition_of_statsmodels():
    events, _, group = shop(8, users=60, dearer=1.0)
    found = values(decomposed(events, group))
    lines = priced(events, free=True).lines
    depth, b = 1 - (lines["paid_price"] / lines["list_price"]).to_numpy(), group[lines["user"]]
    effects = [
        pd.get_dummies(lines[name], drop_first=True).to_numpy(float) for name in ("item", "week", "channel")
    ]
    design = np.column_stack([np.ones(len(lines)), *effects, b])
    theirs = OaxacaBlinder(depth, design, design.shape[1] - 1, swap=False).two_fold(two_fold_type="pooled")
    unexplained, explained, gap = theirs.params
    sign = np.sign(gap) * np.sign(found["gap"])  # they put the group with the higher mean first, or not
    for name, value in (("unexplained", unexplained), ("explained", explained), ("gap", gap)):
        assert found[name] == pytest.approx(sign * value, abs=1e-6)


def test_error_of_the_unexplained_part_is_that_of_a_fit_with_errors_by_user():
    events, _, group = shop(5, users=120)
    found = decomposed(events, group)
    lines = priced(events, free=True).lines
    frame = lines.assign(
        depth=1 - lines["paid_price"] / lines["list_price"], b=group[lines["user"]].astype(float)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of pandas on pyfixest
        fit = feols("depth ~ b | item + week + channel", frame, vcov={"CRV1": "user"})
    assert found.intervals.value[0, -1] == pytest.approx(fit.coef()["b"], abs=1e-6)
    assert found.intervals.error[0, -1] == pytest.approx(fit.se()["b"], rel=0.03)
    assert found.gaps("unexplained").p_value[0] == pytest.approx(fit.pvalue()["b"], abs=0.02)


def test_intervals_hold_the_planted_part():
    held = 0
    for seed in range(SHOPS):
        events, _, group = shop(seed, users=120)
        of_b = group[events["user"]] == 1
        events.loc[of_b, "paid_price"] -= 0.03 * events.loc[of_b, "list_price"]
        found = decomposed(events, group, seed=seed)
        held += bool(found.intervals.low[0, -1] <= 0.03 <= found.intervals.high[0, -1])
    assert held >= 0.85 * SHOPS, held


def test_one_side_turned_round_and_everybody_else_as_reference():
    events, _, group = shop(1, users=40)
    ahead, turned = values(decomposed(events, group)), values(decomposed(events, 1 - group))
    rest = decomposed(events, group, reference=None)
    for name, value in ahead.items():
        assert turned[name] == pytest.approx(-value)
        assert values(rest, 1)[name] == pytest.approx(value)
        assert values(rest, 0)[name] == pytest.approx(-value)


def test_a_gap_is_taken_apart_where_enough_users_of_both_sides_buy_the_same():
    """Thirty users a side who buy apart, but for so many of each who buy the same."""
    group = np.repeat([0, 1], 30)
    part = two_groups(group)
    for meet, shown in ((0, False), (1, False), (9, False), (12, True)):
        events, _, _ = shop(4, users=60)
        apart = ~np.isin(events["user"], [*range(meet), *range(30, 30 + meet)])
        events["item"] = np.where(apart, events["item"] + 100 * (1 + group[events["user"]]), events["item"])
        found = decomposed(events, group)
        for name in found.parts:
            rows = gap_rows(part, name, found.gaps(name), tolerance=0.01, settings=QUICK)
            n = 30 if name == "gap" else meet
            assert [(row.group, row.n, row.small) for row in rows] == [("b", n, n < 30)] * shown


def test_nothing_to_compare_and_no_list_prices_are_refused():
    events, _, group = shop(0, users=20)
    with pytest.raises(InputError, match="only one group"):
        decomposed(events, np.zeros_like(group))
    with pytest.raises(InputError, match="list price"):
        decomposed(events.drop(columns="list_price"), group)


def test_users_outside_of_both_sides_lend_a_gap_no_spread():
    events, _, group = shop(7, users=150)
    three = np.where(
        np.arange(150) < 60, 2, group
    )  # a large third group, outside of the comparison of b with a
    purchases = priced(events, free=True)
    options = {"settings": QUICK, "rng": np.random.default_rng(0)}
    named = decompose_discount(purchases, two_groups(three), **options).gaps("gap").interval
    kept = np.flatnonzero(three < 2)
    alone = only(purchases, np.isin(purchases.lines["user"].to_numpy(), kept))
    pair = decompose_discount(alone, two_groups(three[kept]), **options).gaps("gap").interval
    b = list(two_groups(three).compared).index(1)
    assert named.value[b] == pytest.approx(pair.value[0])
    assert named.error[b] == pytest.approx(pair.error[0], rel=0.02)
