"""The search as a whole: it starts from the base, repeats itself, goes on, gives up what is hopeless, and never peeks."""

from types import SimpleNamespace

import pytest
from optuna import TrialPruned

from core.data.prepare import prepare
from core.errors import Cancelled, InputError, NotFound, StoreError, TrainingError
from core.schema.documents import SEARCHES, Epoch, Search
from core.schema.settings import SearchSettings, TrainSettings
from core.store.workspace import Workspace
from core.workflow import search as searching
from core.workflow.search import search
from core.workflow.search_study import LOST, WARM_UP_EPOCHS, ask, finished, open_study, problem, settle_lost
from core.workflow.searches import list_searches
from tests.conftest import copied
from tests.core.workflow.conftest import WINDOWS, made_tables

BASE = TrainSettings(
    width=16, layers=1, epochs=2, history_length=32, dropout=0.2, batch_size=16, device="cpu"
)
EPOCHS = 4


def prepared_shop(root, events, users):
    folder = root / "files"
    folder.mkdir(parents=True)
    events.to_csv(folder / "events.csv", index=False)
    users.to_csv(folder / "users.csv", index=False)
    workspace = Workspace.open(root / "workspace", f"sqlite:///{root}/workspace/evenhand.db")
    return workspace, prepare(workspace, "tables", WINDOWS, path=folder)


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """A prepared shop, to be copied."""
    workspace, dataset = prepared_shop(tmp_path_factory.mktemp("made"), *made_tables())
    workspace.close()
    return workspace.root, dataset.id


@pytest.fixture
def new_shop(template, tmp_path):
    """Make copies of the prepared shop: (workspace, dataset id)."""
    opened = []

    def make():
        root = copied(template[0], tmp_path / f"copy{len(opened)} ?#%20")
        opened.append(Workspace.open(root, f"sqlite:///{root}/evenhand.db"))
        return opened[-1], template[1]

    yield make
    for workspace in opened:
        workspace.close()


class Trainer:
    """In place of `fit`: a value that follows from the settings, and what was asked of it."""

    def __init__(self):
        self.settings: list[TrainSettings] = []
        self.failing: dict[int, Exception] = {}  # number of the call -> what it raises in its second epoch
        self.seconds = 1.0

    def __call__(self, inputs, validation, settings, *, progress, scratch, after_epoch):
        self.settings.append(settings)
        history = []
        for number in range(1, EPOCHS + 1):
            progress("Training", number / EPOCHS)
            if number == 2 and len(self.settings) in self.failing:
                raise self.failing[len(self.settings)]
            value = (0.3 - abs(settings.dropout - 0.4) / 2) * (number / EPOCHS)
            history.append(Epoch(epoch=number, loss=1.0, validation_ndcg=value, seconds=self.seconds))
            after_epoch(history)
        return SimpleNamespace(history=history)


@pytest.fixture
def trainer(monkeypatch):
    made = Trainer()
    monkeypatch.setattr(searching, "fit", made)
    return made


def run(shop, *, trials: int, base: TrainSettings = BASE, **options) -> Search:
    return search(*shop, SearchSettings(trials=trials), base, **options)


def tried(found: Search) -> list[tuple]:
    return [(trial.params, trial.value, trial.state) for trial in found.trials]


def test_the_first_trial_has_the_settings_to_start_from_and_the_best_is_told(new_shop, trainer):
    shop = new_shop()
    base = BASE.model_copy(update={"heads": 1, "weight_decay": 0.0123, "dropout": 0.123456})
    found = run(shop, trials=8, base=base)
    assert trainer.settings[0] == base.model_copy(update={"ranking": False})
    assert not any(settings.ranking for settings in trainer.settings)
    assert found.first_trial.params["dropout"] == 0.123456
    complete = [trial for trial in found.trials if trial.state == "complete"]
    assert found.best_trial == max(complete, key=lambda trial: trial.value)
    assert found.best_trial.value > found.first_trial.value
    assert found.best_settings["dropout"] == found.best_trial.params["dropout"] != base.dropout
    assert TrainSettings.model_validate(found.best_settings).ranking is True
    assert found.finished
    assert list_searches(*shop) == [found]


def test_what_is_automatic_is_varied_too_and_stays_automatic_where_the_best_trial_leaves_it(
    new_shop, trainer
):
    shop = new_shop()
    found = run(shop, trials=1, base=TrainSettings(device="cpu"))
    assert isinstance(found.first_trial.params["batch_size"], int)
    assert isinstance(found.first_trial.params["dropout"], float)
    assert found.best_settings["batch_size"] is None
    more = run(shop, trials=6, base=TrainSettings(device="cpu"))
    assert more.best_settings["dropout"] == more.best_trial.params["dropout"]
    assert more.best_settings["epochs"] is None


def test_each_trial_is_trained_with_the_settings_that_are_told(new_shop, trainer):
    found = run(new_shop(), trials=6)
    for trial, settings in zip(found.trials, trainer.settings, strict=True):
        assert trial.params == {name: getattr(settings, name) for name in trial.params}
    assert len({str(trial.params) for trial in found.trials}) == 6


def test_the_same_seed_gives_the_same_trials_and_another_seed_others(new_shop, trainer):
    first = tried(run(new_shop(), trials=8))
    assert tried(run(new_shop(), trials=8)) == first
    other = tried(run(new_shop(), trials=8, base=BASE.model_copy(update={"seed": 8})))
    assert other[0] == first[0]
    assert all(left != right for left, right in zip(other[1:], first[1:], strict=True))


@pytest.mark.parametrize("ended_at", [2, 17, 24, 25])
def test_a_search_that_was_stopped_goes_on_to_the_same_trials(ended_at, new_shop, trainer):
    undisturbed, shop, calls = tried(run(new_shop(), trials=8)), new_shop(), []

    def stop(stage, fraction, message=""):
        calls.append(stage)
        if len(calls) == ended_at:
            raise Cancelled("Stopped.")

    with pytest.raises(Cancelled):
        run(shop, trials=8, progress=stop)
    before = list_searches(*shop)
    assert all(not found.finished for found in before)
    done = sum(len(found.trials) for found in before)
    trained = len(trainer.settings)
    assert tried(run(shop, trials=8)) == undisturbed
    assert len(trainer.settings) - trained == 8 - done


def test_more_trials_go_on_from_those_there_are(new_shop, trainer):
    whole, shop = tried(run(new_shop(), trials=9)), new_shop()
    run(shop, trials=5)
    trained = len(trainer.settings)
    more = run(shop, trials=9)
    assert tried(more) == whole
    assert len(trainer.settings) - trained == 4
    assert tried(run(shop, trials=3)) == whole
    assert len(list_searches(*shop)) == 1


def test_a_trial_worse_than_half_of_the_others_is_stopped_after_its_warm_up(new_shop, trainer):
    found = run(new_shop(), trials=12)
    stopped = [trial for trial in found.trials if trial.state == "stopped"]
    assert stopped
    assert all(WARM_UP_EPOCHS <= trial.epochs < EPOCHS for trial in stopped)
    assert found.first_trial.state == "complete"
    assert found.best_trial.state == "complete"


def test_importances_sum_to_one_and_find_the_setting_that_alone_matters(new_shop, trainer):
    assert run(new_shop(), trials=3).importances == {}
    found = run(new_shop(), trials=16)
    assert sum(found.importances.values()) == pytest.approx(1)
    assert next(iter(found.importances)) == "dropout"


def test_trials_that_are_all_alike_have_no_importances(new_shop, trainer, monkeypatch):
    monkeypatch.setattr(Epoch, "model_post_init", lambda self, _: setattr(self, "validation_ndcg", 0.2))
    assert run(new_shop(), trials=7).importances == {}


def test_a_trial_that_diverges_is_kept_as_failed_and_the_others_go_on(new_shop, trainer):
    trainer.failing = {3: TrainingError("Training diverged in epoch 2.")}
    found = run(new_shop(), trials=5)
    assert [trial.state == "failed" for trial in found.trials] == [False, False, True, False, False]
    assert found.trials[2].problem == "Training diverged in epoch 2."
    assert len(trainer.settings) == 5


def test_a_base_that_cannot_be_trained_ends_the_search_and_keeps_nothing(new_shop, trainer):
    shop = new_shop()
    trainer.failing = {1: TrainingError("Training diverged in epoch 2.")}
    with pytest.raises(TrainingError, match="diverged"):
        run(shop, trials=3)
    assert list_searches(*shop) == []
    assert len(run(shop, trials=3).trials) == 3


def test_minutes_end_a_search_and_more_of_them_go_on(new_shop, trainer):
    shop, trainer.seconds = new_shop(), 10.0
    run(shop, trials=2)
    found = search(*shop, SearchSettings(trials=9, minutes=1), BASE)
    assert (len(found.trials), found.finished) == (2, True)
    assert len(search(*shop, SearchSettings(trials=4, minutes=60), BASE).trials) == 4


def test_the_first_trial_is_never_cut_short_by_the_minutes(new_shop, trainer, monkeypatch):
    moments = iter(range(0, 10**6, 61))
    monkeypatch.setattr(searching, "time", SimpleNamespace(monotonic=lambda: next(moments)))
    found = search(*new_shop(), SearchSettings(trials=9, minutes=1), BASE)
    assert [(trial.state, trial.epochs) for trial in found.trials] == [("complete", EPOCHS)]


def test_progress_rises_and_tells_the_best_value_so_far(new_shop, trainer):
    told = []
    run(new_shop(), trials=4, progress=lambda *report: told.append(report))
    fractions = [fraction for _, fraction, _ in told]
    assert fractions == sorted(fractions)
    assert {stage for stage, *_ in told} == {"Reading"} | {f"Trial {n} of 4" for n in (1, 2, 3, 4)}
    assert "best NDCG@10 so far 0." in told[-1][2]


def test_a_killed_trial_is_tried_once_more_and_then_left_out(new_shop):
    workspace, _ = new_shop()
    space, first = searching.space(BASE), searching.varied(BASE)

    def killed():
        """Ask for the next trial and vanish: nothing more is told of it."""
        with open_study(workspace, "search-made") as study:
            settle_lost(study)
            return ask(study, space, seed=7, first=first).params

    assert killed() == killed() == killed() == first
    with open_study(workspace, "search-made") as study:
        settle_lost(study)
        study.tell(ask(study, space, seed=7, first=first), 0.4)
    assert killed() == killed() != first
    with open_study(workspace, "search-made") as study:
        settle_lost(study)
        kept, lost = finished(study)
        assert (problem(study, kept), problem(study, lost)) == (None, LOST)
        assert ask(study, space, seed=7, first=first).params not in (kept.params, lost.params)


def test_two_processes_cannot_work_at_one_search(new_shop):
    workspace, _ = new_shop()
    with open_study(workspace, "search-made"), pytest.raises(InputError, match="under way"):
        open_study(workspace, "search-made").__enter__()
    with open_study(workspace, "search-made") as study:
        assert study.trials == []


def test_an_id_that_leaves_the_folder_is_refused(new_shop):
    with pytest.raises(InputError), open_study(new_shop()[0], "../outside"):
        pass


def test_a_damaged_study_is_one_clear_line(new_shop, trainer):
    shop = new_shop()
    run(shop, trials=1)
    (file,) = (shop[0].root / "searches").glob("*.sqlite3")
    file.write_bytes(b"no database" * 1000)
    with pytest.raises(StoreError, match="cannot be read"):
        run(shop, trials=2)


def test_an_unknown_dataset_is_refused_and_nothing_is_written(new_shop, trainer):
    workspace, _ = new_shop()
    with pytest.raises(NotFound, match="ds-nothing"):
        search(workspace, "ds-nothing", SearchSettings(), BASE)
    assert workspace.documents.count(SEARCHES) == 0
    assert not (workspace.root / "searches").exists()


def test_data_without_anybody_to_judge_by_are_refused(tmp_path, trainer):
    """In the last twenty days only newcomers buy."""
    events, users = made_tables()
    late = events["timestamp"] >= "2024-04-10"
    events.loc[late, "user_id"] = [f"new{number}" for number in range(late.sum())]
    workspace, dataset = prepared_shop(tmp_path, events, users)
    with pytest.raises(TrainingError, match="Nothing to search by"):
        search(workspace, dataset.id, SearchSettings(), BASE)
    workspace.close()


def test_changing_what_is_taken_in_the_test_window_changes_nothing(tmp_path):
    events, users = made_tables()
    later = events["timestamp"] >= "2024-04-20"
    assert later.sum() > 100
    changed = events.copy()
    changed.loc[later, "item_id"] = events.loc[later, "item_id"].to_numpy()[::-1]
    assert (changed["item_id"] != events["item_id"]).any()
    found = []
    for name, table in (("as-it-is", events), ("changed", changed)):
        workspace, dataset = prepared_shop(tmp_path / name, table, users)
        assert dataset.period["test_start"] == "2024-04-20"
        found.append(tried(run((workspace, dataset.id), trials=3)))
        workspace.close()
    assert found[0] == found[1]


def test_real_trials_reach_the_value_of_a_real_training(new_shop):
    shop = new_shop()
    found = run(shop, trials=2)
    question = searching._question(shop[0], searching.load(*shop), BASE)
    alone = searching.fit(
        question.inputs,
        question.positives,
        BASE.model_copy(update=found.trials[1].params | {"ranking": False}),
    )
    assert found.trials[1].value == max(epoch.validation_ndcg for epoch in alone.history)


def test_a_real_training_ends_with_what_is_raised_after_an_epoch(new_shop):
    shop, told = new_shop(), []

    def stop(epochs):
        told.append([epoch.epoch for epoch in epochs])
        if len(epochs) == 2:
            raise TrialPruned

    question = searching._question(shop[0], searching.load(*shop), BASE)
    settings = BASE.model_copy(update={"epochs": 5, "ranking": False})
    with pytest.raises(TrialPruned):
        searching.fit(question.inputs, question.positives, settings, after_epoch=stop)
    assert told == [[1], [1, 2]]
