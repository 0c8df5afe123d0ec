"""What differs between dense tasks: targets as tensors, the loss, and what a pass gives."""

from __future__ import annotations

from collections.abc import Set
from typing import Any, Protocol, cast

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from uwe._types import Rows
from uwe.errors import InputError
from uwe.learners.dense.augment import IGNORED, Move, moved_boxes, moved_masks
from uwe.learners.dense.reading import Outputs, found_outputs, map_outputs
from uwe.learners.protocol import Targets
from uwe.models.maps import Detector, Found, Maps, Truth
from uwe.tasks import Boxes, Masks, Task

__all__ = ["KINDS", "DenseKind", "Detecting", "Segmenting"]


class DenseKind(Protocol):
    """The side of a dense task that training and passes see."""

    def targets(self, y: Targets, task: Task, height: int, width: int) -> Any:
        """The targets of all labelled rows, for `taken`.

        Raises:
            InputError: a mask has another size than the images.
        """
        ...

    def taken(self, targets: Any, rows: Rows, device: torch.device) -> Any:
        """The targets of some rows as tensors on the device."""
        ...

    def moved(self, targets: Any, move: Move, height: int, width: int) -> Any:
        """The targets of augmented images."""
        ...

    def loss(self, network: nn.Module, images: torch.Tensor, targets: Any) -> torch.Tensor:
        """The training loss of a batch."""
        ...

    def said(self, network: nn.Module, images: torch.Tensor) -> Any:
        """What the network says of a batch, place by place."""
        ...

    def reduced(self, said: Any, images: torch.Tensor, wanted: Set[str]) -> Outputs:
        """The outputs of a batch; those of ``wanted`` that cost more are made, too."""
        ...


class Segmenting:
    """Masks, and networks that give `Maps`."""

    def targets(self, y: Targets, task: Task, height: int, width: int) -> torch.Tensor:
        """Class numbers int16 ``[n, h, w]``; -1 for pixels that count nowhere."""
        kind = cast("Masks", task.targets)
        masks = np.empty((len(y), height, width), dtype=np.int16)
        for row, pixels in enumerate(kind.read(y)):
            if pixels.shape != (height, width):
                raise InputError(
                    f"mask {y[row].name!r} is {pixels.shape[1]}x{pixels.shape[0]}, but its image "
                    f"{width}x{height}; make both equal"
                )
            masks[row] = pixels
        if kind.ignore is not None:
            masks[masks == kind.ignore] = IGNORED
        return torch.from_numpy(masks)

    def taken(self, targets: torch.Tensor, rows: Rows, device: torch.device) -> torch.Tensor:
        """Class numbers int64 ``[b, h, w]``; -1 counts nowhere."""
        return targets[torch.from_numpy(rows)].to(device).long()

    def moved(self, targets: torch.Tensor, move: Move, height: int, width: int) -> torch.Tensor:
        """Masks, moved as their images."""
        del height, width
        return moved_masks(targets, move)

    def loss(self, network: nn.Module, images: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Mean cross-entropy of the pixels that count; 0 where none does."""
        maps: Maps = network(images)
        logits = maps.resized(*targets.shape[1:]).float()
        lost = functional.cross_entropy(logits, targets, ignore_index=IGNORED, reduction="sum")
        return lost / (targets != IGNORED).sum().clamp(min=1)

    def said(self, network: nn.Module, images: torch.Tensor) -> Maps:
        """Maps of the batch."""
        maps: Maps = network(images)
        return maps

    def reduced(self, said: Maps, images: torch.Tensor, wanted: Set[str]) -> Outputs:
        """As `map_outputs`."""
        height, width = images.shape[2:]
        return map_outputs(said, height, width, wanted)


class Detecting:
    """Boxes, and networks that are a `Detector`."""

    def targets(self, y: Targets, task: Task, height: int, width: int) -> Truth:
        """Boxes of all rows; boxes without an area and crowds are left out."""
        del task, height, width
        kept = [_of_use(each) for each in y]
        most = max(1, max((len(classes) for _, classes in kept), default=1))
        corners = np.zeros((len(y), most, 4), dtype=np.float32)
        classes = np.full((len(y), most), IGNORED, dtype=np.int64)
        for row, (box, number) in enumerate(kept):
            corners[row, : len(box)], classes[row, : len(box)] = box, number
        return Truth(torch.from_numpy(corners), torch.from_numpy(classes))

    def taken(self, targets: Truth, rows: Rows, device: torch.device) -> Truth:
        """Boxes of some rows."""
        at = torch.from_numpy(rows)
        return Truth(targets.corners[at].to(device), targets.classes[at].to(device))

    def moved(self, targets: Truth, move: Move, height: int, width: int) -> Truth:
        """Boxes, moved as their images."""
        return moved_boxes(targets, move, height, width)

    def loss(self, network: nn.Module, images: torch.Tensor, targets: Truth) -> torch.Tensor:
        """The network's own loss."""
        return cast("Detector", network).loss(images, targets)

    def said(self, network: nn.Module, images: torch.Tensor) -> Found:
        """The objects of each image."""
        return cast("Detector", network).found(images)

    def reduced(self, said: Found, images: torch.Tensor, wanted: Set[str]) -> Outputs:
        """As `found_outputs`."""
        del images
        return found_outputs(said, wanted)


def _of_use(boxes: Boxes) -> tuple[Any, Any]:
    kept = (boxes.areas > 0) & ~boxes.crowd
    return boxes.corners[kept], boxes.classes[kept]


KINDS: dict[str, DenseKind] = {"segmentation": Segmenting(), "detection": Detecting()}
"""The dense tasks by name."""
