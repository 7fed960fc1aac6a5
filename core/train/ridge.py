"""Ridge regression of what a trained model leaves over, on vectors that it has not seen."""

from collections.abc import Callable

import torch
from torch import Tensor


def fit_ridge(weight: Tensor, loss: Callable[[], Tensor], *, penalty: float, iterations: int) -> None:
    """Set the weights from zero to the minimum of loss + penalty * |weights|^2, by L-BFGS.

    Args:
        weight: a parameter that `loss` depends on.
    """
    torch.nn.init.zeros_(weight)
    optimizer = torch.optim.LBFGS([weight], max_iter=iterations, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        value = loss() + penalty * weight.square().sum()
        value.backward()
        return value

    optimizer.step(closure)
