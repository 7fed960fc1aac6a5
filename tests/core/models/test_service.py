"""The service-quality model: shapes, gradients, order of its quantiles."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from core.models.service import ServiceBatch, ServiceModel, ServiceShape

SHAPE = ServiceShape(vectors=8, numbers=3, sizes=(5, 9), width=16)


def batch(rows: int = 6, *, vectors: int = 8, spread: float = 1.0) -> ServiceBatch:
    return ServiceBatch(
        users=spread * torch.randn(rows, vectors),
        products=spread * torch.randn(rows, vectors),
        scores=-spread * torch.rand(rows),
        numbers=spread * torch.randn(rows, 3),
        codes=torch.stack([torch.randint(0, 5, (rows,)), torch.randint(0, 9, (rows,))], dim=1),
    )


def test_each_answer_has_one_value_per_order():
    answers = ServiceModel(SHAPE)(batch(6))
    assert [values.shape for values in answers] == [(6,)] * 4


@given(seed=st.integers(0, 2**31), spread=st.sampled_from([0.1, 1.0, 30.0]))
def test_quantiles_never_cross(seed, spread):
    torch.manual_seed(seed)
    model = ServiceModel(SHAPE)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(spread * torch.randn_like(parameter))
        answers = model.eval()(batch(20, spread=spread))
    assert (answers.low <= answers.median).all()
    assert (answers.median <= answers.high).all()


def test_every_parameter_learns():
    torch.manual_seed(0)
    model = ServiceModel(SHAPE).eval()
    with torch.no_grad():
        model.head.weight.normal_()  # zero at first, which stops the gradient of what comes before it
    seen = batch(400)
    sum(values.square().mean() for values in model(seen)).backward()
    still = [name for name, parameter in model.named_parameters() if not parameter.grad.abs().sum() > 0]
    assert still == []


def test_the_product_of_user_and_item_matters():
    torch.manual_seed(0)
    model = ServiceModel(SHAPE).eval()
    seen = batch(4)
    turned = seen._replace(users=seen.users.roll(1, dims=0))
    assert not torch.allclose(model(seen).mean, model(turned).mean)


def test_an_empty_user_and_an_unknown_item_give_finite_answers():
    none = batch(3)._replace(users=torch.zeros(3, 8), products=torch.zeros(3, 8), scores=torch.zeros(3))
    assert all(torch.isfinite(values).all() for values in ServiceModel(SHAPE).eval()(none))


@pytest.mark.parametrize("sizes", [(), (5, 9)])
def test_it_can_do_without_vectors_and_without_categories(sizes):
    shape = ServiceShape(vectors=0, numbers=3, sizes=sizes)
    seen = batch(4, vectors=0)
    assert ServiceModel(shape)(seen._replace(codes=seen.codes[:, : len(sizes)])).mean.shape == (4,)
