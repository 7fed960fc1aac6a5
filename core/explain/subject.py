"""What can be explained: one output of one model, the rows it was asked, and what its inputs are called."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from core.explain.expected_gradients import Attributions, Function, attributed
from core.progress import Progress, quiet


@dataclass(frozen=True)
class Block:
    """One feature: its columns, and how people know its value.

    Attributes:
        columns: float32 (N, d); more than one for a vector, an embedded category, or a number with its flag.
        shown: (N,) numbers or text; None for what has no value that can be read, such as a vector.
        attribute: the user attribute that it is, if it is one.
    """

    name: str
    columns: Tensor
    shown: np.ndarray | None = None
    attribute: str | None = None


@dataclass(frozen=True)
class Subject:
    """One output of a model for N rows.

    Attributes:
        name: in links and files. title: what the output is, in words. unit: `probability`, `points`, `days` or `score`.
        function: from all columns, (M, D), to the output, (M,).
        users: int64 (N,), user code of each row. blocks: the K features.
    """

    name: str
    title: str
    unit: str
    function: Function
    users: np.ndarray
    blocks: tuple[Block, ...]

    def __len__(self) -> int:
        return len(self.users)

    @property
    def features(self) -> list[str]:
        """Names of the K features."""
        return [block.name for block in self.blocks]

    @property
    def owners(self) -> np.ndarray:
        """The feature that each column belongs to, int (D,)."""
        return np.repeat(np.arange(len(self.blocks)), [block.columns.shape[1] for block in self.blocks])

    @property
    def columns(self) -> Tensor:
        """All columns, float32 (N, D)."""
        return torch.cat([block.columns for block in self.blocks], dim=1)

    @property
    def shown(self) -> pd.DataFrame:
        """The features' values as people know them, one column each; NaN where there is nothing to read."""
        nothing = np.full(len(self), np.nan)
        return pd.DataFrame(
            {block.name: nothing if block.shown is None else block.shown for block in self.blocks}
        )

    def at(self, places: np.ndarray) -> "Subject":
        """Only the rows at these places."""
        some = torch.tensor(places)
        blocks = tuple(
            replace(
                block,
                columns=block.columns[some],
                shown=None if block.shown is None else block.shown[places],
            )
            for block in self.blocks
        )
        return replace(self, users=self.users[places], blocks=blocks)


def explain(
    subject: Subject, usual: np.ndarray, explained: np.ndarray, *, progress: Progress = quiet
) -> Attributions:
    """What each feature adds to the outputs of some rows, against others.

    Args:
        usual, explained: places of the rows to compare with, and of those to explain.
    """
    columns = subject.columns
    rows, background = columns[torch.tensor(explained)], columns[torch.tensor(usual)]
    return attributed(subject.function, rows, background, subject.owners, progress=progress)


def split(x: Tensor, sizes: list[int]) -> tuple[Tensor, ...]:
    """Columns (M, D) as the blocks that they were made of."""
    return torch.split(x, sizes, dim=1)
