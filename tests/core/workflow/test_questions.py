"""What a model is told of a prepared dataset: feedback and judgements among it, and who answers."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest

from core.data.dataset import table
from core.data.prepare import prepare
from core.schema.documents import Dataset
from core.schema.settings import TrainSettings
from core.schema.tables import JUDGEMENTS
from core.store.workspace import Workspace
from core.workflow.auditing import positives_of
from core.workflow.questions import HISTORY_BEFORE, material_of, questions, vocabulary_of
from tests.core.workflow.conftest import WINDOWS, made_tables
from tests.core.workflow.made_runs import prepared_tables

SETTINGS = TrainSettings()


def times(days: list[int]) -> pd.DatetimeIndex:
    return pd.Timestamp("2024-01-01T12:00:00") + pd.to_timedelta(days, unit="D")


@pytest.fixture(scope="module")
def plain(tmp_path_factory) -> Iterator[tuple[Workspace, Dataset]]:
    """Without feedback; read it, do not write to it."""
    with prepared_tables(tmp_path_factory.mktemp("plain")) as made:
        yield made


@pytest.fixture(scope="module")
def with_feedback(tmp_path_factory) -> Iterator[tuple[Workspace, Dataset]]:
    """Impressions, reviews and service beside the made shop's events; read it, do not write to it."""
    root = tmp_path_factory.mktemp("reacted")
    events, users = made_tables()
    users.to_csv(root / "users.csv", index=False)
    events.to_csv(root / "events.csv", index=False)
    pd.DataFrame(
        {
            "user_id": ["u1", "u1", "u2", "u3"],
            "item_id": ["i1", "i2", "i3", "i4"],
            "rank": [1, 2, 1, 1],
            "timestamp": times([50, 50, 60, 119]),
            "clicked": [True, False, False, True],
            "dismissed": [False, True, None, False],
        }
    ).to_csv(root / "impressions.csv", index=False)
    pd.DataFrame({"user_id": ["u1"], "item_id": ["i1"], "timestamp": times([40]), "rating": [4.0]}).to_csv(
        root / "reviews.csv", index=False
    )
    pd.DataFrame(
        {
            "user_id": ["u1", "u2", "u2"],
            "item_id": ["i1", "i5", None],
            "timestamp": times([41, 42, 43]),
            "satisfaction": [1.0, 2.0, 5.0],
        }
    ).to_csv(root / "service.csv", index=False)
    workspace = Workspace.open(root / "workspace", f"sqlite:///{root}/workspace/evenhand.db")
    yield workspace, prepare(workspace, "tables", WINDOWS, path=root)
    workspace.close()


def codes(workspace: Workspace, dataset: Dataset) -> tuple[dict[str, int], dict[str, int]]:
    """Codes of users and items by their ids."""
    users, items = (
        table(workspace, dataset, name)[f"{name[:-1]}_id"].tolist() for name in ("users", "items")
    )
    return {name: code for code, name in enumerate(users)}, {name: code for code, name in enumerate(items)}


def test_a_shop_without_feedback_has_none(plain):
    for question in questions(*plain, SETTINGS).values():
        assert question.inputs.reactions is None
        assert question.inputs.dismissed is None
        assert question.inputs.ratings is None


def test_reactions_and_dismissals_reach_the_model(with_feedback):
    users, items = codes(*with_feedback)
    inputs = material_of(*with_feedback, SETTINGS).inputs("train")
    found = inputs.reactions
    assert list(zip(found.users, found.items, found.values, strict=True)) == [
        (users["u1"], items["i1"], 1.0),
        (users["u1"], items["i2"], 0.0),
        (users["u2"], items["i3"], 0.0),
    ]  # the fourth came later than the training window
    bought = table(*with_feedback, "events")
    again = bought[(bought["user"] == users["u1"]) & (bought["item"] == items["i2"])]
    known = again[(again["timestamp"] > times([50])[0]) & (again["split"] == 0)]
    gone = inputs.dismissed
    pairs = [] if gone is None else list(zip(gone.users, gone.items, strict=True))
    assert pairs == ([] if len(known) else [(users["u1"], items["i2"])])


def test_ratings_are_reviews_and_satisfaction_with_what_no_review_rates(with_feedback):
    users, items = codes(*with_feedback)
    found = material_of(*with_feedback, SETTINGS).inputs("train").ratings
    assert sorted(zip(found.users, found.items, found.values, strict=True)) == sorted(
        [(users["u1"], items["i1"], 4.0), (users["u2"], items["i5"], 2.0)]
    )


def judged(workspace: Workspace, dataset: Dataset, rows: pd.DataFrame) -> Dataset:
    """The dataset with judgements, which no source holds."""
    artefact = workspace.artefacts.write_table("datasets/judged/judgements.parquet", rows)
    return dataset.model_copy(update={"tables": dataset.tables | {JUDGEMENTS: artefact}})


def test_audits_and_policies_ask_those_whom_no_analyst_judged_for_either(with_feedback):
    workspace, dataset = with_feedback
    one = np.flatnonzero(np.diff(questions(workspace, dataset, SETTINGS)["test"].positives.offsets))[0]
    rows = pd.DataFrame({"user": [one], "item": [0], "rating": [1.0], "dismissed": [False]})
    after = judged(workspace, dataset, rows)
    for split in HISTORY_BEFORE:
        asked = questions(workspace, after, SETTINGS)[split].positives
        found = positives_of(workspace, after, split)
        assert found.offsets.tolist() == asked.offsets.tolist()
        assert found.items.tolist() == asked.items.tolist()


def test_whom_an_analyst_judged_for_is_told_at_once_and_does_not_answer(with_feedback):
    workspace, dataset = with_feedback
    before = questions(workspace, dataset, SETTINGS)
    answering = np.flatnonzero(np.diff(before["validation"].positives.offsets))
    one, other = answering[:2]
    rows = pd.DataFrame(
        {"user": [one, one], "item": [0, 1], "rating": [1.0, np.nan], "dismissed": [False, True]}
    )
    after = questions(workspace, judged(workspace, dataset, rows), SETTINGS)
    for split in HISTORY_BEFORE:
        then, now = before[split].positives, after[split].positives
        counts = np.diff(now.offsets)
        assert counts[one] == 0
        others = np.arange(len(counts)) != one
        assert counts[others].tolist() == np.diff(then.offsets)[others].tolist()
        mine = slice(*then.offsets[other : other + 2])
        assert now.items[slice(*now.offsets[other : other + 2])].tolist() == then.items[mine].tolist()
        inputs = after[split].inputs
        assert inputs.ratings.users[-1] == one
        assert inputs.ratings.times[-1] == inputs.at - 1
        assert (one, 1) in set(zip(inputs.dismissed.users, inputs.dismissed.items, strict=True))


@pytest.mark.parametrize(
    "settings",
    [SETTINGS, TrainSettings(decorrelate=True, fair_attribute="sex"), TrainSettings(protected_inputs=True)],
)
def test_the_vocabulary_is_that_of_what_the_settings_let_a_model_read(plain, settings):
    material = material_of(*plain, settings)
    assert vocabulary_of(*plain, settings) == material.vocabulary
    inputs, names = material.inputs("train"), material.vocabulary
    items = codes(*plain)[1]
    assert len(names.items) == inputs.n_items
    assert all(items[name] == code for code, name in enumerate(names.items))
    assert list(names.user_attributes) == list(inputs.user_attributes)
    for name, labels in names.user_attributes.items():
        assert len(labels) == inputs.user_attributes[name].max()
    assert list(names.item_attributes) == list(inputs.content.attributes)
    columns = 0 if inputs.user_features is None else inputs.user_features.shape[1]
    assert len(names.user_features) == columns
    assert bool(columns) == settings.decorrelate
