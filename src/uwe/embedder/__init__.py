"""From images or texts to a pool: features and probabilities by a model that is there already."""

from typing import TYPE_CHECKING

from uwe._lazy import lazily

if TYPE_CHECKING:
    from uwe.embedder.backbones import (
        BACKBONES,
        backbone_lines,
        default_backbone,
        is_factory,
        side_of,
    )
    from uwe.embedder.encoder import Encoder
    from uwe.embedder.encoders import load_encoder
    from uwe.embedder.sources import EncoderInput, open_source
    from uwe.embedder.work import Embedded, embed

__all__ = [
    "BACKBONES",
    "Embedded",
    "Encoder",
    "EncoderInput",
    "backbone_lines",
    "default_backbone",
    "embed",
    "is_factory",
    "load_encoder",
    "open_source",
    "side_of",
]

__getattr__, __dir__ = lazily(
    __name__,
    {
        "backbones": ["BACKBONES", "backbone_lines", "default_backbone", "is_factory", "side_of"],
        "encoder": ["Encoder"],
        "encoders": ["load_encoder"],
        "sources": ["EncoderInput", "open_source"],
        "work": ["Embedded", "embed"],
    },
)
