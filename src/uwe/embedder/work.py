"""Embedding batch after batch, on disk at once; a killed process goes on where it was."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import torch

from uwe import _locks
from uwe._files import guarded, make_folder, require_own, write_json, write_whole
from uwe._types import Progress, Stage
from uwe.embedder.encoders import Encoder
from uwe.embedder.sources import EncoderInput
from uwe.errors import DataError, InputError, RunError

__all__ = ["embed"]

_BYTES = 4  # of a float32
_RECORD = "record.json"


def embed(
    source: EncoderInput,
    encoder: Encoder,
    output: Path,
    *,
    batch: int = 32,
    progress: Progress | None = None,
) -> None:
    """Write features, what a head says (probabilities, or means), and ids as safetensors.

    Where the source knows labels, ``labelled`` ``[n]`` says which items have one, and the metadata
    holds ``labels``, a JSON list with null for the other items.

    Every batch is on the disk before the next is made, in a folder beside ``output`` that goes away
    at the end; the same call goes on after the last whole batch.

    Args:
        source: the items.
        encoder: the model.
        output: ``.safetensors``; ids and the task stand in its metadata.
        batch: items at once.
        progress: is told how far the work is.

    Raises:
        InputError: the output is no ``.safetensors``, or the batch is below 1.
        RunError: other work on ``output`` is half done or under way, or the disk is full.
        DataError: an item cannot be read, or its features are NaN.
    """
    if output.suffix != ".safetensors":
        raise InputError(f"{output} must end in .safetensors")
    if batch < 1:
        raise InputError(f"the batch is {batch}; at least 1 is needed")
    folder = output.with_name(f".{output.name}.embedding")
    make_folder(folder)
    try:
        with _locks.held(folder / ".lock") as lock, guarded(lock.require_ours):
            record = _record(folder, source, encoder, batch)
            record = _fill(folder, source, encoder, record, progress)
            _finish(folder, output, source, encoder, record)
    except _locks.Busy as error:
        raise _locks.Busy(f"another process is embedding into {output}; wait for it") from error
    shutil.rmtree(folder, ignore_errors=True)


def _record(folder: Path, source: EncoderInput, encoder: Encoder, batch: int) -> dict[str, Any]:
    """What is being made, and the widths once they are known."""
    settings = {"model": encoder.name, "items": source.stamp, "rows": len(source.ids)}
    settings["batch"] = batch
    path = folder / _RECORD
    if not path.exists():
        return {"settings": settings, "widths": None}
    try:
        record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        there = dict(record["settings"])
        record["widths"].items()
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise RunError(f"cannot read {path}: {error}; remove {folder} to start anew") from error
    differing = [key for key in settings if there.get(key) != settings[key]]
    if differing:
        key = differing[0]
        raise RunError(
            f"half done in {folder} is another embedding: {key} is {there.get(key)!r} there and "
            f"{settings[key]!r} here; give the same command, or remove that folder to start anew"
        )
    return record


def _fill(
    folder: Path,
    source: EncoderInput,
    encoder: Encoder,
    record: dict[str, Any],
    progress: Progress | None,
) -> dict[str, Any]:
    """Do every batch that is missing."""
    n, size = len(source.ids), record["settings"]["batch"]
    start = _rows_done(folder, record["widths"], size)
    while start < n:
        items = source.fetch(start, min(start + size, n))
        tensors = _encoded(encoder, items, source.ids[start : start + size])
        widths = {name: tensor.shape[1] for name, tensor in tensors.items()}
        if record["widths"] is None:
            record = {**record, "widths": widths}
            write_json(folder / _RECORD, record)
        elif widths != record["widths"]:
            raise RunError(f"the model gave {record['widths']} before and {widths} now")
        _append(folder, tensors, start)
        start += len(items)
        if progress is not None:
            progress(Stage("", 0, f"embed {source.kind}", start, n))
    return record


def _encoded(encoder: Encoder, items: list[Any], ids: Any) -> dict[str, torch.Tensor]:
    logits, features = encoder(items)
    tensors = {"features": features}
    if logits is not None:
        name, convert = _SAID[encoder.task]
        tensors[name] = convert(logits.double()).float()
    for name, tensor in tensors.items():
        broken = (~tensor.isfinite().all(1)).nonzero()
        if len(broken):
            raise DataError(
                f"model {encoder.name} gives NaN or infinity as {name} of {ids[int(broken[0, 0])]}"
            )
    return tensors


def _probabilities(logits: torch.Tensor) -> torch.Tensor:
    """Softmax; of a single logit, the probability of the second of two classes."""
    return logits.softmax(1) if logits.shape[1] > 1 else logits.sigmoid()


_SAID: dict[str, tuple[str, Callable[[torch.Tensor], torch.Tensor]]] = {
    "classification": ("probs", _probabilities),
    "multilabel": ("probs", torch.sigmoid),
    "regression": ("mean", torch.Tensor.clone),
}
"""What is written of a head's outputs, and how it is computed, by task."""


def _rows_done(folder: Path, widths: Mapping[str, int] | None, batch: int) -> int:
    """Rows of whole batches that every file holds."""
    if widths is None:
        return 0
    files = {name: folder / f"{name}.f32" for name in widths}
    rows = [
        files[name].stat().st_size // (_BYTES * width) if files[name].exists() else 0
        for name, width in widths.items()
    ]
    return min(rows) // batch * batch


def _append(folder: Path, tensors: Mapping[str, torch.Tensor], start: int) -> None:
    """Write a batch at its place; what a killed process left behind it is cut off."""
    require_own()
    try:
        for name, tensor in tensors.items():
            path = folder / f"{name}.f32"
            with path.open("r+b" if path.exists() else "wb") as file:
                file.truncate(start * tensor.shape[1] * _BYTES)
                file.seek(0, os.SEEK_END)
                file.write(tensor.contiguous().numpy().data)
                file.flush()
                os.fsync(file.fileno())
    except OSError as error:
        raise RunError(f"cannot write {error.filename or folder}: {error.strerror}") from error


def _finish(
    folder: Path,
    output: Path,
    source: EncoderInput,
    encoder: Encoder,
    record: Mapping[str, Any],
) -> None:
    """Put the files behind a header of safetensors, without holding them in memory."""
    n, widths = len(source.ids), record["widths"]
    metadata = {"ids": json.dumps(list(source.ids)), "model": record["settings"]["model"]}
    if _SAID[encoder.task][0] in widths:
        metadata["task"] = encoder.task
    header: dict[str, Any] = {"__metadata__": metadata}
    end = 0
    for name, width in widths.items():
        begin, end = end, end + n * width * _BYTES
        header[name] = {"dtype": "F32", "shape": [n, width], "data_offsets": [begin, end]}
    labelled = b""
    if source.labels is not None:
        metadata["labels"] = json.dumps(list(source.labels))
        labelled = bytes(label is not None for label in source.labels)
        header["labelled"] = {"dtype": "BOOL", "shape": [n], "data_offsets": [end, end + n]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)

    def write(beside: Path) -> None:
        with beside.open("wb") as file:
            file.write(len(text).to_bytes(8, "little") + text)
            for name in widths:
                _copy(folder / f"{name}.f32", file)
            file.write(labelled)

    write_whole(output, write)


def _copy(path: Path, file: BinaryIO) -> None:
    with path.open("rb") as part:
        shutil.copyfileobj(part, file, 2**20)
