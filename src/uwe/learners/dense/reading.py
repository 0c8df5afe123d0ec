"""The outputs of a dense network, reduced over the places of each image to a few numbers."""

from __future__ import annotations

from collections.abc import Set

import torch
from torch.nn import functional

from uwe.dense import PLACE_MEASURES, objectness_uncertainty, place_uncertainty
from uwe.dense.gradient import gradient_over_places
from uwe.models.maps import Found, Maps

__all__ = ["Outputs", "found_outputs", "map_outputs"]

Outputs = dict[str, torch.Tensor]

_WEIGHTED = "weighted_"
_LEAST_OBJECT = 0.1  # score of an object that counts as a place
_LEAST_LISTED = 0.01  # score of an object that is listed at all


def map_outputs(maps: Maps, height: int, width: int, wanted: Set[str]) -> Outputs:
    """The outputs of segmentation for a batch; its places are those of the coarser map.

    Args:
        maps: class scores and features.
        height: of the images.
        width: of the images.
        wanted: names of further outputs: ``gradient``.

    Returns:
        ``predicted`` uint8 ``[b, h, w]``; each measure ``[b]``; ``weighted_`` each ``[b, d]``;
        ``features`` ``[b, d]``; ``gradient`` ``[b, c·d]``.
    """
    logits, features = maps.logits.float(), maps.features.float()
    shape = _coarser(logits, features)
    features = _pooled(features, shape)
    probs = logits.permute(0, 2, 3, 1).softmax(-1)
    made: Outputs = {"predicted": Maps(logits, features).resized(height, width).argmax(1).byte()}
    for name in PLACE_MEASURES:
        doubt = place_uncertainty(probs, name)
        made[name] = doubt.mean((1, 2))
        made[_WEIGHTED + name] = _mean_product(_pooled(doubt[:, None], shape), features)
    made["features"] = features.mean((2, 3))
    if "gradient" in wanted:
        made["gradient"] = gradient_over_places(
            _pooled(probs.permute(0, 3, 1, 2), shape).flatten(2).transpose(1, 2),
            features.flatten(2).transpose(1, 2),
        )
    return made


def found_outputs(found: Found, wanted: Set[str]) -> Outputs:
    """The outputs of detection for a batch; its places are the objects that are found.

    An object counts as a place where its score is at least 0.1; the most probable one of an image
    always does, so that an image without objects still has a place.

    Args:
        found: objects, the most probable first.
        wanted: names of further outputs: ``gradient``.

    Returns:
        ``detections`` float32 ``[b, k, 6]``; each measure ``[b]``, ``objectness`` among them;
        ``weighted_`` each ``[b, d]``; ``features`` ``[b, d]``; ``gradient`` ``[b, (c + 1)·d]``.
    """
    there = (found.scores >= _LEAST_OBJECT).float()
    there[:, 0] = 1.0
    made: Outputs = {"detections": _listed(found)}
    doubts = {name: place_uncertainty(found.probs, name) for name in PLACE_MEASURES}
    doubts["objectness"] = objectness_uncertainty(found.scores[..., None])
    for name, doubt in doubts.items():
        made[name] = _mean(doubt[..., None], there)[:, 0]
        made[_WEIGHTED + name] = _mean(doubt[..., None] * found.features, there)
    made["features"] = _mean(found.features, there)
    if "gradient" in wanted:
        made["gradient"] = gradient_over_places(found.probs, found.features, weights=there)
    return made


def _listed(found: Found) -> torch.Tensor:
    """Corners, score and class of each object; zeros where the score is below 0.01."""
    columns = (found.scores[..., None], found.classes[..., None].float())
    rows = torch.cat([found.corners.float(), *columns], -1)
    return rows * (found.scores >= _LEAST_LISTED)[..., None]


def _mean(values: torch.Tensor, there: torch.Tensor) -> torch.Tensor:
    """Mean over the places that are there: ``[b, k, d]`` and ``[b, k]`` to ``[b, d]``."""
    return (values * there[..., None]).sum(1) / there.sum(1, keepdim=True)


def _mean_product(doubt: torch.Tensor, features: torch.Tensor) -> torch.Tensor:
    """``mean_p u_p f_p`` of maps ``[b, 1, h, w]`` and ``[b, d, h, w]``, as ``[b, d]``."""
    summed = torch.bmm(features.flatten(2), doubt.flatten(2).transpose(1, 2))[..., 0]
    return summed / doubt[0].numel()


def _coarser(logits: torch.Tensor, features: torch.Tensor) -> tuple[int, int]:
    rows, columns = (min(a, b) for a, b in zip(logits.shape[2:], features.shape[2:], strict=True))
    return rows, columns


def _pooled(maps: torch.Tensor, shape: tuple[int, int]) -> torch.Tensor:
    """Maps at a coarser resolution: the mean over the pixels of each place."""
    return maps if tuple(maps.shape[2:]) == shape else functional.adaptive_avg_pool2d(maps, shape)
