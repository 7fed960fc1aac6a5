"""Products that training never saw: their content alone must do."""

import numpy as np
import pytest

from core.data.inputs import Positives, without_items
from core.data.prepare import prepare
from core.errors import SettingsError
from core.schema.settings import DatasetSettings, TrainSettings
from core.workflow.cold_start import METRIC, as_text, cold_start, only_items
from tests.core.models.made import made_inputs


def test_held_out_items_leave_no_trace_in_what_a_model_may_know():
    inputs = made_inputs()
    held = np.arange(inputs.n_items) % 4 == 0
    left = without_items(inputs, held)
    assert not held[left.history.items].any()
    assert left.n_items == inputs.n_items
    for user in range(inputs.n_users):
        before = inputs.history.items[slice(*inputs.history.offsets[user : user + 2])]
        after = left.history.items[slice(*left.history.offsets[user : user + 2])]
        assert after.tolist() == before[~held[before]].tolist()


def test_answers_are_cut_to_the_wanted_items():
    answers = Positives(np.array([0, 2, 2, 5]), np.array([0, 3, 1, 2, 3], np.int32))
    found = only_items(answers, np.array([False, True, False, True]))
    assert found.offsets.tolist() == [0, 1, 1, 3]
    assert found.items.tolist() == [3, 1, 3]


def shop(folder, *, seed=0):
    """Users who like one of five brands and buy its products alone; titles and brands tell which is which."""
    rng = np.random.default_rng(seed)
    brands = ["alpine", "bistro", "cotton", "dynamo", "ember"]
    lines = ["user_id,item_id,timestamp"]
    for user in range(150):
        for day in sorted(rng.choice(100, 12, replace=False)):
            lines.append(f"u{user},{brands[user % 5]}-{rng.integers(40)},{np.datetime64('2024-01-01') + day}")
    (folder / "events.csv").write_text("\n".join(lines))
    items = ["item_id,title,brand"] + [f"{b}-{n},{b} model {n},{b}" for b in brands for n in range(40)]
    (folder / "items.csv").write_text("\n".join(items))
    return folder


@pytest.mark.parametrize("text", [True, False])
def test_content_finds_the_new_products_of_a_users_brand(workspace, tmp_path, text):
    settings = DatasetSettings(split="leave_one_out", minimum_item_users=1, minimum_user_events=1)
    dataset = prepare(workspace, "tables", settings, path=shop(tmp_path))
    report = cold_start(
        workspace,
        dataset.id,
        TrainSettings(
            width=32, layers=1, heads=2, epochs=12, patience=12, learning_rate=0.01, id_dropout=0.3, text=text
        ),
    )
    model, rules = report.metrics[METRIC], report.baselines
    assert rules["chance"][METRIC].value == pytest.approx(
        0.5
    )  # ten of twenty held-out products fit into a list
    assert model.low > 0.8
    assert all(model.low > rule[METRIC].value for rule in rules.values())
    assert model.n > 5
    assert f"{model.value:.4f} [{model.low:.4f}, {model.high:.4f}], n={model.n:,}" in as_text(report)


def test_several_draws_hold_out_other_products_and_their_mean_is_told_beside_each(workspace, tmp_path):
    settings = DatasetSettings(split="leave_one_out", minimum_item_users=1, minimum_user_events=1)
    dataset = prepare(workspace, "tables", settings, path=shop(tmp_path))
    quick = TrainSettings(width=16, layers=1, heads=2, epochs=1, id_dropout=0.3)
    alone = [
        cold_start(workspace, dataset.id, quick.model_copy(update={"seed": quick.seed + draw}))
        for draw in range(2)
    ]
    told = []
    both = cold_start(
        workspace, dataset.id, quick, draws=2, progress=lambda _, fraction, m="": told.append(fraction)
    )
    assert told == sorted(told)
    values = [one.metrics[METRIC].value for one in alone]
    assert min(values) <= both.metrics[METRIC].value <= max(values)
    counts = [one.metrics[METRIC].n for one in alone]
    assert max(counts) <= both.metrics[METRIC].n <= sum(counts)
    assert f"By draw, model: {values[0]:.4f}, {values[1]:.4f}." in both.notes
    assert len(alone[0].notes) == 1
    assert "By draw, category popularity: " in as_text(both)


@pytest.mark.parametrize("draws", [0, -1, 21])
def test_an_odd_number_of_draws_is_one_clear_line(workspace, draws):
    with pytest.raises(SettingsError, match=f"'seeds' must be from 1 to 20, not {draws}"):
        cold_start(workspace, "ds-none", TrainSettings(), draws=draws)
