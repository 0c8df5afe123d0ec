"""What differs between dense tasks: targets as tensors, the loss, and what a pass gives."""

from __future__ import annotations

from collections.abc import Set
from typing import Any, NamedTuple, Protocol, cast

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
from uwe.tasks import Array, Boxes, Masks, Task

__all__ = ["KINDS", "DenseKind", "Detecting", "MaskTargets", "Segmenting", "class_weights"]


class MaskTargets(NamedTuple):
    """Masks of a batch, and how much each class counts.

    Attributes:
        masks: class numbers ``[b, h, w]``; -1 counts nowhere.
        weights: of the classes, float32 ``[c]``.
    """

    masks: torch.Tensor
    weights: torch.Tensor


class DenseKind(Protocol):
    """The side of a dense task that training and passes see."""

    def targets(self, y: Targets, task: Task, size: tuple[int, int], balance: float) -> Any:
        """The targets of all labelled rows, for `taken`.

        Args:
            y: labels of the task.
            task: what is learnt.
            size: height and width of the images.
            balance: how far the loss makes up for rare classes, from 0 to 1.

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

    def targets(self, y: Targets, task: Task, size: tuple[int, int], balance: float) -> MaskTargets:
        """Class numbers int16 ``[n, h, w]``, and the weights of the classes."""
        kind, (height, width) = cast("Masks", task.targets), size
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
        return MaskTargets(torch.from_numpy(masks), class_weights(masks, kind.width, balance))

    def taken(self, targets: MaskTargets, rows: Rows, device: torch.device) -> MaskTargets:
        """Masks of some rows, int64."""
        masks = targets.masks[torch.from_numpy(rows)].to(device).long()
        return MaskTargets(masks, targets.weights.to(device))

    def moved(self, targets: MaskTargets, move: Move, height: int, width: int) -> MaskTargets:
        """Masks, moved as their images."""
        del height, width
        return targets._replace(masks=moved_masks(targets.masks, move))

    def loss(self, network: nn.Module, images: torch.Tensor, targets: MaskTargets) -> torch.Tensor:
        """Weighted mean cross-entropy of the pixels that count; 0 where none does."""
        maps: Maps = network(images)
        masks, weights = targets
        logits = maps.resized(*masks.shape[1:]).float()
        counted = (masks != IGNORED).sum().clamp(min=1)
        if logits.is_cuda:  # there, the loss of maps does not give the same bits every time
            logits = logits.permute(0, 2, 3, 1).reshape(-1, logits.shape[1])
            masks = masks.reshape(-1)
        lost = functional.cross_entropy(
            logits, masks, weight=weights, ignore_index=IGNORED, reduction="sum"
        )
        return lost / counted

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

    def targets(self, y: Targets, task: Task, size: tuple[int, int], balance: float) -> Truth:
        """Boxes of all rows; boxes without an area and crowds are left out."""
        del task, size, balance
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


def class_weights(masks: Array, classes: int, balance: float) -> torch.Tensor:
    """How much a pixel of each class counts in the loss, so that rare classes are learnt, too.

    Formula: ``w_c ∝ n_c^-balance``, n being the numbers of pixels, so that the mean over all pixels
    is 1; a class that does not occur weighs 1.

    Args:
        masks: class numbers ``[n, h, w]``; -1 counts nowhere.
        classes: how many there are.
        balance: 0, all pixels count alike, to 1, all classes do.

    >>> class_weights(np.array([[[0, 0, 0, 1]]]), 3, 1.0)
    tensor([0.6667, 2.0000, 1.0000])
    """
    counts = np.bincount(masks[masks >= 0].ravel(), minlength=classes).astype(np.float64)
    there = counts > 0
    weights = np.ones(classes)
    weights[there] = counts[there] ** -balance
    if there.any():
        weights[there] *= counts.sum() / (weights * counts)[there].sum()
    return torch.from_numpy(weights.astype(np.float32))


def _of_use(boxes: Boxes) -> tuple[Any, Any]:
    kept = (boxes.areas > 0) & ~boxes.crowd
    return boxes.corners[kept], boxes.classes[kept]


KINDS: dict[str, DenseKind] = {"segmentation": Segmenting(), "detection": Detecting()}
"""The dense tasks by name."""
