"""Which predictions of a run can be explained, and their models put so that they can be."""

from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
import pandas as pd
import torch

from core.data.behaviour import IntentRows, behaviour_features, bought_within, occasions
from core.data.dataset import load, table
from core.data.inputs import SECONDS_PER_DAY
from core.data.order_context import context_of
from core.data.service import OUTCOMES
from core.data.splits import TEST
from core.errors import InputError, NotFound
from core.explain.of_intent import intent_subject
from core.explain.of_ranking import AGAIN, TITLES, ranking_subject
from core.explain.of_service import service_subject
from core.explain.pairs import read_pairs
from core.explain.subject import Subject
from core.models.representations import represent
from core.schema.documents import Dataset, Run
from core.schema.tables import HORIZON_DAYS, ITEM, ORDER_ID, OUTCOME, RANK, SPLIT, TIMESTAMP, USER
from core.store.workspace import Workspace
from core.workflow.behaviour_intent import INTENT, load_intent
from core.workflow.explaining.recommender import Recommender, entries, read_recommender, settings_of
from core.workflow.runs import run_table
from core.workflow.service import PREDICTIONS, load_service, recorded_rows, unseen

INTENT_OF, SERVICE_OF = "intent_", "service_"


def subjects_of(run: Run) -> dict[str, str]:
    """What of a run can be explained: names with their titles; the recommender's score first."""
    if run.brought:
        return {}
    horizons = sorted(
        int(days) for name in run.artefacts if (days := name.removeprefix(INTENT_OF)).isdecimal()
    )
    told = dict(TITLES)
    told |= {f"{INTENT_OF}{days}": f"probability to buy within {days} days" for days in horizons}
    told |= {
        f"{SERVICE_OF}{each.name}": f"expected {each.title}, {each.moment}"
        for each in OUTCOMES
        if f"{SERVICE_OF}{each.name}" in run.artefacts
    }
    return told


def title_of(run: Run, name: str) -> str:
    """What a subject is, in words; NotFound names those that there are."""
    known = subjects_of(run)
    if name not in known:
        there = ", ".join(known) or "none, for another system made its lists"
        raise NotFound(f"Run {run.id} has no model '{name[:60]}' to explain; there are: {there}.")
    return known[name]


@dataclass(frozen=True)
class Asking:
    """A run whose models are asked why; what they need is read once, when it is needed first."""

    workspace: Workspace
    run: Run

    @cached_property
    def dataset(self) -> Dataset:
        return load(self.workspace, self.run.dataset)

    @cached_property
    def recommender(self) -> Recommender:
        return read_recommender(self.workspace, self.run)

    @cached_property
    def items(self) -> pd.DataFrame:
        """The prepared table; row r is item code r."""
        return table(self.workspace, self.dataset, "items")

    @cached_property
    def user_vectors(self) -> np.ndarray:
        """U of everybody as of the test window, float32 (U, D)."""
        known = self.recommender
        users = np.arange(known.history.n_users)
        times, nothing = np.full(len(users), known.history.at), np.full(len(users), -1)
        options = {"task": known.task, "device": torch.device("cpu")}
        return represent(known.model, known.history, users, times, nothing, **options).users

    def rows(self, name: str) -> pd.DataFrame:
        """The predictions of the test window that can be explained: `user` and what else names them.

        Intent: `timestamp`, one row per user and moment. Service: `item`, `timestamp`, `place` among the outcome's rows,
        and `order_id` where there is one. Ranking: `item` and `rank`, the first entries of every list.

        Raises:
            NotFound: no such subject in this run. InputError: it has no rows.
        """
        title = title_of(self.run, name)
        if name in TITLES:
            found = self._entries
            found = found[found["again"] == (name == AGAIN)][[USER, ITEM, RANK]]
        elif name.startswith(SERVICE_OF):
            found = self._orders(name)
        else:
            told = run_table(self.workspace, self.run, INTENT, [USER, TIMESTAMP, HORIZON_DAYS])
            found = told[told[HORIZON_DAYS] == _days(name)][[USER, TIMESTAMP]]
        if found.empty:
            raise InputError(f"There is no {title} in the test window.")
        return found.reset_index(drop=True)

    def subject(self, name: str, rows: pd.DataFrame) -> Subject:
        """The model with these of its rows."""
        if name in TITLES:
            return self._ranking(name, rows)
        return self._service(name, rows) if name.startswith(SERVICE_OF) else self._intent(name, rows)

    @cached_property
    def _entries(self) -> pd.DataFrame:
        return entries(self.workspace, self.run, self.recommender.history)

    @cached_property
    def _occasions(self):
        events = table(self.workspace, self.dataset, "events")
        return occasions(events, n_users=self.dataset.counts["users"])

    def _orders(self, name: str) -> pd.DataFrame:
        told = run_table(self.workspace, self.run, PREDICTIONS)
        told = told[told[OUTCOME] == name.removeprefix(SERVICE_OF)].reset_index(drop=True)
        kept = [each for each in (USER, ITEM, TIMESTAMP, ORDER_ID) if each in told]
        return told.assign(place=told.index)[told[SPLIT] == TEST][[*kept, "place"]]

    def _ranking(self, name: str, rows: pd.DataFrame) -> Subject:
        asked = (rows[column].to_numpy(np.int64) for column in (USER, ITEM))
        known = self.recommender
        pairs = read_pairs(known.model, known.history, *asked, task=known.task, demand=known.demand)
        return ranking_subject(known.model, pairs, name)

    def _intent(self, name: str, rows: pd.DataFrame) -> Subject:
        model = load_intent(self.workspace, self.run.artefacts[name])
        users = rows[USER].to_numpy(np.int64)
        times = rows[TIMESTAMP].to_numpy("datetime64[s]").astype(np.int64)
        seconds, past = _days(name) * SECONDS_PER_DAY, self._occasions
        asked = IntentRows(
            users,
            times,
            behaviour_features(past, users, times, seconds=seconds),
            bought_within(past, users, times, seconds=seconds),
        )
        vectors = (
            None if model.user is None else self._represented(users, times, np.full(len(users), -1)).users
        )
        return intent_subject(model, asked, vectors, days=_days(name))

    def _service(self, name: str, rows: pd.DataFrame) -> Subject:
        trained = load_service(self.workspace, self.run.artefacts[name])
        every, context = self._contexts[name.removeprefix(SERVICE_OF)]
        places = rows["place"].to_numpy(np.int64)
        chosen = every.at(places)
        part = type(context)(
            *(frame.iloc[places].reset_index(drop=True) for frame in (context.numbers, context.categories))
        )
        represented = None
        if trained.way.represented:
            represented = self._represented(chosen.users, chosen.times, chosen.items)
        return service_subject(trained, part, represented, chosen)

    @cached_property
    def _contexts(self) -> dict:
        """Rows and context of each outcome, as at training."""
        tables = {
            name: table(self.workspace, self.dataset, name)
            for name in ("service", "reviews")
            if name in self.dataset.tables
        }
        events, users, items = (
            table(self.workspace, self.dataset, name) for name in ("events", "users", "items")
        )
        hidden = unseen(users, self.dataset, settings_of(self.run))
        found = recorded_rows(tables, events, self.dataset, settings_of(self.run))
        return {rows.outcome.name: (rows, context_of(rows, users, items, without=hidden)) for rows in found}

    @property
    def _represented(self):
        known = self.recommender
        return partial(represent, known.model, known.everything, task=known.task, device=torch.device("cpu"))


def _days(name: str) -> int:
    return int(name.removeprefix(INTENT_OF))
