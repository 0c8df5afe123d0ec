"""A small convolutional network for images of the size of digits."""

from __future__ import annotations

import torch
from torch import nn

from uwe.errors import InputError

__all__ = ["SmallBody"]

_GRID = 4
_WIDTH = 128


class SmallBody(nn.Module):
    """Three convolutions and one layer of 128 features; 0.2 million weights.

    Args:
        channels: of the images.
        height: of the images.
        width: of the images.

    Raises:
        InputError: the images are smaller than 4 pixels.
    """

    def __init__(self, *, channels: int, height: int, width: int) -> None:
        super().__init__()
        if min(height, width) < _GRID:
            raise InputError(
                f"images of {height}x{width} are too small for model 'small' "
                f"({_GRID}x{_GRID} at least); give --image-size N"
            )
        kernel = (max(1, height // 2 // _GRID), max(1, width // 2 // _GRID))
        self.maps = nn.Sequential(
            *_layer(channels, 32),
            *_layer(32, 64),
            nn.MaxPool2d(2),
            *_layer(64, 64),
            nn.AvgPool2d(kernel),
            nn.Flatten(),
        )
        places = (height // 2 // kernel[0]) * (width // 2 // kernel[1])
        self.dense = nn.Linear(64 * places, _WIDTH)
        self.width = _WIDTH

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map images ``[b, channels, h, w]`` to features ``[b, 128]``."""
        return torch.relu(self.dense(self.maps(x)))


def _layer(channels_in: int, channels_out: int) -> tuple[nn.Module, nn.Module, nn.Module]:
    return (
        nn.Conv2d(channels_in, channels_out, 3, padding=1, bias=False),
        nn.BatchNorm2d(channels_out),
        nn.ReLU(inplace=True),
    )
