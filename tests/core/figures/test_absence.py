"""A page with nothing to show says why."""

import pytest

from core.figures.absence import absence
from core.schema.documents import Dataset, ModelReport, Run

ASKED = {"model": "service", "reports": ("rating",), "needs": ("service", "reviews")}


def made(kind, **fields):
    return kind.model_construct(**fields)


@pytest.mark.parametrize(
    ("settings", "reports", "missing", "said"),
    [
        ({}, {"rating": ModelReport(metrics={}, notes=["Too few [rows]."])}, {}, r"Too few \[rows\]\."),
        ({}, {}, {}, "made before there were such models"),
        ({"models": ["behaviour"]}, {}, {}, "trained without the model *service*"),
        ({"models": ["service"]}, {}, {"service": "service table"}, "it needs service table"),
        ({"models": ["service"]}, {}, {}, "keeps nothing of it"),
    ],
)
def test_the_reason_is_the_most_telling_one(settings, reports, missing, said):
    run, dataset = made(Run, settings=settings, reports=reports), made(Dataset, missing=missing)
    assert said in absence(run, dataset, **ASKED).sentence


@pytest.mark.parametrize(("models", "in_data"), [(["service"], True), (["behaviour"], False)])
def test_where_the_reason_lies(models, in_data):
    """Training again helps unless the model was there and had nothing to learn from."""
    run = made(Run, settings={"models": models}, reports={})
    assert absence(run, made(Dataset, missing={}), **ASKED).in_data is in_data


def test_lists_of_another_system_say_so_and_what_a_model_would_need():
    run = made(Run, brought=True, settings={}, reports={})
    whole, half, none = (
        {name: f"{name} table" for name in names} for names in (("service", "reviews"), ("service",), ())
    )
    for missing in (half, none):
        found = absence(run, made(Dataset, missing=missing), **ASKED)
        assert found.sentence.startswith("Another system made these lists")
        assert found.sentence.endswith("Train a model to have it.")
        assert not found.in_data
    found = absence(run, made(Dataset, missing=whole), **ASKED)
    assert found.sentence.endswith("A model would need service table or reviews table.")
    assert found.in_data
