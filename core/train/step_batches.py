"""Batches for the step model: users, the steps that they are known by, and the steps asked about."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from core.data.splits import TRAIN
from core.data.steps import Steps
from core.models.next_step import NextStep, State
from core.models.step_model import StepModel

READ = 128  # last steps that are read
USERS_AT_ONCE = 32
ASKED_OF_USER = 32  # training steps of each user in a batch
MOST_USERS = 8_000  # per epoch, drawn anew for each

Vectors = Callable[[np.ndarray, np.ndarray], np.ndarray]  # users (N,), times in seconds (N,) -> (N, V)


@dataclass(frozen=True)
class Asked:
    """A batch of users asked before several of their steps.

    Attributes:
        users: int64 (B,). places: int64 (B, P), the steps asked about, positions in Steps; one after a user's last
            is allowed, and has no answer.
        contents: (B, T, C), the steps read, which include those asked about that there are.
        known: int64 (B, P), how many steps of `contents` precede each one asked about.
        weights: float32 (B, P), zero where a user has fewer.
    """

    users: np.ndarray
    places: np.ndarray
    contents: Tensor
    known: Tensor
    weights: Tensor

    @property
    def answers(self) -> Tensor:
        """What the steps asked about were, (B P, C)."""
        return self.contents.take_along_dim(self.known[:, :, None], dim=1).flatten(0, 1)

    def states(self, model: NextStep, vectors: "StepVectors | None" = None) -> State:
        """What the model knows before each step asked about, B P states; user vectors only if it uses them."""
        state = model.states(self.contents, self.known)
        if vectors is None or not (isinstance(model, StepModel) and model.user is not None):
            return state
        return model.with_users(state, vectors.at(self.repeated_users, self.places.ravel()))

    @property
    def repeated_users(self) -> np.ndarray:
        """The user of each step asked about, int64 (B P,)."""
        return np.repeat(self.users, self.places.shape[1])


@dataclass(frozen=True)
class StepVectors:
    """User vectors right before steps. A step is found by user + place, which no other user's step shares.

    Attributes:
        keys: int64 (M,), ascending. vectors: float32 (M, V).
    """

    keys: np.ndarray
    vectors: np.ndarray

    def at(self, users: np.ndarray, places: np.ndarray) -> Tensor:
        """Of steps that were asked for, (N, V)."""
        return torch.from_numpy(self.vectors[np.searchsorted(self.keys, users + places)])


def step_vectors(vectors: Vectors, steps: Steps, users: np.ndarray, places: np.ndarray) -> StepVectors:
    """Ask for the vectors of `users` (N,) before the steps at `places` (N,), all at once."""
    keys, first = np.unique(users + places, return_index=True)
    users, places = users[first], places[first]
    return StepVectors(keys, vectors(users, steps.asked_at(users, places)))


def vectors_between(
    vectors: Vectors, steps: Steps, users: np.ndarray, low: np.ndarray, high: np.ndarray
) -> StepVectors:
    """The same for all steps of `users` from `low` to `high` (U,)."""
    rows, _, places = _grid(low[users], (high - low)[users])
    return step_vectors(vectors, steps, users[rows], places)


def window(steps: Steps, begin: np.ndarray, end: np.ndarray) -> Tensor:
    """Contents of the steps from `begin` to `end` (B,) as a grid with zeros at the end, (B, T, C)."""
    rows, places, step = _grid(begin, end - begin)
    entries, _, entry = _grid(steps.content_offsets[step], np.diff(steps.content_offsets)[step])
    grid = torch.zeros(len(begin), max(int((end - begin).max(initial=0)), 1), len(steps.names))
    index = (rows[entries], places[entries], steps.content[entry])
    grid[tuple(torch.from_numpy(part) for part in index)] = torch.from_numpy(steps.shares[entry])
    return grid


def _grid(starts: np.ndarray, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Row, place within it and value of every element of the ranges start..start + length."""
    rows = np.repeat(np.arange(len(starts)), lengths)
    places = np.arange(len(rows)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    return rows, places, starts[rows] + places


def training_users(steps: Steps) -> np.ndarray:
    """Users with at least two training steps, int64."""
    return np.flatnonzero(steps.ends(TRAIN) - steps.offsets[:-1] > 1)


def training_batches(steps: Steps, users: np.ndarray, rng: np.random.Generator) -> Iterator[Asked]:
    """Users of like history length together, in random order; each asked before random steps of a random stretch."""
    chosen = rng.permutation(users)[:MOST_USERS]
    last = steps.ends(TRAIN)
    length = (last - steps.offsets[:-1])[chosen]
    order = chosen[np.argsort(length * rng.uniform(0.8, 1.2, len(length)), kind="stable")]
    for start in rng.permutation(np.arange(0, len(order), USERS_AT_ONCE)):
        here = order[start : start + USERS_AT_ONCE]
        first, n = steps.offsets[here], (last - steps.offsets[:-1])[here]
        begin = first + (rng.random(len(here)) * np.maximum(n - READ + 1, 1)).astype(np.int64)
        end = np.minimum(begin + READ, first + n)
        known = (rng.random((len(here), ASKED_OF_USER)) * (end - begin)[:, None]).astype(np.int64)
        weights = np.minimum((end - begin) / ASKED_OF_USER, 1.0)  # few steps are asked about several times
        yield Asked(
            here,
            begin[:, None] + known,
            window(steps, begin, end),
            torch.from_numpy(known),
            torch.from_numpy(weights)[:, None].expand(-1, ASKED_OF_USER).float(),
        )


def asked_in(steps: Steps, split: int, users: np.ndarray) -> Iterator[Asked]:
    """Each of `users` before each of the own steps of a split, knowing all before it (READ of them at least)."""
    return _asked(steps, users, steps.ends(split - 1), steps.ends(split), answered=True)


def asked_when(steps: Steps, split: int, users: np.ndarray) -> Iterator[Asked]:
    """Each of `users` once, when a split begins, knowing all own steps before it; without the answer."""
    end = steps.ends(split - 1)
    return _asked(steps, users, end, end + 1, answered=False)


def _asked(
    steps: Steps, users: np.ndarray, low: np.ndarray, high: np.ndarray, *, answered: bool
) -> Iterator[Asked]:
    """Users before their steps from `low` to `high` (U,), batches of like numbers of steps."""
    history = np.minimum(low - steps.offsets[:-1], READ)
    order = users[np.lexsort((history[users], (high - low)[users]))]
    for start in range(0, len(order), USERS_AT_ONCE):
        here = order[start : start + USERS_AT_ONCE]
        begin = np.maximum(steps.offsets[here], low[here] - READ)
        number = np.arange((high - low)[here].max())
        places = np.minimum(low[here, None] + number, high[here, None] - 1)
        yield Asked(
            here,
            places,
            window(steps, begin, high[here] if answered else low[here]),
            torch.from_numpy(places - begin[:, None]),
            torch.from_numpy(number < (high - low)[here, None]).float(),
        )
