"""The vision transformer of DINO, ViT-S/16, through Hugging Face ``transformers``.

Source: Caron, Touvron, Misra, Jégou, Mairal, Bojanowski, Joulin (2021), Emerging properties in
self-supervised vision transformers.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from uwe._types import Logits
from uwe.errors import InputError
from uwe.models.classifier import Head

__all__ = ["VitBody", "VitHead", "load_vit"]

_BLOCKS_READ = 4
_FEATURES = 768


class VitBody(nn.Module):
    """The class tokens of the last four blocks, concatenated.

    Images keep their own size; the position embeddings are interpolated to it.

    Args:
        vit: a ``transformers.ViTModel``.
        channels: of the images; one channel is repeated three times.
        fine_tune_layers: n > 0 trains only the LayerNorms of the last n blocks and the final
            one; 0 trains everything.
    """

    def __init__(self, vit: nn.Module, *, channels: int, fine_tune_layers: int) -> None:
        super().__init__()
        config: Any = vit.config
        if fine_tune_layers > config.num_hidden_layers:
            raise InputError(
                f"--fine-tune-layers is {fine_tune_layers}, but the transformer has "
                f"{config.num_hidden_layers} blocks"
            )
        if channels not in (1, 3):
            raise InputError(f"model 'vit' reads images of 1 or 3 channels, not {channels}")
        self.vit = vit
        self.repeat = 3 // channels
        self.width = _BLOCKS_READ * int(config.hidden_size)
        if fine_tune_layers:
            _freeze_all_but_norms(vit, fine_tune_layers)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map images ``[b, 3, h, w]`` to ``[b, 4·hidden]``."""
        out = self.vit(
            x.repeat(1, self.repeat, 1, 1),
            output_hidden_states=True,
            interpolate_pos_encoding=True,
        )
        norm: Any = self.vit.layernorm
        tokens = [norm(states)[:, 0] for states in out.hidden_states[-_BLOCKS_READ:]]
        return torch.cat(tokens, 1)


class VitHead(Head):
    """A linear layer to 768 features and a linear classifier."""

    def __init__(self, width: int, classes: int) -> None:
        super().__init__()
        self.project = nn.Linear(width, _FEATURES)
        self.linear = nn.Linear(_FEATURES, classes)

    def forward(self, hidden: torch.Tensor) -> tuple[Logits, torch.Tensor]:
        """Map ``[b, width]`` to logits ``[b, c]`` and features ``[b, 768]``."""
        features = self.project(hidden)
        return self.linear(features), features


def load_vit(weights: str) -> nn.Module:
    """A pretrained transformer by hub name or local folder.

    Raises:
        InputError: ``transformers`` is not installed, or the weights cannot be had.
    """
    try:
        from transformers import ViTModel
    except ImportError as error:
        raise InputError("model 'vit' needs the extra 'vit': pip install 'uwe[vit]'") from error
    try:
        loaded: Any = ViTModel.from_pretrained(
            weights, add_pooling_layer=False, output_loading_info=True, trust_remote_code=False
        )
    except (OSError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        raise InputError(
            f"the weights {weights!r} of model 'vit' cannot be loaded: {reason} "
            "(--vit-weights takes a hub name or a local folder)"
        ) from error
    model: nn.Module = loaded[0]
    if lacking := sorted(loaded[1]["missing_keys"]):
        raise InputError(
            f"the weights {weights!r} of model 'vit' lack {len(lacking)} parts, such as "
            f"{lacking[0]}, which would be drawn at random; give a checkpoint of ViT"
        )
    return model


def _freeze_all_but_norms(vit: nn.Module, blocks: int) -> None:
    model: Any = vit
    vit.requires_grad_(False)
    model.layernorm.requires_grad_(True)
    for block in model.layers[-blocks:]:
        for module in block.modules():
            if isinstance(module, nn.LayerNorm):
                module.requires_grad_(True)
