"""Ranking metrics against hand-computed values, an independent library, and their own properties."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytrec_eval import RelevanceEvaluator

from core.metrics import NOTHING, per_user_metrics

KS = (1, 3, 10)


def csr(positives: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    offsets = np.cumsum([0, *map(len, positives)])
    return offsets, np.array([item for user in positives for item in user], dtype=np.int32)


def test_hand_computed_example():
    ranked = np.array([[9, 1, 5], [1, 2, 3]], dtype=np.int32)
    found = per_user_metrics(ranked, *csr([[1, 2], [1]]), (1, 2, 3))
    assert found.loc[0, "ndcg@2"] == pytest.approx((1 / np.log2(3)) / (1 + 1 / np.log2(3)))
    assert found.loc[0, ["recall@1", "recall@2", "mrr@1", "mrr@2"]].tolist() == [0, 0.5, 0, 0.5]
    assert found.loc[1, ["ndcg@1", "recall@1", "mrr@3"]].tolist() == [1, 1, 1]


def test_users_without_positives_have_no_row():
    found = per_user_metrics(np.zeros((3, 3), np.int32), *csr([[], [0], []]), (3,))
    assert found.index.tolist() == [1]


def test_filling_is_never_a_hit():
    ranked = np.array([[7, NOTHING, NOTHING], [NOTHING, NOTHING, NOTHING]], dtype=np.int32)
    found = per_user_metrics(ranked, *csr([[7], [0]]), (3,))
    assert found["ndcg@3"].tolist() == [1, 0]
    assert found["mrr@3"].tolist() == [1, 0]


@st.composite
def shops(draw):
    """Lists of distinct items for some users, and their positives."""
    n_users, n_items = draw(st.integers(1, 6)), draw(st.integers(10, 15))
    ranked = np.array([draw(st.permutations(range(n_items)))[:10] for _ in range(n_users)], dtype=np.int32)
    positives = [sorted(draw(st.sets(st.integers(0, n_items - 1), max_size=12))) for _ in range(n_users)]
    return ranked, positives


@given(shops())
def test_agrees_with_trec_eval(shop):
    ranked, positives = shop
    users = [user for user, wanted in enumerate(positives) if wanted]
    found = per_user_metrics(ranked, *csr(positives), KS)
    assert found.index.tolist() == users
    judged = {str(user): {str(item): 1 for item in positives[user]} for user in users}
    asked = {f"{name}.{','.join(map(str, KS))}" for name in ("ndcg_cut", "recall")} | {"recip_rank"}
    theirs = RelevanceEvaluator(judged, asked)
    for k in KS:  # trec_eval cuts the list for all but the reciprocal rank
        lists = {str(u): {str(item): float(10 - r) for r, item in enumerate(ranked[u][:k])} for u in users}
        told = theirs.evaluate(lists)
        for ours, name in (("ndcg", f"ndcg_cut_{k}"), ("recall", f"recall_{k}"), ("mrr", "recip_rank")):
            np.testing.assert_allclose(found[f"{ours}@{k}"], [told[str(u)][name] for u in users], atol=1e-6)


@given(shops(), st.randoms(use_true_random=False))
def test_renaming_the_items_changes_nothing(shop, random):
    ranked, positives = shop
    names = list(range(20))
    random.shuffle(names)
    renamed = [sorted(names[item] for item in user) for user in positives]
    before = per_user_metrics(ranked, *csr(positives), KS)
    after = per_user_metrics(np.array(names, dtype=np.int32)[ranked], *csr(renamed), KS)
    np.testing.assert_array_equal(before, after)


@given(shops())
def test_values_lie_between_zero_and_one_and_recall_grows_with_k(shop):
    ranked, positives = shop
    found = per_user_metrics(ranked, *csr(positives), KS)
    assert ((found >= 0) & (found <= 1 + 1e-12)).all(axis=None)
    assert (found["recall@1"] <= found["recall@3"]).all()
    assert (found["recall@3"] <= found["recall@10"]).all()
