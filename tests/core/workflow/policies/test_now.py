"""Lists that know everything, for a shop to serve: another moment, the same model and the same policy."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from core.data.dataset import load, table
from core.data.purchases import purchases
from core.metrics import hits
from core.recommend.candidates import candidates
from core.schema.settings import KNOWN_BEFORE, SPLITS, TrainSettings, settings_from
from core.schema.tables import EVENT, ITEM, SPLIT, USER
from core.train.weights import load as load_model
from core.workflow.auditing import positives_of
from core.workflow.audits.shop import read_shop
from core.workflow.candidates_now import candidates_now
from core.workflow.policies.rerank import apply, batch_of_run, ground_of_run, rerank
from core.workflow.policies.steps import RERANKERS
from core.workflow.questions import material_of
from tests.core.workflow.policies.made_policies import MOVES, K, policy


@pytest.fixture(scope="module")
def now(made):
    """Candidates and ground of now beside those of the test split, of one run."""
    workspace, run, batch, ground = made
    shop = read_shop(workspace, load(workspace, run.dataset))
    later = ground_of_run(workspace, run, shop, split="now", k=K)
    return batch_of_run(workspace, run, shop.dataset, split="now"), later, batch, ground


def test_each_moment_knows_the_windows_before_it():
    assert [KNOWN_BEFORE[split] for split in ("validation", "test")] == [
        SPLITS.index(split) for split in ("validation", "test")
    ]
    assert KNOWN_BEFORE["now"] == len(SPLITS)


def test_the_model_is_the_runs_and_knows_the_whole_history(made):
    workspace, run, *_ = made
    dataset = load(workspace, run.dataset)
    inputs = material_of(workspace, dataset, settings_from(TrainSettings, run.settings)).inputs("test")
    events = table(workspace, dataset, "events", [ITEM, SPLIT])
    assert len(inputs.history.items) == (events[ITEM] < dataset.counts["catalogue"]).sum()
    model, task = load_model(workspace.artefacts, run.artefacts["weights"])
    wanted = candidates(SimpleNamespace(model=model, task=task, device="cpu"), inputs)
    pd.testing.assert_frame_equal(candidates_now(workspace, run, dataset), wanted)


def test_they_show_more_of_what_was_bought_in_the_last_window(made, now):
    workspace, run, *_ = made
    wanted = positives_of(workspace, load(workspace, run.dataset), "test")
    found = [hits(batch.lists(K), wanted.offsets, wanted.items).sum() for batch in (now[0], now[2])]
    assert found[0] > 1.2 * found[1]


def test_re_ranking_knows_every_purchase(made, now):
    workspace, run, *_ = made
    _, later, _, ground = now
    dataset = load(workspace, run.dataset)
    events = table(workspace, dataset, "events", [USER, ITEM, EVENT, SPLIT])
    known = purchases(events) & (events[ITEM] < dataset.counts["catalogue"])
    assert len(later.before) == known.sum()
    assert len(ground.before) == (known & (events[SPLIT] < 2)).sum() < known.sum()
    assert (later.taken >= ground.taken).all()
    assert (later.deals != ground.deals).any()  # what is on offer just before


@pytest.mark.parametrize("name", RERANKERS)
def test_every_step_works_on_them(now, name):
    batch, ground, *_ = now
    found = apply(batch, ground, policy((name, MOVES[name]))).candidates
    np.testing.assert_array_equal(np.sort(found.items, axis=1), np.sort(batch.items, axis=1))


def test_progress_is_told_while_the_model_is_asked(made):
    workspace, run, *_ = made
    told = []
    rerank(workspace, run.id, policy(), split="now", progress=lambda *said: told.append(said[1]))
    assert told[-1] == 1.0
