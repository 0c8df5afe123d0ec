"""What pandas hands over, as arrays by position: row i is the i-th of the features."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np

from uwe._types import BoolArray, Rows
from uwe.errors import InputError
from uwe.tables.frames import (
    as_array,
    index_of,
    is_column,
    is_frame,
    is_numbered,
    is_shuffled,
    require_same_order,
)
from uwe.tasks import is_missing

__all__ = ["marks_by_position", "values_by_position"]

log = logging.getLogger("uwe")

Array = np.ndarray[Any, Any]


def values_by_position(given: Mapping[str, Any]) -> dict[str, Any]:
    """The same values, those of frames and columns as arrays.

    Args:
        given: what has a row for each row of the pool, by the name for an error.

    Raises:
        InputError: two of them have different indices, or one is in an order that nothing else has.

    >>> values_by_position({"features": None, "mean": [1.0]})
    {'features': None, 'mean': [1.0]}
    """
    require_same_order(given)
    there = {name: value for name, value in given.items() if value is not None}
    indices = {name: index_of(value) for name, value in there.items()}
    plain = next((name for name, index in indices.items() if index is None), None)
    if plain is not None and indices.get("features") is None:
        for name, index in indices.items():
            if index is not None and not is_numbered(index):
                _say_or_refuse(name, index, plain)
    return {name: _plain(value) for name, value in given.items()}


def marks_by_position(given: Mapping[str, Any], marks: Mapping[str, Any]) -> dict[str, Any]:
    """Masks and labels of an index as masks and row numbers of the pool; others as they are.

    Args:
        given: what has a row for each row of the pool; the first with an index is aligned to.
        marks: by the name for an error; each a mask, row numbers, labels of that index, or None.

    Raises:
        InputError: labels are given and there is no index, the index lacks one or repeats it, or
            nothing says whether a mask is in the order of the rows.

    >>> marks_by_position({"x": [[1.0], [2.0]]}, {"labelled": [1]})
    {'labelled': [1]}
    """
    owner = next(((name, index) for name, value in given.items()
                  if (index := index_of(value)) is not None), None)  # fmt: skip
    return {name: _placed(name, mark, owner) for name, mark in marks.items()}


def _say_or_refuse(name: str, index: Any, plain: str) -> None:
    """A column whose index nothing can be compared with: refused if it was surely put in order."""
    if is_shuffled(index):
        raise InputError(
            f"the index of {name} is 0 to {len(index) - 1} in another order, and {plain} has no "
            f"index to compare; give {name}.to_numpy() if its rows are in order"
        )
    log.warning(
        "%s has an index and %s has none; their rows belong together by position", name, plain
    )


def _plain(value: Any) -> Any:
    return as_array(value) if is_frame(value) or is_column(value) else value


def _placed(name: str, mark: Any, owner: tuple[str, Any] | None) -> Any:
    if is_frame(mark) and mark.shape[1] == 1 and hasattr(mark, "iloc"):
        mark = mark.iloc[:, 0]
    if isinstance(mark, list | tuple) and mark and all(isinstance(of, str) for of in mark):
        return _rows_of(name, np.array(mark, dtype=object), owner)
    if not is_column(mark):
        return _plain(mark)
    values = as_array(mark)
    mask = _mask(values)
    if mask is not None:
        return _aligned(name, mask, index_of(mark), owner)
    if values.dtype.kind not in "iu" or hasattr(mark, "get_indexer"):
        return _rows_of(name, values, owner)
    if owner is not None and not is_numbered(owner[1]):
        raise InputError(
            f"{name} is a Series of numbers, and {owner[0]} has an index of its own; give "
            f"{name}.to_numpy() for row numbers, or pandas.Index({name}) for labels of the index"
        )
    return values


def _mask(values: Array) -> BoolArray | None:
    """The mask that values are, a missing one being False; None if they are none."""
    if values.dtype.kind == "b":
        return values
    if values.dtype.kind != "O":
        return None
    listed = values.tolist()
    known = [value for value in listed if not is_missing(value)]
    if not known or not all(isinstance(value, bool | np.bool_) for value in known):
        return None
    return np.array([not is_missing(value) and bool(value) for value in listed])


def _aligned(name: str, mask: BoolArray, index: Any, owner: tuple[str, Any] | None) -> BoolArray:
    """The mask in the order of the owner's index."""
    its = None if owner is None else owner[1]
    if index is None or (its is not None and index.equals(its)):
        return mask
    if is_numbered(index):
        if its is None or len(its) != len(index) or not is_shuffled(its):
            return mask
        raise InputError(
            f"{name} has the index 0 to {len(index) - 1}, and that of {owner and owner[0]} is the "
            f"same in another order; give {name}.to_numpy() if it is in the order of the rows, or "
            "a Series with the index of the rows"
        )
    if its is None:
        raise InputError(
            f"{name} is a Series with an index of its own, and nothing else has an index; give "
            f"{name}.to_numpy() if it is in the order of the rows"
        )
    if len(index) != len(its) or not index.is_unique:
        raise InputError(
            f"the index of {name} is not that of {owner and owner[0]}: {index.nunique():,} of "
            f"{len(its):,} rows; give a mask with one value for each row"
        )
    aligned = np.zeros(len(its), dtype=bool)
    aligned[_rows_of(name, index, owner)] = mask
    return aligned


def _rows_of(name: str, labels: Any, owner: tuple[str, Any] | None) -> Rows:
    """The rows of labels of the owner's index."""
    if owner is None:
        raise InputError(
            f"{name} holds labels such as {next(iter(labels.tolist()), '')!r}, and features have "
            "no index; give a mask or row numbers, or a frame of pandas as features"
        )
    which, index = owner
    if not index.is_unique:
        raise InputError(
            f"the index of {which} repeats {index[index.duplicated()][0]!r}, so labels do not tell "
            f"rows; give {name} as a mask or row numbers"
        )
    rows: Rows = np.asarray(index.get_indexer(labels), dtype=np.int64)
    if (rows < 0).any():
        raise InputError(
            f"{name} names {labels[int((rows < 0).argmax())]!r}, which the index of {which} does "
            "not hold"
        )
    return rows
