"""Arrays in ``.npy``, folders of them, ``.npz`` and ``.safetensors``; mapped, never unpickled.

What a header claims is compared with the file before any memory is taken, so that a damaged or
hostile file is one line. Each error that numpy, zipfile or safetensors raise about bytes becomes
one, too.
"""

from __future__ import annotations

import json
import math
import os
import warnings
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal

import numpy as np
from safetensors import safe_open

from uwe._arrays import as_array
from uwe.errors import DataError, UweError, damaged
from uwe.pool_files.container import Container, ids_in
from uwe.pool_files.long_texts import HEADER_LIMIT, names_of, unpacked
from uwe.tables import ID_NAMES, as_ids
from uwe.tables.text_files import read_text_file, say_adapted

if TYPE_CHECKING:
    import torch

__all__ = ["open_npy", "open_npy_folder", "open_npz", "open_safetensors", "read_npy"]

Array = np.ndarray[Any, Any]

_IDS = "ids"  # the name under which ids are written
_WEIGHTED_BY = "weighted by"  # the measure of places
_LOCAL_HEADER = 30  # bytes before a member's name in a zip file
_MOST_DEFLATED = 1032  # bytes that one byte of deflate stands for, at most
_CHUNK = 2**20
_WITHOUT_TENSOR = ("F4", "F6_E2M3", "F6_E3M2")


def open_npy(path: Path) -> Container:
    """One file: the features."""
    _mapped(path)
    return _container(path, {"features": path})


def read_npy(path: Path, memory: Array | None = None) -> Array:
    """The array of a file, read whole.

    Args:
        path: of the file.
        memory: an array whose memory is filled if the numbers fit it exactly, and which is given
            back: large arrays that come and go leave holes in the memory of a process.

    Raises:
        DataError: it cannot be read, or holds objects.
    """
    with _reading(path), path.open("rb") as file:
        header = _header(file, str(path))
        _require_size(header, os.fstat(file.fileno()).st_size)
        order: Literal["F", "C"] = "F" if header.by_columns else "C"
        if memory is None or not header.fits(memory):
            memory = np.empty(header.shape, header.dtype, order)
        view = memory.T if header.by_columns else memory
        if file.readinto(view.reshape(-1).view(np.uint8).data) != header.bytes:
            raise ValueError("it became shorter while it was read")
        return memory


def open_npy_folder(path: Path) -> Container:
    """A folder of ``NAME.npy``; ids may also be the lines of ``ids.txt``."""
    files = {file.stem: file for file in sorted(path.glob("*.npy"))}
    if not files:
        raise DataError(f"{path} holds no .npy files; features.npy is looked for, for one")
    for name in ID_NAMES:
        text = path / f"{name}.txt"
        if text.is_file():
            if name in files:
                raise DataError(f"{path} holds both {name}.npy and {name}.txt; remove one")
            files[name] = text
    return _container(path, files)


def open_npz(path: Path) -> Container:
    """A zip file of arrays; what is not compressed is mapped."""
    with _reading(path), zipfile.ZipFile(path) as file:
        names = [name.removesuffix(".npy") for name in file.namelist() if _is_npy(name)]
    _refuse_twice(path, names)

    def read(name: str) -> Array:
        return _member(path, f"{name}.npy")

    return Container(path, tuple(names), read, read, lambda name: ids_in(path, name, read(name)))


def open_safetensors(path: Path) -> Container:
    """Tensors; ids may stand in the metadata, as a list in JSON."""
    with _reading(path):
        _refuse_twice(path, _named_in_header(path))
        with safe_open(path, framework="pt") as file:
            tensors, metadata = list(file.keys()), file.metadata() or {}

    def read(name: str) -> torch.Tensor:
        with _reading(path, name), safe_open(path, framework="pt") as opened:
            kind = opened.get_slice(name).get_dtype()
            if kind in _WITHOUT_TENSOR:
                raise DataError(f"{path}: {name} is of type {kind}, which is not read; write F32")
            tensor: torch.Tensor = opened.get_tensor(name)
            return tensor

    long = names_of(_IDS)
    in_tensors = set(long) <= set(tensors) and _IDS not in tensors

    def read_ids(name: str) -> list[str]:
        if name == _IDS and in_tensors:
            return _unpacked(path, *(read(part) for part in long))
        if name not in tensors:
            return _listed(path, name, metadata[name])
        if name in metadata:
            raise DataError(
                f"{path} holds {name!r} as a tensor and in its metadata; remove one, or name other "
                "ids with --key ids=NAME"
            )
        return ids_in(path, name, as_array(f"{name} in {path}", read(name)))

    listed = [name for name in ID_NAMES if name in metadata and name not in tensors]
    listed += [_IDS] if in_tensors and _IDS not in listed else []
    return Container(
        path,
        (*tensors, *listed),
        read,
        read,
        read_ids,
        task=metadata.get("task"),
        weighted=_WEIGHTED_BY in metadata,
    )


def _unpacked(path: Path, utf8: torch.Tensor, ends: torch.Tensor) -> list[str]:
    if [str(each.dtype) for each in (utf8, ends)] != ["torch.uint8", "torch.int64"]:
        raise DataError(
            f"{path}: ids.utf8 and ids.ends must be uint8 and int64, not {utf8.dtype} and "
            f"{ends.dtype}"
        )
    return unpacked(utf8.numpy(), ends.numpy(), f"{path}: ids")


def _container(path: Path, files: dict[str, Path]) -> Container:
    def read_ids(name: str) -> list[str]:
        if files[name].suffix == ".txt":
            return _lines(files[name])
        return ids_in(path, name, _mapped(files[name]))

    def read(name: str) -> Array:
        return _mapped(files[name])

    return Container(path, tuple(files), read, read, read_ids)


@contextmanager
def _reading(path: Path, name: str = "") -> Iterator[None]:
    """Turn what goes wrong with the bytes of a file into one line."""
    try:
        yield
    except UweError:
        raise
    except Exception as error:  # readers of damaged bytes raise errors of any kind
        what = RuntimeError(f"{name}: {error}") if name else error
        raise damaged(path, what) from error


@dataclass(frozen=True)
class _Header:
    """What the header of an array says.

    Attributes:
        shape: of the array.
        by_columns: whether the first axis varies fastest.
        dtype: of a number.
        start: bytes of the header.
    """

    shape: tuple[int, ...]
    by_columns: bool
    dtype: np.dtype[Any]
    start: int

    @property
    def bytes(self) -> int:
        """Bytes of the numbers, counted without overflow."""
        return math.prod(map(int, self.shape)) * self.dtype.itemsize

    def fits(self, array: Array) -> bool:
        """Whether the numbers can be read into the memory of an array as they come."""
        in_order = array.flags.f_contiguous if self.by_columns else array.flags.c_contiguous
        return array.shape == self.shape and array.dtype == self.dtype and in_order


def _header(file: BinaryIO, what: str) -> _Header:
    """The header of the array that begins here.

    Raises:
        DataError: the array holds objects, or numbers of no bytes.
    """
    version = np.lib.format.read_magic(file)
    reader = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
        (3, 0): np.lib.format.read_array_header_2_0,  # apart from the names of fields
    }.get(version)
    if reader is None:
        raise ValueError(f"its format {version} is not known")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that the header was written by Python 2
            shape, by_columns, dtype = reader(file)
    except Exception as error:  # numpy evaluates the header, and lets errors of any kind out
        raise ValueError(f"its header is not that of an array ({type(error).__name__})") from error
    if dtype.hasobject:
        raise DataError(
            f"{what} holds Python objects, which are pickled, and nothing is unpickled; "
            "write an array of numbers, or of text"
        )
    if any(isinstance(each, bool) or each < 0 for each in shape) or not dtype.itemsize:
        raise ValueError(f"its header claims the shape {shape} of {dtype}")
    return _Header(tuple(map(int, shape)), by_columns, dtype, file.tell())


def _require_size(header: _Header, size: int) -> None:
    """Refuse an array of other bytes than its header says."""
    if header.start + header.bytes != size:
        raise ValueError(
            f"its header claims the shape {header.shape} of {header.dtype}, which are "
            f"{header.bytes:,} bytes, but {size - header.start:,} follow"
        )


def _mapped(path: Path) -> Array:
    with _reading(path):
        with path.open("rb") as file:
            header = _header(file, str(path))
            _require_size(header, os.fstat(file.fileno()).st_size)
        return _memory_map(path, header, header.start)


def _memory_map(path: Path, header: _Header, offset: int) -> Array:
    order: Literal["F", "C"] = "F" if header.by_columns else "C"
    if not header.bytes:  # nothing can be mapped
        return np.empty(header.shape, header.dtype)
    mapped: Array = np.memmap(
        path, header.dtype, mode="r", offset=offset, shape=header.shape, order=order
    )
    return mapped


def _member(path: Path, name: str) -> Array:
    what = f"{name.removesuffix('.npy')} in {path}"
    with _reading(path, name), zipfile.ZipFile(path) as file:
        info = file.getinfo(name)
        _require_bytes(path, info)
        with file.open(name) as member:
            header = _header(member, what)  # type: ignore[arg-type]
            _require_size(header, info.file_size)
            if info.compress_type != zipfile.ZIP_STORED:
                _require_memory(what, header.bytes)
                member.seek(0)
                whole: Array = np.lib.format.read_array(member, allow_pickle=False)
                return whole
        _require_check_sum(path, info)
    return _memory_map(path, header, _offset(path, info) + header.start)


def _require_bytes(path: Path, info: zipfile.ZipInfo) -> None:
    """Refuse a member that claims more bytes than the file can hold."""
    if info.flag_bits & 1:
        raise DataError(f"{path} is encrypted ({info.filename}); write it without a password")
    if info.header_offset + info.compress_size > path.stat().st_size:
        raise ValueError(f"it claims {info.compress_size:,} bytes, more than the file has")
    is_deflated = info.compress_type == zipfile.ZIP_DEFLATED
    if is_deflated and info.file_size > _MOST_DEFLATED * (info.compress_size + 1):
        raise ValueError(f"{info.compress_size:,} bytes cannot become {info.file_size:,}")


def _require_memory(what: str, wanted: int) -> None:
    """Refuse a compressed array that the memory cannot hold."""
    free = _free_memory()
    if free is not None and wanted > free:
        raise DataError(
            f"{what} is compressed and takes {wanted / 2**30:,.1f} GiB of memory, of which "
            f"{free / 2**30:,.1f} GiB are free; write it without compression (numpy.savez), so "
            "that it is read where it is"
        )


def _free_memory() -> int | None:
    """Bytes that this machine can give, where it says so."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        return int(next(line for line in lines if line.startswith("MemAvailable")).split()[1]) << 10
    except (OSError, StopIteration, ValueError):
        return None


def _require_check_sum(path: Path, info: zipfile.ZipInfo) -> None:
    """Compare a member that is mapped with its check sum, which reading it would do."""
    left, found = info.file_size, 0
    with path.open("rb") as file:
        file.seek(_offset(path, info))
        while left and (chunk := file.read(min(_CHUNK, left))):
            found = zlib.crc32(chunk, found)
            left -= len(chunk)
    if left or found != info.CRC:
        raise ValueError("its check sum is wrong")


def _offset(path: Path, info: zipfile.ZipInfo) -> int:
    """Where a member's bytes begin: its own header tells how long that header is."""
    with path.open("rb") as file:
        file.seek(info.header_offset)
        header = file.read(_LOCAL_HEADER)
    name, extra = (int.from_bytes(header[at : at + 2], "little") for at in (26, 28))
    return info.header_offset + _LOCAL_HEADER + name + extra


def _named_in_header(path: Path) -> list[str]:
    """The names in the header of safetensors, as often as they stand there."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        text = file.read(length) if length <= HEADER_LIMIT else b"{}"  # refused by the reader
    pairs: list[tuple[str, Any]] = json.loads(text, object_pairs_hook=list)
    metadata = [key for name, of in pairs if name == "__metadata__" for key, _ in of]
    return [*(name for name, _ in pairs), *(f"__metadata__ {key}" for key in metadata)]


def _refuse_twice(path: Path, names: Iterable[str]) -> None:
    twice = next((name for name, count in Counter(names).items() if count > 1), None)
    if twice is not None:
        raise DataError(f"{path} holds {twice!r} twice; names must differ")


def _listed(path: Path, name: str, text: str) -> list[str]:
    with _reading(path, name):
        ids = json.loads(text)
    if not isinstance(ids, list):
        raise DataError(f"{path}: {name} in the metadata is no list of ids")
    return as_ids(ids, f"{path}: {name}")


def _lines(path: Path) -> list[str]:
    """The ids of a text file, one a line; only a line feed ends one, with or without a return."""
    file = read_text_file(path)
    say_adapted(path, file.adapted)
    text = file.content.decode().replace("\r\n", "\n")
    return text.removesuffix("\n").split("\n") if text else []


def _is_npy(name: str) -> bool:
    return name.endswith(".npy")
