"""EfficientNet-Lite0 as an encoder: a small pretrained network that pip installs, without a hub."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import torch

from uwe.embedder.digests import state_digest
from uwe.embedder.encoder import Encoder
from uwe.embedder.own import stacked
from uwe.errors import InputError
from uwe.models.efficientnet import MEAN, NAME, SCALE, load_efficientnet

__all__ = ["efficientnet_lite0"]

_PART = 8  # images that a thread computes at once


def efficientnet_lite0(kind: str, device: torch.device) -> Encoder:
    """Features before the classifier, the mean over the places of the image: ``[b, 1280]``.

    Args:
        kind: of the items; only ``images`` fit.
        device: where to compute.

    Raises:
        InputError: the packages are not installed, their weights are damaged, or the items are
            texts.
    """
    if kind != "images":
        raise InputError(f"model {NAME} is for images, not for {kind}; choose another model")
    model = (
        load_efficientnet().to(device).eval().to(memory_format=torch.channels_last)
    )  # twice as fast
    identity = {"weights": state_digest(model), "preparation": f"(v - {MEAN}) / {SCALE}"}
    return Encoder(NAME, _encode(model, device), identity={"dtype": "torch.float32", **identity})


def _encode(model: Any, device: torch.device) -> Callable[[list[Any]], Any]:
    def features(items: list[Any]) -> torch.Tensor:
        pixels = stacked(items).to(device)
        x = ((pixels - MEAN) / SCALE).contiguous(memory_format=torch.channels_last)
        with torch.inference_mode():  # holds for one thread
            found: torch.Tensor = model.extract_features(x).mean((2, 3))
        return found

    if device.type != "cpu":
        return lambda items: (None, features(items))
    threads = _single_threads()

    def encode(items: list[Any]) -> Any:
        parts = [items[at : at + _PART] for at in range(0, len(items), _PART)]
        return None, torch.cat(list(threads.map(features, parts)))

    return encode


def _single_threads() -> ThreadPoolExecutor:
    """As many threads as torch uses, each of which computes alone.

    The layers are so small that threads which share one layer wait for each other most of the time:
    on two busy cores they take five times as long as threads with images of their own.
    """
    count = torch.get_num_threads()
    started = Barrier(count)
    pool = ThreadPoolExecutor(count, initializer=torch.set_num_threads, initargs=(1,))
    list(pool.map(lambda _: started.wait(), range(count)))
    torch.set_num_threads(count)  # for the threads of others
    return pool
