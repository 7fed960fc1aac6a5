"""The smallest removal against brute force, on made margins and on the real model."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
import torch

from core.data.reactions import Dismissed
from core.explain import counterfactual
from core.explain.counterfactual import smallest_removal
from core.explain.without import Asked, variants
from core.models.history import index_history
from core.models.rank import rank
from core.models.recent_demand import recent_demand
from tests.core.models.made import inputs_of, made_inputs, rows_of
from tests.core.models.test_recommender import KEEP, made_model

CPU = torch.device("cpu")


def brute_force(margins, parts) -> int | None:
    """The size of the smallest set that does it."""
    for size in range(1, len(parts) + 1):
        if (margins([frozenset(one) for one in combinations(parts, size)]) <= 0).any():
            return size
    return None


def interacting(seed: int, n: int = 8):
    """Margins in which parts help each other."""
    random = np.random.default_rng(seed)
    alone, together = random.gamma(1, 1, n), np.triu(random.normal(0, 0.6, (n, n)), 1)
    need = random.uniform(0.3, 0.9) * alone.sum()

    def margins(sets):
        inside = np.array([[part in one for part in range(n)] for one in sets], float)
        return need - inside @ alone - np.einsum("vi,ij,vj->v", inside, together, inside)

    return margins


@pytest.mark.parametrize("seed", range(30))
def test_what_is_called_smallest_is_the_smallest(seed):
    margins, parts = interacting(seed), list(range(8))
    found, wanted = smallest_removal(margins, parts), brute_force(margins, parts)
    if found is None:
        return  # told as "not found", which claims nothing
    assert margins([frozenset(found.parts)])[0] == pytest.approx(found.margin)
    assert found.margin <= 0
    assert len(found.parts) >= wanted
    if found.smallest:
        assert len(found.parts) == wanted
    for part in found.parts:  # no part could stay
        assert len(found.parts) == 1 or margins([frozenset(found.parts) - {part}])[0] > 0


def test_it_is_nearly_always_found_and_nearly_always_smallest():
    sizes = []
    for seed in range(60):
        margins, parts = interacting(seed), list(range(8))
        found, wanted = smallest_removal(margins, parts), brute_force(margins, parts)
        assert (wanted is not None) or found is None
        if wanted is not None:
            sizes.append((len(found.parts) if found else 99) - wanted)
    assert np.mean(np.array(sizes) == 0) > 0.9


def test_nothing_to_take_out_or_nothing_that_does_it():
    assert smallest_removal(lambda sets: np.ones(len(sets)), []) is None
    assert smallest_removal(lambda sets: np.ones(len(sets)), [4]) is None
    assert smallest_removal(lambda sets: np.ones(len(sets)), list(range(50))) is None


def test_every_part_may_be_needed(monkeypatch):
    found = smallest_removal(lambda sets: np.array([5.5 - len(one) for one in sets]), list(range(6)))
    assert sorted(found.parts) == list(range(6))
    assert not found.smallest  # six of six are right, but not every five were tried
    monkeypatch.setattr(counterfactual, "LONGEST", 3)
    assert smallest_removal(lambda sets: np.array([5.5 - len(one) for one in sets]), list(range(6))) is None


@pytest.fixture(scope="module")
def shop():
    inputs = made_inputs(n_users=14, n_items=12, seed=4)
    model = made_model(inputs)
    model.follow_recent_demand(True)
    model.add_ranker()
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in model.ranker.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    history = index_history(inputs)
    demand = recent_demand(model, history, task=KEEP)
    assert demand.any()
    return inputs, model.eval(), history, demand


def test_a_user_without_some_products_is_asked_as_a_shop_without_them_would_be(shop):
    """Trends of items stay as they are, so they are taken from the whole shop on both sides."""
    inputs, model, history, demand = shop
    user, gone = 5, {int(history.items[history.line_offsets[5]])}
    rows = [row for row in rows_of(inputs) if not (row[0] == user and row[1] in gone)]
    smaller = index_history(inputs_of(rows, n_users=inputs.n_users, n_items=inputs.n_items, at=inputs.at))
    kept = ~np.isin(history.items[slice(*history.line_offsets[5:7])], list(gone))
    smaller = replace(smaller, trends=history.trends)
    made = variants(history, user, kept[None])
    for one, who in ((made, 0), (smaller, user)):
        ((_, items, values),) = rank(model, one, np.array([who]), task=KEEP, k=12, device=CPU, demand=demand)
        if who == 0:
            first = items, values
    np.testing.assert_array_equal(first[0], items)
    np.testing.assert_allclose(first[1], values, atol=1e-5)


def test_taking_nothing_out_changes_nothing(shop):
    _, model, history, demand = shop
    ((_, items, values),) = rank(model, history, np.array([6]), task=KEEP, k=12, device=CPU)
    for place in (0, 2, 7):
        found = Asked(model, history, KEEP, demand, 6, int(items[0, place]), k=3).without([frozenset()])
        assert found.place[0] == place + 1
        assert found.score[0] == pytest.approx(values[0, place], abs=1e-5)
        assert (found.margin[0] > 0) == (place < 3)


def test_what_the_user_dismissed_takes_no_place_in_any_of_the_lists(shop):
    _, model, history, demand = shop
    ((_, items, values),) = rank(model, history, np.array([6]), task=KEEP, k=12, device=CPU)
    first, second = (int(item) for item in items[0, :2])
    gone = Dismissed(np.array([3, 6, 7]), np.array([second, first, second]))
    asked = Asked(model, history, KEEP, demand, 6, second, 3, gone)
    found = asked.without([frozenset(), frozenset({first})])
    assert found.place[0] == 1
    assert found.score[0] == pytest.approx(values[0, 1], abs=1e-5)
    assert Asked(model, history, KEEP, demand, 6, first, 3, gone).without([frozenset()]).margin[0] == -np.inf


@pytest.mark.parametrize("user", [2, 3, 7, 11])
def test_the_removal_of_the_real_model_is_the_smallest(shop, user):
    _, model, history, demand = shop
    ((_, items, _),) = rank(model, history, np.array([user]), task=KEEP, k=3, device=CPU)
    for item in items[0]:
        asked = Asked(model, history, KEEP, demand, user, int(item), k=3)
        products = [int(one) for one in asked.products if one != item][:8]

        def margins(sets, asked=asked):
            return asked.without(sets).margin

        found, wanted = smallest_removal(margins, products), brute_force(margins, products)
        assert (found is None) == (wanted is None)
        if found is not None and found.smallest:
            assert len(found.parts) == wanted


def test_the_leading_products_hold_the_item_and_all_that_there_are(shop):
    _, model, history, demand = shop
    asked = Asked(model, history, KEEP, demand, 4, int(history.items[history.line_offsets[4]]), k=3)
    assert asked.leading(1).tolist() == [asked.item]
    assert sorted(asked.leading(99)) == asked.products.tolist()
