"""Attributes without what is linear in protected ones: uncorrelated, and as they were where they never correlated."""

import numpy as np
import pandas as pd
import pytest

from core.data.decorrelation import decorrelated, one_hot


def test_known_values_have_a_column_each():
    users = pd.DataFrame(
        {"plan": pd.Categorical(["a", "b", "Unknown"]), "city": pd.Categorical(["x", "x", "x"])}
    )
    assert one_hot(users, ["plan", "city"]).tolist() == [[1, 0, 1], [0, 1, 1], [0, 0, 1]]
    assert one_hot(users, []).shape == (3, 0)


@pytest.fixture
def made():
    rng = np.random.default_rng(0)
    protected = (rng.random((200, 1)) < 0.5).astype(float)
    job = (rng.random(200) < 0.2 + 0.6 * protected[:, 0]).astype(float)
    return np.column_stack([job, rng.random(200)]), protected


def test_nothing_linear_is_left_and_means_stay(made):
    values, protected = made
    assert abs(np.corrcoef(values[:, 0], protected[:, 0])[0, 1]) > 0.3
    found = decorrelated(values, protected)
    assert found.dtype == np.float32
    assert np.corrcoef(np.column_stack([found, protected]).T)[-1, :-1] == pytest.approx([0, 0], abs=1e-5)
    np.testing.assert_allclose(found.mean(axis=0), values.mean(axis=0), atol=1e-5)


def test_it_is_the_residual_of_least_squares(made):
    values, protected = made
    wide = np.column_stack([np.ones(200), protected])
    fitted = wide @ np.linalg.lstsq(wide, values, rcond=None)[0]
    np.testing.assert_allclose(
        decorrelated(values, protected), values - fitted + values.mean(axis=0), atol=1e-5
    )


def test_what_was_never_correlated_stays_and_nothing_stays_nothing(made):
    values, _ = made
    np.testing.assert_allclose(decorrelated(values, np.zeros((200, 0))), values, atol=1e-6)
    assert decorrelated(np.zeros((200, 0)), np.ones((200, 1))) is None
