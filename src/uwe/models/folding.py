"""A network for passes only, its BatchNorms folded into the convolutions before them."""

from __future__ import annotations

import copy
from itertools import pairwise

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from uwe.models.classifier import Classifier
from uwe.models.convolutions import fix_weights

__all__ = ["folded"]


def folded(model: Classifier) -> Classifier:
    """A copy in evaluation mode that computes the same with fewer passes over its maps.

    Outputs agree within rounding. Convolutions that no BatchNorm of the same ``nn.Sequential``
    follows are left as they are.
    """
    network = copy.deepcopy(model).eval()
    for module in list(network.modules()):
        if isinstance(module, nn.Sequential):
            _fold_neighbours(module)
    fix_weights(network)
    return network


def _fold_neighbours(layers: nn.Sequential) -> None:
    for at, (conv, norm) in enumerate(pairwise(layers)):
        if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
            fused = fuse_conv_bn_eval(conv, norm)
            layers[at] = fused.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
            layers[at + 1] = nn.Identity()
