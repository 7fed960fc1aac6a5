"""How a run came about, step by step from one without fairness: the other runs that tell its steps apart."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from core.errors import SettingsError
from core.schema.documents import Run
from core.schema.settings import GROUP_OBJECTIVES, ITEM_OBJECTIVES, TrainSettings, settings_from

DATA, TRAINING = "data", "training"
FIELDS: Mapping[str, tuple[str, ...]] = {  # of TrainSettings, by the step that they belong to
    DATA: ("user_weights", "item_weights", "decorrelate", "counterfactual", "protected_inputs"),
    TRAINING: (*GROUP_OBJECTIVES, *ITEM_OBJECTIVES),
}
OF_USERS = ("user_weights", "decorrelate", "counterfactual", *GROUP_OBJECTIVES)  # go by fair_attribute

Steps = tuple[str, ...]


@dataclass(frozen=True)
class Link:
    """Steps that were taken together, and the run that they led to."""

    steps: Steps
    run: Run


@dataclass(frozen=True)
class Missing:
    """A run that would tell more: the steps that it would have, and the settings to train it with."""

    steps: Steps
    settings: TrainSettings


@dataclass(frozen=True)
class Chain:
    """From the first run that there is to the one that is looked at.

    Attributes:
        known: whether it is known how the run was trained; not so of lists of another system.
        untold: steps of the first run itself, which nothing tells apart from the rest.
        gives_up_ranking: the training step holds that nothing is decided by accuracy after training any more, too.
    """

    first: Run
    links: tuple[Link, ...] = ()
    known: bool = True
    untold: Steps = ()
    missing: tuple[Missing, ...] = ()
    gives_up_ranking: bool = False

    @property
    def runs(self) -> tuple[Run, ...]:
        """In order; the last is the one that is looked at."""
        return (self.first, *(link.run for link in self.links))


def find_chain(runs: Sequence[Run], run: Run) -> Chain:
    """The run without fairness, that with the data step, and the run itself, as far as they are among the runs.

    They share the dataset and every setting (the seed too) but for those of `FIELDS`, whom these speak of, and the device.
    Fairness in training leaves no second ranking and no recent demand: where no sibling does without either, one that has it is taken.
    """
    own = settings_of(run)
    if own is None:
        return Chain(run, known=False)
    done = tuple(step for step in FIELDS if changed(own, step))
    if not done:
        return Chain(run)
    others = [other for other in runs if other.dataset == run.dataset and other.id != run.id]
    others.sort(key=lambda other: other.created_at, reverse=True)
    others.sort(key=lambda other: other.device != run.device)
    found = _siblings(others, own, done)
    if TRAINING in done and not own.ranking:
        twice = _siblings(others, own.model_copy(update={"ranking": True}), done)
        found = max(found, twice, key=len)  # the first of equals
    points = [*found.items(), (done, run)]
    links = [Link(later[len(before) :], after) for (before, _), (later, after) in pairwise(points)]
    missing = [done[:number] for number in range(len(done)) if done[:number] not in found]
    return Chain(
        first=points[0][1],
        links=tuple(links),
        untold=points[0][0],
        missing=tuple(Missing(steps, _only(own, steps)) for steps in missing),
        gives_up_ranking=any(other.settings.get("ranking") and not own.ranking for other in found.values()),
    )


def changed(settings: TrainSettings, step: str) -> dict[str, object]:
    """The settings of a step that are not at rest, and whom they speak of."""
    resting = TrainSettings()
    found = {
        name: getattr(settings, name)
        for name in FIELDS[step]
        if getattr(settings, name) != getattr(resting, name)
    }
    if settings.fair_attribute is not None and not found.keys().isdisjoint(OF_USERS):
        found["fair_attribute"] = settings.fair_attribute
    if settings.items_by is not None and "exposure_weight" in found:
        found["items_by"] = settings.items_by
    return found


def _siblings(others: Sequence[Run], own: TrainSettings, done: Steps) -> dict[Steps, Run]:
    """By the steps that they have, fewest first."""
    found = {}
    for number in range(len(done)):
        wanted = _telling(_only(own, done[:number]))
        same = (
            other for other in others if (made := settings_of(other)) is not None and _telling(made) == wanted
        )
        sibling = next(same, None)
        if sibling is not None:
            found[done[:number]] = sibling
    return found


def settings_of(run: Run) -> TrainSettings | None:
    """What a run was trained with; None where that is not known, or is of a version with other settings."""
    if run.brought:
        return None
    try:
        return settings_from(TrainSettings, run.settings)
    except SettingsError:
        return None


def _only(settings: TrainSettings, steps: Steps) -> TrainSettings:
    """The same with the fairness of these steps alone."""
    resting = TrainSettings()
    others = [name for step, names in FIELDS.items() if step not in steps for name in names]
    return settings.model_copy(update={name: getattr(resting, name) for name in others})


def _telling(settings: TrainSettings) -> TrainSettings:
    """Without what changes no list: the device, and groups that nothing goes by."""
    resting = TrainSettings()
    update: dict[str, object] = {"device": resting.device}
    if all(getattr(settings, name) == getattr(resting, name) for name in OF_USERS):
        update["fair_attribute"] = resting.fair_attribute
    if not settings.exposure_weight:
        update["items_by"] = resting.items_by
    return settings.model_copy(update=update)
