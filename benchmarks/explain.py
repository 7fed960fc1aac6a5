"""Explaining predictions: ours beside shap's GradientExplainer, on the same networks, rows and background.

    python benchmarks/explain.py [--rows 100] [--features 32] [--usual 100]

Both estimate expected gradients of a smooth network of the size of the intent and service models. Told are seconds for
all rows and for a single one, how far sums are from the prediction (share of the spread of predictions), and how far the
attributions are from those of a very long run of ours (correlation, and largest difference in spreads).
"""

import argparse
import time
from collections.abc import Callable, Sequence

import numpy as np
import shap
import torch
from measure import print_table
from torch import nn

from core.explain.expected_gradients import POINTS, attributed

DRAWS = (200, 1000)  # of the GradientExplainer; 200 is its default


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name, number in (("rows", 100), ("features", 32), ("usual", 100), ("width", 64), ("repeats", 5)):
        parser.add_argument(f"--{name}", type=int, default=number)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    network = made_network(asked.features, asked.width)
    rows, usual = torch.randn(asked.rows, asked.features), torch.randn(asked.usual, asked.features)
    spread = float(answers(network, usual).std())
    truth = ours(network, rows, usual, points=(64,))
    ways: dict[str, Callable[[torch.Tensor], np.ndarray]] = {
        "Evenhand, expected gradients": lambda some: ours(network, some, usual),
    }
    for draws in DRAWS:
        ways[f"shap GradientExplainer, {draws} draws"] = lambda some, draws=draws: peer(
            network, some, usual, draws
        )
    table = []
    for name, way in ways.items():
        way(rows[:2])  # whatever is prepared once
        seconds, found = timed(way, rows, asked.repeats)
        single, _ = timed(way, rows[:1], asked.repeats)
        left = answers(network, rows) - answers(network, usual).mean() - found.sum(axis=1)
        table.append(
            {
                "explainer": name,
                f"seconds, {asked.rows} rows": seconds,
                "seconds, 1 row": single,
                "sum off, mean": float(np.abs(left).mean() / spread),
                "sum off, worst": float(np.abs(left).max() / spread),
                "correlation": float(np.corrcoef(found.ravel(), truth.ravel())[0, 1]),
                "part off, worst": float(np.abs(found - truth).max() / spread),
            }
        )
    print_table(f"{asked.rows} rows x {asked.features} features, {asked.usual} usual rows, one thread", table)


def made_network(features: int, width: int) -> nn.Module:
    """Two smooth layers with a linear skip's worth of size, as the intent and service models have."""
    layers = nn.Sequential(
        nn.Linear(features, width), nn.SiLU(), nn.Linear(width, width), nn.GELU(), nn.Linear(width, 1)
    )
    with torch.no_grad():
        for parameter in layers.parameters():
            parameter.mul_(2)  # far from linear
    return layers.eval()


def answers(network: nn.Module, rows: torch.Tensor) -> np.ndarray:
    with torch.no_grad():
        return network(rows).squeeze(1).double().numpy()


def ours(
    network: nn.Module, rows: torch.Tensor, usual: torch.Tensor, points: Sequence[int] = POINTS
) -> np.ndarray:
    owners = np.arange(rows.shape[1])
    return attributed(lambda x: network(x).squeeze(1), rows, usual, owners, points=points).values


def peer(network: nn.Module, rows: torch.Tensor, usual: torch.Tensor, draws: int) -> np.ndarray:
    return shap.GradientExplainer(network, usual).shap_values(rows, nsamples=draws, rseed=1)[..., 0]


def timed(
    way: Callable[[torch.Tensor], np.ndarray], rows: torch.Tensor, repeats: int
) -> tuple[float, np.ndarray]:
    """Median seconds, and what was found."""
    seconds = []
    for _ in range(repeats):
        began = time.perf_counter()
        found = way(rows)
        seconds.append(time.perf_counter() - began)
    return float(np.median(seconds)), found


if __name__ == "__main__":
    main()
