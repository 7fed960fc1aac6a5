"""The audited users split into the groups of one grouping: which are shown, and who is compared with whom."""

from dataclasses import dataclass

import numpy as np

from core.errors import SettingsError
from core.fairness.groups import Groups
from core.fairness.suppression import EMPTY, HIDDEN, SHOWN, group_states
from core.schema.settings import ALL, REST


@dataclass(frozen=True)
class Cells:
    """The grouping as it was before suppression.

    Attributes:
        shape: as of `Groups`. of_name: (G,) the cell of each name. of_user: (U,) the cell of each user. Row-major.
    """

    shape: tuple[int, ...]
    of_name: np.ndarray
    of_user: np.ndarray


@dataclass(frozen=True)
class Partition:
    """Groups of the audited users after suppression.

    Attributes:
        attribute: name of the grouping.
        names: groups that are shown or hidden, in order. states: which of both.
        strata: (U,) shown groups in order, then one for the users of all hidden groups.
        reference: position of the reference group among the shown; None: the rest.
        table: needed to hide anew among some of the users; None: the strata are the cells of one row.
    """

    attribute: str
    names: tuple[str, ...]
    states: np.ndarray
    strata: np.ndarray
    reference: int | None
    table: Cells | None = None

    @property
    def cells(self) -> Cells:
        if self.table is not None:
            return self.table
        of_name = [self.n_shown if place is None else place for _, place in self.positions()]
        return Cells((self.n_shown + 1,), np.array(of_name), self.strata)

    @property
    def n_shown(self) -> int:
        return int((self.states == SHOWN).sum())

    @property
    def n_hidden(self) -> int:
        return int((self.states == HIDDEN).sum())

    @property
    def n(self) -> np.ndarray:
        """Users of each stratum."""
        return np.bincount(self.strata)

    @property
    def n_strata(self) -> int:
        return len(self.n)

    @property
    def shown_names(self) -> list[str]:
        return [name for name, place in self.positions() if place is not None]

    @property
    def reference_name(self) -> str:
        return REST if self.reference is None else self.shown_names[self.reference]

    def positions(self) -> list[tuple[str, int | None]]:
        """Each group's name with its position among the shown; None where hidden."""
        places = np.cumsum(self.states == SHOWN) - 1
        return [
            (name, int(place) if state == SHOWN else None)
            for name, place, state in zip(self.names, places, self.states, strict=True)
        ]

    @property
    def compared(self) -> np.ndarray:
        """(C,) positions of every shown group but the reference, if there is anybody to compare with."""
        shown = np.arange(self.n_shown)
        return shown[(shown != self.reference) & (self.n_strata > 1)]

    @property
    def comparisons(self) -> int:
        """Gaps of each metric."""
        return len(self.compared)

    def sides(self, group: int) -> tuple[np.ndarray, np.ndarray]:
        """Which users are of a shown group, and which of the reference or the rest, bool (U,) each."""
        own = self.strata == group
        return own, ~own if self.reference is None else self.strata == self.reference


def everybody(n_users: int) -> Partition:
    """All users as one group."""
    return Partition(ALL, (ALL,), np.array([SHOWN]), np.zeros(n_users, dtype=int), reference=None)


def partition(
    groups: Groups,
    codes: np.ndarray,
    *,
    minimum: int,
    reference: str | None = None,
    counted: np.ndarray | None = None,
) -> Partition:
    """Split the audited users, and hide what must be hidden.

    Args:
        codes: (U,) user codes of the audited users.
        minimum: users below which a group is hidden.
        reference: name of the group that the others are compared with; None, or no group of these: the rest.
        counted: bool (U,) who makes a group large enough, such as those with a list: where others can add nothing to a
            number, it tells of these alone. None: all.

    Raises:
        SettingsError: the reference group is hidden.
    """
    of_user = groups.codes[codes]
    counts = np.bincount(of_user if counted is None else of_user[counted], minlength=len(groups.names))
    states = group_states(counts.reshape(groups.shape), minimum).ravel()
    shown = np.flatnonzero(states == SHOWN)
    stratum = np.full(len(states), len(shown))
    stratum[shown] = np.arange(len(shown))
    kept = np.flatnonzero(states != EMPTY)
    return Partition(
        attribute=groups.attribute,
        names=tuple(groups.names[group] for group in kept),
        states=states[kept],
        strata=stratum[of_user],
        reference=_reference(groups, stratum, len(shown), reference),
        table=Cells(groups.shape, kept, of_user),
    )


def _reference(groups: Groups, stratum: np.ndarray, n_shown: int, name: str | None) -> int | None:
    if name is None or name not in groups.names:
        return None
    position = int(stratum[groups.names.index(name)])
    if position >= n_shown:
        raise SettingsError(
            f"The reference group '{name}' by {groups.attribute} is hidden; choose a larger one."
        )
    return position
