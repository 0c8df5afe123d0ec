"""Models of Hugging Face ``transformers``: what of a checkpoint is used, and how."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from uwe._optional import optional
from uwe.embedder.dense_models import DenseKind, dense_kind
from uwe.embedder.digests import json_digest, state_digest
from uwe.embedder.encoder import Encoder
from uwe.embedder.preparation import PREPARATIONS
from uwe.embedder.sentences import SentenceSettings, read_sentence_settings
from uwe.errors import InputError, UweError, text_of
from uwe.models.pooling import mean_of_tokens, pooled
from uwe.models.pretrained import file_of, is_pooler, load_weights, place_of, quiet

__all__ = ["of_transformers"]

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
_VARYING = ("_name_or_path", "transformers_version")  # of a configuration; they change no number


@dataclass(frozen=True)
class _Loaded:
    """A checkpoint in memory.

    Attributes:
        model: the network.
        classifies: whether it has a head whose weights are the checkpoint's.
        drawn: names of weights that the checkpoint lacks, so that they are drawn at random.
        notes: what people should know.
        dense: the kind of a model of segmentation or detection; None of any other.
    """

    model: Any
    classifies: bool
    drawn: frozenset[str]
    notes: tuple[str, ...] = ()
    dense: DenseKind | None = None


def of_transformers(name: str, kind: str, device: torch.device) -> Encoder:
    """An encoder by a name of the hub or a local folder.

    Raises:
        InputError: it cannot be loaded, or lacks weights that matter.
    """
    transformers = optional("transformers", _PURPOSE, extra="vit")
    try:
        settings = read_sentence_settings(name, partial(file_of, transformers, name))
        if settings is not None and kind == "images":
            raise InputError(f"model {name} is of sentence-transformers, for texts; not for images")
        place = place_of(name, "" if settings is None else settings.folder)
        with quiet(transformers):
            loaded = _load(transformers, name, place, kind, plain=settings is not None)
            prepare = PREPARATIONS[kind](transformers, place, loaded.model, settings)
    except UweError:
        raise
    except Exception as error:  # the network, the hub and its many models raise errors of any kind
        reason = text_of(error, longest=200)
        raise InputError(
            f"cannot load model {name} for {kind}: {reason}; give a name of the hub, a local "
            "folder, or module:factory"
        ) from error
    model = loaded.model.to(device).eval()
    encode = _encoding(name, loaded, model, prepare.batch, settings, device)
    return Encoder(
        name,
        encode,
        _task_of(name, model.config) if loaded.classifies else "classification",
        {
            "dtype": str(model.dtype),
            "weights": state_digest(model),
            "configuration": _digest_of_configuration(model.config),
            "preparation": prepare.digest,
            "pooling": _shown_pooling(loaded, settings),
        },
        prepare.cut,
        prepare.limit,
        loaded.notes,
    )


def _load(
    transformers: Any, name: str, place: Mapping[str, Any], kind: str, *, plain: bool
) -> _Loaded:
    config = transformers.AutoConfig.from_pretrained(**place)
    dense = dense_kind(config.architectures) if kind == "images" else None
    classifies = not plain and any(
        _CLASSIFIERS[kind] in each for each in config.architectures or ()
    )
    auto = _AUTO[kind, classifies] if dense is None else dense.auto
    model, lacking = load_weights(transformers, auto, place)
    notes: tuple[str, ...] = ()
    if classifies and lacking:
        notes = (
            f"model {name} has no weights for its classifier ({_first_of(lacking)}); the pool gets "
            "features and no probabilities",
        )
        classifies = False
        model, lacking = load_weights(transformers, _AUTO[kind, False], place)
    drawn = frozenset(key for key in lacking if not is_pooler(key))
    if drawn:
        raise InputError(
            f"model {name} has no weights for {len(drawn)} parts of {type(model).__name__}, such "
            f"as {_first_of(drawn)}; they would be drawn at random. Give a checkpoint of "
            f"{config.model_type} for {kind}"
        )
    return _Loaded(model, classifies, frozenset(lacking), notes, dense)


def _first_of(keys: frozenset[str]) -> str:
    return min(keys)


def _digest_of_configuration(config: Any) -> str:
    told = {key: value for key, value in config.to_dict().items() if key not in _VARYING}
    return json_digest(json.loads(json.dumps(told, default=str, sort_keys=True)))


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


def _encoding(
    name: str,
    loaded: _Loaded,
    model: Any,
    prepare: Callable[[list[Any]], Any],
    settings: SentenceSettings | None,
    device: torch.device,
) -> Callable[[list[Any]], Any]:
    if loaded.dense is not None:
        return loaded.dense.encoding(model, prepare, device)
    if settings is not None:
        return _sentences(model, prepare, settings, device)
    if loaded.classifies:
        return _classifying(name, model, prepare, device)
    return _plain(model, prepare, device, has_pooler=not any(map(is_pooler, loaded.drawn)))


def _shown_pooling(loaded: _Loaded, settings: SentenceSettings | None) -> str:
    if loaded.dense is not None:
        return loaded.dense.features
    if settings is not None:
        return " and ".join(settings.poolings) + (", normalised" if settings.normalised else "")
    if loaded.classifies:
        return "before the classifier"
    return "mean" if any(map(is_pooler, loaded.drawn)) else "the model's own, or mean"


def _sentences(
    model: Any,
    prepare: Callable[[list[Any]], Any],
    settings: SentenceSettings,
    device: torch.device,
) -> Callable[[list[Any]], Any]:
    """Features are pooled as sentence-transformers does."""

    def encode(items: list[Any]) -> Any:
        batch = prepare(items).to(device)
        tokens = model(**batch).last_hidden_state
        features = pooled(settings.poolings, tokens, batch["attention_mask"])
        return None, torch.nn.functional.normalize(features) if settings.normalised else features

    return encode


def _classifying(
    name: str, model: Any, prepare: Callable[[list[Any]], Any], device: torch.device
) -> Callable[[list[Any]], Any]:
    """Features are what the last linear layer is given."""
    heads = [
        layer
        for layer in model.modules()
        if isinstance(layer, torch.nn.Linear) and layer.out_features == model.config.num_labels
    ]
    if not heads:
        raise InputError(
            f"model {name} has no linear layer of {model.config.num_labels} outputs, before which "
            "features could be read; give module:factory"
        )

    def encode(items: list[Any]) -> Any:
        given: list[torch.Tensor] = []
        handle = heads[-1].register_forward_pre_hook(lambda _layer, args: given.append(args[0]))
        try:
            batch = prepare(items).to(device)
            logits = model(**batch).logits
        finally:
            handle.remove()
        return logits, mean_of_tokens(given[-1], batch)

    return encode


def _plain(
    model: Any,
    prepare: Callable[[list[Any]], Any],
    device: torch.device,
    *,
    has_pooler: bool,
) -> Callable[[list[Any]], Any]:
    """Features are the pooled output, or the mean over the tokens where no pooler was trained."""

    def encode(items: list[Any]) -> Any:
        batch = prepare(items).to(device)
        said = model(**batch)
        own = getattr(said, "pooler_output", None) if has_pooler else None
        return None, mean_of_tokens(
            said.last_hidden_state if own is None else own.flatten(1), batch
        )

    return encode
