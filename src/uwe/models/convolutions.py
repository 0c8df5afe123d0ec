"""The 3x3 convolutions of the networks, and the switch between their two implementations.

``UWE_CONVOLUTIONS=torch`` makes every one of them an ``nn.Conv2d``. To remove the implementation
by tiles for good, delete ``winograd.py`` and its line in the table.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from typing import Any

from torch import nn

from uwe.errors import require_known

__all__ = ["convolution_3x3", "convolution_settings", "fix_weights"]

_SWITCH = "UWE_CONVOLUTIONS"

_IMPLEMENTATIONS: dict[str, Callable[[], Any]] = {
    "torch": lambda: partial(nn.Conv2d, kernel_size=3, padding=1),
    "tiles": lambda: import_module("uwe.models.winograd").Conv3x3,
}
"""Implementations by name; the last one is the default."""

_OF_FORMER_RECORDS = "tiles"


def convolution_3x3(channels_in: int, channels_out: int) -> nn.Conv2d:
    """A 3x3 convolution of stride 1 without bias; its outputs are as large as its inputs."""
    made: nn.Conv2d = _IMPLEMENTATIONS[_chosen()]()(channels_in, channels_out, bias=False)
    return made


def fix_weights(network: nn.Module) -> None:
    """Tell the convolutions that their weights will not change any more."""
    for module in network.modules():
        fix = getattr(module, "fix", None)
        if isinstance(module, nn.Conv2d) and callable(fix):
            fix()


def convolution_settings() -> Mapping[str, Any]:
    """The implementation for the record of a run; records without one are of ``tiles``."""
    return {} if _chosen() == _OF_FORMER_RECORDS else {"convolutions": _chosen()}


def _default() -> str:
    return list(_IMPLEMENTATIONS)[-1]


def _chosen() -> str:
    return require_known(
        os.environ.get(_SWITCH, _default()), _IMPLEMENTATIONS, f"value of {_SWITCH}"
    )
