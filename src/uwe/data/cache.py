"""Decoded images on disk: written once, whole or not at all, memory-mapped afterwards."""

from __future__ import annotations

import errno
import glob
import hashlib
import json
import logging
import os
import re
import secrets
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import numpy as np
import platformdirs

from uwe import _locks
from uwe._files import expanded, file_digest, guarded, require_own, write_text
from uwe._types import Labels
from uwe.data.dataset import Dataset
from uwe.data.request import Request
from uwe.data.source import Source, fitted
from uwe.data.splits import Preparation, Split, fingerprint_of
from uwe.errors import DataError, RunError, UweError
from uwe.tasks import classification

__all__ = ["EntryKind", "cache_folder", "load_cached", "stamps", "write_headers"]

_FORMAT = 1  # to be raised whenever the same files would be decoded to other pixels or rows

_log = logging.getLogger("uwe.data")


class EntryKind(Protocol):
    """What an entry of the cache holds beside ``meta.json``, and how it is written and read."""

    @property
    def arrays(self) -> Sequence[str]:
        """Names of its arrays, each in a file ``.npy``."""
        ...

    def fill(self, part: Path, source: Any, request: Request) -> dict[str, Any]:
        """Write the arrays into a folder; what is returned goes into ``meta.json``."""
        ...

    def dataset(
        self,
        entry: Path,
        arrays: Mapping[str, Any],
        meta: Mapping[str, Any],
        request: Request,
        preparation: Preparation,
    ) -> Dataset:
        """The data set of an entry."""
        ...


def cache_folder() -> Path:
    """Where decoded data is kept: ``UWE_CACHE_DIR``, else the user's cache folder.

    Raises:
        UweError: there is no home folder.
    """
    chosen = os.environ.get("UWE_CACHE_DIR")
    if chosen:
        return expanded(chosen)
    try:
        return Path(platformdirs.user_cache_dir("uwe"))
    except RuntimeError as error:  # neither HOME nor an entry of the user in passwd
        raise UweError(
            "no home folder is known, so there is no place for decoded images; set UWE_CACHE_DIR "
            "to a folder that you may write to"
        ) from error


def stamps(folder: Path, files: Iterable[Path]) -> list[list[object]]:
    """What tells whether source files are still the same: folder, names, sizes and times.

    Raises:
        DataError: a file cannot be read.
    """
    try:
        states = [(file, file.stat()) for file in files]
    except OSError as error:
        raise DataError(f"cannot read {error.filename}: {error.strerror}") from error
    return [
        [str(folder.resolve())],
        *(
            [file.relative_to(folder).as_posix(), state.st_size, state.st_mtime_ns]
            for file, state in states
        ),
    ]


def load_cached(
    request: Request,
    origin: Sequence[object],
    open_source: Callable[[], Any],
    preparation: Preparation,
    entries: EntryKind | None = None,
) -> Dataset:
    """Give the data set from the cache; decode it into the cache first if it is not there.

    Of a source that is not there as a whole, only the rows that are asked for are decoded.

    Args:
        request: what was asked for.
        origin: what the decoded data depends on beside the request, as JSON values.
        open_source: opens the source; called only if the cache does not have it.
        preparation: of the data set.
        entries: what an entry of the cache holds, and how; None: images and class numbers.

    Raises:
        DataError: the source is broken.
        UweError: the cache cannot be written.
    """
    kind = _CLASS_NUMBERS if entries is None else entries
    whole = replace(request, pool_size=None, test_size=None)
    entry = cache_folder() / _entry_name(request, origin)
    for there in dict.fromkeys((cache_folder() / _entry_name(whole, origin), entry)):
        cached = _read(there, request, preparation, kind)
        if cached is not None:
            return cached
    try:
        entry.parent.mkdir(parents=True, exist_ok=True)
        with _held(Path(f"{entry}.lock")) as lock, guarded(lock.require_ours):
            return _built(entry, request, open_source, preparation, kind)
    except OSError as error:
        raise _not_written(error, entry.parent) from error


@contextmanager
def _held(lock: Path) -> Iterator[_locks.Lock]:
    """Hold the lock of an entry, as soon as no other process does."""
    try:
        held = _locks.acquire(lock, patience=None)
    except RunError as error:
        raise UweError(f"{error}; UWE_CACHE_DIR names the folder of decoded images") from error
    try:
        yield held
    finally:
        held.release()


def _built(
    entry: Path,
    request: Request,
    open_source: Callable[[], Any],
    preparation: Preparation,
    kind: EntryKind,
) -> Dataset:
    from_another = _read(entry, request, preparation, kind)
    if from_another is not None:
        return from_another
    if entry.exists():
        _log.warning("the cache entry %s is broken; decoding again", entry)
    _build(entry, open_source().limited(request), request, kind)
    decoded = _read(entry, request, preparation, kind)
    if decoded is None:
        raise UweError(f"the cache entry {entry} cannot be read back; is the disk in order?")
    return decoded


def _entry_name(request: Request, origin: Sequence[object]) -> str:
    key = [_FORMAT, request.name, request.image_size, str(request.test_fraction), origin]
    if request.is_limited:
        key += [request.pool_size, request.test_size]
    fingerprint = hashlib.blake2b(json.dumps(key).encode(), digest_size=16).hexdigest()
    readable = re.sub(r"[^A-Za-z0-9._]+", "-", request.name).strip("-.")[:60]
    return f"{readable}-{fingerprint}"


def _read(
    entry: Path, request: Request, preparation: Preparation, kind: EntryKind
) -> Dataset | None:
    try:
        meta = _read_meta(entry)
        arrays = {name: _read_array(entry, name, meta) for name in kind.arrays}
        return kind.dataset(entry, arrays, meta, request, preparation)
    except (OSError, EOFError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _read_meta(entry: Path) -> dict[str, Any]:
    """What stands beside the arrays; ValueError where it does not fit its digest."""
    meta: dict[str, Any] = json.loads((entry / "meta.json").read_text(encoding="utf-8"))
    if "digest" in meta and meta.pop("digest") != _digest_of_meta(meta):
        raise ValueError("meta.json does not fit its digest")
    return meta


def _read_array(entry: Path, name: str, meta: dict[str, Any]) -> np.ndarray[Any, Any]:
    _require_unchanged(entry / f"{name}.npy", name, meta)
    array: np.ndarray[Any, Any] = np.load(entry / f"{name}.npy", mmap_mode="r")
    if list(array.shape) != meta["shapes"][name]:
        raise ValueError(f"{name} is {array.shape}, not {meta['shapes'][name]}")
    return array


def _require_unchanged(path: Path, name: str, meta: dict[str, Any]) -> None:
    """ValueError where an array is not the one that was written.

    A file whose size and times are those of its writing is taken as unchanged; any other, such as
    one that was copied, is read and compared by its digest. Entries of earlier versions lack both.
    """
    if "digests" not in meta or _stamp(path) == meta["stamps"][name]:
        return
    if file_digest(path) != meta["digests"][name]:
        raise ValueError(f"{path} does not fit its digest")


def _stamp(path: Path) -> list[int]:
    """Size and times; the time of the last change of state cannot be set back by a program."""
    state = path.stat()
    return [state.st_size, state.st_mtime_ns, state.st_ctime_ns]


def _digest_of_meta(meta: dict[str, Any]) -> str:
    return hashlib.blake2b(json.dumps(meta).encode(), digest_size=16).hexdigest()


def _build(entry: Path, source: Any, request: Request, kind: EntryKind) -> None:
    for left in entry.parent.glob(f".{glob.escape(entry.name)}*.part"):  # by a killed process
        shutil.rmtree(left, ignore_errors=True)
    part = entry.with_name(f".{entry.name}.{secrets.token_hex(8)}.part")
    _log.info(
        "decoding %s: %d images into %s", request.name, len(source), entry,
        extra={"screen": True},
    )  # fmt: skip
    started = time.monotonic()
    try:
        part.mkdir()
        _write_meta(part, kind, kind.fill(part, source, request))
        _sync(part, kind)
        require_own()
        shutil.rmtree(entry, ignore_errors=True)
        part.rename(entry)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    _log.info("decoded %s in %.1f s", request.name, time.monotonic() - started)


def _write_meta(part: Path, kind: EntryKind, about: dict[str, Any]) -> None:
    arrays = {name: np.load(part / f"{name}.npy", mmap_mode="r") for name in kind.arrays}
    meta = {
        "format": _FORMAT,
        **about,
        "shapes": {name: array.shape for name, array in arrays.items()},
        "digests": {name: file_digest(part / f"{name}.npy") for name in arrays},
        "stamps": {name: _stamp(part / f"{name}.npy") for name in arrays},
    }
    write_text(part / "meta.json", json.dumps({**meta, "digest": _digest_of_meta(meta)}))


@dataclass(frozen=True)
class _ClassNumbers:
    """An entry of images and their class numbers."""

    arrays = ("train_x", "train_y", "test_x", "test_y")

    def fill(self, part: Path, source: Source, request: Request) -> dict[str, Any]:
        _write_images(part, source, request)
        _write_labels(part / "train_y.npy", source.rows.y[~source.is_test])
        _write_labels(part / "test_y.npy", source.rows.y[source.is_test])
        arrays = {name: np.load(part / f"{name}.npy", mmap_mode="r") for name in self.arrays}
        return {
            "classes": source.classes,
            "ids": [source.rows.ids[row] for row in np.flatnonzero(~source.is_test)],
            "notes": source.notes,
            "fingerprint": fingerprint_of(
                Split(arrays["train_x"], arrays["train_y"]),
                Split(arrays["test_x"], arrays["test_y"]),
                source.classes,
            ),
        }

    def dataset(
        self,
        entry: Path,
        arrays: Mapping[str, Any],
        meta: Mapping[str, Any],
        request: Request,
        preparation: Preparation,
    ) -> Dataset:
        del entry
        return Dataset(
            name=request.name,
            train=Split(arrays["train_x"], np.array(arrays["train_y"])),
            test=Split(arrays["test_x"], np.array(arrays["test_y"])),
            task=classification(tuple(meta["classes"])),
            preparation=preparation,
            ids=tuple(meta["ids"]),
            fingerprint=str(meta["fingerprint"]),
            notes=tuple(meta["notes"]),
        )


_CLASS_NUMBERS = _ClassNumbers()


def _write_images(part: Path, source: Source, request: Request) -> None:
    """Write row after row: a full disk is an error here, under a memory map it is a crash."""
    counts = np.bincount(source.is_test, minlength=2)
    with ExitStack() as stack:
        files = [
            stack.enter_context((part / f"{split}_x.npy").open("wb")) for split in ("train", "test")
        ]
        for row, image in enumerate(fitted(source, request)):
            if row == 0:
                write_headers(files, counts.tolist(), image.shape)
            files[int(source.is_test[row])].write(np.ascontiguousarray(image).data)


def write_headers(files: Sequence[BinaryIO], counts: list[int], shape: tuple[int, ...]) -> None:
    """Begin files of uint8 rows, of which so many will follow."""
    for file, rows in zip(files, counts, strict=True):
        header = {"descr": "|u1", "fortran_order": False, "shape": (rows, *shape)}
        np.lib.format.write_array_header_1_0(file, header)


def _write_labels(path: Path, y: Labels) -> None:
    np.save(path, y.astype(np.int64))


def _sync(part: Path, kind: EntryKind) -> None:
    for name in kind.arrays:
        with (part / f"{name}.npy").open("rb+") as file:
            os.fsync(file.fileno())


def _not_written(error: OSError, folder: Path) -> UweError:
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    reason = "the disk is full; free some space" if full else error.strerror or str(error)
    return UweError(
        f"cannot write the cache {folder}: {reason}{' or' if full else ';'} set UWE_CACHE_DIR to "
        "another folder"
    )
