"""Attributions: against closed forms, against shap's own explainers, and the sums that must come out."""

import numpy as np
import pytest
import shap
import torch
from torch import nn

from core.errors import Cancelled
from core.explain import expected_gradients
from core.explain.expected_gradients import attributed, usual_rows

FEATURES = 6


@pytest.fixture(scope="module")
def data() -> tuple[torch.Tensor, torch.Tensor]:
    """Explained rows and usual ones."""
    generator = torch.Generator().manual_seed(0)
    return torch.randn(20, FEATURES, generator=generator), torch.randn(60, FEATURES, generator=generator)


@pytest.fixture(scope="module")
def network() -> nn.Module:
    """Smooth and far from linear."""
    torch.manual_seed(3)
    return nn.Sequential(
        nn.Linear(FEATURES, 32), nn.SiLU(), nn.Linear(32, 32), nn.GELU(), nn.Linear(32, 1)
    ).eval()


def each(width: int = FEATURES) -> np.ndarray:
    return np.arange(width)


def test_a_line_is_told_exactly(data):
    rows, usual = data
    weights = torch.arange(1.0, FEATURES + 1)
    found = attributed(lambda x: x @ weights + 5, rows, usual, each())
    wanted = (rows - usual.mean(dim=0)) * weights
    np.testing.assert_allclose(found.values, wanted, atol=1e-5)
    assert found.expected == pytest.approx(float(usual.mean(dim=0) @ weights) + 5, abs=1e-5)


def test_what_two_features_make_together_is_shared_as_shapley_values_share_it(data):
    rows, usual = data[0][:3, :4], data[1][:12, :4]

    def product(x: np.ndarray) -> np.ndarray:
        return x[:, 0] * x[:, 1] + 2 * x[:, 2]

    found = attributed(product, rows, usual, each(4))
    exact = shap.KernelExplainer(product, usual.numpy())  # with so few features it asks every coalition
    wanted = exact.shap_values(rows.numpy(), silent=True)
    np.testing.assert_allclose(found.values, wanted, atol=1e-4)
    assert found.expected == pytest.approx(float(exact.expected_value), abs=1e-4)


def test_it_agrees_with_the_gradient_explainer_of_shap(data, network):
    rows, usual = data[0][:8], data[1]
    found = attributed(lambda x: network(x).squeeze(1), rows, usual, each())
    drawn = shap.GradientExplainer(network, usual).shap_values(rows, nsamples=1000, rseed=1)[..., 0]
    assert np.corrcoef(found.values.ravel(), drawn.ravel())[0, 1] > 0.99
    off = np.abs(found.errors).mean(), np.abs(found.outputs - found.expected - drawn.sum(axis=1)).mean()
    assert off[0] < off[1] / 10  # the whole background and quadrature leave less open than draws


def test_sums_come_out_and_steep_rows_get_more_points(data, network):
    rows, usual = data

    def steep(x: torch.Tensor) -> torch.Tensor:
        return torch.sigmoid(8 * network(x).squeeze(1))

    found = attributed(steep, rows, usual, each())
    assert found.complete.all()
    assert np.abs(found.errors).max() <= found.allowed
    coarse = attributed(steep, rows, usual, each(), points=(1,))
    assert not coarse.complete.all()  # a sum that does not come out is not hidden


def test_columns_of_a_vector_are_one_feature(data, network):
    rows, usual = data
    together = attributed(lambda x: network(x).squeeze(1), rows, usual, np.array([0, 1, 1, 1, 2, 2]))
    alone = attributed(lambda x: network(x).squeeze(1), rows, usual, each())
    wanted = np.stack(
        [alone.values[:, :1].sum(1), alone.values[:, 1:4].sum(1), alone.values[:, 4:].sum(1)], axis=1
    )
    np.testing.assert_allclose(together.values, wanted, atol=1e-5)


def test_parts_do_not_matter(data, network, monkeypatch):
    rows, usual = data
    whole = attributed(lambda x: network(x).squeeze(1), rows, usual, each())
    monkeypatch.setattr(expected_gradients, "NUMBERS_AT_ONCE", 3 * len(usual) * 4 * FEATURES)
    parted = attributed(lambda x: network(x).squeeze(1), rows, usual, each())
    np.testing.assert_allclose(parted.values, whole.values, atol=1e-5)


def test_it_can_be_cancelled(data, network):
    def stop(stage: str, fraction: float, message: str = "") -> None:
        raise Cancelled("Stopped.")

    with pytest.raises(Cancelled):
        attributed(lambda x: network(x).squeeze(1), *data, each(), progress=stop)


def test_a_constant_has_no_reasons_and_no_rows_have_none(data):
    rows, usual = data
    found = attributed(lambda x: 0 * x[:, 0] + 3, rows, usual, each())
    assert not found.values.any()
    assert found.complete.all()
    assert attributed(lambda x: x[:, 0], rows[:0], usual, each()).values.shape == (0, FEATURES)


def test_what_is_usual_is_told_by_as_many_users_as_possible():
    users = np.repeat(np.arange(10), 50)
    chosen = usual_rows(12, users, seed=1)
    assert len(np.unique(users[chosen])) == 10
    assert len(np.unique(chosen)) == 12
    assert (usual_rows(12, users, seed=1) == chosen).all()
    assert len(usual_rows(1000, users, seed=1)) == 500
