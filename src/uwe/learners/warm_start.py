"""Start a training from the weights of the cycle before."""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import nn

from uwe._random import generator

__all__ = ["shrink_and_perturb"]

Model = TypeVar("Model", bound=nn.Module)

_SHRINK = 0.6
_NOISE = 0.01


def shrink_and_perturb(model: Model, *, seed: int) -> Model:
    """Every trained weight w becomes 0.6 w + N(0, 0.01²), in place; running statistics stay.

    A network whose training just continues generalises worse than one that starts from scratch; a
    shrunk and perturbed one does not.

    Args:
        model: the model of the cycle before.
        seed: seed of the noise.

    Source: Ash, Adams, "On Warm-Starting Neural Network Training", NeurIPS 2020.
    """
    rng = generator(seed)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.requires_grad:
                noise = torch.randn(weight.shape, generator=rng)
                weight.mul_(_SHRINK).add_(noise.to(weight.device), alpha=_NOISE)
    return model
