"""Segmentation and detection models of ``transformers``: what they say at places of images."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from uwe.errors import InputError

__all__ = ["DENSE", "DenseKind", "dense_kind"]

Prepare = Callable[[list[Any]], Any]
Encode = Callable[[list[Any]], Mapping[str, Any]]

_THRESHOLD = 0.3  # of the score of a detection
_AUXILIARY = "auxiliary"


@dataclass(frozen=True)
class DenseKind:
    """One kind of model.

    Attributes:
        auto: the class of ``transformers`` that loads it.
        encoding: makes the map from images to maps or scores of the model, of what prepares images,
            and of the device.
        features: what the features are, for the identity of the model.
    """

    auto: str
    encoding: Callable[[Any, Prepare, torch.device], Encode]
    features: str


def dense_kind(architectures: list[str] | None) -> DenseKind | None:
    """The kind of a checkpoint by the names of its classes; None for models of whole images."""
    for name in architectures or ():
        for end, kind in DENSE.items():
            if name.endswith(end):
                return kind
    return None


def _segmenting(model: Any, prepare: Prepare, device: torch.device) -> Encode:
    """Maps are the logits; features are what the last layer of the head is given."""
    heads = [
        layer
        for name, layer in model.named_modules()
        if isinstance(layer, torch.nn.Conv2d)
        and layer.out_channels == model.config.num_labels
        and _AUXILIARY not in name
    ]

    def encode(items: list[Any]) -> Mapping[str, Any]:
        given: list[torch.Tensor] = []
        handles = [
            layer.register_forward_pre_hook(lambda _layer, args: given.append(args[0]))
            for layer in heads[-1:]
        ]
        try:
            logits = model(**prepare(items).to(device)).logits
        finally:
            for handle in handles:
                handle.remove()
        return {"maps": logits, **({"features": given[-1]} if given else {})}

    return encode


def _of_queries(model: Any, prepare: Prepare, device: torch.device) -> Encode:
    """Maps are sums over the queries of class times mask, divided by their sum over the classes.

    Source: Cheng, Schwing, Kirillov, "Per-Pixel Classification is Not All You Need for Semantic
    Segmentation", NeurIPS 2021, section 3.4; the sums are divided so that they are probabilities.
    """

    def encode(items: list[Any]) -> Mapping[str, Any]:
        said = model(**prepare(items).to(device))
        classes = said.class_queries_logits.float().softmax(-1)[..., :-1]  # the last is no object
        masks = said.masks_queries_logits.float().sigmoid()
        sums = torch.einsum("bqc,bqhw->bchw", classes, masks).double()
        sums = sums.clamp_min(torch.finfo(torch.float32).tiny)
        return {"maps": (sums / sums.sum(1, keepdim=True)).float(), "given": "probs"}

    return encode


def _detecting(model: Any, prepare: Prepare, device: torch.device) -> Encode:
    """Scores of the queries whose best class is above the threshold; features are their states.

    Models with a class for no object have probabilities that sum to 1; others have a score for each
    class, of which `objectness` takes the best.
    """
    labels = model.config.num_labels

    def encode(items: list[Any]) -> Mapping[str, Any]:
        said = model(**prepare(items).to(device))
        logits = said.logits.float()
        states = said.last_hidden_state
        if states is None or states.ndim != logits.ndim or states.shape[1] < logits.shape[1]:
            raise InputError(f"{type(model).__name__} gives no states of its queries; give "
                             "module:factory")  # fmt: skip
        states = states[:, -logits.shape[1] :]
        has_none = logits.shape[-1] > labels
        scores = logits.softmax(-1) if has_none else logits.sigmoid()
        kept = scores[..., :labels].amax(-1) > _THRESHOLD
        return {
            "scores": [row[of] for row, of in zip(scores, kept, strict=True)],
            "features": [row[of] for row, of in zip(states, kept, strict=True)],
            **({} if has_none else {"measure": "objectness"}),
        }

    return encode


DENSE: Mapping[str, DenseKind] = {
    "ForSemanticSegmentation": DenseKind(
        "AutoModelForSemanticSegmentation", _segmenting, "before the last layer of the head"
    ),
    "ForUniversalSegmentation": DenseKind(
        "AutoModelForUniversalSegmentation", _of_queries, "probabilities"
    ),
    "MaskFormerForInstanceSegmentation": DenseKind(
        "AutoModelForUniversalSegmentation", _of_queries, "probabilities"
    ),
    "ForObjectDetection": DenseKind(
        "AutoModelForObjectDetection",
        _detecting,
        f"states of queries with a score above {_THRESHOLD}",
    ),
}
"""The kinds by the end of the names of their classes."""
