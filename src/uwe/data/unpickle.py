"""Pickles of plain arrays, read without running anything that they name.

A pickle is a program: it may name any function and have it called. Here the four names that
arrays need stand for functions of this module, and every other name is refused; NumPy's own
unpickling, which trusts its input, is never reached. What comes out is built of dictionaries,
lists, tuples, sets, strings, bytes, numbers and arrays of numbers.
"""

from __future__ import annotations

import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from uwe.errors import DataError

__all__ = ["read_pickle"]

_CODE = re.compile(r"[biuf][1248]")
_ORDERS = {"<": "<", ">": ">", "=": "=", "|": "="}


def read_pickle(path: Path) -> dict[str, Any]:
    """Read a pickled dictionary of arrays and builtin containers; keys become strings.

    Pickles of Python 2 give ``bytes`` where they hold its strings.

    Raises:
        DataError: the file cannot be read, is damaged, or names anything else.
    """
    try:
        with path.open("rb") as file:
            content = _plain(_Unpickler(file, encoding="bytes").load())
    except DataError as error:
        raise DataError(f"{path}: {error}") from error
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error
    except Exception as error:  # a damaged pickle can raise nearly anything
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"{path} is no whole pickle ({reason}); get the file again") from error
    if not isinstance(content, dict):
        raise DataError(f"{path} holds a {type(content).__name__}, not a dictionary")
    return {_text(key): value for key, value in content.items()}


class _Admitted:
    """A name that a pickle may use: it can be called, and nothing else."""

    __slots__ = ("_call",)

    def __init__(self, call: Callable[..., Any]) -> None:
        self._call = call

    def __call__(self, *arguments: Any) -> Any:
        return self._call(*arguments)

    def __setstate__(self, state: object) -> NoReturn:
        raise DataError("the pickle alters what it may only call; it was refused")


class _Type:
    """A NumPy type in the making: its code first, its byte order with the state."""

    __slots__ = ("dtype",)

    def __init__(self, code: object, *_: object) -> None:
        text = code.decode("ascii") if isinstance(code, bytes) else code
        if not isinstance(text, str) or not _CODE.fullmatch(text):
            raise DataError(f"it holds an array of type {text!r}; only numbers are admitted")
        self.dtype = np.dtype(text)

    def __setstate__(self, state: Any) -> None:
        order = state[1].decode("ascii") if isinstance(state[1], bytes) else state[1]
        self.dtype = np.dtype(f"{_ORDERS[order]}{self.dtype.kind}{self.dtype.itemsize}")


class _Array:
    """An array in the making: empty first, shape, type and bytes with the state."""

    __slots__ = ("array",)

    def __init__(self, *_: object) -> None:
        self.array: np.ndarray[Any, Any] | None = None

    def __setstate__(self, state: Any) -> None:
        _, shape, kind, by_columns, content = state
        self.array = _filled(content, kind, shape, "F" if by_columns else "C")


def _filled(content: Any, kind: Any, shape: Any, order: Any) -> np.ndarray[Any, Any]:
    if not isinstance(kind, _Type) or not isinstance(content, bytes | bytearray):
        raise DataError("it holds an array that is not made of plain numbers; it was refused")
    return np.frombuffer(content, dtype=kind.dtype).reshape(shape, order=order)


def _from_buffer(
    content: Any, kind: Any, shape: Any, order: Any, axes: Any = None
) -> np.ndarray[Any, Any]:
    if order == "K":
        return _filled(content, kind, shape, "C").transpose(axes)
    return _filled(content, kind, shape, order)


def _latin1(text: object, encoding: object) -> bytes:
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1", b"latin1"):
        raise DataError(f"it encodes text as {encoding!r}; only latin1 is admitted")
    return text.encode("latin1")


def _not_called(*_: object) -> NoReturn:
    raise DataError("it makes an array in an unknown way; it was refused")


_ADMITTED = {
    ("numpy", "ndarray"): _Admitted(_not_called),
    ("numpy", "dtype"): _Admitted(_Type),
    ("numpy.core.multiarray", "_reconstruct"): _Admitted(_Array),
    ("numpy._core.multiarray", "_reconstruct"): _Admitted(_Array),
    ("numpy.core.numeric", "_frombuffer"): _Admitted(_from_buffer),
    ("numpy._core.numeric", "_frombuffer"): _Admitted(_from_buffer),
    ("_codecs", "encode"): _Admitted(_latin1),
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        admitted = _ADMITTED.get((module, name))
        if admitted is None:
            raise DataError(
                f"it names {module}.{name}; only NumPy arrays and builtin containers are "
                "admitted, so the file was refused"
            )
        return admitted


def _plain(value: Any) -> Any:
    """Put arrays where arrays in the making stand."""
    if isinstance(value, _Array):
        return _finished(value)
    if isinstance(value, dict):
        return {_plain(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return type(value)(map(_plain, value))
    if isinstance(value, _Type | _Admitted):
        raise DataError("it holds a bare NumPy type or function; it was refused")
    return value


def _finished(making: _Array) -> np.ndarray[Any, Any]:
    if making.array is None:
        raise DataError("it holds an array without content; it was refused")
    return making.array


def _text(key: object) -> str:
    return key.decode("utf-8", "replace") if isinstance(key, bytes) else str(key)
