"""Your own network for a dense task: any module that gives maps, or that is a `Detector`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from uwe.errors import InputError
from uwe.models.maps import Maps

__all__ = ["OwnMaps", "own_dense"]

_MAP_AXES = 4
_PAIR = 2


def own_dense(made: Any, name: str, task: str, classes: int) -> nn.Module:
    """A module of the user's as a network of a task.

    Raises:
        InputError: it is no module, or lacks what the task needs.
    """
    if not isinstance(made, nn.Module):
        raise InputError(f"{name} returned a {type(made).__name__}, not a torch.nn.Module")
    if task == "segmentation":
        return OwnMaps(made, name, classes)
    lacking = [each for each in ("loss", "found") if not callable(getattr(made, each, None))]
    if lacking:
        raise InputError(
            f"{name} has no method {lacking[0]}, which a network for detection needs; see "
            "uwe.models.maps.Detector"
        )
    return made


class OwnMaps(nn.Module):
    """A module whose forward pass returns logits ``[b, c, h, w]``, or a pair (logits, features).

    It may also return a mapping with ``logits`` or ``out``, and perhaps ``features``. If there are
    no features, they are the input of the last ``nn.Conv2d`` of the forward pass.

    Args:
        body: the module.
        name: its name in errors.
        classes: number of classes.
    """

    def __init__(self, body: nn.Module, name: str, classes: int) -> None:
        super().__init__()
        self.body = body
        self.name = name
        self.classes = classes
        self._given: list[torch.Tensor] = []
        for module in body.modules():
            if isinstance(module, nn.Conv2d):
                module.register_forward_pre_hook(self._note)

    def forward(self, x: torch.Tensor) -> Maps:
        """Map images ``[b, channels, h, w]`` to maps.

        Raises:
            InputError: the module returns something else than maps of the classes.
        """
        self._given.clear()
        logits, features = self._parts(self.body(x.contiguous()))
        features = self._last() if features is None else features
        if logits.ndim != _MAP_AXES or logits.shape[:2] != (len(x), self.classes):
            raise InputError(
                f"{self.name} gives logits of shape {tuple(logits.shape)}; they must be "
                f"[b, c, h, w], here ({len(x)}, {self.classes}, h, w)"
            )
        if features.ndim != _MAP_AXES:
            raise InputError(
                f"{self.name} gives features of shape {tuple(features.shape)}; they must be "
                "[b, d, h, w]"
            )
        return Maps(logits, features)

    def _note(self, _module: nn.Module, given: tuple[Any, ...]) -> None:
        self._given[:] = [given[0]]

    def _last(self) -> torch.Tensor:
        if not self._given:
            raise InputError(
                f"{self.name} returns logits alone, and no nn.Conv2d takes part in its forward "
                "pass; return a pair (logits, features)"
            )
        return self._given.pop()

    def _parts(self, out: Any) -> tuple[torch.Tensor, torch.Tensor | None]:
        if isinstance(out, torch.Tensor):
            return out, None
        if isinstance(out, Mapping):
            logits = out.get("logits", out.get("out"))
            if isinstance(logits, torch.Tensor):
                return logits, out.get("features")
        if isinstance(out, tuple | list) and len(out) == _PAIR:
            return out[0], out[1]
        raise InputError(
            f"{self.name} returned a {type(out).__name__}; return logits [b, c, h, w], or a pair "
            "(logits, features), as tensors"
        )
