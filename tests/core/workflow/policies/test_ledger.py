"""The ledger on a slice of a real shop: what steps close adds up, on the same users, and says what it cost."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from core.errors import InputError
from core.metrics import NOTHING, per_user_metrics
from core.schema.policies import PolicySettings, Step
from core.schema.settings import AuditSettings, TrainSettings
from core.store.workspace import Workspace
from core.workflow.audits.shop import read_shop
from core.workflow.policies.chain import find_chain
from core.workflow.policies.ledger import CLOSED, RERANKING, WHOLE, ledger, own_lists
from core.workflow.policies.tuning import open_tuner
from core.workflow.runs import list_runs
from core.workflow.training import train
from tests.conftest import copied

K = 10
QUICK = {"width": 16, "layers": 1, "epochs": 1, "history_length": 64, "models": (), "ranking": False}
DATA = {"item_weights": "inverse_propensity"}
SETTINGS = AuditSettings(by=(("age",),), k=K, items_by="popularity_band", draws=200, permutations=200)
FLOOR = Step(step="exposure_limits", settings={"items_by": "popularity_band", "floor": 0.6})
STEPS = [("data",), ("training",), (RERANKING,)]


@pytest.fixture(scope="module")
def made(prepared, tmp_path_factory):
    """Runs without fairness, with the data step, and with training too: yardsticks, and the lists of all four ways."""
    root = tmp_path_factory.mktemp("ledger") / "workspace"
    copied(prepared.workspace.root, root)
    workspace = Workspace.open(root, f"sqlite:///{root}/evenhand.db")
    for name, fair in {"plain": {}, "data": DATA, "full": DATA | {"exposure_weight": 5.0}}.items():
        settings = TrainSettings(device="cpu", **QUICK, **fair)
        run = train(workspace, prepared.dataset.id, settings, run_id=f"run-{name}", name=name)
    chain = find_chain(list_runs(workspace), run)
    shop = read_shop(workspace, prepared.dataset)
    tuner = open_tuner(workspace, run, shop, k=K)
    lists = [own_lists(workspace, one, shop, k=K, split="validation") for one in chain.runs]
    lists.append(tuner.applied(PolicySettings(steps=[FLOOR], k=K)).candidates.lists(K))
    yield chain, tuner, tuner.yardsticks(SETTINGS), lists
    workspace.close()


@pytest.fixture(scope="module")
def book(made):
    return ledger(made[2], made[3], STEPS)


def test_the_chain_is_found_among_trained_runs(made):
    chain, tuner, _, lists = made
    assert [run.id for run in chain.runs] == ["run-plain", "run-data", "run-full"]
    assert [link.steps for link in chain.links] == STEPS[:2]
    np.testing.assert_array_equal(lists[2], tuner.candidates.lists(K))


def test_steps_add_up_to_the_whole_change(book):
    for _, rows in book.changes.groupby("measure"):
        parts, whole = rows[rows["step"] != WHOLE], rows[rows["step"] == WHOLE].iloc[0]
        assert list(parts["step"]) == ["data", "training", RERANKING]
        assert parts["change"].sum() == pytest.approx(whole["change"], abs=1e-12)
        levels = book.levels[book.levels["measure"] == whole["measure"]]["value"].to_numpy()
        np.testing.assert_allclose(parts["change"], np.diff(levels), atol=1e-12)
        assert whole["n"] == parts["n"].unique().item()  # the same users


def test_there_are_the_gaps_and_prices_that_were_asked_for(book):
    of_groups = [f"{name}@10_max_min" for name in ("ndcg", "price_percentile", "deal_exposure")]
    gaps = book.levels[book.levels["kind"] == "gap"]
    assert set(gaps["measure"]) == {*of_groups, "attention_to_move@10"}
    assert set(book.levels[book.levels["kind"] == "price"]["measure"]) == {"ndcg@10", "spending_met@10"}
    assert len(book.changes) == 6 * 4


def test_numbers_agree_with_a_plain_count(made, book):
    _, _, by, lists = made
    by_measure = book.levels.set_index(["measure", "way"])["value"]
    age = by.shop.users["age"].astype(str)
    enough = age.iloc[by.listed].value_counts()
    for way, items in enumerate(lists):
        taken = per_user_metrics(items, by.wanted.offsets, by.wanted.items, (K,))["ndcg@10"]
        assert by_measure["ndcg@10", way] == pytest.approx(taken.mean(), abs=1e-12)
        told = taken[taken.index.isin(by.listed)]
        groups = told.groupby(age.iloc[told.index].to_numpy()).agg(["mean", "size"])
        means = groups.loc[(groups["size"] >= 10) & (enough[groups.index] >= 10), "mean"]
        assert by_measure["ndcg@10_max_min", way] == pytest.approx(means.max() - means.min(), abs=1e-12)
        band = by.item_groups.codes[items[by.listed]]
        seen = np.array([((band == h) @ by.weights).mean() for h in range(len(by.item_groups.names))])
        moved = np.abs(seen - by.target.shares).sum() / 2
        assert by_measure["attention_to_move@10", way] == pytest.approx(moved, abs=1e-12)
        users = np.flatnonzero(np.diff(by.wanted.offsets))
        met = [
            np.nansum(
                [
                    by.price[item]
                    for item in items[u]
                    if item in by.wanted.items[slice(*by.wanted.offsets[u : u + 2])]
                ]
            )
            for u in users
        ]
        assert by_measure["spending_met@10", way] == pytest.approx(np.mean(met))


def test_a_floor_is_shown_to_close_the_gap_in_attention_at_a_price(book):
    rows = book.changes.set_index(["measure", "step"])
    closed = rows.loc["attention_to_move@10", RERANKING]
    assert closed["verdict"] == CLOSED
    assert closed["high"] < 0
    assert closed["change"] < -0.02
    assert rows.loc["attention_to_move@10", WHOLE]["verdict"] == CLOSED
    assert rows.loc["ndcg@10", WHOLE]["verdict"] == "worse"


def test_a_step_that_does_nothing_is_not_shown_to_change_anything(made):
    _, _, by, lists = made
    found = ledger(by, [lists[0], lists[0]], [(RERANKING,)])
    assert (found.changes[["change", "low", "high"]] == 0).all(axis=None)
    assert (found.changes["verdict"] == "no difference shown").all()
    assert (found.changes["p_value"] == 1).all()
    assert list(found.changes["step"].unique()) == [RERANKING]  # no second row for one and the same


def test_backwards_every_change_has_the_other_sign(made):
    _, _, by, lists = made
    there, back = (ledger(by, ways, [("data",)]).changes for ways in (lists[:2], lists[1::-1]))
    np.testing.assert_allclose(there["change"], -back["change"], atol=1e-12)
    np.testing.assert_allclose(there["low"], -back["high"], atol=0.02)


def test_one_way_has_levels_and_no_steps(made):
    _, _, by, lists = made
    found = ledger(by, lists[:1], [])
    assert found.changes.empty
    assert (found.levels["way"] == 0).all()
    assert len(found.levels) == 6


def test_users_without_a_list_in_one_way_count_in_none(made):
    _, _, by, lists = made
    gone = by.listed[::7]
    lacking = lists[1].copy()
    lacking[gone] = NOTHING
    found = ledger(by, [lists[0], lacking, lists[2]], STEPS[:2])
    assert found.left_out == len(gone)
    assert found.users == len(by.listed) - len(gone)
    alone = by.listed[~np.isin(by.listed, gone)]
    without = [
        np.where(np.isin(np.arange(len(items)), alone)[:, None], items, NOTHING) for items in lists[:3]
    ]
    pd.testing.assert_frame_equal(found.levels, ledger(by, without, STEPS[:2]).levels)
    with pytest.raises(InputError, match="Fewer than 10 users"):
        ledger(by, [lists[0], np.full_like(lists[0], NOTHING)], [("data",)])


def test_prices_and_groups_that_there_are_not_are_left_out(made):
    _, _, by, lists = made
    found = ledger(replace(by, price=None, of_item={}), lists[:2], [("data",)])
    assert set(found.levels["measure"]) == {"ndcg@10", "attention_to_move@10", "ndcg@10_max_min"}
