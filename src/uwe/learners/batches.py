"""Batches as tensors on the device: images are normalised and augmented, rows become float32."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from uwe._types import Images, Rows
from uwe.data import ImageRows, Preparation

__all__ = [
    "augmented",
    "batches",
    "normalised",
    "row_batches",
    "shuffled",
    "steps_in",
    "trained_rows",
]

_AHEAD = 2
_SHARE_OF_DEVICE = 4


def batches(
    x: Images | ImageRows, index: Iterable[Rows], device: torch.device
) -> Iterator[torch.Tensor]:
    """The images of each entry of ``index``, uint8 ``[b, h, w, channels]`` on the device.

    On CUDA, images that fit the device's memory are copied there once. Others are read by a thread,
    two batches ahead (on CUDA into pinned memory), while the network computes.
    """
    if device.type == "cuda" and x.nbytes <= torch.cuda.mem_get_info(device)[0] // _SHARE_OF_DEVICE:
        there = _tensor(x[:]).to(device)
        return (there[torch.from_numpy(rows).to(device)] for rows in index)
    return _streamed(lambda rows: _on_its_way(x[rows], device), index)


def row_batches(x: Any, index: Iterable[Rows], device: torch.device) -> Iterator[torch.Tensor]:
    """The rows of each entry of ``index``, float32 ``[b, ...]`` on the device.

    A thread reads them two batches ahead. Sparse rows become dense batch by batch.
    """
    return _streamed(lambda rows: _on_its_way(_dense(x[rows]), device), index)


def normalised(images: torch.Tensor, preparation: Preparation) -> torch.Tensor:
    """uint8 ``[b, h, w, channels]`` to ``(x / 255 - mean) / std``, float32 ``[b, channels, h, w]``.

    The memory stays in the order of the images: channels last, which convolutions prefer.
    """
    pixels = images.permute(0, 3, 1, 2)
    mean = torch.tensor(preparation.mean, device=pixels.device)[:, None, None]
    std = torch.tensor(preparation.std, device=pixels.device)[:, None, None]
    return (pixels.float() / 255 - mean) / std


def augmented(images: torch.Tensor, preparation: Preparation, rng: torch.Generator) -> torch.Tensor:
    """Images cropped and mirrored at random, as the data set's preparation says."""
    if preparation.crop_padding:
        images = _cropped(images, preparation.crop_padding, rng)
    return _flipped(images, rng) if preparation.flip else images


def shuffled(n: int, batch: int, rng: torch.Generator) -> list[Rows]:
    """Rows in random order, in batches; a last batch of one row joins the one before.

    BatchNorm cannot train on a single row, so a batch of one labelled row contains it twice.
    """
    order = torch.randperm(n, generator=rng).numpy()
    if n == 1:
        order = order.repeat(2)
    starts = list(range(0, len(order), batch))
    if len(starts) > 1 and len(order) - starts[-1] == 1:
        starts.pop()
    return [order[a:b] for a, b in zip(starts, [*starts[1:], len(order)], strict=True)]


def steps_in(n: int, batch: int) -> Iterator[Rows]:
    """Rows 0 to n - 1 in order, in batches."""
    for start in range(0, n, batch):
        yield np.arange(start, min(start + batch, n))


def trained_rows(n: int) -> int:
    """Number of rows that an epoch over ``n`` rows trains on."""
    return max(n, 2)


def _streamed(
    read: Callable[[Rows], torch.Tensor], index: Iterable[Rows]
) -> Iterator[torch.Tensor]:
    waiting: deque[Future[torch.Tensor]] = deque()
    with ThreadPoolExecutor(1, "uwe-images") as reader:
        for rows in index:
            waiting.append(reader.submit(read, rows))
            if len(waiting) > _AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _dense(rows: Any) -> Images:
    dense = rows.toarray() if hasattr(rows, "toarray") else rows
    return np.ascontiguousarray(dense, dtype=np.float32)


def _on_its_way(batch: Images, device: torch.device) -> torch.Tensor:
    """Start to copy a batch to the device; the device's work so far need not be finished."""
    host = _tensor(batch)
    if device.type == "cuda":
        host = host.pin_memory()
    return host.to(device, non_blocking=True)


def _tensor(images: Images) -> torch.Tensor:
    """An array as a tensor; torch warns about memory that cannot be written."""
    return torch.from_numpy(images if images.flags.writeable else images.copy())


def _cropped(images: torch.Tensor, padding: int, rng: torch.Generator) -> torch.Tensor:
    """A crop of the images' own size at a random place of the padded image."""
    b, _, height, width = images.shape
    padded = functional.pad(images, (padding, padding, padding, padding))
    places = padded.unfold(2, height, 1).unfold(3, width, 1)  # [b, channels, dy, dx, h, w]
    at = torch.randint(2 * padding + 1, (2, b), generator=rng).to(images.device)
    rows = torch.arange(b, device=images.device)
    cropped = places[rows, :, at[0], at[1]]
    return cropped.contiguous(memory_format=torch.channels_last)


def _flipped(images: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
    """Every image mirrored or not, with probability 1/2."""
    mirror = torch.rand(len(images), generator=rng).to(images.device) < 0.5
    return torch.where(mirror[:, None, None, None], images.flip(3), images)
