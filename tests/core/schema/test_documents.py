"""Documents are safe to store and come back as they were."""

import json

import pytest
from pydantic import ValidationError

from core.schema.documents import ID_PATTERN, Job, RuleCount, new_id, now


def test_new_ids_are_safe_and_differ():
    ids = {new_id("run") for _ in range(200)}
    assert len(ids) == 200
    assert all(ID_PATTERN.match(id) for id in ids)


@pytest.mark.parametrize("id", ["", "ab", "-run", "Run-1", "run/1", "../etc", "run\n", "a" * 65, "run$1"])
def test_an_unsafe_id_is_no_id(id):
    with pytest.raises(ValidationError):
        Job(_id=id, kind="prepare", params={}, created_at=now())


def test_a_document_survives_json():
    job = Job(_id=new_id("job"), kind="prepare", params={"source": "tables"}, created_at=now())
    stored = json.loads(json.dumps(job.dump(), allow_nan=False))
    assert stored["_id"] == job.id
    assert Job.model_validate(stored) == job


def test_a_rule_drops_repairs_or_keeps():
    with pytest.raises(ValidationError):
        RuleCount(table="events", rule="x", action="lost", read=1, affected=1, note="")
