"""The half-done work of an embedding: batches on disk, each with a digest."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch

from uwe._files import require_own
from uwe.embedder.digests import digest_of
from uwe.errors import RunError

__all__ = [
    "BYTES",
    "Done",
    "append_batch",
    "copy_rows",
    "file_of",
    "kept_ranges",
    "note_batch",
    "rows_done",
    "stored",
]

BYTES = 4  # of a float32
_CHUNK = 2**20
_BATCHES = "batches.txt"


@dataclass(frozen=True)
class Done:
    """How far the work is.

    Attributes:
        rows: rows of whole batches that are as they were written.
        cut: texts among them whose ends were cut.
        lost: rows that were there once, but are damaged now or missing.
    """

    rows: int = 0
    cut: int = 0
    lost: int = 0


def append_batch(folder: Path, tensors: Mapping[str, torch.Tensor], start: int) -> None:
    """Write a batch at its place; what a killed process left behind it is cut off.

    Raises:
        RunError: it cannot be written, or the lock is no longer this process's.
    """
    require_own()
    try:
        for name, tensor in tensors.items():
            path = file_of(folder, name)
            with path.open("r+b" if path.exists() else "wb") as file:
                file.truncate(start * tensor.shape[1] * BYTES)
                file.seek(0, os.SEEK_END)
                file.write(tensor.contiguous().numpy().data)
                _sync(file)
    except OSError as error:
        raise _not_written(folder, error) from error


def note_batch(folder: Path, tensors: Mapping[str, torch.Tensor], number: int, cut: int) -> None:
    """Note the digest of a batch that is written; the lines of later batches are cut off.

    Raises:
        RunError: it cannot be written.
    """
    content = [tensor.contiguous().numpy().tobytes() for tensor in tensors.values()]
    digest = digest_of([*content, _shown(cut)])
    path = folder / _BATCHES
    try:
        with path.open("r+b" if path.exists() else "wb") as file:
            file.truncate(_offset(file, number))
            file.seek(0, os.SEEK_END)
            file.write(digest.encode() + b" " + _shown(cut) + b"\n")
            _sync(file)
    except OSError as error:
        raise _not_written(folder, error) from error


def rows_done(folder: Path, widths: Mapping[str, int] | None, batch: int, n: int) -> Done:
    """Read all batches back, up to the first that is not as its digest says."""
    noted = list(_notes(folder / _BATCHES))
    if widths is None or not noted:
        return Done()
    cut = 0
    with ExitStack() as stack:
        try:
            files = {name: stack.enter_context(file_of(folder, name).open("rb")) for name in widths}
        except OSError:
            return Done(lost=min(len(noted) * batch, n))
        for number, (digest, cut_here) in enumerate(noted):
            rows = min(batch, n - number * batch)
            content = [files[name].read(rows * width * BYTES) for name, width in widths.items()]
            if digest_of([*content, _shown(cut_here)]) != digest:
                lost = min((len(noted) - number) * batch, n - number * batch)
                return Done(number * batch, cut, lost)
            cut += cut_here
    return Done(min(len(noted) * batch, n), cut)


def stored(folder: Path, name: str, width: int, start: int, rows: int) -> torch.Tensor:
    """Some rows of what is written: float32 ``[rows, width]``."""
    with file_of(folder, name).open("rb") as file:
        file.seek(start * width * BYTES)
        content = np.frombuffer(file.read(rows * width * BYTES), dtype=np.float32)
    return torch.from_numpy(content.reshape(rows, width).copy())


def file_of(folder: Path, name: str) -> Path:
    """The file of an array of the pool."""
    return folder / f"{name}.f32"


def kept_ranges(left_out: Sequence[int], n: int) -> list[tuple[int, int]]:
    """The rows below ``n`` that are not left out, as ranges of start and end.

    >>> kept_ranges([0, 3], 6)
    [(1, 3), (4, 6)]
    """
    stops = [*sorted(left_out), n]
    starts = [0, *(row + 1 for row in sorted(left_out))]
    return [(start, stop) for start, stop in zip(starts, stops, strict=True) if start < stop]


def copy_rows(path: Path, file: BinaryIO, width: int, ranges: Sequence[tuple[int, int]]) -> None:
    """Copy ranges of rows of one array, a megabyte at a time."""
    with path.open("rb") as part:
        for start, stop in ranges:
            part.seek(start * width * BYTES)
            left = (stop - start) * width * BYTES
            while left:
                chunk = part.read(min(left, _CHUNK))
                if not chunk:
                    raise RunError(f"{path} is shorter than it was; start the embedding anew")
                file.write(chunk)
                left -= len(chunk)


def _notes(path: Path) -> Iterator[tuple[str, int]]:
    """Digest and number of cut texts of each batch, up to a line that is torn."""
    try:
        lines = path.read_bytes().split(b"\n")[:-1]
    except OSError:
        return
    for line in lines:
        digest, _, cut = line.decode("latin-1").partition(" ")
        if not cut.strip().isdecimal():
            return
        yield digest, int(cut)


def _shown(cut: int) -> bytes:
    return f"{cut:8d}".encode()


_LINE = 32 + 1 + 8 + 1  # digest, blank, number, end of line


def _offset(file: BinaryIO, number: int) -> int:
    return min(number * _LINE, file.seek(0, os.SEEK_END))


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _not_written(folder: Path, error: OSError) -> RunError:
    return RunError(f"cannot write {error.filename or folder}: {error.strerror}")
