"""The slice finder finds a planted slice, does not cry wolf, and shows nothing that subtraction would tell."""

import numpy as np
import pandas as pd
import pytest

from core.errors import InputError, SettingsError
from core.fairness.slices import find_slices
from core.fairness.suppression import SHOWN, group_states
from core.schema.settings import Statistics
from tests.core.fairness.shops import skewed

SETTINGS = Statistics(permutations=199)


def shop(seed, n=1500, *, planted=0.0):
    """Five attributes that say nothing, but for women in the north under 30 if planted."""
    rng = np.random.default_rng(seed)
    users = pd.DataFrame(
        {
            "sex": rng.choice(["f", "m"], n),
            "region": rng.choice(["north", "south", "west"], n),
            "age": rng.integers(18, 80, n),
            "income": rng.choice(["low", "middle", "high"], n),
            "channel": rng.choice(["web", "app"], n),
        }
    )
    bad = (users["sex"] == "f") & (users["region"] == "north")
    return skewed(n, rng) * np.where(bad, 1 - planted, 1), users


def test_a_planted_slice_is_found():
    found = 0
    for seed in range(10):
        search = find_slices(*shop(seed, planted=0.7), SETTINGS)
        worst = search.slices[0]
        found += (
            search.alarm
            and {"sex": "f", "region": "north"}.items()
            <= dict(zip(worst.attributes, worst.labels, strict=True)).items()
        )
    assert found >= 9


def test_the_worst_slice_is_the_planted_one_itself_and_its_gap_is_covered():
    values, users = shop(1, n=4000, planted=0.7)
    worst = find_slices(values, users, SETTINGS).slices[0]
    inside = ((users["sex"] == "f") & (users["region"] == "north")).to_numpy()
    assert worst.attributes == ("sex", "region")
    assert worst.n == inside.sum()
    assert worst.mean == pytest.approx(values[inside].mean())
    assert worst.gap == pytest.approx(values[inside].mean() - values[~inside].mean())
    mean = 0.4 * 1.2 / 4.2
    assert worst.low <= -0.7 * mean <= worst.high < 0
    assert worst.mean <= worst.shrunk < worst.rest
    assert worst.p_value == pytest.approx(1 / 200)


def test_no_alarm_where_nothing_is_planted():
    alarms = sum(find_slices(*shop(seed, n=400), SETTINGS).alarm for seed in range(100))
    assert alarms <= 10, "5 expected, at most 10 in 99 of 100 such hundreds"


def test_threshold_grows_with_the_slices_looked_at():
    values, users = shop(3)
    shallow = find_slices(values, users, SETTINGS, depth=1)
    deep = find_slices(values, users, SETTINGS, depth=3)
    assert deep.looked_at > 5 * shallow.looked_at
    assert deep.threshold > shallow.threshold > 1.6


def test_scores_agree_with_a_plain_loop():
    values, users = shop(4, n=300)
    found = find_slices(values, users[["sex", "region"]], SETTINGS, depth=2)
    plain = []
    for names in (["sex"], ["region"], ["sex", "region"]):
        for labels, block in users.groupby(names):
            inside = users.index.isin(block.index)
            error = values.std(ddof=1) * np.sqrt(1 / inside.sum() + 1 / (~inside).sum())
            plain.append(((values[inside].mean() - values[~inside].mean()) / error, labels))
    assert found.looked_at == len(plain)
    assert found.slices[0].labels == min(plain)[1]


def test_high_can_be_bad():
    values, users = shop(5, planted=0.8)
    worst = find_slices(1 - values, users, SETTINGS, higher_is_better=False)
    same = find_slices(values, users, SETTINGS)
    assert worst.slices[0].labels == same.slices[0].labels
    assert worst.slices[0].gap == pytest.approx(-same.slices[0].gap)
    assert worst.slices[0].low == pytest.approx(-same.slices[0].high)
    assert worst.slices[0].p_value == same.slices[0].p_value


def test_numbers_are_cut_into_as_many_bands_as_asked_and_missing_ones_are_a_group():
    rng = np.random.default_rng(6)
    age = pd.Series(rng.integers(18, 80, 900).astype(float))
    age[:100] = np.nan
    values = rng.random(900) - 0.5 * (age.fillna(50) < 30).to_numpy()
    search = find_slices(values, pd.DataFrame({"age": age}), SETTINGS, bins=5)
    assert search.looked_at == 6
    assert search.slices[0].labels[0].startswith("under ")
    assert {one.labels[0] for one in search.slices} >= {"Unknown"}


def test_relabelling_and_order_of_users_change_nothing_but_the_names():
    values, users = shop(7, planted=0.7)
    turned = users.assign(sex=users["sex"].map({"f": "x", "m": "a"}))
    one, other = (find_slices(values, table, SETTINGS).slices[0] for table in (users, turned))
    assert (one.n, one.mean, one.gap) == (other.n, other.mean, other.gap)


def test_nested_slices_that_differ_by_few_users_are_not_both_shown():
    rng = np.random.default_rng(8)
    rare = np.arange(600) < 5  # five users of the bad group live elsewhere
    bad = np.arange(600) < 100
    users = pd.DataFrame(
        {"kind": np.where(bad, "bad", "good"), "place": np.where(rare, "there", rng.choice(["here"], 600))}
    )
    search = find_slices(rng.random(600) - bad, users, SETTINGS)
    sizes = [one.n for one in search.slices if "bad" in one.labels]
    assert len(sizes) == 1


def test_a_group_that_an_audit_hides_is_not_looked_at():
    """Beside groups that audits show, 60 users would give away the other 7."""
    kind = np.repeat(["a", "b", "c", "d"], [400, 300, 60, 7])
    found = find_slices(np.random.default_rng(1).random(767), pd.DataFrame({"kind": kind}), SETTINGS)
    assert found.looked_at == 2
    assert {one.labels for one in found.slices} == {("a",), ("b",)}


def test_what_is_shown_of_crossings_tells_of_no_small_group():
    """Three labels part the users, having each or not, into eight parts none of which is small; two are a cell that
    audits show."""
    for seed in range(6):
        rng = np.random.default_rng(seed)
        users = pd.DataFrame({name: rng.choice(list("xyz"), 500, p=[0.6, 0.3, 0.1]) for name in "ab"})
        users["c"] = rng.choice(["x", "rare"], 500, p=[0.96, 0.04])
        for one in find_slices(rng.random(500), users, SETTINGS).slices:
            columns = [users[name] for name in one.attributes]
            if len(columns) == 3:
                having = np.column_stack([columns[axis] == one.labels[axis] for axis in range(3)])
                sizes = np.bincount(having @ [4, 2, 1], minlength=8)
                assert ((sizes == 0) | (sizes >= 10)).all()
            if len(columns) == 2:
                counts = pd.crosstab(*columns)
                states = pd.DataFrame(group_states(counts.to_numpy(), 10), counts.index, counts.columns)
                assert states.loc[one.labels] == SHOWN


def test_a_crossing_from_which_margins_tell_of_a_small_group_is_not_looked_at():
    """Users with x but neither of the other labels: those with x, less two pairs, and the three together again."""
    sizes = {"xxx": 60, "xxy": 60, "xyx": 60, "xyy": 4, "yxx": 60, "yxy": 60, "yyx": 60, "yyy": 60}
    kinds = np.repeat(list(sizes), list(sizes.values()))
    users = pd.DataFrame({name: [kind[place] for kind in kinds] for place, name in enumerate("abc")})
    found = find_slices(np.random.default_rng(1).random(424) - (kinds == "xxx"), users, SETTINGS)
    assert not [one for one in found.slices if len(one.attributes) == 3 and one.labels[0] == "x"]


def test_siblings_leave_enough_users_or_none_beside_them():
    """Two of three sizes of a crossing are shown only if the third has nobody, or enough."""
    rng = np.random.default_rng(4)
    users = pd.DataFrame({"a": rng.choice(["x", "y"], 600), "b": rng.choice(["x", "y"], 600)})
    users["c"] = np.where(rng.random(600) < 0.03, "rare", rng.choice(["x", "y"], 600))
    inside = (users["a"] == "x") & (users["b"] == "x")
    assert 0 < (inside & (users["c"] == "rare")).sum() < 10
    found = find_slices(rng.random(600) - inside, users, SETTINGS)
    shown = [
        one for one in found.slices if one.attributes == ("a", "b", "c") and one.labels[:2] == ("x", "x")
    ]
    assert len(shown) <= 1


def test_the_smallest_gap_that_could_be_found_shrinks_with_users():
    one, other = (find_slices(*shop(13, n=n), SETTINGS, depth=1) for n in (500, 8000))

    def detectable(search):
        return {(s.attributes, s.labels): s.detectable for s in search.slices}

    common = detectable(one).keys() & detectable(other).keys()
    assert common
    for name in common:
        assert detectable(other)[name] == pytest.approx(detectable(one)[name] / 4, rel=0.35)


def test_as_many_are_beyond_chance_as_have_a_small_p_value():
    search = find_slices(*shop(1, n=4000, planted=0.7), SETTINGS)
    small = sum(one.p_value <= 0.05 for one in search.slices)
    assert search.alarm
    assert search.beyond >= small >= 1


def test_the_same_users_are_looked_at_once():
    values, users = shop(9)
    twice = users.assign(again=users["sex"])
    assert find_slices(values, twice, SETTINGS).looked_at == find_slices(values, users, SETTINGS).looked_at


def test_small_groups_are_refused():
    values, users = shop(10, n=100)
    with pytest.raises(SettingsError, match="never shown"):
        find_slices(values, users, SETTINGS, minimum=5)
    with pytest.raises(InputError, match="at least 60"):
        find_slices(values, users, SETTINGS, minimum=60)


def test_users_without_a_value_do_not_count():
    values, users = shop(11)
    more = np.concatenate([values, np.full(50, np.nan)])
    table = pd.concat([users, users[:50]], ignore_index=True)
    assert find_slices(more, table, SETTINGS) == find_slices(values, users, SETTINGS)


def test_a_metric_without_spread_raises_no_alarm():
    _, users = shop(12)
    assert not find_slices(np.zeros(len(users)), users, SETTINGS).alarm
