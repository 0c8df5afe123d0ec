"""Pretrained bodies as parts of a classifier: texts or images to features."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Self

import torch
from torch import nn

from uwe.errors import InputError, text_of
from uwe.models.efficientnet import MEAN, NAME, SCALE, load_efficientnet
from uwe.models.hub import load_body, read_statistics
from uwe.models.pooling import mean_of_tokens, pooled

__all__ = ["ImageBody", "TextBody", "check_text_body", "image_body", "text_body"]

_CHANNELS = 3


class TextBody(nn.Module):
    """Tokens to one vector a text, in float32.

    Args:
        encoder: a model of ``transformers``.
        pooling: ``mean`` over the tokens, or ``cls``: the first token.
    """

    def __init__(self, encoder: nn.Module, pooling: str) -> None:
        super().__init__()
        self.encoder = encoder
        self.pooling = pooling
        config: Any = encoder.config
        self.width = int(getattr(config, "hidden_size", 0))

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Map tokens and mask ``[2, b, t]``, int64, to features ``[b, width]``."""
        ids, mask = tokens
        hidden = self.encoder(input_ids=ids, attention_mask=mask).last_hidden_state
        return pooled([self.pooling], hidden.float(), mask)


class ImageBody(nn.Module):
    """Images in 0..1 to features; grey ones are repeated to three channels.

    BatchNorm keeps the statistics of the pretraining, since few labelled images are a poor source
    of better ones.

    Args:
        network: the pretrained network.
        features: maps network and images ``[b, 3, h, w]`` to features ``[b, d]``.
        mean: of each channel that the network expects.
        std: likewise.
    """

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(
        self,
        network: nn.Module,
        features: Callable[[Any, torch.Tensor], torch.Tensor],
        mean: list[float],
        std: list[float],
    ) -> None:
        super().__init__()
        self.network = network
        self.features = features
        for name, values in (("mean", mean), ("std", std)):
            self.register_buffer(name, torch.tensor(values)[:, None, None], persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map images ``[b, channels, h, w]`` to features ``[b, d]``."""
        x = x.expand(-1, _CHANNELS, -1, -1) if x.shape[1] == 1 else x
        return self.features(self.network, (x - self.mean) / self.std)

    def train(self, mode: bool = True) -> Self:
        """Switch the mode; BatchNorms stay in evaluation mode."""
        super().train(mode)
        for module in self.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.eval()
        return self


def text_body(name: str, pooling: str) -> TextBody:
    """The body of a model of ``transformers`` for texts.

    Raises:
        InputError: it cannot be loaded, or is no encoder.
    """
    return TextBody(load_body(name, "texts"), pooling)


def check_text_body(body: TextBody, name: str, alone: torch.Tensor, longer: torch.Tensor) -> None:
    """Refuse a body that does not read tokens, or whose features depend on the padding.

    Encoders that mix places without a mask, such as FNet, give a text other features in every
    batch.

    Args:
        body: of `text_body`.
        name: of the hub, or a local folder.
        alone: tokens and mask of a text, int64 ``[2, 1, t]``.
        longer: the same text, filled up.

    Raises:
        InputError: it is such a body.
    """
    kind = getattr(body.encoder.config, "model_type", type(body.encoder).__name__)
    was_training = body.training
    try:
        with torch.inference_mode():
            one, other = (body.eval()(each)[0] for each in (alone, longer))
    except Exception as error:  # the many models raise errors of any kind
        raise InputError(
            f"model hf:{name}, of type {kind}, does not read tokens alone: "
            f"{text_of(error, longest=160)}; give another encoder, such as BERT"
        ) from error
    body.train(was_training)
    if len(one) != body.width:
        raise InputError(
            f"model hf:{name}, of type {kind}, gives {len(one)} features a text, but its "
            f"hidden_size is {body.width}; give another encoder, such as BERT"
        )
    apart = _ROUNDING * float(one.abs().max())
    if bool(one.isfinite().all()) and not torch.allclose(one, other, rtol=0, atol=apart):
        raise InputError(
            f"model hf:{name}, of type {kind}, mixes padding into its features, so a text has "
            "others alone than beside longer texts; give an encoder that masks padding, such as "
            "BERT"
        )


_ROUNDING = 1e-4  # of the largest feature; float32 in another order of sums stays below 1e-5


def image_body(model: str, image_shape: tuple[int, int, int]) -> tuple[ImageBody, int]:
    """A pretrained body for images, and the width of its features.

    Args:
        model: ``hf:NAME``, or ``efficientnet-lite0``.
        image_shape: height, width and channels.

    Raises:
        InputError: it cannot be loaded, or does not take images of this shape.
    """
    height, width, channels = image_shape
    if channels not in (1, _CHANNELS):
        raise InputError(f"model {model} reads images of 1 or 3 channels, not {channels}")
    body = _BODIES.get(model, _of_hub)(model)
    was_training = body.training
    try:
        with torch.inference_mode():
            found = body.eval()(torch.zeros(1, channels, height, width))
    except (RuntimeError, ValueError, IndexError) as error:
        raise InputError(
            f"model {model} does not take images of {height}x{width}: "
            f"{text_of(error, longest=160)}; give --image-size N"
        ) from error
    body.train(was_training)
    return body, int(found.shape[1])


def _efficientnet(model: str) -> ImageBody:
    del model
    network: Any = load_efficientnet()
    network._fc = nn.Identity()  # the classes of ImageNet
    mean, std = [MEAN / 255] * _CHANNELS, [SCALE / 255] * _CHANNELS
    return ImageBody(network, _mean_of_places, mean, std)


def _mean_of_places(network: Any, x: torch.Tensor) -> torch.Tensor:
    features: torch.Tensor = network.extract_features(x).mean((2, 3))
    return features


def _of_hub(model: str) -> ImageBody:
    name = model.removeprefix("hf:")
    return ImageBody(load_body(name, "images"), _pooled_output, *read_statistics(name))


def _pooled_output(network: Any, x: torch.Tensor) -> torch.Tensor:
    """The network's own pooled output, or the mean over its places."""
    bends = "interpolate_pos_encoding" in inspect.signature(network.forward).parameters
    said = network(x, **({"interpolate_pos_encoding": True} if bends else {}))
    own = getattr(said, "pooler_output", None)
    return mean_of_tokens(said.last_hidden_state if own is None else own.flatten(1), {})


_BODIES: dict[str, Callable[[str], ImageBody]] = {NAME: _efficientnet}
