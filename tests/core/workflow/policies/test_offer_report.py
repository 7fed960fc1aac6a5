"""A plan of offers as JSON, as text and as a file, on a slice of real data."""

import json

import numpy as np
import pandas as pd
import pytest

from core.errors import NotFound, SettingsError, StoreError
from core.recommend.offers import OfferSettings
from core.schema.settings import AuditSettings
from core.workflow.policies.offer_report import dataset_of, offer_report

BY_AGE = AuditSettings(by=(("age",),), draws=200, permutations=200)
BUDGET = OfferSettings(budget=30, parity="offer_rate")


@pytest.fixture(scope="module")
def report(prepared, tmp_path_factory):
    out = tmp_path_factory.mktemp("offers") / "plan.parquet"
    return offer_report(prepared.workspace, prepared.dataset.id, BUDGET, BY_AGE, out=out), out


def test_the_file_holds_everybody_and_no_group(report):
    found, out = report
    written = pd.read_parquet(out)
    assert list(written) == ["user_id", "offered", "chance", "expected_value"]
    assert written["user_id"].is_unique
    assert len(written) == len(found.expected.users)
    assert written["offered"].sum() == found.plan.even.offered.sum() <= 30
    assert (written.loc[~written["offered"], "expected_value"] == 0).all()
    assert written["expected_value"].sum() == pytest.approx(found.plan.even.allocation.value)
    assert not list(out.parent.glob("*.part"))


def test_the_record_is_json_and_hides_what_is_hidden(report):
    answer = json.loads(json.dumps(report[0].record(), allow_nan=False))
    assert answer["by"] == ["age"]
    assert answer["settings"]["budget"] == 30
    assert answer["lost"]["value"]["value"] == pytest.approx(
        answer["without parity"]["value"] - answer["with parity"]["value"]
    )
    rows = [row for plan in ("without parity", "with parity") for row in answer[plan]["rows"]]
    assert {row["metric"] for row in rows} >= {
        "planned_offer_rate",
        "planned_offer_rate_gap",
        "planned_saving",
    }
    assert all(row["value"] is None for row in rows if row["suppressed"])


def test_the_text_answers_first(report):
    text = report[0].as_text()
    assert text.startswith("30 coupons, put where they are worth most, reach ")
    assert "that gives up $" in text
    assert "*" not in text
    assert "\\" not in text
    assert "Get a coupon, with parity" in text


def test_without_parity_the_plan_is_the_most_valuable(prepared, report):
    alone = offer_report(
        prepared.workspace, prepared.dataset.id, OfferSettings(budget=30, parity=None), BY_AGE
    )
    assert "with parity" not in alone.record()
    assert "lost" not in alone.record()
    np.testing.assert_array_equal(alone.plan.chosen.offered, report[0].plan.free.offered)
    assert "gives up" not in alone.as_text()


def test_what_is_not_there_and_what_cannot_be_written(prepared, tmp_path):
    with pytest.raises(NotFound, match="There is no dataset 'ds-nowhere'"):
        dataset_of(prepared.workspace, "ds-nowhere")
    for out in (tmp_path / "plan.csv", tmp_path / "no folder" / "plan.parquet"):
        with pytest.raises(SettingsError, match=r"must end in \.parquet"):
            offer_report(prepared.workspace, prepared.dataset.id, BUDGET, BY_AGE, out=out)
    taken = tmp_path / "taken.parquet"
    taken.mkdir()
    with pytest.raises(StoreError, match="cannot be written"):
        offer_report(prepared.workspace, prepared.dataset.id, BUDGET, BY_AGE, out=taken)
