"""A frontier for the shell: JSON without NaN, one algorithm's points, and lines for people."""

import json

import pytest

from core.errors import SettingsError
from core.schema.settings import AuditSettings
from core.workflow.policies.frontier import frontier
from core.workflow.policies.frontier_report import as_text, record
from core.workflow.policies.standing import points_table
from tests.core.workflow.policies.made_policies import K

SETTINGS = AuditSettings(by=(("age",),), k=K, items_by="brand", draws=100, permutations=100)


@pytest.fixture(scope="module")
def asked(made):
    workspace, run, _, _ = made
    found = frontier(workspace, run.id, SETTINGS)
    return found, points_table(workspace, found)


def test_every_point_stands_in_the_json(asked):
    found, table = asked
    told = record(found, table)
    json.dumps(told, allow_nan=False)
    assert told["split"] == "validation"
    assert len(told["points"]) == len(found.points)
    assert told["tests"] == 2 * (len(found.points) - 1)
    for point in told["points"]:
        for numbers in point["measures"].values():
            assert numbers["low"] <= numbers["value"] <= numbers["high"]
            assert numbers["change_low"] <= numbers["change"] <= numbers["change_high"]
        assert set(point["standing"]) == {
            name for name in found.measures if name not in (f"ndcg@{K}", f"spending_met@{K}")
        }
    assert any(point["standing"][f"attention_to_move@{K}"]["dominated"] for point in told["points"])


def test_one_algorithm_keeps_the_correction_of_all(asked):
    found, table = asked
    whole, part = record(found, table), record(found, table, algorithm="exposure_limits")
    assert {point["algorithm"] for point in part["points"]} == {"current", "exposure_limits"}
    assert part["tests"] == whole["tests"]
    assert all(point in whole["points"] for point in part["points"])
    with pytest.raises(SettingsError, match="no re-ranker"):
        record(found, table, algorithm="wishful")


def test_lines_for_people(asked):
    found, table = asked
    text = as_text(record(found, table, algorithm="price_guard"))
    lines = text.splitlines()
    assert "validation split" in lines[0]
    assert lines[3].split()[:2] == ["current", "policy"]
    assert "band 0.2" in text
    assert "floor" not in text
