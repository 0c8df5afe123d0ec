"""Numbers in columns of Arrow, of every type that holds some."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as arrow
import pyarrow.compute as compute

from uwe.tables.cells import BadCell, found_in
from uwe.tables.vectors import is_vector, read_vectors

__all__ = ["numbers_in"]

Array = np.ndarray[Any, Any]

_LISTS = (
    "is_list",
    "is_large_list",
    "is_fixed_size_list",
    "is_list_view",
    "is_large_list_view",
)
_TEXTS = ("is_string", "is_large_string", "is_string_view")
_SHOWN = 60


def numbers_in(column: Any) -> Array:
    """The numbers of a column ``[n]``, or of its lists, tensors or vectors in text ``[n, …]``.

    Args:
        column: a chunked array.

    Raises:
        BadCell: a row is empty, differs in length from the first, or holds something else.
    """
    pieces = [_plain(piece) for piece in column.chunks if len(piece)]
    if not pieces:
        return np.empty(0)
    array = pieces[0] if len(pieces) == 1 else arrow.concat_arrays(pieces)
    return _numbers(array, column.type)


def _plain(array: Any) -> Any:
    """Without an encoding that Arrow can undo: extension, dictionary, runs."""
    kind = array.type
    if isinstance(kind, arrow.BaseExtensionType):
        return array if _is_tensor(kind) else _plain(array.storage)
    if arrow.types.is_dictionary(kind):
        return _plain(array.dictionary_decode())
    if _is(kind, ("is_run_end_encoded",)):
        return _plain(compute.run_end_decode(array))
    if arrow.types.is_decimal(kind):
        return array.cast(arrow.float64())
    return array


def _numbers(array: Any, told: Any) -> Array:
    """The numbers of an array; ``told`` is the type that a message names."""
    if array.null_count:
        raise BadCell(_first_null(array), "is empty")
    kind = array.type
    if isinstance(kind, arrow.BaseExtensionType):
        return np.ascontiguousarray(array.to_numpy_ndarray())
    if _is(kind, _LISTS):
        return _lists(array, told)
    if _is(kind, _TEXTS):
        return _vectors(array.to_pylist())
    is_number = any(
        test(kind)
        for test in (
            arrow.types.is_integer,
            arrow.types.is_floating,
            arrow.types.is_boolean,
        )
    )
    if not is_number:
        raise BadCell(None, f"holds {_shown(told)}, not numbers")
    numbers: Array = array.to_numpy(zero_copy_only=False)
    return numbers


def _vectors(texts: list[str]) -> Array:
    if not is_vector(texts[0]):
        raise BadCell(0, found_in(texts[0]))
    return read_vectors(texts)


def _lists(array: Any, told: Any) -> Array:
    lengths = compute.list_value_length(array).to_numpy(zero_copy_only=False)
    width = int(lengths[0])
    if (lengths != width).any():
        row = int((lengths != width).argmax())
        raise BadCell(row, f"holds {lengths[row]} numbers, but the first row holds {width}")
    if width == 0:
        raise BadCell(0, "holds no numbers")
    flat = _plain(array.flatten())
    try:
        numbers = _numbers(flat, told)
    except BadCell as bad:
        problem = "holds an empty number" if bad.problem == "is empty" else bad.problem
        raise BadCell(None if bad.row is None else bad.row // width, problem) from None
    return numbers.reshape(len(array), width, *numbers.shape[1:])


def _first_null(array: Any) -> int:
    return int(array.is_null().to_numpy(zero_copy_only=False).argmax())


def _is_tensor(kind: Any) -> bool:
    return hasattr(kind, "shape") and hasattr(arrow, "FixedShapeTensorType")


def _is(kind: Any, tests: tuple[str, ...]) -> bool:
    """Whether a type passes one of some tests, of which former versions of Arrow lack some."""
    return any(getattr(arrow.types, test, lambda _: False)(kind) for test in tests)


def _shown(kind: Any) -> str:
    text = str(kind)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
