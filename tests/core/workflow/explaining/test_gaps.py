"""Gaps of a run taken apart: causes are what the purchases say, and the gap is the audit's."""

import numpy as np
import pytest

from core.data.dataset import table
from core.errors import InputError, NotFound
from core.schema.settings import AuditSettings
from core.workflow.auditing import audit_run
from core.workflow.explaining.gaps import ACTIVITY, COLD, HISTORY, NEW, TASTE, causes_of, why_gap
from tests.core.workflow.made_runs import run_with

SETTINGS = AuditSettings(by=(("sex",),), draws=200, permutations=100)


def test_the_gap_is_that_of_the_audit_and_its_parts_add_up(shop):
    found = why_gap(shop.workspace, shop.run.id, SETTINGS)
    told = found.rows.set_index(["metric", "group"])["value"]
    audit = audit_run(shop.workspace, shop.run.id, SETTINGS).rows
    gaps = audit[(audit["metric"] == "ndcg@10_gap") & (audit["attribute"] == "sex")].set_index("group")[
        "value"
    ]
    for group in ("f", "m"):
        assert told["ndcg@10: gap", group] == pytest.approx(gaps[group])
        parts = sum(told[f"ndcg@10: {cause}", group] for cause in found.causes)
        assert parts == pytest.approx(told["ndcg@10: explained", group])
        assert parts + told["ndcg@10: unexplained", group] == pytest.approx(gaps[group])
        assert found.effective[group] > 10
    assert TASTE not in found.causes  # these products have no categories


def test_causes_are_counted_from_purchases(prepared):
    events = table(prepared.workspace, prepared.dataset, "events")
    test, before = events[events["split"] == 2], events[events["split"] < 2]
    user = int(test["user"].iloc[0])
    codes = np.array([user, *np.setdiff1d(before["user"], test["user"])[:1]])
    found = causes_of(prepared.workspace, prepared.dataset.id, codes)
    own, later = before[before["user"] == user], test[test["user"] == user]
    assert np.expm1(found[ACTIVITY][0, 0]) == pytest.approx(later["item"].nunique())
    assert np.expm1(found[HISTORY][0, 0]) == pytest.approx(own["basket"].nunique())
    assert found[COLD][0, 0] == (own["basket"].nunique() < 5)
    new = set(later["item"]) - set(own["item"])
    assert found[NEW][0, 0] == pytest.approx(len(new) / later["item"].nunique())
    assert 0 < found[TASTE][0].sum() <= 1
    assert (found[ACTIVITY][1:, 0] == 0).all()


def test_lists_of_another_system_are_taken_apart_too(shop):
    lists = {
        name: shop.workspace.artefacts.read_table(shop.run.artefacts[name]) for name in ("per_user_test",)
    }
    brought = run_with(shop.workspace, shop.dataset, lists).model_copy(
        update={"id": "run-other", "brought": True}
    )
    shop.workspace.documents.put("runs", brought.dump())
    assert np.isfinite(why_gap(shop.workspace, "run-other", SETTINGS).rows["value"]).any()
    shop.workspace.documents.delete("runs", "run-other")


def test_what_cannot_be_taken_apart(shop):
    with pytest.raises(InputError, match="cannot be taken apart; there are: ndcg, recall, mrr"):
        why_gap(shop.workspace, shop.run.id, SETTINGS, measure="profit")
    with pytest.raises(NotFound):
        why_gap(shop.workspace, shop.run.id, SETTINGS.model_copy(update={"by": (("shoe size",),)}))
