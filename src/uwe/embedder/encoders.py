"""What embeds: a model of Hugging Face ``transformers``, or a function of one's own."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch

from uwe._optional import optional
from uwe._plugins import add_working_folder
from uwe.errors import DataError, InputError

__all__ = ["Encoder", "load_encoder"]

Encoded: TypeAlias = tuple[torch.Tensor | None, torch.Tensor]  # logits [b, c] or None, features

_FACTORY = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
_PURPOSE = "embedding with a model of the hub"
_CLASSIFIERS = {"images": "ForImageClassification", "texts": "ForSequenceClassification"}
_TASKS = {
    "single_label_classification": "classification",
    "multi_label_classification": "multilabel",
    "regression": "regression",
}
_AUTO = {
    ("images", True): "AutoModelForImageClassification",
    ("texts", True): "AutoModelForSequenceClassification",
    ("images", False): "AutoModel",
    ("texts", False): "AutoModel",
}


@dataclass(frozen=True)
class Encoder:
    """Maps a batch of images or texts to logits, if there is a classifier, and features.

    Attributes:
        name: as it was asked for.
        encode: the map.
        task: what the logits are about: ``classification``, ``multilabel``, or ``regression``,
            where the only one is a number.
    """

    name: str
    encode: Callable[[list[Any]], Encoded]
    task: str = "classification"

    def __call__(self, items: list[Any]) -> Encoded:
        """Logits ``[b, c]`` or None, and features ``[b, d]``, float32 on the CPU.

        Raises:
            InputError: the model gives something else.
        """
        with torch.inference_mode():
            logits, features = self.encode(items)
        for what, tensor in (("logits", logits), ("features", features)):
            if tensor is not None and (tensor.ndim != 2 or len(tensor) != len(items)):
                raise InputError(
                    f"model {self.name} gives {what} of shape {tuple(tensor.shape)} for "
                    f"{len(items)} items, not [{len(items)}, …]"
                )
        return None if logits is None else logits.float().cpu(), features.float().cpu()


def load_encoder(name: str, kind: str, *, device: torch.device) -> Encoder:
    """The encoder of that name.

    Args:
        name: ``module:factory`` of one's own, or a name of the hub or a local folder.
        kind: of the items, ``images`` or ``texts``.
        device: where to compute.

    Raises:
        InputError: it cannot be loaded.
    """
    if _FACTORY.fullmatch(name) and not Path(name).exists():
        return Encoder(name, _own(name, kind, device))
    return _of_transformers(name, kind, device)


def _own(name: str, kind: str, device: torch.device) -> Callable[[list[Any]], Encoded]:
    """``factory()`` gives what takes images ``[b, 3, h, w]`` in 0..1, or a list of texts."""
    module, _, factory = name.partition(":")
    add_working_folder()
    try:
        make = getattr(importlib.import_module(module), factory)
    except (ImportError, AttributeError) as error:
        raise InputError(f"cannot import {name}: {error}") from error
    model: Any = make()
    if isinstance(model, torch.nn.Module):
        model = model.to(device).eval()
    prepare: dict[str, Callable[[list[Any]], Any]] = {
        "images": lambda items: _stacked(items).to(device),
        "texts": lambda items: items,
    }

    def encode(items: list[Any]) -> Encoded:
        said = model(prepare[kind](items))
        if not isinstance(said, tuple) or len(said) != 2:
            raise InputError(
                f"model {name} must give (logits, features), not {type(said).__name__}"
            )
        return said

    return encode


def _stacked(images: Sequence[np.ndarray[Any, Any]]) -> torch.Tensor:
    shapes = {image.shape for image in images}
    if len(shapes) > 1:
        first, other, *_ = sorted(shapes)
        raise DataError(
            f"images differ in size ({first[1]}x{first[0]} and {other[1]}x{other[0]}); give "
            "--image-size N to make them equal"
        )
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float() / 255


def _of_transformers(name: str, kind: str, device: torch.device) -> Encoder:
    transformers = optional("transformers", _PURPOSE, extra="vit")
    try:
        config = transformers.AutoConfig.from_pretrained(name)
        classifies = any(_CLASSIFIERS[kind] in each for each in config.architectures or ())
        model = getattr(transformers, _AUTO[kind, classifies]).from_pretrained(name)
        prepare = _preparation(transformers, name, kind)
    except Exception as error:  # whatever the network, the hub and its many models raise
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise InputError(
            f"cannot load model {name} for {kind}: {reason}; give a name of the hub, a local "
            "folder, or module:factory"
        ) from error
    model = model.to(device).eval()
    if not classifies:
        return Encoder(name, _plain(model, prepare, device))
    return Encoder(name, _classifying(model, prepare, device), _task_of(name, model.config))


def _task_of(name: str, config: Any) -> str:
    """What a model with a head was trained for; a single output is a number, as transformers does.

    Raises:
        InputError: it predicts several numbers.
    """
    alone = "regression" if config.num_labels == 1 else "single_label_classification"
    task = _TASKS[getattr(config, "problem_type", None) or alone]
    if task == "regression" and config.num_labels > 1:
        raise InputError(
            f"model {name} predicts {config.num_labels} numbers for an item; a pool holds one"
        )
    return task


def _preparation(transformers: Any, name: str, kind: str) -> Callable[[list[Any]], Any]:
    if kind == "images":
        processor = transformers.AutoImageProcessor.from_pretrained(name)
        return lambda items: processor(images=items, return_tensors="pt")
    tokenizer = transformers.AutoTokenizer.from_pretrained(name)
    return lambda items: tokenizer(items, padding=True, truncation=True, return_tensors="pt")


def _classifying(
    model: Any, prepare: Callable[[list[Any]], Any], device: torch.device
) -> Callable[[list[Any]], Encoded]:
    """Features are what the last linear layer is given."""
    head = [
        layer
        for layer in model.modules()
        if isinstance(layer, torch.nn.Linear) and layer.out_features == model.config.num_labels
    ][-1]

    def encode(items: list[Any]) -> Encoded:
        given: list[torch.Tensor] = []
        handle = head.register_forward_pre_hook(lambda _layer, args: given.append(args[0]))
        try:
            batch = prepare(items).to(device)
            logits = model(**batch).logits
        finally:
            handle.remove()
        return logits, _pooled(given[-1], batch)

    return encode


def _plain(
    model: Any, prepare: Callable[[list[Any]], Any], device: torch.device
) -> Callable[[list[Any]], Encoded]:
    """Features are the pooled output, or the mean over the tokens."""

    def encode(items: list[Any]) -> Encoded:
        batch = prepare(items).to(device)
        said = model(**batch)
        pooled = getattr(said, "pooler_output", None)
        hidden = said.last_hidden_state if pooled is None else pooled.flatten(1)
        return None, _pooled(hidden, batch)

    return encode


def _pooled(hidden: torch.Tensor, batch: Any) -> torch.Tensor:
    """One row an item: the mean over the tokens that are no padding."""
    if hidden.ndim == 2:
        return hidden
    mask = batch.get("attention_mask")
    if mask is None or mask.shape != hidden.shape[:2]:
        return hidden.flatten(1, -2).mean(1)
    weights = mask[..., None].to(hidden.dtype)
    mean: torch.Tensor = (hidden * weights).sum(1) / weights.sum(1).clamp_min(1)
    return mean
