"""Pickles of plain arrays, read without running anything that they name.

A pickle is a program: it may name any function and have it called. Here the four names that
arrays need stand for functions of this module, and every other name is refused; NumPy's own
unpickling, which trusts its input, is never reached. What comes out is built of dictionaries,
lists, tuples, sets, strings, bytes, numbers and arrays of numbers.

A small file may also stand for much: a list that holds itself many times, a length of gigabytes, a
key whose hash takes years. Python's own unpickler, whose steps can be replaced one by one, reads
the file here: its steps take no more than the file has, and each container is visited once.
"""

from __future__ import annotations

import os
import pickle
import re
import struct
from collections.abc import Callable, Iterable
from pathlib import Path
from types import NoneType
from typing import Any, BinaryIO, ClassVar, NoReturn

import numpy as np

from uwe.errors import DataError, text_of

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
            content = _Plain().of(_Unpickler(_Bounded(file), encoding="bytes").load())
    except DataError as error:
        raise DataError(f"{path}: {error}") from error
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error
    except Exception as error:  # a damaged pickle can raise nearly anything
        raise DataError(
            f"{path} is no whole pickle ({text_of(error)}); get the file again"
        ) from error
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


class _Bounded:
    """A file that gives no more than it has: a length in a pickle is only a claim."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.left = os.fstat(file.fileno()).st_size

    def read(self, size: int = -1) -> bytes:
        """The next ``size`` bytes."""
        self._take(size)
        return self._file.read(size)

    def readinto(self, buffer: bytearray) -> int:
        """As many bytes as the buffer has."""
        self._take(len(buffer))
        return self._file.readinto(buffer)  # type: ignore[attr-defined, no-any-return]

    def readline(self) -> bytes:
        """The next line."""
        line = self._file.readline()
        self.left -= len(line)
        if not line.endswith(b"\n"):
            raise EOFError("its last line is cut")
        return line

    def _take(self, size: int) -> None:
        if size > self.left:
            raise EOFError(f"it claims {size:,} bytes where {self.left:,} are left")
        self.left -= size


class _Unpickler(pickle._Unpickler):
    """Python's unpickler with steps whose time and memory the file's size bounds."""

    dispatch: ClassVar[dict[int, Callable[[Any], None]]] = dict(pickle._Unpickler.dispatch)

    def __init__(self, file: _Bounded, *, encoding: str) -> None:
        super().__init__(file, encoding=encoding)
        self._source = file
        self.size = file.left
        self.encoded = 0
        self._containers = 0

    def find_class(self, module: str, name: str) -> Any:
        admitted = _ADMITTED.get((module, name))
        if admitted is None:
            raise DataError(
                f"it names {module}.{name}; only NumPy arrays and builtin containers are "
                "admitted, so the file was refused"
            )
        return admitted

    def count(self) -> None:
        """One more container."""
        self._containers += 1
        if self._containers > _MOST_CONTAINERS:
            raise DataError(
                f"it holds over {_MOST_CONTAINERS:,} lists and dictionaries; it was refused"
            )


def _counted(code: bytes) -> Callable[[Any], None]:
    """The step of a code, which makes a container."""
    step = pickle._Unpickler.dispatch[code[0]]

    def load(self: _Unpickler) -> None:
        self.count()
        step(self)  # type: ignore[arg-type]

    return load


def _with_plain_keys(code: bytes, keys: Callable[[Any], Iterable[object]]) -> Callable[[Any], None]:
    """The step of a code, which makes or fills a dictionary or set; ``keys`` finds what it hashes.

    A tuple of tuples of tuples is small and its hash is not, so keys are text, bytes or numbers.
    """
    step = _counted(code)

    def load(self: _Unpickler) -> None:
        for key in keys(self.stack):  # type: ignore[attr-defined]
            if not isinstance(key, str | bytes | int | float | NoneType):
                raise DataError(
                    f"it holds a key of type {type(key).__name__}; text and numbers are admitted"
                )
        step(self)

    return load


def _bytearray(self: _Unpickler) -> None:
    """The step that Python begins by setting aside as many bytes as the file claims."""
    (size,) = struct.unpack("<Q", self.read(8))  # type: ignore[attr-defined]
    self.append(bytearray(self.read(size)))  # type: ignore[attr-defined]


def _called(self: _Unpickler) -> None:
    """The step that calls a function; text is encoded once, not again and again."""
    arguments = self.stack[-1]  # type: ignore[attr-defined]
    self.count()
    if isinstance(arguments, tuple):
        self.encoded += sum(len(each) for each in arguments if isinstance(each, str))
    if self.encoded > _MOST_ENCODED + self.size:
        raise DataError("it encodes the same text again and again; it was refused")
    pickle._Unpickler.dispatch[pickle.REDUCE[0]](self)  # type: ignore[arg-type]


_MOST_CONTAINERS = 2_000_000
_MOST_ENCODED = 2**20
_DEEPEST = 50

for _code in (pickle.EMPTY_LIST, pickle.EMPTY_DICT, pickle.EMPTY_SET, pickle.LIST, pickle.TUPLE,
              pickle.TUPLE1, pickle.TUPLE2, pickle.TUPLE3):  # fmt: skip
    _Unpickler.dispatch[_code[0]] = _counted(_code)
_Unpickler.dispatch[pickle.SETITEM[0]] = _with_plain_keys(pickle.SETITEM, lambda s: s[-2:-1])
for _code in (pickle.SETITEMS, pickle.DICT):
    _Unpickler.dispatch[_code[0]] = _with_plain_keys(_code, lambda s: s[::2])
for _code in (pickle.ADDITEMS, pickle.FROZENSET):
    _Unpickler.dispatch[_code[0]] = _with_plain_keys(_code, lambda s: s)
_Unpickler.dispatch[pickle.BYTEARRAY8[0]] = _bytearray
_Unpickler.dispatch[pickle.REDUCE[0]] = _called


class _Plain:
    """Puts arrays where arrays in the making stand; what is held twice is visited once."""

    def __init__(self) -> None:
        self._done: dict[int, Any] = {}
        self._open: set[int] = set()

    def of(self, value: Any, depth: int = 0) -> Any:
        """The value with whole arrays.

        Raises:
            DataError: it holds itself, is nested too deep, or holds what is no value.
        """
        if isinstance(value, _Array):
            return _finished(value)
        if isinstance(value, _Type | _Admitted):
            raise DataError("it holds a bare NumPy type or function; it was refused")
        if not isinstance(value, dict | list | tuple | set | frozenset):
            return value
        if id(value) not in self._done:
            self._done[id(value)] = self._container(value, depth)
        return self._done[id(value)]

    def _container(self, value: Any, depth: int) -> Any:
        if depth > _DEEPEST or id(value) in self._open:
            raise DataError(f"it is nested over {_DEEPEST} deep, or holds itself; it was refused")
        self._open.add(id(value))
        if isinstance(value, dict):
            made: Any = {key: self.of(item, depth + 1) for key, item in value.items()}
        elif isinstance(value, set | frozenset):
            made = value
        else:
            made = type(value)(self.of(each, depth + 1) for each in value)
        self._open.discard(id(value))
        return made


def _finished(making: _Array) -> np.ndarray[Any, Any]:
    if making.array is None:
        raise DataError("it holds an array without content; it was refused")
    return making.array


def _text(key: object) -> str:
    return key.decode("utf-8", "replace") if isinstance(key, bytes) else str(key)
