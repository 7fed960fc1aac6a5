"""Exact parts of a score, and what similar customers bought."""

import numpy as np
import pytest
import torch

from core.explain.pairs import read_pairs
from core.explain.score_parts import BUYERS, COUNTS, POPULARITY, PRICE, SECOND, TEXT, score_parts
from core.explain.similar import similar_buyers
from core.models.history import index_history
from core.models.rank import rank
from core.models.recent_demand import recent_demand
from tests.core.models.made import made_inputs
from tests.core.models.test_recommender import KEEP, made_model

CPU = torch.device("cpu")


@pytest.mark.parametrize("ranked", [False, True])
@pytest.mark.parametrize("repeat_term", [False, True])
def test_parts_add_up_to_the_score(ranked, repeat_term):
    inputs = made_inputs()
    model = made_model(inputs, repeat_term=repeat_term)
    if ranked:
        model.add_ranker()
        with torch.no_grad():
            model.ranker.out.weight.normal_()
    model.follow_recent_demand(True)
    history = index_history(inputs)
    demand = recent_demand(model.eval(), history, task=KEEP)
    ((_, items, values),) = rank(model, history, np.array([4]), task=KEEP, k=20, device=CPU)
    kinds = set()
    for item, value in zip(items[0], values[0], strict=True):
        asked = np.array([4]), np.array([item], dtype=np.int64)
        pairs = read_pairs(model, history, *asked, task=KEEP, demand=demand)
        told = score_parts(model, pairs).set_index("part")["value"]
        assert told.sum() == pytest.approx(float(value), abs=1e-4)
        assert (SECOND in told) == ranked
        kinds.add(COUNTS in told)
        if COUNTS not in told:
            assert {POPULARITY, BUYERS, "category", TEXT} <= set(told.index)
            assert PRICE not in told  # these items have none
    assert kinds == ({True, False} if repeat_term else {False})


def everybody(n=300):
    random = np.random.default_rng(1)
    vectors = random.normal(size=(n, 4))
    vectors[:120] += [6, 0, 0, 0]  # alike
    bought = np.zeros(n, bool)
    bought[:60] = bought[200:230] = True
    return vectors, bought, np.ones(n, bool)


def test_similar_customers_are_counted():
    vectors, bought, known = everybody()
    found = similar_buyers(vectors, 0, bought, known=known)
    assert (found.n, found.others) == (100, 199)
    assert found.buyers > 40
    assert found.buyers + found.other_buyers == 89  # not counting oneself
    alone = vectors.copy()
    alone[0] *= 5  # longer, not elsewhere
    assert similar_buyers(alone, 0, bought, known=known) == found


def test_few_buyers_are_not_counted_nor_few_who_did_not():
    vectors, _, known = everybody()
    few = np.zeros(300, bool)
    few[:9] = True
    found = similar_buyers(vectors, 200, few, known=known)
    assert (found.buyers, found.other_buyers) == (None, None)
    few[200:260] = True  # the buyers among those who are not alike would give the others away
    found = similar_buyers(vectors, 0, few, known=known)
    assert (found.buyers, found.other_buyers) == (None, None)
    nearly_all = np.ones(300, bool)
    nearly_all[:5] = False
    assert similar_buyers(vectors, 0, nearly_all, known=known).buyers is None
    everyone = np.ones(300, bool)
    assert similar_buyers(vectors, 0, everyone, known=known).buyers == 100


def test_there_must_be_customers_to_be_similar_to():
    vectors, bought, known = everybody(150)
    assert similar_buyers(vectors, 0, bought, known=known) is None
    vectors, bought, known = everybody()
    known[3] = False
    assert similar_buyers(vectors, 3, bought, known=known) is None
