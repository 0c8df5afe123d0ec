"""SegFormer and YOLOS of ``transformers``: from a configuration, or from weights in a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from uwe._optional import optional
from uwe.errors import InputError, told_of
from uwe.models.maps import Found, Maps, Truth

__all__ = ["Segformer", "Yolos"]

_EXTRA = "vit"
_LEAST, _PLACE = 32, 4  # of SegFormer: the least side of an image, and the side of a place
_PATCH = 16  # of YOLOS
_TINY_YOLOS = {
    "hidden_size": 192,
    "num_hidden_layers": 12,
    "num_attention_heads": 3,
    "intermediate_size": 768,
}


class Segformer(nn.Module):
    """SegFormer: places are squares of four pixels.

    Args:
        channels: of the images.
        classes: number of classes.
        weights: hub name or folder of pretrained weights; None: the smallest form, b0, with weights
            drawn at random.
        options: of the configuration where no weights are given, such as ``hidden_sizes``.

    Source: Xie, Wang, Yu, Anandkumar, Alvarez, Luo (2021), SegFormer: simple and efficient design
    for semantic segmentation with transformers.
    """

    def __init__(
        self, *, channels: int, classes: int, weights: str | None = None, **options: Any
    ) -> None:
        super().__init__()
        self.body = _of_hub(
            "Segformer", "ForSemanticSegmentation", weights, classes, channels, options
        )
        self._given: list[torch.Tensor] = []
        self.body.decode_head.classifier.register_forward_pre_hook(self._note)

    def forward(self, x: torch.Tensor) -> Maps:
        """Map images ``[b, channels, h, w]`` to maps of a quarter of the resolution."""
        self._given.clear()
        height, width = x.shape[2:]
        whole = functional.pad(x, (0, max(0, _LEAST - width), 0, max(0, _LEAST - height)))
        logits = self.body(pixel_values=whole.contiguous()).logits
        rows, columns = -(-height // _PLACE), -(-width // _PLACE)
        return Maps(logits[:, :, :rows, :columns], self._given.pop()[:, :, :rows, :columns])

    def _note(self, _module: nn.Module, given: tuple[torch.Tensor, ...]) -> None:
        self._given.append(given[0])


class Yolos(nn.Module):
    """YOLOS: a transformer that finds objects by tokens of their own.

    Args:
        channels: of the images.
        classes: number of classes.
        shape: height and width of the images.
        weights: hub name or folder of pretrained weights; None: the smallest form, tiny, with
            weights drawn at random, which need many images.
        options: of the configuration where no weights are given.

    Source: Fang, Liao, Wang, Fang, Qi, Wu, Niu, Liu (2021), You only look at one sequence.
    """

    def __init__(
        self,
        *,
        channels: int,
        classes: int,
        shape: tuple[int, int],
        weights: str | None = None,
        **options: Any,
    ) -> None:
        super().__init__()
        whole = [side + -side % _PATCH for side in shape]
        given = {"image_size": whole, **_TINY_YOLOS, **options}
        self.body = _of_hub("Yolos", "ForObjectDetection", weights, classes, channels, given)

    def loss(self, images: torch.Tensor, truth: Truth) -> torch.Tensor:
        """The loss of ``transformers``: classes and boxes after the best matching."""
        images, scale = _in_patches(images)
        labels = []
        for corners, classes in zip(truth.corners, truth.classes, strict=True):
            there = classes >= 0
            low, high = (corners[there] / scale).split(2, -1)
            boxes = torch.cat([(low + high) / 2, high - low], -1)
            labels.append({"class_labels": classes[there], "boxes": boxes})
        out = self.body(pixel_values=images)
        # the matching reads costs as numpy arrays, which have no bfloat16
        said = out.logits.float(), labels, images.device, out.pred_boxes.float()
        loss: torch.Tensor = self.body.loss_function(*said, self.body.config)[0]
        return loss

    def found(self, images: torch.Tensor) -> Found:
        """One object for each token, the most probable first."""
        size = torch.tensor([*images.shape[:1:-1]] * 2, device=images.device)
        images, scale = _in_patches(images)
        out = self.body(pixel_values=images)
        probs = out.logits.float().softmax(-1)
        scores, classes = probs[..., :-1].max(-1)
        scores, order = scores.sort(dim=1, descending=True, stable=True)
        features = out.last_hidden_state[:, -out.logits.shape[1] :].float()
        middle, sides = out.pred_boxes.float().split(2, -1)
        corners = torch.cat([middle - sides / 2, middle + sides / 2], -1) * scale
        corners = corners.clamp(min=0).minimum(size)
        return Found(
            _taken(corners, order),
            scores,
            classes.gather(1, order),
            _taken(probs, order),
            _taken(features, order),
        )


def _in_patches(images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Images filled up to whole patches, and what boxes from 0 to 1 are multiplied by."""
    height, width = images.shape[2:]
    whole = functional.pad(images, (0, -width % _PATCH, 0, -height % _PATCH)).contiguous()
    return whole, torch.tensor([*whole.shape[:1:-1]] * 2, device=images.device)


def _taken(values: torch.Tensor, order: torch.Tensor) -> torch.Tensor:
    return values.gather(1, order[..., None].expand(-1, -1, values.shape[2]))


def _of_hub(
    family: str,
    purpose: str,
    weights: str | None,
    classes: int,
    channels: int,
    options: dict[str, Any],
) -> Any:
    """A model of ``transformers`` with a new last layer for the classes.

    Raises:
        InputError: the package is missing, or the weights or the options do not fit.
    """
    package: Any = optional("transformers", f"model {family.lower()}", extra=_EXTRA)
    model, configuration = getattr(package, family + purpose), getattr(package, f"{family}Config")
    try:
        if weights is None:
            made = configuration(num_labels=classes, num_channels=channels, **options)
            return model(made)
        return model.from_pretrained(
            weights,
            num_labels=classes,
            ignore_mismatched_sizes=True,
            local_files_only=Path(weights).is_dir(),
        )
    except Exception as error:
        source = "its options" if weights is None else weights
        raise InputError(
            f"model {family.lower()} cannot be made from {source}: {told_of(error)}"
        ) from error
