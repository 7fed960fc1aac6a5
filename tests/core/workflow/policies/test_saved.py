"""Saved policies: versions, that nothing changes them, and how they are found."""

import multiprocessing

import pytest

from core.errors import NotFound, SettingsError
from core.schema.documents import DATASETS, POLICIES, RUNS
from core.schema.policies import PolicySettings, Step
from core.schema.settings import settings_from
from core.store.trail import read
from core.store.workspace import Workspace
from core.workflow.policies.saved import Label, list_policies, load_policy, save_policy, settings_of
from core.workflow.policies.steps import RERANKERS
from tests.core.workflow.policies.made_line import made_dataset, made_run
from tests.core.workflow.policies.made_policies import MOVES, policy

FLOOR = policy(("exposure_limits", {"items_by": "brand", "floor": 0.9}))


def label(name: str = "Fair brands", **others) -> Label:
    return settings_from(Label, {"name": name, "aim": "Small brands are seen", "author": "Ann"} | others)


@pytest.fixture
def runs(workspace):
    """A workspace with runs of two datasets, and of a newer one of the line of the first; nothing was trained for them."""
    for dataset, first in (("ds-one", None), ("ds-two", None), ("ds-newer", "ds-one")):
        workspace.documents.insert(DATASETS, made_dataset(dataset, first=first).dump())
        run = made_run(dataset.replace("ds", "run"), dataset)
        workspace.documents.insert(RUNS, run.dump())
    return workspace


def test_it_comes_back_as_it_was_saved(runs):
    saved = save_policy(runs, "run-one", FLOOR, label(note=" first\n second "), measured={"gain": 3})
    assert load_policy(runs, saved.id) == saved
    assert (saved.reference, saved.dataset, saved.run) == ("Fair brands@1", "ds-one", "run-one")
    assert (saved.aim, saved.author, saved.note) == ("Small brands are seen", "Ann", "first\nsecond")
    assert saved.measured == {"gain": 3}


@pytest.mark.parametrize("name", RERANKERS)
def test_settings_left_at_their_default_are_kept_too_and_mean_the_same(runs, name):
    kind = RERANKERS[name].settings
    saved = save_policy(runs, "run-one", policy((name, MOVES[name])), label(name))
    (step,) = settings_of(load_policy(runs, saved.id)).steps
    assert set(step.settings) == set(kind.model_fields)
    assert settings_from(kind, step.settings) == settings_from(kind, MOVES[name])


def test_the_same_name_again_is_the_next_version_and_the_former_stays(runs):
    first = save_policy(runs, "run-one", FLOOR, label())
    second = save_policy(runs, "run-one", policy(), label(aim="Nothing is done"))
    elsewhere = save_policy(runs, "run-two", FLOOR, label())
    assert [one.version for one in (first, second, elsewhere)] == [1, 2, 1]
    assert load_policy(runs, first.id) == first
    for reference, found in {
        "Fair brands": second,
        "Fair brands@1": first,
        " Fair  brands@2": second,
    }.items():
        assert load_policy(runs, reference, dataset="ds-one") == found
    assert list_policies(runs) == sorted([first, second, elsewhere], key=lambda one: one.created_at)[::-1]
    assert list_policies(runs, dataset="ds-two") == [elsewhere]
    with pytest.raises(SettingsError, match="several datasets"):
        load_policy(runs, "Fair brands")
    assert load_policy(runs, "Fair brands@2") == second


def test_versions_are_counted_within_a_line_and_a_policy_belongs_to_its_run(runs):
    first = save_policy(runs, "run-one", FLOOR, label())
    carried = save_policy(runs, "run-newer", settings_of(first), label())
    assert [(one.version, one.run, one.dataset) for one in (first, carried)] == [
        (1, "run-one", "ds-one"),
        (2, "run-newer", "ds-one"),
    ]
    for dataset in ("ds-one", "ds-newer"):
        assert list_policies(runs, dataset=dataset) == [carried, first]
        assert load_policy(runs, "Fair brands", dataset=dataset) == carried
        assert load_policy(runs, first.id, dataset=dataset) == first
    assert load_policy(runs, "Fair brands") == carried
    entries = [(one.about["run"], one.about["dataset"]) for one in read(runs).entries]
    assert entries == [("run-newer", "ds-newer"), ("run-one", "ds-one")]


def test_what_was_saved_for_another_dataset_is_refused(runs):
    saved = save_policy(runs, "run-one", FLOOR, label())
    for reference in (saved.id, "Fair brands", "Fair brands@1"):
        with pytest.raises(SettingsError, match="saved for dataset ds-one, not for ds-two"):
            load_policy(runs, reference, dataset="ds-two")


@pytest.mark.parametrize(
    "reference",
    ["", "@", "@1", "Fair brands@", "Fair brands@0", "Fair brands@01", "fair brands", "policy-x-1", "a\0"],
)
def test_what_there_is_not_names_what_there_is(runs, reference):
    with pytest.raises(NotFound, match="none yet"):
        load_policy(runs, reference)
    save_policy(runs, "run-one", FLOOR, label())
    with pytest.raises(NotFound, match="Latest saved: Fair brands@1"):
        load_policy(runs, reference)


@pytest.mark.parametrize(
    "name", ["2024-12-24 Christmas", "2024-12-24", "é", "1", "x" * 60, "<b>", "a/b", "می‌خواهم"]
)
def test_names_that_people_may_write_are_found_again(runs, name):
    saved = [save_policy(runs, "run-one", FLOOR, label(name)) for _ in range(2)]
    assert [one.version for one in saved] == [1, 2]
    assert [load_policy(runs, name), load_policy(runs, f"{name}@1")] == saved[::-1]


def test_a_letter_and_its_accent_are_the_letter_with_it(runs):
    save_policy(runs, "run-one", FLOOR, label("Cafe\u0301"))
    assert save_policy(runs, "run-one", FLOOR, label("Caf\u00e9")).version == 2


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"name": ""}, "'name'"),
        ({"name": " \n "}, "'name'"),
        ({"name": "x" * 61}, "'name': String should have at most 60"),
        ({"name": "a@1"}, "'name': holds @"),
        ({"name": "a\x1b[31m"}, "'name': holds a control"),
        ({"aim": "\u202egnp.exe"}, "'aim': holds a control"),
        ({"aim": "x" * 201}, "'aim'"),
        ({"author": ""}, "'author'"),
        ({"author": "x\0"}, "'author': holds a control"),
        ({"note": "x" * 2001}, "'note'"),
        ({"note": "x\n\x07"}, "'note': holds a control"),
        ({"name": 7}, "'name'"),
        ({"wish": "x"}, "'wish' is no setting"),
    ],
    ids=str,
)
def test_what_is_no_plain_text_is_one_clear_line(wrong, said):
    with pytest.raises(SettingsError) as caught:
        label(**wrong)
    assert said in str(caught.value)
    assert str(caught.value).isprintable()


def test_steps_that_there_are_not_are_refused_and_nothing_is_saved(runs):
    for steps, said in (
        ((("wishful", {}),), "no re-ranker"),
        ((("exposure_limits", {"floor": 2}),), "floor"),
        ((("exposure_limits", {"wish": 2}),), "'wish' is no setting"),
    ):
        with pytest.raises(SettingsError, match=said):
            save_policy(runs, "run-one", policy(*steps), label())
    with pytest.raises(NotFound, match="no run"):
        save_policy(runs, "run-none", FLOOR, label())
    assert list_policies(runs) == []


def save(root: str, author: str, times: int) -> list[int]:
    workspace = Workspace.open(root, f"sqlite:///{root}/evenhand.db")
    settings = PolicySettings(steps=(Step(step="xquad", settings={"strength": 0.5}),))
    found = [save_policy(workspace, "run-one", settings, label(author=author)).version for _ in range(times)]
    workspace.close()
    return found


def test_two_who_save_the_same_name_at_once_both_keep_theirs(runs):
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        versions = pool.starmap(save, [(str(runs.root), author, 8) for author in ("Ann", "Bob")])
    assert sorted(version for some in versions for version in some) == list(range(1, 17))
    for author, some in zip(("Ann", "Bob"), versions, strict=True):
        assert {load_policy(runs, f"Fair brands@{version}").author for version in some} == {author}
    assert runs.documents.count(POLICIES) == 16
