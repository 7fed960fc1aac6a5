"""Vectors of small product images."""

import numpy as np
import torch
from torch import Tensor, nn

from core.models.features import standardised

FEATURES = 32
AT_ONCE = 256  # images that meet the network in one training step


class ImageEncoder(nn.Module):
    """M distinct images as (M, D), by a small convolutional network.

    While training, a step passes a random AT_ONCE images through the network and learns from them; the others
    keep the features of the last time, so that the cost of a step does not grow with the catalogue. Turning to
    evaluation passes them all. The features are saved and the pixels are not: a saved model needs no images.
    """

    def __init__(self, *, width: int, images: int):
        super().__init__()
        self.register_buffer("features", torch.zeros(images, FEATURES))
        self.register_buffer("pixels", torch.zeros(0, 3, 1, 1, dtype=torch.uint8), persistent=False)
        self.network = nn.Sequential(
            nn.Conv2d(3, FEATURES // 2, 4, stride=4),  # (M, 3, 32, 32) -> (M, 16, 8, 8)
            nn.GELU(),
            nn.Conv2d(FEATURES // 2, FEATURES, 3, stride=2, padding=1),  # -> (M, 32, 4, 4)
            nn.GELU(),
        )
        self.out = nn.Linear(FEATURES, width, bias=False)
        nn.init.zeros_(self.out.weight)  # so that a model starts as the one without images

    def take(self, images: np.ndarray) -> None:
        """Take over the pixels, uint8 (M, 3, S, S)."""
        self.pixels = torch.from_numpy(images).to(self.features.device)
        self._pass_all()

    def train(self, mode: bool = True) -> "ImageEncoder":
        """Going over to evaluation brings all features up to date."""
        if self.training and not mode:
            self._pass_all()
        return super().train(mode)

    def forward(self) -> Tensor:
        """(M, D)."""
        if not self.training or not len(self.pixels):
            return self.out(standardised(self.features))
        some = torch.randperm(len(self.pixels), device=self.pixels.device)[:AT_ONCE]
        fresh = self._passed(self.pixels[some])
        features = self.features.index_copy(0, some, fresh)
        with torch.no_grad():
            self.features.index_copy_(0, some, fresh)
        return self.out(standardised(features))

    def _passed(self, pixels: Tensor) -> Tensor:
        """uint8 (m, 3, S, S) -> (m, FEATURES)."""
        return self.network(pixels / 127.5 - 1.0).mean(dim=(2, 3))

    @torch.no_grad()
    def _pass_all(self) -> None:
        for start in range(0, len(self.pixels), AT_ONCE):
            some = slice(start, start + AT_ONCE)
            self.features[some] = self._passed(self.pixels[some])
