"""The learner of a pretrained model on a data set; torch is imported when one is made."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from uwe.data import UNPREPARED, Dataset
from uwe.errors import InputError
from uwe.learners.devices import resolve_device, resolve_precision
from uwe.learners.fine_tuning import EPOCHS, FineTuning, takes_texts, tuning_of
from uwe.learners.network_options import with_defaults

if TYPE_CHECKING:
    import torch

    from uwe.learners.frozen import Reader
    from uwe.learners.protocol import Learner
    from uwe.learners.texts.tokens import Tokens
    from uwe.learners.torch import TorchLearner
    from uwe.models.tuned import ImageSpec, TextSpec

__all__ = ["make_pretrained"]

log = logging.getLogger("uwe")

_DROPOUT = 0.1
_BATCH = 32


def make_pretrained(
    model: str, dataset: Dataset, options: Mapping[str, Any], network: Mapping[str, Any]
) -> Learner:
    """The learner that fine-tunes a pretrained model, or trains a head on its frozen features.

    Raises:
        InputError: the model does not fit the items, cannot be loaded, or an option is wrong.
    """
    if dataset.preparation != UNPREPARED:
        return _for_images(model, dataset, tuning_of(model, options, "images"), network)
    x = dataset.train.x
    if not takes_texts(model) or x.dtype != object:
        wanted = (
            "texts (name their column with --text) or images" if takes_texts(model) else ("images")
        )
        raise InputError(
            f"model {model} learns from {wanted}, and the rows of {dataset.name} are {x.dtype} "
            f"{list(x.shape)}; choose a model for rows of numbers, such as sklearn:logistic"
        )
    return _for_texts(model, dataset, options, network)


def _for_texts(
    model: str, dataset: Dataset, options: Mapping[str, Any], network: Mapping[str, Any]
) -> Learner:
    from uwe.learners.frozen import TextReader
    from uwe.learners.texts.learner import TextLearner, require_rows_of_text
    from uwe.learners.texts.tokens import Tokens
    from uwe.models.bodies import check_text_body, text_body
    from uwe.models.hub import load_tokenizer
    from uwe.models.tuned import TextSpec

    tuning = tuning_of(model, options, "texts")
    texts = require_rows_of_text(model, dataset.train.x)
    name = model.removeprefix("hf:")
    body = text_body(name, tuning.pooling)
    tokenizer, limit = load_tokenizer(name, body.encoder, tuning.max_length)
    if "max_length" in options and limit < tuning.max_length:
        raise InputError(
            f"--model-option max_length is {tuning.max_length}, but model {model} takes {limit} "
            "tokens at most; give a smaller number"
        )
    tokens = Tokens(tokenizer, limit)
    if texts:
        check_text_body(body, name, *_alone_and_longer(tokens, texts[0]))
    _say_cut(tokens.cut(texts), len(texts), limit)
    spec = TextSpec(model, dataset.task.width, tuning.pooling, limit, _dropout(network))
    if tuning.frozen:
        return _frozen(spec, TextReader(model, tokens), tuning, dataset, network)
    return TextLearner(_trainer(spec, tuning, "texts", dataset, network), tokens)


def _alone_and_longer(tokens: Tokens, text: str) -> tuple[torch.Tensor, torch.Tensor]:
    """The first tokens of a text, as they are and filled up."""
    from uwe.learners.texts.tokens import padded

    half = max(1, min(_TRIED, tokens.limit) // 2)
    [ids] = tokens.of([text])
    first = [ids[:half]]
    return padded(first, tokens.padding), padded(first, tokens.padding, 2 * half)


_TRIED = 32  # tokens


def _for_images(
    model: str, dataset: Dataset, tuning: FineTuning, network: Mapping[str, Any]
) -> Learner:
    from uwe.learners.frozen import ImageReader
    from uwe.models.tuned import ImageSpec

    channels = dataset.image_shape[2]
    unit = replace(dataset.preparation, mean=(0.0,) * channels, std=(1.0,) * channels)
    spec = ImageSpec(model, dataset.task.width, dataset.image_shape, _dropout(network))
    if tuning.frozen:
        return _frozen(spec, ImageReader(unit), tuning, dataset, network)
    learner = _trainer(spec, tuning, "images", dataset, network)
    return replace(learner, preparation=unit)


def _frozen(
    spec: TextSpec | ImageSpec,
    reader: Reader,
    tuning: FineTuning,
    dataset: Dataset,
    network: Mapping[str, Any],
) -> Learner:
    from uwe.learners.frozen import FrozenBody, FrozenLearner
    from uwe.models.tuned import HeadSpec

    size, given = spec.size(), with_defaults(network)
    device = resolve_device(given["device"])
    precision = resolve_precision(given["precision"], device)
    head = HeadSpec(spec, size.features, str(size.pretrained), spec.dropout)
    trainer = _trainer(head, tuning, "texts", dataset, {**network, "precision": "fp32"})
    body = FrozenBody(spec, reader, device, precision)
    return FrozenLearner(replace(trainer, inference_batch=_ROWS), body, _batch(network))


_ROWS = 4096  # of features in a batch of the head


def _trainer(
    spec: Any, tuning: FineTuning, kind: str, dataset: Dataset, network: Mapping[str, Any]
) -> TorchLearner:
    from uwe.learners.torch import TorchLearner

    given = with_defaults(network)
    device = resolve_device(given["device"])
    epochs = EPOCHS if given["epochs"] is None else given["epochs"]
    learner = TorchLearner(
        spec,
        tuning.training(kind, epochs),
        UNPREPARED,
        device,
        _batch(network),
        resolve_precision(given["precision"], device),
        output=next(iter(dataset.task.outputs)),
    )
    _ = learner.size  # refuses a model that cannot be loaded
    return learner


def _batch(network: Mapping[str, Any]) -> int:
    return with_defaults(network)["inference_batch"] or _BATCH


def _dropout(network: Mapping[str, Any]) -> float:
    given = with_defaults(network)["dropout"]
    return _DROPOUT if given is None else float(given)


def _say_cut(cut: int, n: int, limit: int) -> None:
    if cut:
        verb = "text is" if cut == 1 else "texts are"
        log.warning(
            "%s of %s %s longer than %d tokens; the rest of them is not read. --model-option "
            "max_length=N reads more", f"{cut:,}", f"{n:,}", verb, limit,
        )  # fmt: skip
