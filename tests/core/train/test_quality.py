"""Training of one network: its loss, its stopping, its randomness, its failures."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from core.errors import Cancelled, TrainingError
from core.models.service import Quality, ServiceShape
from core.progress import quiet
from core.train.device import choose_device
from core.train.quality import Inputs, Lesson, ask, quality_loss, train_again, train_network

CPU = choose_device("cpu")
OPTIONS = {"seed": 3, "device": CPU, "progress": quiet}
SHAPE = ServiceShape(vectors=0, numbers=2, sizes=(4,))


def made_lesson(n: int = 800, *, noise: float = 0.0) -> Lesson:
    random = np.random.default_rng(0)
    numbers, codes = random.normal(size=(n, 2)).astype(np.float32), random.integers(0, 4, (n, 1))
    target = numbers[:, 0] + 0.5 * (codes[:, 0] == 2) + noise * random.normal(size=n)
    weights = np.ones(n, np.float32)
    used, tuning = np.arange(0, n - 200), np.arange(n - 200, n)
    return Lesson(Inputs(numbers, codes, None), target.astype(np.float32), weights, used, tuning, "days")


def test_the_loss_is_pinball_and_half_the_squared_error():
    answers = Quality(*(torch.tensor([value]) for value in (0.0, 1.0, 2.0, 1.5)))
    target = torch.tensor([3.0])
    expected = 0.05 * 3 + 0.5 * 2 + 0.95 * 1 + 1.5**2 / 2
    assert quality_loss(answers, target, torch.ones(1)).item() == pytest.approx(expected)
    below = 0.95 * 1 + 0.5 * 2 + 0.05 * 3 + 2.5**2 / 2
    assert quality_loss(answers, torch.tensor([-1.0]), torch.ones(1)).item() == pytest.approx(below)


def test_a_row_of_weight_zero_does_not_count():
    answers = Quality(*(torch.tensor([0.0, 7.0]) for _ in range(4)))
    target = torch.tensor([1.0, -50.0])
    one = quality_loss(Quality(*(part[:1] for part in answers)), target[:1], torch.ones(1))
    assert quality_loss(answers, target, torch.tensor([1.0, 0.0])).item() == pytest.approx(one.item())


def test_it_learns_a_rule_without_noise_to_near_nothing():
    lesson = made_lesson(3000)
    learnt = train_network(lesson, SHAPE, **OPTIONS)
    answers = ask(learnt.model, lesson.inputs, lesson.tuning)
    assert np.abs(answers[:, 3] - lesson.target[lesson.tuning]).mean() < 0.1
    assert np.abs(answers[:, 1] - lesson.target[lesson.tuning]).mean() < 0.1


def test_the_kept_weights_are_those_of_the_least_tuning_loss():
    lesson = made_lesson(noise=1.0)
    learnt = train_network(lesson, SHAPE, **OPTIONS)
    with torch.inference_mode():
        assert lesson.loss(learnt.model, lesson.tuning).item() == pytest.approx(learnt.error, rel=1e-6)


def test_the_same_seed_gives_the_same_weights_and_another_one_others():
    lesson = made_lesson(400, noise=0.5)
    first, second = (train_network(lesson, SHAPE, **OPTIONS).model.state_dict() for _ in range(2))
    other = train_network(lesson, SHAPE, **OPTIONS | {"seed": 4}).model.state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not torch.equal(first["head.weight"], other["head.weight"])


def test_training_again_reads_the_rows_given_and_leaves_the_random_numbers_of_others_alone():
    lesson = made_lesson(noise=0.5)
    learnt = train_network(lesson, SHAPE, **OPTIONS)
    both = replace(lesson, used=np.arange(800))
    torch.manual_seed(11)
    again = train_again(both, learnt, **OPTIONS)
    drawn = torch.rand(1)
    torch.manual_seed(11)
    assert torch.equal(drawn, torch.rand(1))
    shifted = lesson.target.copy()
    shifted[lesson.tuning] += 5
    moved = train_again(replace(both, target=shifted), learnt, **OPTIONS)
    means = [ask(model, lesson.inputs, lesson.tuning)[:, 3].mean() for model in (again, moved)]
    assert means[1] > means[0] + 0.5


@pytest.mark.parametrize("place", [0, 799])
def test_a_loss_that_is_not_finite_is_reported(place):
    lesson = made_lesson()
    target = lesson.target.copy()
    target[place] = np.nan  # 0: among the rows to learn from; 799: among the tuning rows
    with pytest.raises(TrainingError, match="diverged in epoch 1"):
        train_network(replace(lesson, target=target), SHAPE, **OPTIONS)


def test_training_stops_when_told():
    def stop(stage, fraction, message=""):
        raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        train_network(made_lesson(), SHAPE, **OPTIONS | {"progress": stop})
