"""Policies on a slice of a real shop: every re-ranker, in the order of its stage, on what is known before the split."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from core.errors import InputError, NotFound, SettingsError
from core.metrics import NOTHING
from core.recommend.rerank.batch import EMPTY, Candidates
from core.schema.policies import PolicySettings
from core.schema.settings import settings_from
from core.workflow.policies.ground import PROVIDER_SIZE
from core.workflow.policies.rerank import apply, as_lists, ground_of_run, rerank
from core.workflow.policies.steps import RERANKERS
from core.workflow.policies.tuning import open_tuner
from tests.core.workflow.policies.made_policies import MOVES, STILL, K, policy


def test_every_reranker_is_tried_here():
    assert set(MOVES) == set(STILL) == set(RERANKERS)


@pytest.mark.parametrize("name", RERANKERS)
def test_lists_hold_the_same_candidates_in_another_order(made, name):
    _, _, batch, ground = made
    found = apply(batch, ground, policy((name, MOVES[name]))).candidates
    np.testing.assert_array_equal(np.sort(found.items, axis=1), np.sort(batch.items, axis=1))
    assert (found.lists(K) != batch.lists(K)).any()
    assert (np.diff(np.where(found.filled, found.relevance, -9e9), axis=1) <= 0).all()
    assert (found.filled == batch.filled).all()


@pytest.mark.parametrize("name", RERANKERS)
def test_a_knob_at_rest_changes_nothing(made, name):
    _, _, batch, ground = made
    found = apply(batch, ground, policy((name, STILL[name]))).candidates
    np.testing.assert_array_equal(found.items, batch.items)


def test_steps_follow_their_stages_whatever_order_they_are_given_in(made):
    _, _, batch, ground = made
    steps = [
        ("marginal_relevance", MOVES["marginal_relevance"]),
        ("exposure_limits", MOVES["exposure_limits"]),
    ]
    one, other = (apply(batch, ground, policy(*order)).candidates for order in (steps, steps[::-1]))
    np.testing.assert_array_equal(one.items, other.items)
    alone = apply(batch, ground, policy(steps[1])).candidates
    assert (one.lists(K) != alone.lists(K)).any()


def test_floors_are_kept_and_what_is_out_of_reach_is_said(made):
    _, _, batch, ground = made
    found = apply(batch, ground, policy(("exposure_limits", {"items_by": "price_band", "floor": 0.9})))
    groups = ground.item_groups("price_band")
    lists = found.candidates.lists(K)[batch.filled[:, 0]]
    seen = np.array([((groups.codes[lists] == h) @ ground.weights).mean() for h in range(len(groups.names))])
    assert (seen >= 0.9 * groups.sizes / groups.sizes.sum() - 2e-3).all()
    assert "more relevant" in found.notes[0]
    asked = "exposure_limits", {"items_by": "popularity_band", "floor": 1.0}
    few = apply(batch, ground, policy(asked, width=K))
    assert any("'tail' can get at most" in note for note in few.notes)


def test_groups_see_equally_dear_goods_and_offers(made):
    _, _, batch, ground = made
    users = ground.user_groups("age")
    asked = batch.filled[:, 0]

    def means(candidates, values):
        listed = values[candidates.lists(K)] @ ground.weights
        return np.array([listed[asked & (users.codes == g)].mean() for g in range(len(users.names))])

    for name, values in (
        ("price_guard", np.nan_to_num(ground.price_percentiles, nan=0.5)),
        ("deal_access", ground.deals.astype(float)),
    ):
        found = apply(batch, ground, policy((name, MOVES[name]))).candidates
        before, after = np.ptp(means(batch, values)), np.ptp(means(found, values))
        assert after < 0.4 * before


def test_the_shop_is_known_only_up_to_the_split(made):
    """Purchases of the test window moved elsewhere change nothing that re-ranking knows."""
    shared, run, _, ground = made
    bought = ground.shop.bought
    late = (bought["split"] == 2).to_numpy()
    shuffled = bought.copy()
    shuffled.loc[late, "item"] = np.random.default_rng(0).permutation(shuffled.loc[late, "item"])
    other = ground_of_run(shared, run, replace(ground.shop, bought=shuffled), split="test", k=K)
    np.testing.assert_array_equal(other.taken, ground.taken)
    groups = ground.item_groups("category")
    np.testing.assert_array_equal(other.tastes(groups), ground.tastes(groups))


def test_provider_sizes_are_told_by_what_is_bought_of_them(made):
    _, _, _, ground = made
    groups = ground.item_groups(PROVIDER_SIZE)
    assert groups.names == ("head", "middle", "tail")
    taken = np.bincount(groups.codes, ground.taken)
    assert taken[0] < 0.5 * taken.sum()  # the head sells at most the first fifth, and what reaches over it
    providers = ground.shop.items["provider_id"].astype(str).iloc[: ground.n_items]
    assert (pd.Series(groups.codes).groupby(providers.to_numpy()).nunique() == 1).all()


def test_users_of_small_groups_have_no_price(made):
    _, _, _, ground = made
    users = ground.user_groups("age")
    counts = ground.shop.users["age"].value_counts()
    assert set(users.names) == set(counts.index[counts >= 10].astype(str))
    assert (users.codes == len(users.names)).sum() == counts[counts < 10].sum()


def test_a_run_reranked_by_name_gives_rows(made):
    shared, run, batch, ground = made
    found = rerank(shared, run.id, policy(("exposure_limits", MOVES["exposure_limits"])))
    direct = apply(batch, ground, policy(("exposure_limits", MOVES["exposure_limits"])))
    pd.testing.assert_frame_equal(found.lists, as_lists(direct.candidates, K))
    assert found.notes == direct.notes
    assert (found.lists.groupby("user")["rank"].max() == K).all()
    plain = rerank(shared, run.id, policy())
    np.testing.assert_array_equal(plain.lists["item"], batch.lists(K)[batch.lists(K) != NOTHING])


@pytest.mark.parametrize(
    ("steps", "error", "said"),
    [
        ((("wishful", {}),), SettingsError, "no re-ranker"),
        ((("exposure_limits", {"floor": 2}),), SettingsError, "floor"),
        ((("exposure_limits", {"wish": 2}),), SettingsError, "'wish' is no setting"),
        ((("price_guard", {}),), SettingsError, "by"),
        ((("exposure_limits", {"items_by": "colour"}),), NotFound, "colour"),
        ((("fa_star_ir", {"protected": "<b>none</b>"}),), NotFound, "There is no group"),
        ((("price_guard", {"by": "shoe", "band": 0.1}),), NotFound, "shoe"),
        ((("two_sided_penalty", {"by": "age", "user_group": "99"}),), NotFound, "99"),
    ],
)
def test_what_there_is_not_is_one_clear_line(made, steps, error, said):
    _, _, batch, ground = made
    with pytest.raises(error, match=said) as caught:
        apply(batch, ground, policy(*steps))
    assert "\n" not in str(caught.value)


def test_without_candidates_there_is_nothing_to_rerank(made):
    _, _, batch, ground = made
    nobody = Candidates(np.full_like(batch.items, NOTHING), np.full_like(batch.relevance, EMPTY))
    with pytest.raises(InputError, match="Nobody has candidates"):
        apply(nobody, ground, policy(("exposure_limits", {"floor": 0.5})))


def test_candidates_beyond_the_width_are_shown_to_nobody_whoever_makes_the_lists(made):
    """The desk, the frontier, a confirmation and what is published make the same lists of one policy."""
    workspace, run, batch, ground = made
    narrow = policy(("exposure_limits", {"items_by": "popularity_band", "floor": 0.6}), width=15)
    found = apply(batch, ground, narrow)
    assert found.candidates.items.shape[1] == 15
    np.testing.assert_array_equal(
        np.sort(found.candidates.items, axis=1), np.sort(batch.items[:, :15], axis=1)
    )
    wide = apply(batch, ground, narrow.model_copy(update={"width": 200})).candidates
    assert (wide.lists(K) != found.candidates.lists(K)).any()
    on_the_desk = open_tuner(workspace, run, ground.shop, k=K, split="test").applied(narrow)
    np.testing.assert_array_equal(on_the_desk.candidates.items, found.candidates.items)
    published = rerank(workspace, run.id, narrow).lists
    pd.testing.assert_frame_equal(published, as_lists(found.candidates, K))


def test_what_is_kept_of_narrow_candidates_is_found_again(made):
    _, _, batch, _ = made
    assert batch.first(15) is batch.first(15)
    assert batch.first(1000) is batch


def test_a_policy_needs_as_many_candidates_as_its_lists_are_long():
    with pytest.raises(SettingsError, match="width 5 leaves too few candidates for lists of 10"):
        settings_from(PolicySettings, {"k": 10, "width": 5})


def test_numbers_of_users_are_cut_as_the_step_says(made):
    """A group of three is another than one of five, so the step carries the cut with it."""
    _, _, batch, ground = made
    years = np.random.default_rng(0).permutation(len(ground.shop.users)).astype(float)
    other = replace(ground, shop=replace(ground.shop, users=ground.shop.users.assign(years=years)))
    three, five = (other.user_groups("years", bins).names for bins in (3, 5))
    assert (len(three), len(five)) == (3, 5)
    only_three = next(name for name in three if name not in five)
    asked = {"by": "years", "user_group": only_three, "items": 0.05, "users": 0.5}
    apply(batch, other, policy(("two_sided_penalty", asked | {"bins": 3})))
    with pytest.raises(NotFound, match="no group"):
        apply(batch, other, policy(("two_sided_penalty", asked)))


def test_all_steps_are_checked_before_the_first_one_runs(made):
    _, _, batch, ground = made
    with pytest.raises(SettingsError, match="no re-ranker"):
        apply(batch, ground, policy(("exposure_limits", {"items_by": "colour"}), ("wishful", {})))


def test_groups_that_an_audit_hides_can_be_named_by_no_step(made):
    """Of groups of 9 and 12 an audit hides both: naming the larger one would tell that the other is under 10."""
    _, _, batch, ground = made
    sizes = {"A": 9, "C": 12}
    rest = len(ground.shop.users) - sum(sizes.values())
    ages = np.repeat([*sizes, "D"], [*sizes.values(), rest])
    other = replace(ground, shop=replace(ground.shop, users=ground.shop.users.assign(age=ages)))
    found = other.user_groups("age")
    assert found.names == ("D",)
    assert (found.codes == 1).sum() == 21
    with pytest.raises(NotFound, match="no group 'C' of age") as hidden:
        apply(batch, other, policy(("two_sided_penalty", {"by": "age", "user_group": "C", "items": 0.05})))
    assert "A" not in str(hidden.value).split("age")[1]


def test_a_floor_at_rest_has_nothing_to_tell_of_reach(made):
    _, _, batch, ground = made
    found = apply(batch, ground, policy(("exposure_limits", {"items_by": "brand", "floor": 0})))
    assert not [note for note in found.notes if "at most" in note]
