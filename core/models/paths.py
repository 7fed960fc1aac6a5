"""The likeliest paths that whoever foretells steps foresees, and how likely given ones are."""

import torch
from torch import Tensor

from core.models.next_step import NextStep, State


def likeliest_paths(
    model: NextStep, state: State, *, length: int, k: int, width: int
) -> tuple[Tensor, Tensor]:
    """The k likeliest next `length` steps of each of N users by beam search, with their probabilities.

    The probabilities are exact under the model; the k paths are the likeliest among those whose beginnings are
    among the `width` likeliest of their length.

    Returns:
        paths: int64 (N, k', length). log_probabilities: (N, k'), best first; k' = min(k, beams * C).
    """
    n, before = len(state), 1
    paths = torch.empty(n, 1, 0, dtype=torch.int64, device=state.counts.device)
    total = torch.zeros(n, 1, device=state.counts.device)
    for left in range(length - 1, -1, -1):
        logs = model.log_probabilities(state)  # (N beams, C)
        total = (total[:, :, None] + logs.view(n, before, -1)).flatten(1)  # (N, beams C)
        total, chosen = total.topk(min(width if left else k, total.shape[1]), dim=1)
        beam, step = chosen // logs.shape[1], chosen % logs.shape[1]
        paths = torch.cat([paths.take_along_dim(beam[:, :, None], dim=1), step[:, :, None]], dim=2)
        if left:
            rows = torch.arange(n, device=beam.device)[:, None] * before + beam
            state, before = model.advance(state.take(rows.flatten()), step.flatten()), beam.shape[1]
    return paths, total


def path_log_probabilities(model: NextStep, state: State, paths: Tensor) -> Tensor:
    """How likely each of N users is to go each of the given paths, (M, length) -> (N, M).

    Beginnings that several paths share are computed once.
    """
    n = len(state)
    behind = torch.zeros(len(paths), dtype=torch.int64, device=paths.device)  # which beginning each path has
    total, before = torch.zeros(n, len(paths), device=paths.device), 1
    for depth in range(paths.shape[1]):
        logs = model.log_probabilities(state).view(n, before, -1)
        total = total + logs[:, behind, paths[:, depth]]
        if depth + 1 < paths.shape[1]:
            begun, place = paths[:, : depth + 1].unique(dim=0, return_inverse=True)
            parent = torch.empty(len(begun), dtype=torch.int64, device=paths.device)
            parent[place] = behind
            rows = torch.arange(n, device=paths.device)[:, None] * before + parent
            state = model.advance(state.take(rows.flatten()), begun[:, -1].repeat(n))
            behind, before = place, len(begun)
    return total
