"""The distance between groups' scores: against the definition, zero where groups are twins, and it falls in training."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from core.train.fairness.mindiff import MinDiff, group_mmd
from tests.core.train.fairness.made_groups import started, step_of


def by_definition(scores, groups) -> float:
    """Mean over groups of E k(x, x') + E k(y, y') - 2 E k(x, y)."""
    width = scores.std()
    kernel = lambda x, y: np.exp(-(((x[:, None] - y[None, :]) / width) ** 2) / 2).mean()  # noqa: E731
    found = []
    for group in np.unique(groups):
        x, y = scores[groups == group], scores[groups != group]
        found.append(kernel(x, x) + kernel(y, y) - 2 * kernel(x, y))
    return float(np.mean(found))


@given(st.lists(st.tuples(st.floats(-9, 9), st.integers(1, 3)), min_size=4, max_size=30))
def test_it_is_the_squared_maximum_mean_discrepancy(rows):
    scores, groups = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    if len(np.unique(groups)) < 2 or scores.std() < 1e-3:
        return
    found = group_mmd(torch.from_numpy(scores), torch.from_numpy(groups)).item()
    assert found == pytest.approx(by_definition(scores, groups), abs=1e-6)
    assert -1e-9 <= found <= 2


def test_twins_are_not_apart_and_one_group_has_nobody_to_be_apart_from():
    scores = torch.tensor([1.0, 2.0, 5.0])
    twins = group_mmd(torch.cat([scores, scores]), torch.tensor([1, 1, 1, 2, 2, 2]))
    assert twins.item() == pytest.approx(0, abs=1e-7)
    assert group_mmd(scores, torch.tensor([1, 1, 1])) == 0


def test_users_of_no_group_count_in_nothing_and_earlier_scores_are_remembered():
    run, objective = started(), MinDiff(2)
    assert objective(step_of(run, np.arange(4))) == 0
    assert not objective.codes.any()
    assert objective(step_of(run, np.array([10, 12, 14]))) == 0  # one group so far
    step = step_of(run, np.array([11, 13, 15]))
    found = objective(step)
    assert found > 0
    found.backward()
    assert run.model.product.item.weight.grad.abs().sum() > 0
