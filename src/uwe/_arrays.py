"""Numbers from any library as arrays and tensors of this one: viewed, converted or refused.

Every array that a user or a model gives comes through `as_tensor` or `as_array`, so that all of
them take and refuse the same things, with the array's name in the message.
"""

from __future__ import annotations

import logging
import math
import numbers
import warnings
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from uwe._types import Rows
from uwe.errors import InputError, text_of

if TYPE_CHECKING:
    import torch

__all__ = [
    "as_array",
    "as_floating",
    "as_tensor",
    "marked_rows",
    "odd_value",
    "rows_at_once",
    "say_rounded",
    "say_rounds",
]

log = logging.getLogger("uwe")

Array: TypeAlias = np.ndarray[Any, Any]

_NUMERIC = "biuf"
_KINDS = {"O": "objects", "U": "text", "S": "bytes", "M": "dates", "m": "durations", "V": "bytes"}
_WIDEST = 8  # bytes of a number that torch has
_EXACT_IN_FLOAT32 = 2  # bytes of an integer that float32 holds exactly, at most
_EXACT_IN_FLOAT64 = 2**53
_ONE_BYTE = 1
_NUMBERS_AT_ONCE = 2**23  # 64 MiB in float64
_SHOWN = 40  # characters of a value in an error
_LONGEST = 120  # characters of another library's message
_UNSIGNED = {"uint16": "float32", "uint32": "float64", "uint64": "float64"}
"""What unsigned numbers of 16 bits and more become, since torch computes little with them."""


def as_tensor(name: str, value: Any, *, instead: str = "") -> torch.Tensor:
    """The numbers of ``value`` on the CPU, on its own memory wherever torch can have it.

    Taken are arrays and tensors of booleans, whole and floating numbers of any size, byte order and
    layout, nested lists, data frames, and what exports its memory (``__array__``, ``__dlpack__``).
    Floating numbers of 8 bits become float32, which holds them exactly.

    Args:
        name: what an error calls the array.
        value: the array.
        instead: what else to do with a sparse array, besides making it dense.

    Raises:
        InputError: it is sparse, masked, complex, structured, quantised, or has no values; it holds
            something else than numbers; its rows differ in length.

    >>> as_tensor("features", [[1.0, 2.0]])
    tensor([[1., 2.]], dtype=torch.float64)
    """
    import torch

    if not isinstance(value, torch.Tensor):
        array = as_array(name, value, instead=instead)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that the memory is read-only; nothing is written
            if array.dtype.kind == "u":  # becomes floating here; others in `as_floating`
                say_rounded(name, array)
            return torch.from_numpy(_fit_for_torch(array))
    tensor = _on_host(name, value, instead)
    wide = _UNSIGNED.get(_type_of(tensor))
    if wide is not None:
        say_rounded(name, tensor.numpy())
    return tensor if wide is None else tensor.to(getattr(torch, wide))


def as_floating(name: str, tensor: torch.Tensor) -> torch.Tensor:
    """Floating numbers as they are; whole numbers in the type that holds them, booleans as 0 and 1.

    The log says where float64 rounds whole numbers.

    Args:
        name: what the log calls them.
        tensor: numbers.

    >>> import torch
    >>> as_floating("x", torch.ones(2, dtype=torch.uint8)).dtype
    torch.float32
    >>> as_floating("x", torch.arange(2)).dtype
    torch.float64
    """
    if tensor.is_floating_point():
        return tensor
    say_rounded(name, tensor.numpy())
    return tensor.float() if tensor.element_size() <= _EXACT_IN_FLOAT32 else tensor.double()


def say_rounded(name: str, whole: Array) -> None:
    """Log the first row whose whole number float64 cannot hold, if there is one.

    Args:
        name: what the log calls the numbers.
        whole: numbers of any type; those that are not whole are not looked at.
    """
    if whole.dtype.kind not in "iu" or whole.dtype.itemsize < _WIDEST or not whole.size:
        return
    if int(whole.max()) <= _EXACT_IN_FLOAT64 and int(whole.min()) >= -_EXACT_IN_FLOAT64:
        return
    with np.errstate(invalid="ignore"):  # that float64 is beyond the type
        rounded = whole.astype(np.float64).astype(whole.dtype) != whole
    if rounded.any():
        first = tuple(np.argwhere(rounded)[0].tolist())
        say_rounds(f"{name}: row {first[0] if first else 0}", int(whole[first]))


@lru_cache
def say_rounds(where: str, value: int) -> None:
    """Log once that float64 rounds a whole number.

    Args:
        where: what the log calls its place.
        value: the number.
    """
    log.warning(
        "%s: float64 rounds %d and other whole numbers beyond 2**53; where their last digits "
        "matter, subtract a constant first", where, value,
    )  # fmt: skip


def as_array(name: str, value: Any, *, instead: str = "") -> Array:
    """The numbers of ``value`` as an array of booleans, whole or floating numbers; as `as_tensor`.

    >>> as_array("labelled", (True, False)).dtype
    dtype('bool')
    """
    if _is_tensor(value):
        tensor = _on_host(name, value, instead)
        host: Array = (tensor.float() if _type_of(tensor) == "bfloat16" else tensor).numpy()
        return host
    _refuse_sparse(name, value, instead)
    if isinstance(value, np.ma.MaskedArray):
        value = _unmasked(name, value)
    array = _exported(name, value)
    if array.dtype.kind in _NUMERIC:
        return array
    if array.dtype.names is not None:
        raise InputError(
            f"{name} is an array of records with the fields {', '.join(array.dtype.names)}; "
            "give one of its fields"
        )
    if array.dtype.kind == "O":
        raise _objects(name, array)
    if array.dtype.kind == "V" and array.dtype.type is not np.void:  # ml_dtypes: bfloat16, float8
        return array.astype(np.float32)
    if array.dtype.kind == "c":
        raise InputError(f"{name} holds complex numbers, which have no order; give real numbers")
    held = _KINDS.get(array.dtype.kind, array.dtype.name)
    raise InputError(f"{name} holds {held}, not numbers; give an array of one numeric type")


def marked_rows(name: str, n: int, marks: Array) -> Rows:
    """Rows from a mask or from row numbers; the type tells which.

    Args:
        name: what an error calls the marks.
        n: rows of the pool.
        marks: booleans ``[n]``, or distinct row numbers.

    Raises:
        InputError: they are neither.
    """
    if marks.ndim != 1:
        raise InputError(f"{name} must be a mask [n] or row numbers, not {marks.shape}")
    if marks.dtype.kind == "b":
        return np.flatnonzero(marks)
    if marks.size and marks.dtype.kind == "f":
        raise InputError(f"{name} must be a mask of booleans or row numbers, not floating numbers")
    rows: Rows = marks.astype(np.int64)
    outside = rows[(rows < 0) | (rows >= n)]
    if len(outside):
        raise InputError(f"{name} names row {outside[0]}, but there are {n} rows (0 to {n - 1})")
    found, counts = np.unique(rows, return_counts=True)
    if len(found) < len(rows):
        raise InputError(
            f"{name} names row {found[counts > 1][0]} twice; a mask must be of booleans"
        )
    return rows


def rows_at_once(width: int, *, most: int | None = None) -> int:
    """How many rows of ``width`` numbers are converted at once: fewer where they are wide.

    Args:
        width: numbers of a row.
        most: rows at most, however narrow they are; None: no limit.

    >>> rows_at_once(2**22), rows_at_once(10, most=4096)
    (2, 4096)
    """
    rows = max(1, _NUMBERS_AT_ONCE // max(1, width))
    return rows if most is None else min(most, rows)


def odd_value(value: float) -> str | None:
    """What is wrong with a number that is not finite, in words; None where nothing is.

    >>> odd_value(float("-inf")), odd_value(1.0)
    ('minus infinity', None)
    """
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "infinity" if value > 0 else "minus infinity"
    return None


def _is_tensor(value: Any) -> bool:
    if not hasattr(value, "layout"):
        return False
    import torch

    return isinstance(value, torch.Tensor)


def _on_host(name: str, tensor: torch.Tensor, instead: str) -> torch.Tensor:
    """A dense tensor of real numbers of 16 bits or more, or whole numbers, on the CPU."""
    fault = _fault_of_tensor(tensor, instead)
    if fault is not None:
        raise InputError(f"{name} is {fault}")
    try:
        host = tensor.detach().cpu().resolve_neg()
        host.flatten()[:1].double()  # types that torch stores, but computes nothing with
        return host.float() if _is_short(host) else host
    except (RuntimeError, NotImplementedError, TypeError) as error:
        raise InputError(
            f"{name} is a tensor of {_type_of(tensor)}, which torch cannot convert; give float32"
        ) from error


def _type_of(tensor: torch.Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def _fault_of_tensor(tensor: torch.Tensor, instead: str) -> str | None:
    """Why a tensor cannot be taken, in words that follow "is"."""
    layout = str(tensor.layout).removeprefix("torch.")
    faults: tuple[tuple[Callable[[], bool], str], ...] = (
        (lambda: tensor.is_meta, "on the device meta and so has no values; give its values"),
        (
            lambda: layout.startswith("sparse"),
            f"sparse ({layout}); give it dense (to_dense()){instead}",
        ),
        (lambda: layout != "strided" or tensor.is_nested, f"of layout {layout}; give it dense"),
        (lambda: tensor.is_quantized, f"quantised ({_type_of(tensor)}); give dequantize() of it"),
        (tensor.is_complex, "complex, and complex numbers have no order; give real numbers"),
    )
    return next((text for found, text in faults if found()), None)


def _is_short(tensor: torch.Tensor) -> bool:
    """Whether it holds floating numbers of 8 bits, with which torch computes nothing."""
    return tensor.is_floating_point() and tensor.element_size() <= _ONE_BYTE


def _refuse_sparse(name: str, value: Any, instead: str) -> None:
    if hasattr(value, "tocsr") or (hasattr(value, "todense") and hasattr(value, "nnz")):
        raise InputError(
            f"{name} is sparse ({type(value).__name__}); give it dense (toarray()){instead}"
        )


def _unmasked(name: str, value: np.ma.MaskedArray[Any, Any]) -> Array:
    hidden = np.argwhere(np.ma.getmaskarray(value))
    if len(hidden):
        raise InputError(
            f"{name} is a masked array, and row {hidden[0][0] if value.ndim else 0} is masked; "
            "fill the masked values or leave the rows out"
        )
    return np.asarray(value.data)


def _exported(name: str, value: Any) -> Array:
    """Any object as an array, on its own memory if it has one."""
    if isinstance(value, list | tuple) and value and all(map(_is_tensor, value)):
        value = [as_array(name, each) for each in value]
    try:
        if _is_numeric_frame(value):
            return np.asarray(value.to_numpy(dtype=np.float64, na_value=np.nan))
        if not hasattr(value, "__array__") and hasattr(value, "__dlpack__"):
            return np.from_dlpack(value)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return np.asarray(value)
    except Exception as error:  # what exports its memory raises errors of many kinds
        told = text_of(error, longest=_LONGEST)
        if isinstance(value, list | tuple):
            raise InputError(
                f"{name} is no array: its rows differ in length or kind ({told})"
            ) from error
        raise InputError(
            f"{name} is a {type(value).__name__}, which is no array of numbers on this machine's "
            f"memory ({told}); give a NumPy array"
        ) from error


def _is_numeric_frame(value: Any) -> bool:
    """Whether it is a frame or series of pandas in types that NumPy would make objects."""
    if not hasattr(value, "to_numpy") or not hasattr(value, "iloc"):
        return False
    dtypes = list(value.dtypes) if np.ndim(value.dtypes) else [value.dtypes]
    is_numeric = all(getattr(dtype, "kind", "O") in _NUMERIC for dtype in dtypes)
    return is_numeric and any(not isinstance(dtype, np.dtype) for dtype in dtypes)


def _objects(name: str, array: Array) -> InputError:
    """Objects are refused even where they are numbers: a gap or a text would not show."""
    if array.ndim == 0:
        return InputError(f"{name} is a {type(array.item()).__name__}, not an array of numbers")
    odd = next((at for at, value in np.ndenumerate(array) if not _is_number(value)), None)
    where = "" if odd is None else f": row {odd[0]} has {repr(array[odd])[:_SHOWN]}"
    return InputError(
        f"{name} holds objects or mixed types, not numbers alone{where}; give an array of one "
        "numeric type, such as astype(float)"
    )


def _is_number(value: object) -> bool:
    return isinstance(value, numbers.Real | np.bool_)


def _fit_for_torch(array: Array) -> Array:
    """The array in a type and a layout that torch can view; itself where it can."""
    kind, size = array.dtype.kind, array.dtype.itemsize
    if size > _WIDEST:
        with np.errstate(over="ignore"):
            return array.astype(np.float64)
    if kind == "u" and size > _ONE_BYTE:
        return array.astype(np.float32 if size <= _EXACT_IN_FLOAT32 else np.float64)
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    odd = any(stride < 0 or stride % size for stride in array.strides)
    return np.array(array, order="C") if odd or not array.flags.aligned else array
