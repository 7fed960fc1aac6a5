"""What a policy does to everybody: by hand on a few lists, and as audits say it on a slice of a real shop."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from core.fairness.pricing.steering import steering_metrics
from core.metrics import NOTHING, per_user_metrics
from core.recommend.rerank.batch import Candidates
from core.recommend.rerank.dual import Limits, Solution
from core.recommend.rerank.market import Response
from core.schema.policies import PolicySettings
from core.schema.settings import ALL, AuditSettings
from core.workflow.audits.exposure import exposure
from core.workflow.audits.pricing import deals_before
from core.workflow.policies.consequences import consequences, gains_and_losses
from core.workflow.policies.engine import Shortfall, limit_notes
from core.workflow.policies.knobs import KNOBS
from core.workflow.policies.presets import presets
from core.workflow.policies.reasons import reasons
from core.workflow.policies.rerank import apply, as_lists
from core.workflow.policies.steps import RERANKERS
from core.workflow.policies.tuning import open_tuner
from core.workflow.policies.yardsticks import list_means, measure
from tests.core.workflow.policies.made_policies import MOVES, STILL, K, policy

SETTINGS = AuditSettings(by=(("age",),), k=K, items_by="brand", draws=200, permutations=200)
NONE = PolicySettings(k=K)


@pytest.fixture(scope="module")
def tuner(made):
    workspace, run, _, ground = made
    return open_tuner(workspace, run, ground.shop, k=K)


@pytest.fixture(scope="module")
def by(tuner):
    return tuner.yardsticks(SETTINGS)


@pytest.fixture(scope="module")
def moved(tuner, by):
    before = tuner.measured(by, NONE)
    after = tuner.measured(
        by, policy(("exposure_limits", MOVES["exposure_limits"]), ("xquad", {"strength": 0.5}))
    )
    return before, after, consequences(by, before, after)


def test_means_of_lists_by_hand():
    of_item = np.array([0.0, 1.0, np.nan, 0.5])
    items = np.array([[1, 0], [2, 3], [2, NOTHING], [3, NOTHING]])
    found = list_means(of_item, items, np.array([0.75, 0.25]))
    np.testing.assert_allclose(found, [0.75, 0.5, np.nan, 0.5])


def test_lists_are_measured_as_audits_measure_them(tuner, by):
    items = tuner.candidates.lists(K)
    found = tuner.measured(by, NONE)
    own = per_user_metrics(items, tuner.wanted.offsets, tuner.wanted.items, (K,))
    np.testing.assert_allclose(found.per_user[f"ndcg@{K}"], own[f"ndcg@{K}"])
    shop, rows = tuner.ground.shop, as_lists(tuner.candidates, K)
    deal, _ = deals_before(shop, SETTINGS.scope, "validation")
    steered = steering_metrics(rows, shop.items, None, k=K, deal=deal)
    means = found.gaps[(found.gaps["group"] == ALL) & (found.gaps["statistic"] == "mean")].set_index(
        "metric"
    )["value"]
    for metric in (f"price_percentile@{K}", f"deal_exposure@{K}"):
        assert means[metric] == pytest.approx(steered[metric].mean(), abs=1e-9)
    audited = exposure(shop, rows, SETTINGS, split="validation").section.rows
    audited = audited[(audited["metric"] == f"exposure_share@{K}") & (audited["attribute"] == "brand")]
    shares = audited.set_index("group")["value"]
    for name, share in zip(by.item_groups.names, found.attention.mean(axis=0), strict=True):
        assert share == pytest.approx(shares[name], abs=1e-9)


def test_spending_met_is_the_price_of_what_was_shown_and_bought(tuner, by):
    items, found = tuner.candidates.lists(K), tuner.measured(by, NONE)
    row = found.per_user.loc[found.per_user[f"spending_met@{K}"].idxmax()]
    user = int(row["user"])
    taken = tuner.wanted.items[tuner.wanted.offsets[user] : tuner.wanted.offsets[user + 1]]
    bought = [item for item in items[user] if item in taken]
    prices = tuner.ground.shop.items["list_price"].to_numpy(float)[bought]
    assert row[f"spending_met@{K}"] == pytest.approx(np.nansum(prices))
    assert row[f"spending_met@{K}"] > 0


def test_nothing_changes_where_nothing_is_done(tuner, by):
    before = tuner.measured(by, NONE)
    found = consequences(by, before, tuner.measured(by, policy(("exposure_limits", {"items_by": "brand"}))))
    assert found.moved == 0
    assert (found.per_user["change"] == 0).all()
    assert (found.changes.loc[~found.changes["suppressed"], "difference"] == 0).all()
    assert set(found.changes["verdict"].dropna()) == {"no difference shown"}
    counts = gains_and_losses(found)
    assert (counts["same"] == counts["n"]).all()


def test_changes_are_those_of_the_same_users(by, moved):
    before, after, found = moved
    difference = after.per_user[f"ndcg@{K}"] - before.per_user[f"ndcg@{K}"]
    row = found.changes[(found.changes["group"] == ALL) & (found.changes["metric"] == f"ndcg@{K}")].iloc[0]
    assert row["difference"] == pytest.approx(difference.mean(), abs=1e-6)
    assert row["low"] < row["difference"] < row["high"]
    counts = gains_and_losses(found).set_index("group")
    assert counts.loc[ALL, "gain"] == (difference > 1e-9).sum()
    assert counts.loc[ALL, "lose"] == (difference < -1e-9).sum()
    assert (counts[["gain", "lose", "same"]].sum(axis=1) == counts["n"]).all()
    assert (counts["n"] >= SETTINGS.minimum_group).all()
    shown = set(found.changes.loc[~found.changes["suppressed"], "group"])
    assert set(counts.index) <= shown | {ALL}


def test_groups_of_who_gains_stand_in_their_order(by, moved):
    _, _, found = moved
    counts, changed = gains_and_losses(found), found.changes[~found.changes["suppressed"]]
    order = list(changed.loc[changed["metric"] == f"ndcg@{K}", "group"])
    assert list(counts["group"]) == order
    assert order[0] == ALL
    assert len(order) > 3
    turned = replace(found, per_user=found.per_user.iloc[::-1])
    pd.testing.assert_frame_equal(gains_and_losses(turned), counts)


def test_gaps_are_judged_by_the_tolerance_of_their_own_lists(by, moved):
    """A share of the level: after a policy that lowers it the band is narrower, and that before stays as it was."""
    before, after, found = moved
    for lists, gaps in ((before, found.before), (after, found.after)):
        rows = gaps[(gaps["metric"] == f"ndcg@{K}_gap") & ~gaps["suppressed"]]
        level = lists.per_user[f"ndcg@{K}"].mean()
        assert list(rows["tolerance"].unique()) == pytest.approx([SETTINGS.tolerance * level], rel=1e-6)


def test_attention_moves_towards_its_floor(moved):
    _, _, found = moved
    seen = found.seen.set_index("group")
    np.testing.assert_allclose(seen["after"] - seen["before"], seen["change"], atol=1e-6)
    assert seen["after"].sum() == pytest.approx(1)
    assert (seen["low"] <= seen["change"] + 1e-9).all()
    assert (seen["change"] <= seen["high"] + 1e-9).all()
    assert found.moved > 0


@pytest.mark.parametrize("name", RERANKERS)
def test_reasons_are_exact(tuner, name):
    """Prices and factors add up to the number that is sorted; every item of both lists has its reason."""
    applied = tuner.applied(policy((name, MOVES[name])))
    changed = np.flatnonzero((applied.candidates.items[:, :K] != applied.start.items[:, :K]).any(axis=1))
    user = int(changed[0])
    found = reasons(applied, tuner.ground, user)
    listed = {int(item) for part in (applied.start, applied.candidates) for item in part.lists(K)[user]}
    assert {reason.item for reason in found} == listed - {NOTHING}
    after = {int(item): place + 1 for place, item in enumerate(applied.candidates.items[user])}
    for reason in found:
        (move,) = reason.moves
        assert reason.place_after == move.place_after == after[reason.item]
        assert move.before == reason.score
        if move.works_by == "price":
            assert reason.score + move.price == pytest.approx(move.after)
    if RERANKERS[name].works_by != "place":
        order = sorted(found, key=lambda reason: (-reason.moves[0].after, reason.place_before))
        kept = [reason.item for reason in order][: min(K, len(order))]
        assert (
            kept == [int(item) for item in applied.candidates.lists(K)[user] if item != NOTHING][: len(kept)]
        )


def test_a_price_is_the_same_for_all_items_of_a_kind(tuner):
    applied = tuner.applied(policy(("exposure_limits", MOVES["exposure_limits"])))
    prices: dict[str, set[float]] = {}
    for user in range(0, tuner.candidates.n_users, 7):
        if tuner.candidates.filled[user, 0]:
            for reason in reasons(applied, tuner.ground, user):
                prices.setdefault(reason.moves[0].kind, set()).add(round(reason.moves[0].price, 5))
    assert len(prices) > 1
    assert all(len(found) == 1 for found in prices.values())


def test_presets_move_lists_and_say_so(tuner):
    offered = presets(tuner.ground, ("age",), worst="45-54")
    assert len(offered) >= 6
    for preset in offered:
        applied = tuner.applied(PolicySettings(steps=preset.steps, k=K))
        assert (applied.candidates.lists(K) != tuner.candidates.lists(K)).any(), preset.aim
        json.dumps([step.settings for step in preset.steps])


def test_presets_begin_mildly(tuner, by):
    """On this slice and its hasty model, at most a few percent of accuracy."""
    before = tuner.measured(by, NONE).per_user[f"ndcg@{K}"].mean()
    for preset in presets(tuner.ground, ("age",), worst="45-54"):
        after = tuner.measured(by, PolicySettings(steps=preset.steps, k=K)).per_user[f"ndcg@{K}"].mean()
        assert after > 0.95 * before, preset.aim


@pytest.mark.parametrize(
    ("step", "settings", "said"),
    [
        ("exposure_limits", {"items_by": "popularity_band", "floor": 1.0}, "'tail' can get at most"),
        ("exposure_limits", {"items_by": "brand", "ceiling": 1.0}, "' gets at least"),
        ("fa_star_ir", {"items_by": "brand", "protected": "Private", "share": 0.95}, "too few protected"),
    ],
)
def test_limits_that_are_not_kept_are_told_and_certified_by_nobody(tuner, step, settings, said):
    """Few candidates leave no room."""
    (stage,) = tuner.applied(policy((step, settings), width=K)).stages
    assert stage.notes
    assert all(isinstance(note, Shortfall) for note in stage.notes)
    assert any(said in note for note in stage.notes)
    assert not any("more relevant" in note for note in stage.notes)


@pytest.mark.parametrize(
    ("step", "settings", "said"),
    [
        ("price_guard", {"by": "age", "band": 0.01}, "can get at most a mean price percentile of "),
        ("deal_access", {"by": "age", "gap": 0.1}, "can get at most 0.0 % of its attention on offers"),
    ],
)
def test_a_group_that_cannot_come_near_the_others_is_named(tuner, step, settings, said):
    """All candidates of one group are the cheapest that are not on offer."""
    ground, users = tuner.ground, tuner.ground.user_groups("age")
    percentile = np.where(ground.deals, np.nan, ground.price_percentiles)
    items, own = tuner.candidates.items.copy(), users.codes == 1
    items[own] = np.argsort(percentile)[: items.shape[1]]  # NaN is last
    (stage,) = apply(Candidates(items, tuner.candidates.relevance), ground, policy((step, settings))).stages
    (note,) = [one for one in stage.notes if one.startswith(f"'{users.names[1]}' {said}")]
    assert isinstance(note, Shortfall)
    assert "was asked for" in note
    assert not any("more relevant" in one for one in stage.notes)


@pytest.mark.parametrize(
    ("step", "settings"),
    [
        ("exposure_limits", {"items_by": "price_band", "floor": 0.5}),
        ("price_guard", {"by": "age", "band": 0.1}),
        ("deal_access", {"by": "age", "gap": 0.5}),
    ],
)
def test_limits_that_are_kept_are_certified(tuner, step, settings):
    (note,) = tuner.applied(policy((step, settings))).notes
    assert "more relevant" in note
    assert not isinstance(note, Shortfall)


@pytest.mark.parametrize("step", ["exposure_limits", "price_guard", "deal_access"])
def test_without_limits_there_is_nothing_to_tell(tuner, step):
    assert tuner.applied(policy((step, STILL[step]))).notes == ()


def test_a_limit_that_prices_miss_is_named_with_how_far_off_it_is():
    seen = Response(0.5, 0.5, np.array([0.5]), np.array([[0.28, 0.72]]), None)
    limits = Limits(np.array([[0.3, -np.inf]]), np.array([[np.inf, 0.75]]))
    found = Solution(np.zeros((1, 2)), seen, 0.5004, np.array([[0.02, 0.0]]))
    (note,) = limit_notes(found, limits, limits, ("A", "B"), "{} % of the attention")
    assert isinstance(note, Shortfall)
    assert "'A' is furthest off, with 28.0 % of the attention instead of at least 30.0" in note
    kept = replace(found, missed=np.zeros((1, 2)))
    (note,) = limit_notes(kept, limits, limits, ("A", "B"), "{} % of the attention")
    assert note == "No lists within these limits can be more than 0.1 % more relevant."
    far = replace(kept, bound=0.6)
    (note,) = limit_notes(far, limits, limits, ("A", "B"), "{} % of the attention")
    assert "more than 20.0 % more relevant" in note


def test_every_step_has_a_knob_that_rests_first():
    assert set(KNOBS) == set(RERANKERS)
    for name, knob in KNOBS.items():
        field = RERANKERS[name].settings.model_fields[knob.field]
        assert knob.positions[0] in (0, None), name
        assert field is not None
        assert len(knob.positions) > 8


def test_lists_are_tuned_on_a_window_of_their_own(made, tuner):
    workspace, run, _, ground = made
    other = open_tuner(workspace, run, ground.shop, k=K, split="test")
    assert not np.array_equal(other.wanted.items, tuner.wanted.items)
    bought = ground.shop.bought
    trained = (bought["split"] == 0) & (bought["item"] < tuner.ground.n_items)
    assert tuner.ground.taken.sum() == trained.sum()


def test_users_with_a_short_list_are_measured(tuner, by):
    items = tuner.candidates.lists(K).copy()
    items[by.listed[0], 3:] = NOTHING
    found = measure(by, items)
    assert np.isfinite(found.attention).all()
    np.testing.assert_allclose(found.attention.sum(axis=1), 1)
    assert isinstance(found.gaps, pd.DataFrame)
