"""Arrays in ``.npy``, folders of them, ``.npz`` and ``.safetensors``; mapped, never unpickled."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from safetensors import SafetensorError, safe_open

from uwe.errors import DataError, damaged
from uwe.pool_files.container import Container, ids_in
from uwe.pool_files.long_texts import names_of, unpacked
from uwe.tables import ID_NAMES, as_ids

if TYPE_CHECKING:
    import torch

__all__ = ["open_npy", "open_npy_folder", "open_npz", "open_safetensors"]

Array = np.ndarray[Any, Any]

_IDS = "ids"  # the name under which ids are written
_LOCAL_HEADER = 30  # bytes before a member's name in a zip file


def open_npy(path: Path) -> Container:
    """One file: the features."""
    _mapped(path)
    return _container(path, {"features": path})


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
    try:
        with zipfile.ZipFile(path) as file:
            names = [name.removesuffix(".npy") for name in file.namelist() if _is_npy(name)]
    except (OSError, zipfile.BadZipFile) as error:
        raise damaged(path, error) from error

    def read(name: str) -> Array:
        return _member(path, f"{name}.npy")

    return Container(path, tuple(names), read, read, lambda name: ids_in(path, name, read(name)))


def open_safetensors(path: Path) -> Container:
    """Tensors; ids may stand in the metadata, as a list in JSON."""
    try:
        with safe_open(path, framework="pt") as file:
            tensors, metadata = list(file.keys()), file.metadata() or {}
    except (OSError, SafetensorError) as error:
        raise damaged(path, error) from error

    def read(name: str) -> torch.Tensor:
        with safe_open(path, framework="pt") as opened:
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
        tensor = read(name)
        if tensor.is_floating_point() or tensor.is_complex():
            raise DataError(f"{path}: {name} must be whole numbers or text, not {tensor.dtype}")
        return ids_in(path, name, tensor.numpy())

    listed = [name for name in ID_NAMES if name in metadata and name not in tensors]
    listed += [_IDS] if in_tensors and _IDS not in listed else []
    return Container(path, (*tensors, *listed), read, read, read_ids, task=metadata.get("task"))


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


def _mapped(path: Path) -> Array:
    try:
        if _has_objects(path):
            raise _pickled(path)
        array: Array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, EOFError, ValueError) as error:
        raise error if isinstance(error, DataError) else damaged(path, error) from error
    return array


def _has_objects(path: Path) -> bool:
    with path.open("rb") as file:
        return _header(file)[2].hasobject


def _header(file: BinaryIO) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, whether by columns, and type of the array that begins here."""
    version = np.lib.format.read_magic(file)
    reader = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }.get(version)
    if reader is None:
        raise ValueError(f"its format {version} is not known")
    shape, by_columns, dtype = reader(file)
    return shape, by_columns, dtype


def _member(path: Path, name: str) -> Array:
    try:
        with zipfile.ZipFile(path) as file, file.open(name) as member:
            info = file.getinfo(name)
            shape, by_columns, dtype = _header(member)  # type: ignore[arg-type]
            if dtype.hasobject:
                raise _pickled(path, name.removesuffix(".npy"))
            start = member.tell()
            stored = info.compress_type == zipfile.ZIP_STORED
            if not stored or not np.prod(shape):
                member.seek(0)
                whole: Array = np.lib.format.read_array(member, allow_pickle=False)
                return whole
        return np.memmap(
            path,
            dtype=dtype,
            mode="r",
            offset=_offset(path, info) + start,
            shape=shape,
            order="F" if by_columns else "C",
        )
    except (OSError, EOFError, ValueError, zipfile.BadZipFile) as error:
        raise error if isinstance(error, DataError) else damaged(path, error) from error


def _offset(path: Path, info: zipfile.ZipInfo) -> int:
    """Where a member's bytes begin: its own header tells how long that header is."""
    with path.open("rb") as file:
        file.seek(info.header_offset)
        header = file.read(_LOCAL_HEADER)
    name, extra = (int.from_bytes(header[at : at + 2], "little") for at in (26, 28))
    return info.header_offset + _LOCAL_HEADER + name + extra


def _pickled(path: Path, name: str = "") -> DataError:
    what = f"{name} in {path}" if name else str(path)
    return DataError(
        f"{what} holds Python objects, which are pickled, and nothing is unpickled; "
        "write an array of numbers, or of text"
    )


def _listed(path: Path, name: str, text: str) -> list[str]:
    try:
        ids = json.loads(text)
    except ValueError as error:
        raise damaged(path, error) from error
    if not isinstance(ids, list):
        raise DataError(f"{path}: {name} in the metadata is no list of ids")
    return as_ids(ids, f"{path}: {name}")


def _lines(path: Path) -> list[str]:
    """The ids of a text file, one a line; only a line feed ends one, with or without a return."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise damaged(path, error) from error
    return text.removesuffix("\n").split("\n") if text else []


def _is_npy(name: str) -> bool:
    return name.endswith(".npy")
