"""The ladder against plain least squares with dummies, and on shops where the reason of a gap is known."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from scipy import stats

from core.errors import InputError
from core.fairness.pricing.ladder import CONDITIONAL, RAW, conditional_gap, ladder
from tests.core.fairness.pricing.pricing_shops import QUICK, priced, shop, two_groups

SHOPS = 40


def least_squares(purchases, group, *, stratum=None, quantity=False):
    """Coefficient of group b and its standard error, clustered by user, from all dummies written out."""
    lines = purchases.lines
    code = np.zeros(len(lines), int) if stratum is None else purchases.stratum(stratum)
    kept = (np.bincount(code) > 1)[code]  # a line alone in its stratum is fitted exactly
    columns = [group[purchases.place][kept, None].astype(float)]
    columns += [np.log(lines["quantity"].to_numpy())[kept, None]] if quantity else []
    design = np.hstack([*columns, pd.get_dummies(code[kept]).to_numpy(float)])
    outcome = np.log(lines["paid_price"].to_numpy())[kept]
    inverse = np.linalg.inv(design.T @ design)
    beta = inverse @ design.T @ outcome
    scores = pd.DataFrame(design * (outcome - design @ beta)[:, None]).groupby(purchases.place[kept]).sum()
    n, users = len(outcome), len(scores)
    factor = (n - 1) / (n - design.shape[1]) * users / (users - 1)
    meat = scores.to_numpy().T @ scores.to_numpy()
    return beta[0], np.sqrt(factor * (inverse @ meat @ inverse)[0, 0]), users, n


RUNGS = {
    RAW: {},
    "price_gap_product": {"stratum": "product"},
    "price_gap_product_time": {"stratum": "product_time"},
    "price_gap_product_time_store": {"stratum": "product_time_store"},
    CONDITIONAL: {"stratum": "product_time_store", "quantity": True},
}


def test_rungs_are_least_squares_with_dummies_and_errors_by_user():
    events, _, group = shop(1, users=30, gap=0.02)
    purchases = priced(events)
    rungs = ladder(purchases, two_groups(group), settings=QUICK)
    assert [rung.name for rung in rungs] == list(RUNGS)
    for rung in rungs:
        beta, error, users, lines = least_squares(purchases, group, **RUNGS[rung.name])
        found = rung.gaps.interval
        assert found.value[0] == pytest.approx(np.expm1(beta), abs=1e-6)
        assert found.error[0] == pytest.approx(np.exp(beta) * error, rel=1e-6)
        assert (rung.users, rung.lines) == (users, lines)
        assert found.low[0] < found.value[0] < found.high[0]


def test_rungs_are_those_of_statsmodels():
    events, _, group = shop(4, users=40)
    purchases = priced(events)
    frame = purchases.lines.assign(b=group[purchases.place], buyer=purchases.place)
    frame["y"], frame["lq"] = np.log(frame["paid_price"]), np.log(frame["quantity"])
    frame["s"] = purchases.stratum("product_time")
    frame = frame[frame.groupby("s")["s"].transform("size") > 1]
    fit = smf.ols("y ~ b + C(s)", frame).fit(
        cov_type="cluster", cov_kwds={"groups": frame["buyer"]}, use_t=True
    )
    found = ladder(purchases, two_groups(group), settings=QUICK)[2].gaps
    assert found.interval.value[0] == pytest.approx(np.expm1(fit.params["b"]), abs=1e-6)
    assert found.interval.error[0] == pytest.approx(np.exp(fit.params["b"]) * fit.bse["b"], abs=1e-6)
    smaller = np.bincount(group).min()
    expected = 2 * stats.t.sf(abs(fit.tvalues["b"]), smaller - 1)
    assert found.p_value[0] == pytest.approx(expected, abs=1e-6)


def test_without_a_reference_a_group_is_compared_with_the_lines_of_all_others():
    events, _, group = shop(2, users=60)
    three = np.where(group == 1, 2, np.arange(len(group)) % 2)
    purchases = priced(events)
    raw = ladder(purchases, two_groups(three, reference=None), settings=QUICK)[0].gaps.interval.value
    log_price, of_line = np.log(purchases.lines["paid_price"].to_numpy()), three[purchases.place]
    for one in range(3):
        own, others = log_price[of_line == one].mean(), log_price[of_line != one].mean()
        assert raw[one] == pytest.approx(np.expm1(own - others))


def test_what_people_buy_is_in_the_raw_gap_alone():
    events, _, group = shop(0, users=200, dearer=1.5)
    first, *_, last = ladder(priced(events), two_groups(group), settings=QUICK)
    assert first.gaps.interval.low[0] > 0.2
    assert last.gaps.interval.low[0] <= 0 <= last.gaps.interval.high[0]
    assert first.lines >= last.lines


def test_planted_gap_lies_in_the_interval():
    held = 0
    for seed in range(SHOPS):
        events, _, group = shop(seed, users=60, gap=0.02)
        found = conditional_gap(priced(events), two_groups(group), settings=QUICK).gaps.interval
        held += bool(found.low[0] <= 0.02 <= found.high[0])
    assert held >= 0.85 * SHOPS, held


def test_a_group_that_meets_nobody_has_no_gap():
    events, _, group = shop(3, users=60)
    apart = events["user"].isin(np.flatnonzero(group == 1)[:12])
    three = group.copy()
    three[np.flatnonzero(group == 1)[:12]] = 2
    events["item"] = np.where(apart, events["item"] + 100, events["item"])
    found = {rung.name: rung for rung in ladder(priced(events), two_groups(three), settings=QUICK)}
    assert np.isfinite(found[RAW].gaps.interval.low).all()
    assert np.isfinite(found["price_gap_product"].gaps.interval.low).tolist() == [True, False]
    rest = ladder(priced(events), two_groups(three, reference=None), settings=QUICK)[1].gaps.interval
    assert np.isfinite(rest.low).tolist() == [True, True, False]
    assert rest.value[0] == pytest.approx(1 / (1 + rest.value[1]) - 1)  # a and b are each other's rest


def test_a_price_of_nothing_and_a_single_group_are_refused():
    events, _, group = shop(0, users=20)
    with pytest.raises(InputError, match="only one group"):
        ladder(priced(events), two_groups(np.zeros_like(group)), settings=QUICK)
    events.loc[0, "paid_price"] = 0.0
    with pytest.raises(InputError, match="no logarithm"):
        ladder(priced(events, free=True), two_groups(group), settings=QUICK)
