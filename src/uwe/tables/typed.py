"""Columns with a type: numbers, text, truth or dates, which a filter can compare.

Formats of text have no types, so a column is what all its cells are written as. A missing value is
null in every format.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as arrow
import pyarrow.compute as compute

from uwe.errors import DataError
from uwe.tables.cells import BadCell
from uwe.tables.delimited import numbers_in_texts
from uwe.tables.table import ID_NAMES, Table

__all__ = [
    "KINDS",
    "as_texts",
    "kind_of",
    "of_one_type",
    "typed_array",
    "typed_column",
    "typed_texts",
]

KINDS: Mapping[str, str] = {
    "nothing": "no value",
    "number": "numbers",
    "text": "text",
    "truth": "true and false",
    "date": "dates",
}
"""What a column may hold, and what a message calls it."""

_TEXT = "text"
_LARGEST = 2**63
_DATE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
_MOMENT = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?(Z|[+-][0-9]{2}:?[0-9]{2})?)?$"
)
_LEADING_ZERO = r"^[+-]?0[0-9]"
_TRUTH = "^(true|false)$"
_NO_NUMBER = ("nan", "+nan", "-nan")


def typed_column(table: Table, name: str) -> Any:
    """A column of a table as an Arrow array with a type; ids are text.

    Raises:
        DataError: there is no such column, it cannot be read, or it mixes types or holds lists.

    >>> import tempfile
    >>> from pathlib import Path
    >>> from uwe.tables import open_table
    >>> path = Path(tempfile.mkdtemp()) / "mine.csv"
    >>> _ = path.write_text("id,blur,code\\n1,0.5,007\\n2,,8\\n")
    >>> table = open_table(path)
    >>> [kind_of(typed_column(table, name).type) for name in ("id", "blur", "code")]
    ['text', 'number', 'text']
    """
    if name in ID_NAMES and table.first([name]):
        return as_texts(table.ids(name) or [])
    values = table.values(name)
    if table.cells.kind(name) == _TEXT:
        return typed_texts(values)
    return typed_array(values, f"{table.name}: column {name!r}")


def typed_array(values: Sequence[Any], what: str) -> Any:
    """Values of Python as an Arrow array with a type; NaN and None are null.

    Text that holds ISO dates throughout is a column of dates.

    Args:
        values: one a row.
        what: the column, for an error.

    Raises:
        DataError: the values are of several types, or of one that cannot be compared.

    >>> typed_array([1, None, 2.5], "column 'x'").to_pylist()
    [1.0, None, 2.5]
    """
    try:
        array = arrow.array(_widened(values), from_pandas=True)
    except (arrow.ArrowException, OverflowError, TypeError, ValueError) as error:
        raise DataError(
            f"{what} mixes types ({_one_line(error)}); write values of one type"
        ) from None
    array = _plain(array)
    if kind_of(array.type) == _TEXT:
        return _dates(array) or array
    if arrow.types.is_null(array.type):
        return array
    if kind_of(array.type) is None:
        raise DataError(f"{what} holds {array.type}, which cannot be compared")
    return array


def typed_texts(cells: Sequence[str | None]) -> Any:
    """Cells of text as an Arrow array of what all of them are written as; an empty one is null.

    ``true`` and ``false`` are truth; numbers are numbers, unless one has a leading zero, as codes
    have; ISO dates are dates; anything else is text. A column without a value has no type.

    >>> typed_texts(["1", "", "2.5"]).to_pylist(), typed_texts(["007", "8"]).to_pylist()
    ([1.0, None, 2.5], ['007', '8'])
    """
    texts = as_texts(cells)
    if texts.null_count == len(texts):
        return arrow.nulls(len(texts))
    for found in (_truth(texts), _numbers(texts), _dates(texts)):
        if found is not None:
            return found
    return texts


def kind_of(of: Any) -> str | None:
    """The kind of an Arrow type, one of `KINDS`; None for one that cannot be compared.

    >>> kind_of(arrow.float32()), kind_of(arrow.list_(arrow.int8()))
    ('number', None)
    """
    return next((kind for kind, tests in _TESTS.items() if any(test(of) for test in tests)), None)


def of_one_type(one: Any, other: Any) -> tuple[Any, Any]:
    """Numbers, or dates with moments, in a type that holds both.

    Args:
        one: an array or a scalar of Arrow.
        other: likewise, of the same kind.

    Raises:
        pyarrow.ArrowException: a date does not fit, or only one of the two has a time zone.

    >>> [each.type for each in of_one_type(arrow.array([1]), arrow.scalar(0.5))]
    [DataType(double), DataType(double)]
    """
    if one.type == other.type and not arrow.types.is_float16(one.type):
        return one, other
    if not arrow.types.is_temporal(one.type):
        return _numbers_alike(one, other)
    zones = {each.type.tz for each in (one, other) if arrow.types.is_timestamp(each.type)}
    moment = arrow.timestamp("us", next((each for each in zones if each), None))
    return one.cast(moment), other.cast(moment)


def _numbers_alike(one: Any, other: Any) -> tuple[Any, Any]:
    """Whole numbers to the digit where int64 holds both, else float64; other types as they are."""
    if not all(arrow.types.is_integer(of) or arrow.types.is_floating(of)
               for of in (one.type, other.type)):  # fmt: skip
        return one, other
    if arrow.types.is_integer(one.type) and arrow.types.is_integer(other.type):
        try:
            return one.cast(arrow.int64()), other.cast(arrow.int64())
        except arrow.ArrowInvalid:  # above int64
            pass
    return one.cast(arrow.float64(), safe=False), other.cast(arrow.float64(), safe=False)


_TESTS: Mapping[str, tuple[Callable[[Any], bool], ...]] = {
    "number": (arrow.types.is_integer, arrow.types.is_floating),
    "text": (arrow.types.is_string,),
    "truth": (arrow.types.is_boolean,),
    "date": (arrow.types.is_date, arrow.types.is_timestamp),
}


def _widened(values: Sequence[Any]) -> Sequence[Any]:
    """Whole numbers beside others, or too large for int64, become float64."""
    kinds = {type(value) for value in values if value is not None}
    if kinds == {int} and any(value is not None and abs(value) >= _LARGEST for value in values):
        kinds.add(float)
    return [None if v is None else float(v) for v in values] if kinds == {int, float} else values


def _plain(array: Any) -> Any:
    """Every kind of text as one type, and decimal numbers as float64."""
    of = array.type
    if arrow.types.is_large_string(of) or str(of) == "string_view":
        return array.cast(arrow.string())
    return array.cast(arrow.float64()) if arrow.types.is_decimal(of) else array


def as_texts(cells: Sequence[str | None]) -> Any:
    """Texts without the blanks around them; null where there is nothing else.

    >>> as_texts([" a", ""]).to_pylist()
    ['a', None]
    """
    trimmed = compute.utf8_trim_whitespace(arrow.array(cells, arrow.string()))
    return compute.if_else(compute.equal(trimmed, ""), None, trimmed)


def _all_match(texts: Any, pattern: str, *, ignore_case: bool = False) -> bool:
    """Whether there are cells, and every one of them matches."""
    found = compute.match_substring_regex(texts, pattern, ignore_case=ignore_case)
    return texts.null_count < len(texts) and bool(compute.all(found).as_py())


def _truth(texts: Any) -> Any:
    if not _all_match(texts, _TRUTH, ignore_case=True):
        return None
    return compute.equal(compute.utf8_lower(texts), "true")


def _numbers(texts: Any) -> Any:
    """Numbers as the reader of cells knows them; whole ones stay whole."""
    lower = compute.utf8_lower(texts)
    texts = compute.if_else(compute.is_in(lower, arrow.array(_NO_NUMBER)), None, texts)
    there = texts.drop_null()
    coded = compute.match_substring_regex(there, _LEADING_ZERO)
    if not len(there) or compute.any(coded).as_py():
        return None
    try:
        return texts.cast(arrow.int64())
    except arrow.ArrowInvalid:
        pass
    try:
        numbers = numbers_in_texts(there)
    except BadCell:
        return None
    if numbers.ndim != 1:
        return None
    placed = np.full(len(texts), np.nan)
    placed[np.asarray(texts.is_valid())] = numbers
    return arrow.array(placed, from_pandas=True)


def _dates(texts: Any) -> Any:
    """Days, or moments; None where one is not written so, or does not exist."""
    if not _all_match(texts, _MOMENT):
        return None
    days = _all_match(texts, _DATE)
    types = (arrow.date32(),) if days else (arrow.timestamp("us"), arrow.timestamp("us", "UTC"))
    for of in types:
        try:
            return texts.cast(of)
        except arrow.ArrowInvalid:
            continue
    return None


def _one_line(error: BaseException) -> str:
    return re.sub(r"\s+", " ", str(error))[:120]
