"""One prediction taken apart."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.errors import NotFound
from core.explain.subject import explain
from core.schema.tables import USER
from core.workflow.explaining.asking import Asking
from core.workflow.explaining.kept import background


@dataclass(frozen=True)
class Case:
    """One prediction as the usual one plus what each feature adds.

    Attributes:
        user: code. output, expected: of the model, and what it says usually. error: what the sum is off; within `allowed`
            where it is `complete`.
        parts: `feature`, `shown` (its value, number or text, NaN if it cannot be read), `value`; the largest first.
    """

    subject: str
    title: str
    unit: str
    user: int
    output: float
    expected: float
    error: float
    allowed: float
    parts: pd.DataFrame

    @property
    def complete(self) -> bool:
        """Whether the sum comes out."""
        return abs(self.error) <= self.allowed


def rows_of_user(asking: Asking, name: str, user: int) -> pd.DataFrame:
    """The predictions of a user (code) that can be explained, as `Asking.rows` tells them.

    Raises:
        NotFound: there is none.
    """
    rows = asking.rows(name)
    found = rows[rows[USER] == user]
    if found.empty:
        raise NotFound("The model was asked nothing about this user in the test window.")
    return found


def explain_case(asking: Asking, name: str, row: pd.DataFrame) -> Case:
    """Take one prediction apart, against the same usual rows as the whole model is.

    Args:
        row: one of `rows_of_user`.
    """
    usual = background(asking.rows(name))
    subject = asking.subject(name, pd.concat([usual, row], ignore_index=True))
    last = np.array([len(usual)])
    found = explain(subject, np.arange(len(usual)), last)
    parts = pd.DataFrame(
        {
            "feature": subject.features,
            "shown": [column.iloc[len(usual)] for _, column in subject.shown.items()],
            "value": found.values[0],
        }
    )
    order = np.argsort(-np.abs(found.values[0]), kind="stable")
    return Case(
        subject=name,
        title=subject.title,
        unit=subject.unit,
        user=int(row[USER].iloc[0]),
        output=float(found.outputs[0]),
        expected=found.expected,
        error=float(found.errors[0]),
        allowed=found.allowed,
        parts=parts.iloc[order].reset_index(drop=True),
    )
