"""From images or texts to a pool: features and probabilities by a model that is there already."""

from uwe.embedder.encoder import Encoder
from uwe.embedder.encoders import load_encoder
from uwe.embedder.sources import EncoderInput, open_source
from uwe.embedder.work import Embedded, embed

__all__ = ["Embedded", "Encoder", "EncoderInput", "embed", "load_encoder", "open_source"]
