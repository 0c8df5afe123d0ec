"""Residual networks of 18 to 152 layers, with the stem that fits the image size.

Source: He, Zhang, Ren, Sun (2016), Deep residual learning for image recognition.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate
from typing import ClassVar

import torch
from torch import nn

from uwe.models.convolutions import convolution_3x3

__all__ = ["BLOCKS", "ResNetBody"]

BLOCKS: dict[str, tuple[str, tuple[int, int, int, int]]] = {
    "resnet18": ("basic", (2, 2, 2, 2)),
    "resnet34": ("basic", (3, 4, 6, 3)),
    "resnet50": ("bottleneck", (3, 4, 6, 3)),
    "resnet101": ("bottleneck", (3, 4, 23, 3)),
    "resnet152": ("bottleneck", (3, 8, 36, 3)),
}
"""Kind of block and number of blocks a stage, by name."""

_LARGEST_SMALL_IMAGE = 64


class BasicBlock(nn.Module):
    """Two 3x3 convolutions beside an identity."""

    expansion: ClassVar[int] = 1

    def __init__(self, channels_in: int, width: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            _conv(channels_in, width, 3, stride),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
            _conv(width, width, 3),
            nn.BatchNorm2d(width),
        )
        self.shortcut = _shortcut(channels_in, width, stride)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map ``[b, channels_in, h, w]`` to ``[b, width, h/stride, w/stride]``."""
        return torch.relu_(self.body(x).add_(self.shortcut(x)))


class Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 convolutions beside an identity."""

    expansion: ClassVar[int] = 4

    def __init__(self, channels_in: int, width: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            _conv(channels_in, width, 1),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
            _conv(width, width, 3, stride),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
            _conv(width, width * 4, 1),
            nn.BatchNorm2d(width * 4),
        )
        self.shortcut = _shortcut(channels_in, width * 4, stride)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map ``[b, channels_in, h, w]`` to ``[b, 4·width, h/stride, w/stride]``."""
        return torch.relu_(self.body(x).add_(self.shortcut(x)))


_KINDS: dict[str, type[BasicBlock | Bottleneck]] = {
    "basic": BasicBlock,
    "bottleneck": Bottleneck,
}


class ResNetBody(nn.Module):
    """Everything before the classifier: images to pooled features.

    Args:
        name: one of `BLOCKS`.
        channels: of the images.
        side: the shorter side of the images; up to 64 pixels the stem is one 3x3 convolution of
            stride 1, beyond it a 7x7 of stride 2 with 3x3 max pooling.
        width: channels of the stem and of the first stage; they double at each other stage.
    """

    def __init__(self, name: str, *, channels: int, side: int, width: int = 64) -> None:
        super().__init__()
        kind, depths = BLOCKS[name]
        stem = _small_stem if side <= _LARGEST_SMALL_IMAGE else _stem
        self.stem = stem(channels, width)
        self.stages = nn.Sequential(*_blocks(_KINDS[kind], depths, width))
        self.width = width * 2 ** (len(depths) - 1) * _KINDS[kind].expansion
        self._ends = tuple(accumulate(depths))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map images ``[b, channels, h, w]`` to features ``[b, width]``."""
        maps: torch.Tensor = self.stages(self.stem(x))
        return maps.mean((2, 3))

    def maps(self, x: torch.Tensor) -> list[torch.Tensor]:
        """The maps of each stage, each of half the resolution of the one before."""
        found, maps = [], self.stem(x)
        for number, block in enumerate(self.stages, start=1):
            maps = block(maps)
            if number in self._ends:
                found.append(maps)
        return found


def _blocks(
    kind: type[BasicBlock | Bottleneck], depths: tuple[int, int, int, int], first: int
) -> Iterator[nn.Module]:
    channels = first
    for stage, depth in enumerate(depths):
        width = first * 2**stage
        for block in range(depth):
            yield kind(channels, width, 2 if stage > 0 and block == 0 else 1)
            channels = width * kind.expansion


def _small_stem(channels: int, width: int) -> nn.Sequential:
    return nn.Sequential(_conv(channels, width, 3), nn.BatchNorm2d(width), nn.ReLU(inplace=True))


def _stem(channels: int, width: int) -> nn.Sequential:
    return nn.Sequential(
        _conv(channels, width, 7, 2),
        nn.BatchNorm2d(width),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(3, stride=2, padding=1),
    )


def _conv(channels_in: int, channels_out: int, size: int, stride: int = 1) -> nn.Conv2d:
    if (size, stride) == (3, 1):
        return convolution_3x3(channels_in, channels_out)
    return nn.Conv2d(channels_in, channels_out, size, stride, padding=size // 2, bias=False)


def _shortcut(channels_in: int, channels_out: int, stride: int) -> nn.Module:
    if stride == 1 and channels_in == channels_out:
        return nn.Identity()
    return nn.Sequential(_conv(channels_in, channels_out, 1, stride), nn.BatchNorm2d(channels_out))
