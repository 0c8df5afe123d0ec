"""Numbers as a network learns them: shifted and scaled, so that one recipe serves every unit."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import torch

from uwe.learners.protocol import Targets
from uwe.tasks import Task

__all__ = ["Scale", "in_unit", "scale_of", "scaled_labels", "unscaled"]

Scale: TypeAlias = tuple[float, float]
"""What is added to the output of a network, after it was multiplied by the second number."""

_NUMBERS = frozenset({"mean"})


def scale_of(y: Targets) -> Scale:
    """What is subtracted from the labels in training, and what they are divided by.

    A recipe's learning rate is made for outputs of size one, and numbers may have any unit.
    """
    if y.dtype.kind != "f" or not len(y):
        return (0.0, 1.0)
    deviation = float(np.std(y))
    return float(np.mean(y)), deviation if deviation > 0 else 1.0


def scaled_labels(y: Targets, scale: Scale) -> torch.Tensor:
    """Labels as the loss compares them with the network's output; numbers are scaled."""
    if y.dtype.kind != "f":
        return torch.from_numpy(y)
    return torch.from_numpy(((y - scale[0]) / scale[1]).astype(np.float32))


def in_unit(
    loss: torch.Tensor,
    out: torch.Tensor,
    labels: torch.Tensor,
    scale: Scale,
    task: Task,
) -> torch.Tensor:
    """A training loss as it is in the labels' own unit."""
    if scale == (0.0, 1.0) or task.loss is None:
        return loss
    return task.loss(out * scale[1] + scale[0], labels * scale[1] + scale[0])


def unscaled(raw: torch.Tensor, output: str, scale: Scale) -> torch.Tensor:
    """A network's output in the labels' unit; a mean ``[..., 1]`` becomes ``[...]``."""
    if output not in _NUMBERS:
        return raw
    return raw.squeeze(-1).double().mul(scale[1]).add(scale[0])
