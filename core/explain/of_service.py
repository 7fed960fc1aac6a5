"""A service-quality model as something to be explained: the outcome that it expects, in the outcome's own unit."""

import numpy as np
import torch
from torch import Tensor

from core.data.order_context import Context
from core.data.service import Rows
from core.explain.subject import Block, Subject, split
from core.models.representations import Representations
from core.models.service import Read
from core.train.quality import Inputs
from core.train.service import TrainedService

USER_VECTOR, PRODUCT_VECTOR = "what the user bought (vector)", "the product (vector)"
RECOMMENDER = "recommender's score of the product"
OF_USER = "user "  # how the context calls an attribute of the user


def service_subject(
    trained: TrainedService, context: Context, represented: Representations | None, rows: Rows
) -> Subject:
    """The mean outcome that the model expects of each order, before it is cut to values that can occur.

    Args:
        context, represented: of the rows; `represented` where the model reads U, P and R.
    """
    model, coding = trained.model.eval(), trained.coding
    read_vectors = bool(model.shape.vectors)
    inputs = Inputs(*coding.arrays(context), represented if read_vectors else None)
    with torch.no_grad():
        read = model.read(inputs.batch(np.arange(len(rows)), torch.device("cpu")))
    numbers = list(coding.numbers)
    blocks = _of_numbers(read.numbers, numbers, coding.missing, context)
    blocks += [
        Block(name, columns, context.categories[name].to_numpy(object), _attribute(name))
        for name, columns in zip(coding.levels, read.categories, strict=True)
    ]
    if read_vectors:
        blocks += [Block(USER_VECTOR, read.users), Block(PRODUCT_VECTOR, read.products)]
        blocks.append(Block(RECOMMENDER, read.scores, represented.scores.astype(float)))
    sizes = [block.columns.shape[1] for block in blocks]
    line = torch.tensor(trained.line, dtype=torch.float32)

    def expected(x: Tensor) -> Tensor:
        parts = split(x, sizes)
        of_numbers, rest = parts[: len(numbers)], list(parts[len(numbers) :])
        first = [part[:, :1] for part in of_numbers]
        second = [part[:, 1:] for part in of_numbers if part.shape[1] > 1]
        values = torch.cat(
            [x[:, :0], *first, *second], dim=1
        )  # flags stand behind, in the order of the numbers
        categories, vectors = rest[: len(coding.levels)], rest[len(coding.levels) :]
        users, products, scores = vectors or (x[:, :0], x[:, :0], x[:, :0])
        mean = model.answer(Read(values, list(categories), users, products, scores)).mean
        return mean * trained.scale.deviation + line[0] + values @ line[1:]

    outcome = rows.outcome
    return Subject(
        name=f"service_{outcome.name}",
        title=f"expected {outcome.title}, {outcome.moment}",
        unit=outcome.unit,
        function=expected,
        users=rows.users,
        blocks=tuple(blocks),
    )


def _of_numbers(columns: Tensor, numbers: list[str], missing: list[str], context: Context) -> list[Block]:
    """Each number with the flag of whether it is known, where it has one."""
    blocks = []
    for place, name in enumerate(numbers):
        own = [place] + ([len(numbers) + missing.index(name)] if name in missing else [])
        blocks.append(Block(name, columns[:, own], context.numbers[name].to_numpy(float), _attribute(name)))
    return blocks


def _attribute(name: str) -> str | None:
    return name.removeprefix(OF_USER) if name.startswith(OF_USER) else None
