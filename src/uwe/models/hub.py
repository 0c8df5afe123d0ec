"""Bodies of Hugging Face ``transformers`` that are fine-tuned: which are, and loading them.

Weights are read from safetensors alone, and a checkpoint's own code is never run.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from torch import nn

from uwe._optional import optional
from uwe.errors import InputError, UweError, text_of
from uwe.models.pretrained import file_of, is_pooler, load_weights, place_of, quiet
from uwe.models.tokens import longest, require_padding

__all__ = ["load_body", "load_tokenizer", "read_statistics"]

_PURPOSE = "a model of the hub that is fine-tuned"
_WEIGHTS = ("model.safetensors", "model.safetensors.index.json")
_PICKLES = ("pytorch_model.bin", "pytorch_model.bin.index.json")
_TOKENIZERS = (
    "tokenizer.json", "vocab.txt", "vocab.json", "spiece.model", "sentencepiece.bpe.model",
    "tokenizer.model",
)  # fmt: skip
_KNOWN = {
    "texts": ("MODEL_FOR_MASKED_LM_MAPPING_NAMES", "an encoder, such as BERT"),
    "images": ("MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES", "a network such as ViT"),
}
"""By the kind of items: the table of ``transformers`` that has the models for it, and its name."""


def load_body(name: str, kind: str) -> nn.Module:
    """A pretrained network without a head.

    Args:
        name: of the hub, or a local folder.
        kind: ``texts`` or ``images``.

    Raises:
        InputError: it is not there, is no network for such items, its weights are pickles, or some
            of them are missing.
    """
    transformers = optional("transformers", _PURPOSE, extra="vit")
    name = _expanded(name)
    try:
        with quiet(transformers):
            _require_config(transformers, name)
            _require_kind(transformers, name, kind)
            _require_safetensors(transformers, name)
            body, lacking = load_weights(transformers, "AutoModel", {**place_of(name), **_LOADING})
    except UweError:
        raise
    except Exception as error:  # the network, the hub and its many models raise errors of any kind
        raise InputError(
            f"cannot load model hf:{name} for {kind}: {text_of(error, longest=200)}; give another "
            "model of the hub, or a local folder"
        ) from error
    drawn = sorted(key for key in lacking if not is_pooler(key))
    if drawn:
        raise InputError(
            f"model hf:{name} has no weights for {len(drawn)} parts of {type(body).__name__}, such "
            f"as {drawn[0]}, which would be drawn at random; give a whole checkpoint"
        )
    if getattr(body, "pooler", None) is not None and (lacking or kind == "texts"):
        body.pooler = _NO_POOLER[kind]()
    loaded: nn.Module = body.float()
    return loaded


_NO_POOLER: Mapping[str, Callable[[], nn.Module | None]] = {
    "texts": nn.Identity,
    "images": lambda: None,
}
"""What stands for a pooler. Some encoders call theirs without asking whether there is one; of a
network for images, None says that the mean over its places is taken."""

_LOADING = {"use_safetensors": True, "attn_implementation": "eager"}
"""Attention is computed in the plain way, which gives the same bits every time on every device."""


def load_tokenizer(name: str, body: nn.Module, max_length: int) -> tuple[Any, int]:
    """The tokenizer of a body, and the tokens that are read of a text.

    Args:
        name: of the hub, or a local folder.
        body: of `load_body`.
        max_length: tokens that are wanted.

    Raises:
        InputError: there is none, it has no token for padding, or it has more tokens than the body.
    """
    transformers = optional("transformers", _PURPOSE, extra="vit")
    name = _expanded(name)
    with quiet(transformers):
        found = any(file_of(transformers, name, each) for each in _TOKENIZERS)
    if not found:
        raise InputError(
            f"model hf:{name} has no tokenizer (none of {', '.join(_TOKENIZERS[:3])}); save it "
            "there: tokenizer.save_pretrained(FOLDER)"
        )
    try:
        with quiet(transformers):
            tokenizer = transformers.AutoTokenizer.from_pretrained(**place_of(name))
    except Exception as error:  # tokenizers raise errors of any kind
        raise InputError(
            f"cannot load the tokenizer of model hf:{name}: {text_of(error, longest=200)}; save it "
            "again: tokenizer.save_pretrained(FOLDER)"
        ) from error
    require_padding(tokenizer, body)
    config: Any = body.config
    known = int(getattr(config, "vocab_size", len(tokenizer)))
    if len(tokenizer) > known:
        raise InputError(
            f"the tokenizer of model hf:{name} has {len(tokenizer)} tokens, but the model has "
            f"{known}; save the tokenizer that belongs to the model"
        )
    limit = longest(tokenizer, body, None)
    return tokenizer, max_length if limit is None else min(max_length, limit)


def read_statistics(name: str) -> tuple[list[float], list[float]]:
    """Mean and deviation of each channel, of values in 0..1, that a network for images expects.

    Raises:
        InputError: the model does not say so.
    """
    transformers = optional("transformers", _PURPOSE, extra="vit")
    name = _expanded(name)
    with quiet(transformers):
        path = file_of(transformers, name, "preprocessor_config.json")
    try:
        settings: Mapping[str, Any] = {} if path is None else json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read {path}: {text_of(error)}; save it again") from error
    if settings.get("do_normalize") is False:
        return [0.0] * 3, [1.0] * 3
    try:
        mean, std = ([float(each) for each in settings[key]] for key in ("image_mean", "image_std"))
    except (KeyError, TypeError, ValueError):
        raise InputError(
            f"model hf:{name} does not say how images are normalised (image_mean and image_std in "
            "preprocessor_config.json); save its image processor there: "
            "processor.save_pretrained(FOLDER)"
        ) from None
    return mean, std


def _expanded(name: str) -> str:
    """The name, or the whole path of a folder in the user's home."""
    return str(Path(name).expanduser()) if name.startswith("~") else name


def _require_config(transformers: Any, name: str) -> None:
    if file_of(transformers, name, "config.json") is None:
        raise InputError(
            f"model hf:{name} is no folder here, is not in the cache of the hub, and the hub does "
            "not give it; check the name and the network, or give a local folder"
        )


def _require_kind(transformers: Any, name: str, kind: str) -> None:
    """Refuse decoders, models of two parts, and models for other items."""
    config = transformers.AutoConfig.from_pretrained(**place_of(name))
    auto = transformers.models.auto.modeling_auto
    table, wanted = _KNOWN[kind]
    is_two = bool(getattr(config, "is_encoder_decoder", False))
    is_decoder = bool(getattr(config, "is_decoder", False))
    if config.model_type in getattr(auto, table) and not is_two and not is_decoder:
        return
    causal = config.model_type in auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
    found = (
        "an encoder with a decoder" if is_two
        else "a decoder" if is_decoder or (causal and kind == "texts")
        else "made for something else"
    )  # fmt: skip
    raise InputError(
        f"model hf:{name} is of type {config.model_type}, {found}; for {kind} give {wanted}"
    )


def _require_safetensors(transformers: Any, name: str) -> None:
    if any(file_of(transformers, name, each) for each in _WEIGHTS):
        return
    pickled = next((each for each in _PICKLES if file_of(transformers, name, each)), None)
    if pickled is not None:
        raise InputError(
            f"model hf:{name} has its weights in {pickled}, a pickle, which could run code; save "
            "them as safetensors: model.save_pretrained(FOLDER)"
        )
    raise InputError(
        f"model hf:{name} has no weights ({_WEIGHTS[0]}); save them: model.save_pretrained(FOLDER)"
    )
