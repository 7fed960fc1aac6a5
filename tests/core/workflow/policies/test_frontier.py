"""The frontier of a quick run on a slice of a real shop: all points, what is sure of them, and what is kept of them."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from scipy.stats import false_discovery_control

from core.data.dataset import load, table
from core.errors import Cancelled, NotFound, StoreUnavailable
from core.schema.documents import DATASETS, FRONTIERS
from core.schema.policies import PolicySettings
from core.schema.settings import AuditSettings, settings_from
from core.store.workspace import Workspace
from core.workflow.policies.frontier import find_frontier, first_frontier, frontier, resolved
from core.workflow.policies.grid import POSITIONS, grid, positions
from core.workflow.policies.knobs import KNOBS
from core.workflow.policies.levels import levels, measures, way
from core.workflow.policies.standing import comparisons, disparities, points_table, policy_of, standing
from core.workflow.policies.steps import RERANKERS
from core.workflow.policies.trade_off import trade_off
from core.workflow.policies.tuning import open_tuner
from tests.conftest import copied
from tests.core.workflow.policies.made_policies import MOVES, STILL, K, policy

SETTINGS = AuditSettings(by=(("age",),), k=K, items_by="brand", draws=100, permutations=100)
KNOWN = {
    "items_by": "brand",
    "target": "catalogue",
    "by": "age",
    "user_group": "45-54",
    "protected": "Private",
}
NDCG = f"ndcg@{K}"


@pytest.fixture(scope="module")
def found(made):
    workspace, run, _, _ = made
    return frontier(workspace, run.id, SETTINGS)


@pytest.fixture(scope="module")
def numbers(made, found):
    return points_table(made[0], found)


def without_frontier(made, root):
    """A workspace of its own with the same data and run, and no frontier."""
    copied(made[0].root, root)
    workspace = Workspace.open(root, f"sqlite:///{root}/evenhand.db")
    for document in workspace.documents.find(FRONTIERS):
        workspace.documents.delete(FRONTIERS, document["_id"])
    return workspace


def test_a_grid_tries_every_reranker_at_some_positions_and_its_strongest():
    tried = grid(KNOWN, k=K)
    by_step = pd.Series([point.position for point in tried]).groupby([point.step for point in tried])
    assert set(by_step.groups) == set(RERANKERS)
    for step, places in by_step:
        knob = KNOBS[step]
        assert places.size == min(POSITIONS, len(knob.positions) - 1)
        assert places.iloc[-1] == knob.positions[-1]
        assert knob.positions[0] not in set(places)  # at rest all make the same lists
        assert places.is_unique
    for point in tried:
        (step,) = point.policy.steps
        settings = settings_from(RERANKERS[step.step].settings, step.settings)
        assert getattr(settings, KNOBS[step.step].field) == point.position
        assert getattr(settings, "items_by", "brand") == "brand"
    assert positions("price_guard", most=2) == (0.2, 0.0)


def test_every_point_has_every_number(found, numbers):
    assert {point.step for point in found.points[1:]} == set(RERANKERS)
    assert not found.left_out
    assert len(numbers) == len(found.points) * len(found.measures)
    assert found.measures[0] == NDCG
    assert disparities(found) == (
        f"attention_to_move@{K}",
        f"attention_shortfall@{K}",
        f"{NDCG}_max_min",
        f"price_percentile@{K}_max_min",
        f"deal_exposure@{K}_max_min",
    )
    told = numbers.drop(columns="null")
    assert np.isfinite(told.select_dtypes("number")).all(axis=None)
    ranges = numbers["measure"].str.endswith("_max_min")
    assert (numbers["null"].notna() == ranges).all()


def test_knobs_do_what_they_are_for(found, numbers):
    """The strongest floor on attention leaves least to move; the strongest guard shows groups goods as dear."""
    to_move = standing(found, numbers, f"attention_to_move@{K}")
    floors = to_move[to_move["step"] == "exposure_limits"]
    assert floors["disparity"].iloc[-1] < 0.02 < to_move["disparity"].iloc[0]
    dear = standing(found, numbers, f"price_percentile@{K}_max_min")
    guards = dear[dear["step"] == "price_guard"]
    assert guards["disparity"].iloc[-1] < 0.5 * dear["disparity"].iloc[0]


def test_numbers_are_those_of_a_trade_off(made, found, numbers):
    workspace, run, _, _ = made
    point = next(
        n for n, one in enumerate(found.points) if one.step == "exposure_limits" and one.position == 1
    )
    own = trade_off(workspace, run.id, policy_of(found, point))
    row = numbers[(numbers["point"] == point) & (numbers["measure"] == NDCG)].iloc[0]
    assert row["value"] == pytest.approx(own.after[NDCG]["value"])
    assert row["change"] == pytest.approx(own.change[NDCG]["value"])
    assert row["n"] == own.users == found.buyers
    width = own.change[NDCG]["high"] - own.change[NDCG]["low"]
    for end in ("low", "high"):
        assert row[f"change_{end}"] == pytest.approx(own.change[NDCG][end], abs=0.2 * width)


def test_a_knob_at_rest_is_the_baseline_exactly_and_never_better(made):
    workspace, run, _, ground = made
    tuner = open_tuner(workspace, run, ground.shop, k=K)
    by = tuner.yardsticks(SETTINGS)
    still = [policy(), *(policy((name, STILL[name])) for name in RERANKERS)]
    told = levels(by, [way(by, tuner.applied(one).candidates.lists(K)) for one in still], SETTINGS)
    assert (told[["change", "change_low", "change_high"]] == 0).all(axis=None)
    assert (told["p_value"] == 1).all()
    assert (told.groupby("measure")["value"].nunique() == 1).all()
    assert tuple(told["measure"].unique()) == measures(by)


def test_standing_is_that_of_brute_force_and_scipy(found, numbers):
    for disparity in disparities(found):
        rows = standing(found, numbers, disparity)
        assert list(rows["point"]) == list(range(len(found.points)))
        pairs = rows[["ndcg", "disparity"]].round(9).to_numpy()
        beaten = [
            any(a >= own[0] and d <= own[1] and (a > own[0] or d < own[1]) for a, d in pairs) for own in pairs
        ]
        assert rows["dominated"].tolist() == beaten
        p_values = rows.loc[1:, ["ndcg_p_value", "disparity_p_value"]].to_numpy()
        adjusted = false_discovery_control(p_values.ravel()).reshape(p_values.shape)
        np.testing.assert_allclose(rows.loc[1:, ["ndcg_p_adjusted", "disparity_p_adjusted"]], adjusted)
        assert rows.loc[1:, "same"].tolist() == (adjusted > 0.05).all(axis=1).tolist()
        assert comparisons(rows) == 2 * (len(rows) - 1)
        first = rows.iloc[0]
        assert first["same"]
        assert first["ndcg_change"] == first["disparity_change"] == 0
    assert (rows["ndcg_p_value"].min() * comparisons(rows)) <= 0.05 * 1.001  # one alone could be found


def test_asking_again_finds_what_was_kept(made, found):
    workspace, run, _, _ = made
    assert frontier(workspace, run.id, SETTINGS) == found
    other = SETTINGS.model_copy(update={"tolerance": 0.3, "reference": "45-54"})  # of no concern here
    assert find_frontier(workspace, run, other) == found
    assert find_frontier(workspace, run, SETTINGS.model_copy(update={"target": "equal"})) is None
    assert find_frontier(workspace, run, SETTINGS.model_copy(update={"k": 5})) is None
    assert find_frontier(workspace, run, SETTINGS, policy(("xquad", MOVES["xquad"]))) is None
    at_default = policy(("exposure_limits", {"items_by": "brand", "floor": 0.5}))
    in_full = policy(("exposure_limits", {"items_by": "brand", "floor": 0.5, "target": "catalogue"}))
    assert resolved(at_default) == resolved(in_full)
    json.dumps(found.dump(), allow_nan=False)


def test_the_test_window_changes_nothing(made, found, numbers, tmp_path):
    """Everything bought in it is moved elsewhere; the frontier is the same to the last digit."""
    workspace = without_frontier(made, tmp_path / "workspace")
    dataset = load(workspace, made[1].dataset)
    events = table(workspace, dataset, "events")
    late = (events["split"] == 2).to_numpy()
    rng = np.random.default_rng(0)
    for column in ("item", "list_price", "paid_price"):
        moved = events[column].to_numpy().copy()
        moved[late] = rng.permutation(moved[late])
        events[column] = moved
    dataset.tables["events"] = workspace.artefacts.write_table(f"datasets/{dataset.id}/moved.parquet", events)
    workspace.documents.put(DATASETS, dataset.dump())
    other = frontier(workspace, made[1].id, SETTINGS)
    assert other.table == found.table  # the same content, by its hash
    pd.testing.assert_frame_equal(points_table(workspace, other), numbers)
    workspace.close()


def test_the_document_comes_last(made, tmp_path):
    """A store that fails at the second write leaves a file without a document; asked again, all is there."""
    workspace, written = without_frontier(made, tmp_path / "workspace"), []

    def before_write():
        written.append(True)
        if len(written) == 2:
            raise StoreUnavailable("gone")

    with pytest.raises(StoreUnavailable):
        frontier(workspace.guarded(before_write), made[1].id, SETTINGS)
    assert workspace.documents.count(FRONTIERS) == 0
    assert len(list((workspace.root / "artefacts" / "frontiers").glob("*.parquet"))) == 1
    workspace.close()


def test_a_stop_keeps_nothing(made, tmp_path):
    workspace = without_frontier(made, tmp_path / "workspace")
    shutil.rmtree(workspace.root / "artefacts" / "frontiers")
    seen = []

    def progress(stage, fraction, message=""):
        seen.append(fraction)
        if len(seen) == 4:
            raise Cancelled("Stopped.")

    with pytest.raises(Cancelled):
        frontier(workspace, made[1].id, SETTINGS, progress=progress)
    assert seen == sorted(seen)
    assert workspace.documents.count(FRONTIERS) == 0
    assert not (workspace.root / "artefacts" / "frontiers").exists()
    workspace.close()


def test_points_are_held_against_the_policy_that_is_asked_for(made, found, numbers):
    workspace, run, _, _ = made
    current = policy_of(found, len(found.points) - 1)
    other = frontier(workspace, run.id, SETTINGS, current)
    assert policy_of(other, 0) == current
    assert other.points[1].step == "none"
    back = points_table(workspace, other).query("point == 1").set_index("measure")["change"]
    there = numbers.query(f"point == {len(found.points) - 1}").set_index("measure")["change"]
    pd.testing.assert_series_equal(back, -there, atol=1e-9)
    assert not policy_of(other, 1).steps


def test_what_these_data_do_not_allow_is_left_out_with_its_reason(shop, tmp_path):
    """A shop without prices, offers, brands or categories."""
    root = copied(shop.workspace.root, tmp_path / "workspace")
    workspace = Workspace.open(root, f"sqlite:///{root}/evenhand.db")
    found = frontier(workspace, shop.run.id, AuditSettings(by=(("sex",),), k=5, draws=100, permutations=100))
    lacking = {one.step: one for one in found.left_out}
    assert {"price_guard", "deal_access"} <= set(lacking)
    assert "no price" in lacking["price_guard"].reason
    assert lacking["price_guard"].points == POSITIONS
    kept = {point.step for point in found.points[1:]}
    assert kept
    assert not kept & set(lacking)
    assert "price_percentile@5_max_min" not in found.measures
    assert sum(one.points for one in found.left_out) + len(found.points) - 1 == len(grid(KNOWN, k=5))
    rows = standing(found, points_table(workspace, found), "attention_to_move@5")
    assert len(rows) == len(found.points)
    workspace.close()


def test_two_crossed_attributes_are_a_grouping_too(made):
    workspace, run, _, _ = made
    crossed = SETTINGS.model_copy(update={"by": (("age", "income"),)})
    found = frontier(workspace, run.id, crossed)
    assert not found.left_out
    rows = standing(found, points_table(workspace, found), f"{NDCG}_max_min")
    assert rows["disparity"].iloc[0] > 0


def test_the_first_frontier_is_that_of_the_first_view(made, found):
    workspace, run, _, _ = made
    first = first_frontier(workspace, run)
    assert first.settings["by"] == [["age"]]
    assert first.settings["items_by"] == "brand"
    assert first.settings["k"] == 10
    assert find_frontier(workspace, run, AuditSettings(by=(("age",),), items_by="brand")) == first


@pytest.mark.parametrize(
    ("change", "said"), [({"by": (("shoe",),)}, "shoe"), ({"items_by": "colour"}, "colour")]
)
def test_what_there_is_not_is_one_clear_line(made, change, said):
    workspace, run, _, _ = made
    with pytest.raises(NotFound, match=said):
        frontier(workspace, run.id, SETTINGS.model_copy(update=change))
    with pytest.raises(NotFound, match="no run"):
        frontier(workspace, "run-nothing", SETTINGS)


def test_lists_of_another_system_have_nothing_to_choose_by(made):
    workspace, run, _, _ = made
    kept = {"candidates_test": run.artefacts["candidates_test"]}
    brought = run.model_copy(update={"id": "run-brought", "brought": True, "artefacts": kept})
    workspace.documents.put("runs", brought.dump())
    with pytest.raises(NotFound, match="candidates_validation"):
        frontier(workspace, "run-brought", SETTINGS)
    workspace.documents.delete("runs", "run-brought")


def test_a_policy_of_no_steps_is_that_of_the_model(made, found):
    assert PolicySettings.model_validate(found.against) == policy()
    assert not policy_of(found, 0).steps
