"""A page with nothing to show says why."""

import pytest

from core.figures.absence import absence_sentence
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
    assert said in absence_sentence(run, dataset, **ASKED)


def test_lists_of_another_system_say_so_and_what_a_model_would_need():
    run = made(Run, brought=True, settings={}, reports={})
    whole, half, none = (
        {name: f"{name} table" for name in names} for names in (("service", "reviews"), ("service",), ())
    )
    for missing in (half, none):
        said = absence_sentence(run, made(Dataset, missing=missing), **ASKED)
        assert said.startswith("Another system made these lists")
        assert said.endswith("Train a model to have it.")
    said = absence_sentence(run, made(Dataset, missing=whole), **ASKED)
    assert said.endswith("A model would need service table or reviews table.")
