"""The way from a plain run to the one that is looked at, from the settings of the runs alone."""

import pytest

from core.schema.documents import Run
from core.schema.settings import TrainSettings
from core.workflow.policies.chain import FIELDS, changed, find_chain

BEFORE = {"user_weights": "reweighing", "fair_attribute": "age"}
WITHIN = {"mindiff_weight": 2.0, "fair_attribute": "age", "ranking": False}
SETTLED = {"width": 64, "epochs": 3, "batch_size": 16, "dropout": 0.3, "ranking": False}


def run(name: str, *, day: int = 1, **options) -> Run:
    """A run as training keeps it; `options` are settings, or fields of the run."""
    own = {field: options.pop(field) for field in ("dataset", "brought", "device") if field in options}
    settings = {} if own.get("brought") else TrainSettings(**SETTLED | options).model_dump(mode="json")
    return Run(
        _id=f"run-{name}",
        name=name,
        settings=settings,
        created_at=f"2024-01-0{day}T00:00:00+00:00",
        **{"dataset": "ds-one", "device": "cpu", **own},
        device_reason="",
        seconds=1,
        sequences_per_second=1,
        history=[],
        metrics={},
        baselines={},
        artefacts={},
    )


PLAIN, DATA, ONLY = run("plain"), run("data", **BEFORE), run("only", **WITHIN)
FULL = run("full", **BEFORE | WITHIN)


def told(chain):
    return [one.id for one in chain.runs], [link.steps for link in chain.links]


@pytest.mark.parametrize(
    ("there", "shown", "runs", "steps", "untold", "missing"),
    [
        ([PLAIN], PLAIN, [PLAIN], [], (), []),
        ([PLAIN, DATA, FULL], FULL, [PLAIN, DATA, FULL], [("data",), ("training",)], (), []),
        ([PLAIN, DATA, FULL], DATA, [PLAIN, DATA], [("data",)], (), []),
        ([PLAIN, ONLY], ONLY, [PLAIN, ONLY], [("training",)], (), []),
        ([PLAIN, FULL], FULL, [PLAIN, FULL], [("data", "training")], (), [("data",)]),
        ([DATA, FULL], FULL, [DATA, FULL], [("training",)], ("data",), [()]),
        ([FULL], FULL, [FULL], [], ("data", "training"), [(), ("data",)]),
        ([ONLY, DATA], ONLY, [ONLY], [], ("training",), [()]),
    ],
)
def test_the_chain_goes_over_the_siblings_that_there_are(there, shown, runs, steps, untold, missing):
    chain = find_chain(there, shown)
    assert told(chain) == ([one.id for one in runs], steps)
    assert chain.known
    assert chain.untold == untold
    assert [one.steps for one in chain.missing] == missing
    assert not chain.gives_up_ranking


@pytest.mark.parametrize(
    "other",
    [
        {"seed": 8},
        {"epochs": 4},
        {"width": 32},
        {"models": ()},
        {"dataset": "ds-other"},
        {"brought": True},
        {"item_weights": "popularity_balanced"},
    ],
)
def test_another_seed_another_size_or_other_data_make_no_sibling(other):
    chain = find_chain([run("other", **other), ONLY], ONLY)
    assert told(chain) == (["run-only"], [])
    (missing,) = chain.missing
    assert missing.steps == ()


def test_what_is_missing_can_be_trained_as_it_is_asked_for():
    """A run made with the settings asked for completes the chain."""
    chain = find_chain([FULL], FULL)
    made = [
        run(f"made-{number}", **one.settings.model_dump(exclude=set(SETTLED) - {"ranking"}))
        for number, one in enumerate(chain.missing)
    ]
    assert told(find_chain([FULL, *made], FULL)) == (
        ["run-made-0", "run-made-1", "run-full"],
        [("data",), ("training",)],
    )
    own = TrainSettings.model_validate(FULL.settings)
    plain, data = (one.settings for one in chain.missing)
    assert not any(changed(plain, step) for step in FIELDS)
    assert changed(data, "data") == changed(own, "data") == BEFORE
    assert not changed(data, "training")
    assert plain.seed == own.seed


def test_whom_settings_speak_of_counts_only_where_something_goes_by_it():
    named = run("named", fair_attribute="income", items_by="brand")  # and no fairness: plain all the same
    assert told(find_chain([named, ONLY], ONLY))[0] == ["run-named", "run-only"]
    elsewhere = run("elsewhere", user_weights="reweighing", fair_attribute="income")
    assert told(find_chain([PLAIN, elsewhere, FULL], FULL))[1] == [("data", "training")]
    seen = run("seen", exposure_weight=1.0, items_by="brand", item_weights="popularity_balanced")
    before = run("before", item_weights="popularity_balanced")
    assert told(find_chain([before, seen], seen))[0] == ["run-before", "run-seen"]


def test_the_newest_sibling_of_the_same_device_is_taken():
    old, new, elsewhere = run("old"), run("new", day=2), run("elsewhere", day=3, device="cuda")
    for order in ([old, new, elsewhere, ONLY], [ONLY, elsewhere, new, old]):
        assert find_chain(order, ONLY).first.id == "run-new"
    assert find_chain([elsewhere, ONLY], ONLY).first.id == "run-elsewhere"


def test_a_second_ranking_given_up_belongs_to_the_training_step():
    twice, data_twice = run("twice", ranking=True), run("data-twice", ranking=True, **BEFORE)
    chain = find_chain([twice, data_twice, FULL], FULL)
    assert told(chain)[0] == ["run-twice", "run-data-twice", "run-full"]
    assert chain.gives_up_ranking
    exact = find_chain([twice, PLAIN, ONLY], ONLY)
    assert exact.first.id == "run-plain"
    assert not exact.gives_up_ranking
    mixed = find_chain([twice, DATA, FULL], FULL)  # the data step does not hold the ranking as well
    assert told(mixed)[0] == ["run-data", "run-full"]


def test_of_lists_of_another_system_no_step_is_known():
    brought = run("brought", brought=True)
    chain = find_chain([PLAIN, brought], brought)
    assert told(chain) == (["run-brought"], [])
    assert not chain.known
    assert not chain.missing
    later = FULL.model_copy(update={"settings": {"of_a_later_version": 1}})
    assert not find_chain([PLAIN, later], later).known
    assert told(find_chain([later, PLAIN, ONLY], ONLY))[0] == ["run-plain", "run-only"]


def test_runs_from_before_fairness_in_training_are_plain():
    older = {name: value for name, value in PLAIN.settings.items() if name not in FIELDS["training"]}
    plain = PLAIN.model_copy(update={"settings": older})
    assert told(find_chain([plain, ONLY], ONLY))[0] == ["run-plain", "run-only"]
