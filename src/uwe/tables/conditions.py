"""Conditions on the columns of a table, such as ``camera == 'north' and blur < 0.3``.

sqlglot reads the condition, pyarrow computes it. Each form of SQL that a condition may have is in
one table here, with the arguments that it may have; everything else is refused by its name, so that
a condition can neither read a file nor call a function. Both sides of a comparison must be of one
kind: nothing is cast in silence.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from uwe._types import BoolArray
from uwe.errors import InputError, UweError
from uwe.tables._sql import cut, parsed, shown, too_deep

__all__ = ["Met", "met"]

_FORMS = "columns, values, ==, !=, <, <=, >, >=, and, or, not, in (…), between, like and is null"
_LARGEST = 2**63
_NOTHING = "nothing"
"""The kind of a column without a single value: it meets no comparison."""


@dataclass(frozen=True)
class Met:
    """Which rows meet a condition.

    Attributes:
        rows: bool ``[n]``; a row whose values do not say whether it does is False.
        unknown: how many rows these are.
        columns: names of the columns that the condition reads.
    """

    rows: BoolArray
    unknown: int
    columns: tuple[str, ...]


def met(condition: str, column: Callable[[str], Any], *, flag: str = "--where") -> Met:
    """The rows that meet a condition.

    Names of columns with blanks, or that are words of SQL, stand in double quotes, text in single
    quotes. A missing value meets no comparison; ``blur is null`` asks for it.

    Args:
        condition: in the syntax of SQL; ``==`` is ``=``.
        column: gives a column as an Arrow array, as `uwe.tables.typed` makes them.
        flag: what an error calls the condition.

    Raises:
        InputError: the condition is not understood, or compares what is not of one kind.
        DataError: a column is not there or cannot be read.

    >>> import pyarrow as arrow
    >>> camera, blur = arrow.array(["north", None, "south"]), arrow.array([0.1, 0.2, 1])
    >>> table = {"camera": camera, "blur": blur}
    >>> met("camera == 'north' and blur < 0.3", table.__getitem__)
    Met(rows=array([ True, False, False]), unknown=1, columns=('camera', 'blur'))
    """
    reader = _Reader(flag, column, {})
    tree = parsed(condition, flag)
    try:
        found = reader.truth(tree)
    except RecursionError:
        raise too_deep(flag) from None
    if not reader.read:
        raise InputError(f"{flag} {cut(condition)} names no column of the pool")
    rows = found.value.fill_null(False).to_numpy(zero_copy_only=False)
    return Met(np.asarray(rows, dtype=bool), found.value.null_count, tuple(reader.read))


@dataclass(frozen=True)
class _Value:
    """A part of a condition: an Arrow array or scalar, its kind, and how it is written."""

    value: Any
    kind: str
    text: str
    is_column: bool = False

    @property
    def shown(self) -> str:
        from uwe.tables.typed import KINDS

        return f"{self.text} ({KINDS[self.kind]})" if self.is_column else self.text


@dataclass(frozen=True)
class _Reader:
    """Computes a condition, form by form.

    Attributes:
        flag: what an error calls the condition.
        column: gives a column by its name.
        read: the columns that were read.
    """

    flag: str
    column: Callable[[str], Any]
    read: dict[str, _Value]

    def truth(self, node: Any) -> _Value:
        """A part that is true or false for each row."""
        found = self.value(node)
        if found.kind != "truth":
            raise InputError(
                f"{self.flag}: {found.shown} is neither true nor false; compare it, such as "
                "blur < 0.3"
            )
        return found

    def value(self, node: Any) -> _Value:
        name = type(node).__name__
        form = _KNOWN.get(name)
        given = {key for key, of in getattr(node, "args", {}).items() if of}
        if form is None or not given <= form.arguments:
            raise InputError(f"{self.flag} does not know {shown(node)}; a condition has {_FORMS}")
        return form.compute(self, node)

    def compared(self, node: Any, function: str, one: _Value, other: _Value) -> Any:
        """Whether two values of one kind compare as a function of Arrow says."""
        import pyarrow as arrow
        import pyarrow.compute as arrow_compute

        from uwe.tables.typed import of_one_type

        if one.kind == "date" and other.kind == "text" and not other.is_column:
            other = self.moment(other, one)
        elif other.kind == "date" and one.kind == "text" and not one.is_column:
            one = self.moment(one, other)
        if _NOTHING in (one.kind, other.kind):
            return arrow.nulls(len(one.value if one.is_column else other.value), arrow.bool_())
        if one.kind != other.kind:
            raise InputError(
                f"{self.flag}: {shown(node)} compares {one.shown} with {other.shown}; "
                f"{_advice(one, other)}"
            )
        if one.kind == "truth" and function not in ("equal", "not_equal"):
            raise InputError(f"{self.flag}: {shown(node)}: true and false have no order")
        try:
            values = of_one_type(one.value, other.value)
        except arrow.ArrowException as error:
            raise InputError(f"{self.flag}: dates cannot be compared ({error})") from None
        return getattr(arrow_compute, function)(*values)

    def moment(self, value: _Value, column: _Value) -> _Value:
        """A date that is written as text."""
        return self.dated(value.value.as_py(), value.text, f"{column.text} holds dates")

    def dated(self, written: str, text: str, why: str) -> _Value:
        import pyarrow as arrow

        for parse in (datetime.date.fromisoformat, datetime.datetime.fromisoformat):
            try:
                return _Value(arrow.scalar(parse(written)), "date", text)
            except ValueError:
                continue
        raise InputError(
            f"{self.flag}: {why}, and {text} is none; write it as '2024-01-31' or "
            "'2024-01-31 18:30'"
        )


def _column(reader: _Reader, node: Any) -> _Value:
    from uwe.tables.typed import kind_of

    if any(type(part).__name__ != "Identifier" for part in node.parts):
        raise InputError(f"{reader.flag} does not know {shown(node)}; name a column")
    name = ".".join(part.this for part in node.parts)
    if name not in reader.read:
        try:
            array = reader.column(name)
        except UweError as error:
            hint = "; text stands in 'single quotes'" if node.this.args["quoted"] else ""
            raise type(error)(f"{reader.flag}: {error}{hint}") from None
        kind = kind_of(array.type) or _NOTHING
        reader.read[name] = _Value(array, kind, f"column {name!r}", is_column=True)
    return reader.read[name]


def _literal(reader: _Reader, node: Any) -> _Value:  # noqa: ARG001  (as all forms have it)
    import pyarrow as arrow

    if node.is_string:
        return _Value(arrow.scalar(node.this), "text", repr(node.this))
    return _Value(arrow.scalar(_number(node.this)), "number", node.this)


def _number(text: str) -> float | int:
    whole = int(text) if text.isascii() and text.isdigit() and len(text) < 40 else None
    return whole if whole is not None and whole < _LARGEST else float(text)


def _negative(reader: _Reader, node: Any) -> _Value:
    import pyarrow as arrow

    of = reader.value(node.this)
    if of.is_column or of.kind != "number":
        raise InputError(f"{reader.flag}: {shown(node)}: only a number can be negative")
    return _Value(arrow.scalar(-of.value.as_py()), "number", f"-{of.text}")


def _true_or_false(reader: _Reader, node: Any) -> _Value:  # noqa: ARG001  (as above)
    import pyarrow as arrow

    return _Value(arrow.scalar(bool(node.this)), "truth", "true" if node.this else "false")


def _date(reader: _Reader, node: Any) -> _Value:
    """``date '2024-01-31'``; no other cast."""
    of = node.this
    known = node.args["to"].sql() in ("DATE", "TIMESTAMP")
    if not known or type(of).__name__ != "Literal" or not of.is_string:
        raise InputError(f"{reader.flag} does not know {shown(node)}; values are not cast")
    return reader.dated(of.this, repr(of.this), "a date is asked for")


def _compares(function: str) -> Callable[[_Reader, Any], _Value]:
    def compute(reader: _Reader, node: Any) -> _Value:
        one, other = reader.value(node.this), reader.value(node.expression)
        return _Value(reader.compared(node, function, one, other), "truth", shown(node))

    return compute


def _joins(function: str) -> Callable[[_Reader, Any], _Value]:
    def compute(reader: _Reader, node: Any) -> _Value:
        import pyarrow.compute as arrow_compute

        one, other = reader.truth(node.this), reader.truth(node.expression)
        return _Value(
            getattr(arrow_compute, function)(one.value, other.value), "truth", shown(node)
        )

    return compute


def _not(reader: _Reader, node: Any) -> _Value:
    import pyarrow.compute as arrow_compute

    found = arrow_compute.invert(reader.truth(node.this).value)
    return _Value(found, "truth", shown(node))


def _in(reader: _Reader, node: Any) -> _Value:
    """Alike to one of the values; null where the column is."""
    import pyarrow.compute as arrow_compute

    one = reader.value(node.this)
    if not node.expressions:
        raise InputError(f"{reader.flag}: {shown(node)} names no values; write in ('a', 'b')")
    found = None
    for each in node.expressions:
        alike = reader.compared(node, "equal", one, reader.value(each))
        found = alike if found is None else arrow_compute.or_kleene(found, alike)
    return _Value(found, "truth", shown(node))


def _between(reader: _Reader, node: Any) -> _Value:
    import pyarrow.compute as arrow_compute

    one = reader.value(node.this)
    above = reader.compared(node, "greater_equal", one, reader.value(node.args["low"]))
    below = reader.compared(node, "less_equal", one, reader.value(node.args["high"]))
    found = arrow_compute.and_kleene(above, below)
    return _Value(found, "truth", shown(node))


def _like(reader: _Reader, node: Any) -> _Value:
    import pyarrow.compute as arrow_compute

    one, pattern = reader.value(node.this), reader.value(node.expression)
    if one.kind not in ("text", _NOTHING) or pattern.kind != "text" or pattern.is_column:
        raise InputError(
            f"{reader.flag}: {shown(node)} compares {one.shown} with {pattern.shown}; like "
            "compares text with a pattern such as 'north%'"
        )
    found = arrow_compute.match_like(
        one.value.cast("string"), pattern.value.as_py(), ignore_case=type(node).__name__ == "ILike"
    )
    return _Value(
        arrow_compute.invert(found) if node.args.get("negate") else found, "truth", shown(node)
    )


def _is(reader: _Reader, node: Any) -> _Value:
    """``is null``, ``is true``, ``is false``: true or false, also where the value is missing."""
    import pyarrow.compute as arrow_compute

    wanted = node.expression
    if type(wanted).__name__ == "Null":
        found = arrow_compute.is_null(reader.value(node.this).value)
    elif type(wanted).__name__ == "Boolean":
        of = reader.truth(node.this).value
        found = arrow_compute.fill_null(arrow_compute.equal(of, bool(wanted.this)), False)
    else:
        raise InputError(f"{reader.flag} does not know {shown(node)}; is asks for null")
    return _Value(found, "truth", shown(node))


def _null(reader: _Reader, node: Any) -> _Value:  # noqa: ARG001  (as above)
    raise InputError(f"{reader.flag}: no value is equal to null; write is null, or is not null")


@dataclass(frozen=True)
class _Form:
    """A form of SQL that a condition may have.

    Attributes:
        compute: gives its value.
        arguments: that it may have; one that is not read would change what is meant.
    """

    compute: Callable[[_Reader, Any], _Value]
    arguments: frozenset[str]


_TWO = frozenset({"this", "expression"})
_ONE = frozenset({"this"})
_KNOWN: Mapping[str, _Form] = {
    "Column": _Form(_column, frozenset({"this", "table", "db", "catalog"})),
    "Literal": _Form(_literal, frozenset({"this", "is_string"})),
    "Boolean": _Form(_true_or_false, _ONE),
    "Null": _Form(_null, frozenset()),
    "Neg": _Form(_negative, _ONE),
    "Cast": _Form(_date, frozenset({"this", "to"})),
    "Paren": _Form(lambda reader, node: reader.value(node.this), _ONE),
    "EQ": _Form(_compares("equal"), _TWO),
    "NEQ": _Form(_compares("not_equal"), _TWO),
    "LT": _Form(_compares("less"), _TWO),
    "LTE": _Form(_compares("less_equal"), _TWO),
    "GT": _Form(_compares("greater"), _TWO),
    "GTE": _Form(_compares("greater_equal"), _TWO),
    "And": _Form(_joins("and_kleene"), _TWO),
    "Or": _Form(_joins("or_kleene"), _TWO),
    "Not": _Form(_not, _ONE),
    "In": _Form(_in, frozenset({"this", "expressions"})),
    "Between": _Form(_between, frozenset({"this", "low", "high"})),
    "Like": _Form(_like, _TWO | {"negate"}),
    "ILike": _Form(_like, _TWO | {"negate"}),
    "Is": _Form(_is, _TWO),
}


def _advice(one: _Value, other: _Value) -> str:
    column, value = (one, other) if one.is_column else (other, one)
    if column.is_column and not value.is_column and column.kind == "text":
        return f"write '{value.text}' for text"
    if value.kind == "text" and not value.is_column and column.kind == "number":
        return "write a number without quotes"
    return "both sides must be of one kind"
