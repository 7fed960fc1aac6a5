"""The step model and its paths: causal, consistent step by step, and found by beam search as by counting all."""

import itertools

import pytest
import torch

from core.models.next_step import State
from core.models.paths import likeliest_paths, path_log_probabilities
from core.models.step_model import StepModel, StepShape
from core.models.step_rules import StepRule

STEPS, WIDTH = 4, 8


@pytest.fixture
def model() -> StepModel:
    torch.manual_seed(0)
    made = StepModel(StepShape(STEPS, WIDTH, dropout=0.0))
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return made.eval()


def chain(smoothing: float = 1.0) -> StepRule:
    return StepRule(torch.full((STEPS,), 1 / STEPS), smoothing, torch.arange(16.0).view(STEPS, STEPS) % 7)


def own(smoothing: float = 1.0) -> StepRule:
    return StepRule(torch.tensor([0.1, 0.2, 0.3, 0.4]), smoothing)


def contents(users: int = 3, length: int = 5, seed: int = 0) -> torch.Tensor:
    return torch.rand(users, length, STEPS, generator=torch.Generator().manual_seed(seed)).softmax(dim=2)


def state_of(predictor, users: int = 3, length: int = 5) -> State:
    return predictor.states(contents(users, length), torch.full((users, 1), length))


@pytest.mark.parametrize("make", ["model", "chain", "own"])
def test_probabilities_of_the_next_step_add_up_to_one(make, model):
    predictor = {"model": model, "chain": chain(), "own": own()}[make]
    known = torch.tensor([[0, 2], [1, 5], [3, 4]])
    logs = predictor.log_probabilities(predictor.states(contents(), known))
    assert logs.shape == (6, STEPS)
    torch.testing.assert_close(logs.exp().sum(dim=1), torch.ones(6))


@pytest.mark.parametrize("make", ["model", "chain", "own"])
def test_what_comes_from_a_step_on_does_not_change_what_is_said_before_it(make, model):
    predictor = {"model": model, "chain": chain(), "own": own()}[make]
    known = torch.tensor([[0, 2], [1, 3], [3, 3]])
    changed = contents()
    changed[:, 3:] = contents(seed=1)[:, 3:]
    expected = predictor.log_probabilities(predictor.states(contents(), known))
    torch.testing.assert_close(
        predictor.log_probabilities(predictor.states(changed, known)), expected, rtol=0, atol=0
    )
    changed[:, 0] = contents(seed=2)[:, 0]
    found = predictor.log_probabilities(predictor.states(changed, known))
    assert (found - expected).abs().max(dim=1).values[1:].gt(1e-5).any()


@pytest.mark.parametrize("make", ["model", "chain", "own"])
def test_going_on_by_a_step_is_the_same_as_reading_it(make, model):
    predictor = {"model": model, "chain": chain(), "own": own()}[make]
    step = torch.tensor([2, 0, 3])
    longer = torch.cat([contents(), torch.nn.functional.one_hot(step, STEPS)[:, None].float()], dim=1)
    read = predictor.states(longer, torch.full((3, 1), 6))
    gone = predictor.advance(state_of(predictor), step)
    torch.testing.assert_close(
        predictor.log_probabilities(gone), predictor.log_probabilities(read), rtol=1e-5, atol=1e-5
    )


def every_path(predictor, state: State, length: int) -> dict[tuple[int, ...], float]:
    """Log-probability of every path of one user, step by step."""
    found = {}
    for path in itertools.product(range(STEPS), repeat=length):
        now, total = state, 0.0
        for step in path:
            total += float(predictor.log_probabilities(now)[0, step])
            now = predictor.advance(now, torch.tensor([step]))
        found[path] = total
    return found


@pytest.mark.parametrize("make", ["model", "chain", "own"])
def test_the_likeliest_paths_are_those_found_by_trying_all(make, model):
    predictor = {"model": model, "chain": chain(), "own": own()}[make]
    state = state_of(predictor)
    with torch.inference_mode():
        paths, logs = likeliest_paths(predictor, state, length=3, k=6, width=STEPS**2)
        for user in range(3):
            one = every_path(predictor, state.take(torch.tensor([user])), 3)
            best = sorted(one.values(), reverse=True)[:6]
            assert logs[user].tolist() == pytest.approx(best, abs=1e-4)
            said = [one[tuple(path.tolist())] for path in paths[user]]
            assert said == pytest.approx(logs[user].tolist(), abs=1e-4)
            assert sum(torch.tensor(list(one.values())).exp()) == pytest.approx(1.0, abs=1e-4)


def test_a_narrow_beam_gives_true_probabilities_of_distinct_paths(model):
    with torch.inference_mode():
        state = state_of(model)
        paths, logs = likeliest_paths(model, state, length=3, k=5, width=2)
        for user in range(3):
            assert len({tuple(path.tolist()) for path in paths[user]}) == 5
            one = path_log_probabilities(model, state.take(torch.tensor([user])), paths[user])
            torch.testing.assert_close(one[0], logs[user], rtol=1e-4, atol=1e-4)


def test_probabilities_of_given_paths_are_those_of_going_them_step_by_step(model):
    paths = torch.tensor([[0, 1, 2], [0, 1, 3], [3, 3, 3], [0, 2, 2]])
    with torch.inference_mode():
        found = path_log_probabilities(model, state_of(model), paths)
        for user in range(3):
            one = every_path(model, state_of(model).take(torch.tensor([user])), 3)
            assert found[user].tolist() == pytest.approx(
                [one[tuple(path)] for path in paths.tolist()], abs=1e-4
            )


def test_fewer_paths_than_asked_for_are_all_of_them(model):
    paths, logs = likeliest_paths(model, state_of(model), length=1, k=10, width=20)
    assert paths.shape == (3, STEPS, 1)
    torch.testing.assert_close(logs.exp().sum(dim=1), torch.ones(3))


def test_endless_smoothing_is_popularity_and_a_chain_without_a_last_step_too():
    popular = own(smoothing=float("inf"))
    for predictor in (popular, chain()):
        logs = predictor.log_probabilities(predictor.states(contents(), torch.zeros(3, 1, dtype=torch.int64)))
        torch.testing.assert_close(logs.exp(), predictor.shares.expand(3, -1))


def test_every_parameter_learns(model):
    known = torch.tensor([[1, 2], [4, 5], [0, 3]])
    state = model.states(contents(), known)
    model.log_probabilities(state)[:, 0].sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_a_user_term_adds_nothing_until_it_is_trained_and_then_counts():
    torch.manual_seed(0)
    model = StepModel(StepShape(STEPS, WIDTH, dropout=0.0, user_width=2)).eval()
    vectors = torch.tensor([[1.0, 0.0], [0.0, 1.0], [2.0, -1.0]])
    plain = model.log_probabilities(state_of(model))
    with_users = model.with_users(state_of(model), vectors)
    torch.testing.assert_close(model.log_probabilities(with_users), plain)
    torch.nn.init.ones_(model.user.linear.weight[:1])
    said = model.log_probabilities(model.with_users(state_of(model), vectors))
    assert (said[:, 0] > plain[:, 0]).all()


@pytest.mark.parametrize(
    "rule", [StepRule(own().shares, 7.0), StepRule(own().shares, 2.0, chain().transitions)]
)
def test_it_can_say_just_what_a_rule_says(rule, model):
    model.shares.copy_(rule.shares)
    known = torch.tensor([[0, 2], [1, 5], [3, 4]])
    before = model.log_probabilities(model.states(contents(), known))
    assert not model.says_only_a_rule
    model.say_only(rule)
    assert model.says_only_a_rule
    said, expected = (one.log_probabilities(one.states(contents(), known)) for one in (model, rule))
    torch.testing.assert_close(said, expected, rtol=1e-4, atol=1e-4)
    assert not torch.allclose(before, expected, atol=1e-2)
