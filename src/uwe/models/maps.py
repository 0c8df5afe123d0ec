"""What dense networks return: maps of class scores and features, or the objects that were found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
from torch.nn import functional

__all__ = ["Detector", "Found", "Maps", "Truth"]


class Maps(NamedTuple):
    """Class scores and features of the places of images.

    Attributes:
        logits: ``[b, c, h', w']``.
        features: ``[b, d, h'', w'']``, at the same resolution or another.
    """

    logits: torch.Tensor
    features: torch.Tensor

    def resized(self, height: int, width: int) -> torch.Tensor:
        """The logits for every pixel of the image, ``[b, c, height, width]``."""
        if tuple(self.logits.shape[2:]) == (height, width):
            return self.logits
        return functional.interpolate(
            self.logits, size=(height, width), mode="bilinear", align_corners=False
        )


@dataclass(frozen=True)
class Truth:
    """The boxes of a batch of images, filled up to one length.

    Attributes:
        corners: left, top, right and bottom in pixels, float32 ``[b, m, 4]``.
        classes: int64 ``[b, m]``; -1 where there is no box.
    """

    corners: torch.Tensor
    classes: torch.Tensor


@dataclass(frozen=True)
class Found:
    """What a detector finds in each image: k places, the most probable objects first.

    Attributes:
        corners: left, top, right and bottom in pixels, ``[b, k, 4]``.
        scores: of the most probable class, 0 to 1, ``[b, k]``.
        classes: int64 ``[b, k]``.
        probs: of the classes and, last, of no object at all, ``[b, k, c + 1]``.
        features: ``[b, k, d]``.
    """

    corners: torch.Tensor
    scores: torch.Tensor
    classes: torch.Tensor
    probs: torch.Tensor
    features: torch.Tensor


class Detector(Protocol):
    """A network that finds objects."""

    def loss(self, images: torch.Tensor, truth: Truth) -> torch.Tensor:
        """The training loss of a batch of images ``[b, channels, h, w]``."""
        ...

    def found(self, images: torch.Tensor) -> Found:
        """The objects of each image."""
        ...
