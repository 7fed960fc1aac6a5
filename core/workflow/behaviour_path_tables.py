"""Next paths and categories of every user as tables, and the models that said so as tensors."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
import torch

from core.data.splits import TEST
from core.data.steps import Steps
from core.errors import CorruptArtefact
from core.models.next_step import State
from core.models.paths import likeliest_paths, path_log_probabilities
from core.models.step_model import StepModel, StepShape
from core.models.step_rules import StepRule
from core.schema.documents import Artefact
from core.schema.tables import CATEGORY, PATH, PROBABILITY, RANK, USER
from core.store.workspace import Workspace
from core.train.step_batches import StepVectors, asked_when
from core.train.step_scores import BEAM

LENGTH = 3  # steps of a path
SHOWN = 5  # paths and categories kept of each user
MOST_COMMON, USERS_OF_COMMON = (
    40,
    10_000,
)  # paths whose probability is kept of every user; of at most so many users
FOLLOWED = 10  # likeliest paths of each user that the common ones are taken from
ARROW = " → "
FORMAT = 1


@dataclass(frozen=True)
class Learnt:
    """A model of steps, the rules beside it, and who is asked.

    Attributes:
        vectors: before all steps of the test, and when it begins; None where the model does without.
        judged: users with history and test steps. asked: users with history when their test begins.
        when: that moment in words. tried: whether there were user vectors to try.
    """

    steps: Steps
    model: StepModel
    rules: dict[str, StepRule]
    vectors: StepVectors | None
    judged: np.ndarray
    asked: np.ndarray
    when: str
    tried: bool

    def predictors(self) -> dict[str, StepModel | StepRule]:
        """The model, named "", and the rules."""
        return {"": self.model} | self.rules

    @torch.inference_mode()
    def states(self, users: np.ndarray) -> Iterator[tuple[np.ndarray, State]]:
        """Batches of users and what is known of them when their test begins."""
        for batch in asked_when(self.steps, TEST, users):
            yield batch.users, batch.states(self.model, self.vectors)


@torch.inference_mode()
def path_tables(learnt: Learnt, *, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Everybody's likeliest paths, and the probabilities of the paths that are likeliest for all together."""
    users, paths, logs = [], [], []
    for here, state in learnt.states(learnt.asked):
        some, log = likeliest_paths(learnt.model, state, length=LENGTH, k=FOLLOWED, width=BEAM)
        users.append(here)
        paths.append(some.numpy())
        logs.append(log.double().numpy())
    users, paths, chances = np.concatenate(users), np.concatenate(paths), np.exp(np.concatenate(logs))
    names = np.array(learnt.steps.names, dtype=object)
    own = _ranked(users, _texts(names, paths[:, :SHOWN]), chances[:, :SHOWN], PATH)
    distinct, place = np.unique(paths.reshape(-1, LENGTH), axis=0, return_inverse=True)
    total = np.bincount(place.ravel(), chances.ravel())
    common = distinct[np.argsort(-total, kind="stable")[:MOST_COMMON]]
    return own, _common(learnt, common, _texts(names, common), np.random.default_rng(seed))


def _common(learnt: Learnt, paths: np.ndarray, texts: np.ndarray, rng: np.random.Generator) -> pd.DataFrame:
    """The probability of each path for every user, or for some of very many."""
    some = np.sort(rng.permutation(learnt.asked)[:USERS_OF_COMMON])
    asked = torch.from_numpy(paths)
    parts = [
        (here, path_log_probabilities(learnt.model, state, asked).exp().numpy())
        for here, state in learnt.states(some)
    ]
    users, chances = (np.concatenate(part) for part in zip(*parts, strict=True))
    columns = {
        USER: np.repeat(users.astype(np.int32), len(paths)),
        PATH: pd.Categorical.from_codes(np.tile(np.arange(len(paths)), len(users)), texts),
        PROBABILITY: chances.ravel(),
    }
    return pd.DataFrame(columns).sort_values([USER, PATH], ignore_index=True)


@torch.inference_mode()
def category_table(learnt: Learnt) -> pd.DataFrame:
    """Everybody's likeliest next categories."""
    users, found, chances = [], [], []
    for here, state in learnt.states(learnt.asked):
        best = learnt.model.log_probabilities(state).topk(min(SHOWN, len(learnt.steps.names)), dim=1)
        users.append(here)
        found.append(best.indices.numpy())
        chances.append(best.values.exp().double().numpy())
    names = np.array(learnt.steps.names, dtype=object)
    return _ranked(np.concatenate(users), names[np.concatenate(found)], np.concatenate(chances), CATEGORY)


def _ranked(users: np.ndarray, what: np.ndarray, chances: np.ndarray, column: str) -> pd.DataFrame:
    """One row per user and rank, sorted by user; `what` and `chances` are (U, k), best first."""
    k = chances.shape[1]
    rows = pd.DataFrame(
        {
            USER: np.repeat(users.astype(np.int32), k),
            RANK: np.tile(np.arange(1, k + 1, dtype=np.int16), len(users)),
            column: pd.Categorical(what.ravel()),
            PROBABILITY: chances.ravel(),
        }
    )
    return rows.sort_values([USER, RANK], ignore_index=True)


def _texts(names: np.ndarray, paths: np.ndarray) -> np.ndarray:
    """Paths in words, (..., LENGTH) -> (...)."""
    words = names[paths]
    told = words[..., 0]
    for place in range(1, LENGTH):
        told = told + ARROW + words[..., place]
    return told


def tensors(learnt: Learnt) -> tuple[dict[str, torch.Tensor], str]:
    """The model as a Chapter keeps it."""
    described = {"format": FORMAT, "shape": asdict(learnt.model.shape), "names": learnt.steps.names}
    return learnt.model.state_dict(), json.dumps(described, ensure_ascii=False)


def load_steps(workspace: Workspace, artefact: Artefact) -> tuple[StepModel, tuple[str, ...]]:
    """A kept model of steps, ready to be asked, and what its steps are called.

    Raises:
        CorruptArtefact: the file is damaged or of another format.
    """
    described = json.loads(workspace.artefacts.read_metadata(artefact).get("model", "{}"))
    if described.get("format") != FORMAT:
        raise CorruptArtefact(f"{artefact.path} holds no model of steps. Train again to replace it.")
    model = StepModel(StepShape(**described["shape"]))
    model.load_state_dict(workspace.artefacts.read_tensors(artefact))
    return model.eval(), tuple(described["names"])
