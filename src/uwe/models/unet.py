"""A small U-Net: maps of an image at falling resolutions, joined again on the way up.

Source: Ronneberger, Fischer, Brox (2015), U-Net: convolutional networks for biomedical image
segmentation; with normalisation in groups, which small batches do not disturb.
"""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional

from uwe.models.maps import Maps

__all__ = ["UNet"]

_GROUP = 8  # channels that are normalised together


class UNet(nn.Module):
    """Class scores and features of every pixel; images may have any size.

    Args:
        channels: of the images.
        classes: number of classes.
        width: channels of the first level, which double at each of the others.
        levels: resolutions, each half of the one before.
        stride: of the first convolution: places are squares of so many pixels.
    """

    def __init__(
        self, *, channels: int, classes: int, width: int = 16, levels: int = 4, stride: int = 1
    ) -> None:
        super().__init__()
        widths = [width * 2**level for level in range(levels)]
        self.multiple = stride * 2 ** (levels - 1)
        self.stem = _convolution(channels, width, stride)
        self.down = nn.ModuleList(
            nn.Sequential(_convolution(shallow, deep, 2), _convolution(deep, deep))
            for shallow, deep in pairwise(widths)
        )
        self.up = nn.ModuleList(_Joined(deep, shallow) for shallow, deep in pairwise(widths))
        self.head = nn.Conv2d(width, classes, 1)

    def forward(self, x: torch.Tensor) -> Maps:
        """Map images ``[b, channels, h, w]`` to maps of h/stride times w/stride places."""
        height, width = x.shape[2:]
        padded = functional.pad(x, (0, -width % self.multiple, 0, -height % self.multiple))
        levels = [self.stem(padded)]
        for down in self.down:
            levels.append(down(levels[-1]))
        features = levels.pop()
        for up in reversed(self.up):
            features = up(features, levels.pop())
        with torch.autocast(x.device.type, enabled=False):
            logits = self.head(features.float())
        rows, columns = (-(-side * logits.shape[2 + axis] // padded.shape[2 + axis])
                         for axis, side in enumerate((height, width)))  # fmt: skip
        return Maps(logits[:, :, :rows, :columns], features[:, :, :rows, :columns])


class _Joined(nn.Module):
    """A deeper map at twice its resolution, joined with the shallower one."""

    def __init__(self, deep: int, shallow: int) -> None:
        super().__init__()
        self.narrow = nn.Conv2d(deep, shallow, 1, bias=False)
        self.body = _convolution(2 * shallow, shallow)

    def forward(self, deep: torch.Tensor, shallow: torch.Tensor) -> torch.Tensor:
        """Map ``[b, deep, h, w]`` and ``[b, shallow, 2h, 2w]`` to the shape of the second."""
        raised = functional.interpolate(self.narrow(deep), scale_factor=2.0, mode="nearest")
        joined: torch.Tensor = self.body(torch.cat([raised, shallow], 1))
        return joined


def _convolution(channels_in: int, channels_out: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, 3, stride, padding=1, bias=False),
        nn.GroupNorm(math.gcd(channels_out, max(1, channels_out // _GROUP)), channels_out),
        nn.ReLU(inplace=True),
    )
