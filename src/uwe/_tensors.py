"""Named tensors in files of safetensors, written whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from uwe._files import write_bytes, write_whole
from uwe._unicode import unicode_text
from uwe.errors import RunError

if TYPE_CHECKING:
    import torch

__all__ = ["header_of", "read_tensors", "write_header", "write_tensors"]

_COPIED = 2**26  # bytes of tensors that are copied to be written, which safetensors does twice
_TYPES = {"float64": "F64", "float32": "F32", "float16": "F16", "bfloat16": "BF16"}


def header_of(
    tensors: Iterable[tuple[str, str, Sequence[int], int]],
    metadata: Mapping[str, str] | None = None,
) -> bytes:
    """The header of a file of safetensors, in whole words.

    Args:
        tensors: name, type as safetensors calls it, shape and bytes of each, in the order of the
            file; wider numbers come first.
        metadata: texts by name.

    >>> header_of([("x", "F32", [2], 8)])
    b'{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}  '
    """
    header: dict[str, object] = {} if metadata is None else {"__metadata__": metadata}
    at = 0
    for name, kind, shape, size in tensors:
        offsets = [at, at := at + size]
        header[name] = {"dtype": kind, "shape": list(shape), "data_offsets": offsets}
    told = json.dumps(header, separators=(",", ":"), ensure_ascii=False)
    text = unicode_text(told).encode()
    return text + b" " * (-len(text) % 8)


def write_header(file: BinaryIO, header: bytes) -> None:
    """Begin a file of safetensors: the length of the header, and the header."""
    file.write(len(header).to_bytes(8, "little") + header)


def write_tensors(path: Path, tensors: Mapping[str, torch.Tensor]) -> None:
    """Write named tensors as safetensors, whole or not at all.

    Raises:
        RunError: the disk is full or the file cannot be written.
    """
    from safetensors.torch import save  # with torch, which the command line's errors do not need

    on_cpu = _apart({name: each.detach().cpu().contiguous() for name, each in tensors.items()})
    is_large = sum(map(_size, on_cpu.values())) > _COPIED
    if is_large and all(map(_kind, on_cpu.values())):
        write_whole(path, lambda file: _write_large(file, on_cpu))
    else:
        # safetensors' own writer would not tell a full disk from anything else
        write_bytes(path, save(on_cpu))


def _apart(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The tensors, each in memory of its own, as safetensors requires."""
    seen: set[int] = set()
    found = {}
    for name, tensor in tensors.items():
        place = tensor.untyped_storage().data_ptr()
        found[name] = tensor.clone() if place in seen else tensor
        seen.add(place)
    return found


def read_tensors(path: Path) -> dict[str, torch.Tensor]:
    """Read the tensors that `write_tensors` wrote.

    Raises:
        RunError: the file is not there or is no safetensors file.
    """
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except Exception as error:  # safetensors raises errors of its own besides OSError
        raise RunError(f"cannot read {path}: {error}") from error


def _kind(tensor: torch.Tensor) -> str | None:
    return _TYPES.get(str(tensor.dtype).removeprefix("torch."))


def _size(tensor: torch.Tensor) -> int:
    return tensor.numel() * tensor.element_size()


def _write_large(file: BinaryIO, tensors: Mapping[str, torch.Tensor]) -> None:
    """Write tensors without a copy of their numbers."""
    import torch

    ordered = sorted(tensors.items(), key=lambda item: (-item[1].element_size(), item[0]))
    told = ((name, _kind(of) or "", of.shape, _size(of)) for name, of in ordered)
    write_header(file, header_of(told))
    for _, tensor in ordered:
        file.write(tensor.reshape(-1).view(torch.uint8).numpy().data)
