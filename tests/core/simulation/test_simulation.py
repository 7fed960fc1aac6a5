"""The feedback loop against what is known of it: clicks, estimators, controllers, and who gets rich."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from core.fairness.exposure.attention import position_weights
from core.fairness.groups import group_labels
from core.fairness.partition import partition
from core.fairness.quality.off_policy import off_policy
from core.schema.settings import AuditSettings
from core.schema.simulation import POLICIES, SimulationSettings
from core.simulation.kept import find_simulation, rounds_table, simulation
from core.simulation.learning import Factors, Log, click_rate
from core.simulation.loop import MEASURES, run_policy, shown_taste, simulate
from core.simulation.policies import Shopkeeper, by_corrected_clicks, fairco
from core.simulation.world import best_lists, clicks, made_world, random_lists

SMALL = SimulationSettings(users=120, items=40, k=6, rounds=12, replications=6)


@pytest.fixture(scope="module")
def found():
    """What `simulate` tells of the small shop, by measure, policy and round."""
    return simulate(SMALL).set_index(["measure", "policy", "round"])


def world_of(seed: int = 0, **changes):
    rng = np.random.default_rng(seed)
    return made_world(SMALL.model_copy(update=changes), rng), rng


def test_clicks_come_as_often_as_place_and_taste_say():
    world, rng = world_of(users=400)
    lists = random_lists(400, SMALL.items, SMALL.k, rng)
    rate = np.mean([clicks(world, lists, rng) for _ in range(400)], axis=0)
    chance = np.take_along_axis(world.taste, lists, axis=1) * world.examined
    assert np.abs(rate - chance).max() < 5 * 0.5 / 20
    np.testing.assert_allclose(rate.mean(axis=0), chance.mean(axis=0), atol=0.005)


def test_lists_hold_each_product_once_and_the_best_first():
    rng = np.random.default_rng(3)
    scores = rng.integers(0, 5, (50, 20)).astype(float)
    for lists in (best_lists(scores, 7, rng), random_lists(50, 20, 7, rng)):
        assert all(len(set(row)) == 7 for row in lists)
    shown = np.take_along_axis(scores, best_lists(scores, 7, rng), axis=1)
    np.testing.assert_array_equal(shown, -np.sort(-scores, axis=1)[:, :7])


def log_of(world, lists_of, rng, rounds: int) -> Log:
    log = Log.empty(*world.taste.shape)
    for _ in range(rounds):
        lists = lists_of()
        log.add(lists, clicks(world, lists, rng), world.examined)
    return log


def test_corrected_clicks_find_the_truth_where_clicks_as_they_are_do_not():
    """Products of even numbers stand at the top and those of odd numbers below: the place is not the product."""
    world, rng = world_of(users=600)
    n_items, k = SMALL.items, SMALL.k

    def lists_of():
        above = 2 * random_lists(600, n_items // 2, k // 2, rng)
        below = 2 * random_lists(600, n_items // 2, k // 2, rng) + 1
        return np.concatenate([above, below], axis=1)

    log = log_of(world, lists_of, rng, rounds=40)
    truth, even = shown_taste(world, log), np.arange(n_items) % 2 == 0
    off = {name: click_rate(log, corrected=name) - truth for name in (True, False)}
    assert np.abs(off[True]).max() < 0.05
    assert abs(off[True].mean()) < 0.01
    assert off[False][~even].mean() < -0.15
    assert off[False].max() < -0.02
    ratio = click_rate(log, corrected=False) / truth
    np.testing.assert_allclose(ratio[even].mean(), world.examined[:3].mean(), rtol=0.05)


def test_learnt_tastes_come_near_the_true_ones_with_corrected_clicks_alone():
    world, rng = world_of(users=300)
    log = log_of(world, lambda: random_lists(300, SMALL.items, SMALL.k, rng), rng, rounds=150)
    factors = {name: Factors(300, SMALL.items, rng) for name in (True, False)}
    for _ in range(5):
        learnt = {name: one.learn(log, corrected=name) for name, one in factors.items()}
    off = {name: np.abs(values - world.taste).mean() for name, values in learnt.items()}
    assert off[True] < 0.08
    assert off[False] > 2 * off[True]
    assert np.corrcoef(learnt[True].ravel(), world.taste.ravel())[0, 1] > 0.9


@pytest.mark.parametrize("k", [3, 6])
def test_our_snips_of_a_policy_that_was_not_shown_holds_the_truth_and_the_click_rate_of_the_log_does_not(k):
    """Logged by a policy that often shows a user's worst products; asked is that of the best ones."""
    world, rng = world_of(seed=5, users=400)
    n_users = len(world.taste)
    target = best_lists(world.taste, k, rng)
    rows = []
    for _ in range(30):
        lists, chance = shown_with_chance(world, k, rng)
        clicked = clicks(replace(world, examined=world.examined[:k]), lists, rng)
        for place in range(k):
            rows.append(
                pd.DataFrame(
                    {
                        "user": np.arange(n_users),
                        "item": lists[:, place],
                        "rank": place + 1,
                        "clicked": clicked[:, place],
                        "propensity": chance[:, place],
                    }
                )
            )
    impressions = pd.concat(rows, ignore_index=True)
    listed = pd.DataFrame(
        {
            "user": np.repeat(np.arange(n_users), k),
            "item": target.ravel(),
            "rank": np.tile(np.arange(1, k + 1), n_users),
        }
    )
    truth = (np.take_along_axis(world.taste, target, axis=1) * world.examined[:k]).mean()
    users = pd.DataFrame(
        {"user_id": [f"u{n}" for n in range(n_users)], "group": np.where(world.user_group, "b", "a")}
    )
    settings = AuditSettings(by=(("group",),), k=k, draws=300, permutations=300)
    part = partition(group_labels(users, ("group",)), np.arange(n_users), minimum=10)
    told = off_policy(
        impressions, listed, np.arange(n_users), part, settings, k=k, clip=1000.0, reward="clicked"
    )
    rate = {row.metric: row for row in told.rows if row.group == "all" and row.statistic == "mean"}
    snips = next(row for metric, row in rate.items() if "snips" in metric)
    assert snips.low - 0.02 <= truth <= snips.high + 0.02
    assert impressions["clicked"].mean() < truth - 0.05


def shown_with_chance(world, k: int, rng) -> tuple[np.ndarray, np.ndarray]:
    """Each place at once: with chance .3 one of the user's k best, shuffled, else of the worst; and the chance of what is there."""
    n_users = len(world.taste)
    order = np.argsort(-world.taste, axis=1)
    best = rng.permuted(order[:, :k], axis=1)
    worst = rng.permuted(order[:, -k:], axis=1)
    good = rng.random((n_users, k)) < 0.3
    lists = np.where(good, best, worst)
    return lists, np.where(good, 0.3, 0.7) / k


def test_the_rich_get_richer_under_popularity_and_nobody_does_at_random(found):
    newcomers = found.loc["attention_of_newcomers"]
    assert newcomers.loc[("popularity", SMALL.rounds), "high"] < 0.25
    at_random = newcomers.loc[("random", SMALL.rounds)]
    assert abs(at_random["value"] - 1) < 0.1
    gini = found.loc["gini"]["value"]
    assert gini["popularity", SMALL.rounds] > gini["clicks", SMALL.rounds] > gini["random", SMALL.rounds]
    assert gini["random", SMALL.rounds] < gini["random", 1]


def test_personal_lists_are_better_than_the_same_for_all_and_serve_the_minority_better(found):
    accuracy, gap = (
        found.loc[name]["value"].xs(SMALL.rounds, level="round") for name in ("accuracy", "accuracy_gap")
    )
    assert accuracy["corrected"] > accuracy["popularity"] > accuracy["random"]
    assert gap["popularity"] < gap["corrected"]


def test_clicks_as_they_are_stay_wrong_and_corrected_ones_come_nearer(found):
    error = found.loc["error"]["value"]
    assert error["corrected", SMALL.rounds] < 0.6 * error["corrected", 2]
    assert error["clicks", SMALL.rounds] > 1.5 * error["corrected", SMALL.rounds]


class Oracle:
    """In place of what is learnt: the truth, so that the controller alone is tested."""

    def __init__(self, world):
        self.learn = lambda log, *, corrected: world.taste


def test_fairco_pays_what_is_owed_and_the_difference_goes_as_one_over_the_rounds():
    """Morik et al., theorem 1: the average difference in attention per merit is bounded by a constant over the rounds."""
    settings = SMALL.model_copy(update={"control": 0.5, "users": 200})
    world, rng = world_of(seed=4, users=200)
    weights, merit = position_weights(settings.k), world.taste.mean(axis=0)
    per_group = np.bincount(world.item_group, merit) / np.bincount(world.item_group) / merit.mean()
    keeper = Shopkeeper(
        settings,
        world.item_group,
        weights,
        Log.empty(200, settings.items),
        Oracle(world),
        np.array([10.0, 0.0]),
        rng,
    )
    owed = []
    for _ in range(80):
        lists = fairco(keeper)
        got = np.bincount(lists.ravel(), np.tile(weights, 200), minlength=settings.items) / 200
        keeper.attention = (
            keeper.attention + settings.items * np.bincount(world.item_group, got) / keeper.sizes
        )
        owed.append(np.ptp(keeper.attention / per_group))
    assert owed[0] > 5
    assert max(owed[20:]) < 1.5  # of all rounds together, so that its mean goes as 1 / rounds
    nothing = by_corrected_clicks(keeper)
    assert not np.array_equal(nothing, lists)


def test_a_floor_holds_in_every_round():
    settings = SMALL.model_copy(update={"floor": 1.0, "exploration": 0.0, "head_start": 100, "users": 300})
    world = made_world(settings, np.random.default_rng(2))
    shares = run_policy(world, "floor", settings, np.random.default_rng(2))[:, 0]
    without = run_policy(
        world, "floor", settings.model_copy(update={"floor": 0.0}), np.random.default_rng(2)
    )[:, 0]
    assert without[0] < 0.5
    assert shares.min() > 0.8  # merit is estimated, the share is of the true one


def test_the_same_seed_gives_the_same_and_a_policy_does_not_depend_on_which_others_are_asked(found):
    alone = simulate(SMALL.model_copy(update={"policies": ("clicks", "fairco")}))
    both = found.loc[(slice(None), ["clicks", "fairco"]), :].reset_index()
    order = ["measure", "policy", "round"]
    pd.testing.assert_frame_equal(
        alone.sort_values(order, ignore_index=True)[sorted(alone)],
        both.sort_values(order, ignore_index=True)[sorted(both)],
    )
    other = simulate(SMALL.model_copy(update={"policies": ("clicks",), "seed": 8}))
    assert not np.allclose(other["value"], found.loc[(slice(None), "clicks"), "value"].sort_index())


def test_every_number_has_its_interval_and_n_and_the_change_is_paired(found):
    assert set(found.index.get_level_values("policy")) == set(POLICIES)
    assert len(found) == len(POLICIES) * SMALL.rounds * len(MEASURES)
    assert (found["low"] <= found["value"]).all()
    assert (found["value"] <= found["high"]).all()
    assert (found["n"] == SMALL.replications).all()
    assert np.allclose(found.loc[(slice(None), "clicks"), "change"], 0)
    last = found.xs(("accuracy", "corrected", SMALL.rounds))
    clicks_alone = found.xs(("accuracy", "clicks", SMALL.rounds))
    assert last["change"] == pytest.approx(last["value"] - clicks_alone["value"])


def test_a_simulation_is_kept_and_found_again(workspace):
    settings = SMALL.model_copy(update={"rounds": 2, "policies": ("clicks",)})
    assert find_simulation(workspace, settings) is None
    made = simulation(workspace, settings)
    assert simulation(workspace, settings) == made == find_simulation(workspace, settings)
    assert set(rounds_table(workspace, made)["measure"]) == set(MEASURES)
    assert find_simulation(workspace, settings.model_copy(update={"seed": 1})) is None


def test_a_shop_that_begins_without_any_clicks_divides_by_nothing():
    begins = SMALL.model_copy(update={"head_start": 0, "rounds": 2, "replications": 5})
    with np.errstate(divide="raise", invalid="raise"):
        assert np.isfinite(simulate(begins)["value"]).all()
