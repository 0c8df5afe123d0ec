"""The kinds of targets: class numbers, flags, and real numbers."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any

import numpy as np

from uwe._types import BoolArray
from uwe._unicode import composed
from uwe.errors import InputError, close_matches
from uwe.tasks._task import Array, TargetKind, is_missing

__all__ = [
    "Classes",
    "Flags",
    "Reals",
    "are_labels",
    "as_name",
    "merged_names",
    "names_in",
    "whole_name",
]

_NONE = -1
_EXACT = 2**53  # whole numbers below it are exact in float64
_SEPARATORS = ("|", ";")
_WHOLE = re.compile(r"(-?\d+)\.0*")


@dataclass(frozen=True)
class _Named:
    """Labels that are classes with names."""

    names: tuple[str, ...]

    @property
    def width(self) -> int:
        """One number a class."""
        return len(self.names)

    def number(self, name: str) -> int | None:
        """The number of the class of that name; of ``1.0`` it is that of ``1``, if there is one.

        >>> Classes(("1", "2")).number("2.0")
        1
        """
        found = self._number.get(name)
        return self._number.get(whole_name(name)) if found is None else found

    @cached_property
    def _number(self) -> dict[str, int]:
        exact = {name: at for at, name in enumerate(self.names)}
        bare = {name.strip(): at for name, at in exact.items()}  # as the names of labels are read
        return {**{composed(name): at for name, at in bare.items()}, **bare, **exact}


@dataclass(frozen=True)
class Classes(_Named):
    """One class a row: int64 ``[n]``, -1 where missing.

    Attributes:
        names: of the classes.
    """

    rule = "majority; of equal votes, the class that was answered first"

    def encode(self, value: Any) -> int | None:
        """The number of a class that is given by its name.

        Raises:
            InputError: there is no class of that name.

        >>> Classes(("crow", "rook")).encode(" rook")
        1
        """
        if is_missing(value):
            return None
        name = as_name(value)
        number = self.number(name)
        if number is None:
            raise InputError(_unknown(name, self.names))
        return number

    def decode(self, value: int) -> str:
        """The name of a class."""
        return self.names[value]

    def array(self, values: Sequence[int | None]) -> Array:
        """Class numbers, -1 where missing."""
        return np.array([_NONE if value is None else value for value in values], dtype=np.int64)

    def checked(self, targets: Any) -> Array:
        """Whole numbers from 0 to the last class; -1 and NaN are missing.

        Raises:
            InputError: a number is outside the classes, or they are no whole numbers.
        """
        found = np.asarray(targets)
        if found.dtype.kind == "f" and found.ndim == 1:  # as pandas has whole numbers with gaps
            found = np.where(np.isnan(found), _NONE, found)
            whole = (np.abs(found) < _EXACT).all() and (found == np.round(found)).all()
            found = found.astype(np.int64) if whole else found
        if found.ndim != 1 or found.dtype.kind not in "iu":
            raise InputError(f"labels must be whole numbers [n], not {found.dtype} {found.shape}")
        found = found.astype(np.int64)
        wrong = np.flatnonzero((found < _NONE) | (found >= len(self.names)))
        if len(wrong):
            raise InputError(
                f"label {found[wrong[0]]} of row {wrong[0]} is outside the {len(self.names)} "
                f"classes (0 to {len(self.names) - 1})"
            )
        return found

    def known(self, targets: Array) -> BoolArray:
        """Rows whose number is not -1."""
        return np.asarray(targets != _NONE)

    def values(self, targets: Array) -> list[int | None]:
        """Class numbers; None where missing."""
        return [None if value == _NONE else value for value in targets.tolist()]

    def settle(self, values: Sequence[int]) -> int:
        """The class with most votes; of equals, the one that was answered first.

        >>> Classes(("a", "b")).settle([1, 0, 0])
        0
        """
        votes = Counter(values)
        return max(votes, key=lambda value: (votes[value], -values.index(value)))


@dataclass(frozen=True)
class Flags(_Named):
    """Several classes a row, or none: int8 ``[n, c]`` of 0 and 1, -1 where missing.

    People write the classes of a row as a list, or separated by ``|`` or ``;``. No class at all is
    written ``[]``; an empty cell is missing.

    Attributes:
        names: of the classes.
    """

    rule = "majority for each class; of equal votes, the class applies"

    def encode(self, value: Any) -> list[int] | None:
        """The numbers of the classes of a row, rising.

        Raises:
            InputError: there is no class of one of the names.

        >>> Flags(("beach", "sea", "sunset")).encode("sunset|beach")
        [0, 2]
        """
        named = names_in(value)
        if named is None:
            return None
        numbers = {name: self.number(name) for name in named}
        for name, number in numbers.items():
            if number is None:
                raise InputError(_unknown(name, self.names))
        return sorted({number for number in numbers.values() if number is not None})

    def decode(self, value: Sequence[int]) -> list[str]:
        """The names of the classes of a row."""
        return [self.names[number] for number in value]

    def array(self, values: Sequence[Sequence[int] | None]) -> Array:
        """Flags, a whole row of -1 where missing."""
        flags = np.zeros((len(values), len(self.names)), dtype=np.int8)
        for row, value in enumerate(values):
            if value is None:
                flags[row] = _NONE
            else:
                flags[row, list(value)] = 1
        return flags

    def checked(self, targets: Any) -> Array:
        """Zeros and ones ``[n, c]``; a row of -1 or of NaN is missing.

        Raises:
            InputError: the shape does not fit, or a value is neither 0 nor 1.
        """
        found = np.asarray(targets)
        if found.ndim != 2 or found.shape[1] != len(self.names) or found.dtype.kind not in "biuf":
            raise InputError(
                f"labels of several classes must be 0 and 1 [n, {len(self.names)}], not "
                f"{found.dtype} {found.shape}"
            )
        missing = np.isnan(found).all(1) if found.dtype.kind == "f" else (found == _NONE).all(1)
        missing |= (found == _NONE).all(1)
        wrong = np.argwhere(~np.isin(found, (0, 1)) & ~missing[:, None])
        if len(wrong):
            row, column = wrong[0]
            raise InputError(
                f"label {found[row, column]} of row {row}, class {self.names[column]!r}, is "
                "neither 0 nor 1"
            )
        flags = np.full(found.shape, _NONE, dtype=np.int8)
        flags[~missing] = found[~missing]
        return flags

    def known(self, targets: Array) -> BoolArray:
        """Rows without -1."""
        return np.asarray((targets != _NONE).all(1))

    def values(self, targets: Array) -> list[list[int] | None]:
        """Numbers of the classes of each row; None where missing."""
        known = self.known(targets)
        return [
            np.flatnonzero(row).tolist() if there else None
            for row, there in zip(targets, known, strict=True)
        ]

    def settle(self, values: Sequence[Sequence[int]]) -> list[int]:
        """The classes that at least half of the people named.

        >>> Flags(("a", "b", "c")).settle([[0], [0, 1], [2]])
        [0]
        """
        votes = Counter(number for value in values for number in value)
        return sorted(number for number, count in votes.items() if 2 * count >= len(values))


@dataclass(frozen=True)
class Reals:
    """A number a row: float64 ``[n]``, NaN where missing.

    Attributes:
        unit: of the numbers, for people; may be empty.
    """

    unit: str = ""

    rule = "mean"

    @property
    def width(self) -> int:
        """One number."""
        return 1

    def encode(self, value: Any) -> float | None:
        """A finite number.

        Raises:
            InputError: it is none.

        >>> Reals().encode("1.5")
        1.5
        """
        if isinstance(value, str) and value.strip().lower() in ("nan", "inf", "-inf", "+inf"):
            raise InputError(f"{value!r} is not a finite number")
        if is_missing(value):
            return None
        if isinstance(value, bool | np.bool_):
            raise InputError(f"{value!r} is not a number")
        try:
            number = float(value)
        except (TypeError, ValueError, OverflowError):
            raise InputError(f"{value!r} is not a number") from None
        if not math.isfinite(number):
            raise InputError(f"{value!r} is not a finite number")
        return number

    def decode(self, value: float) -> float:
        """The number itself."""
        return value

    def array(self, values: Sequence[float | None]) -> Array:
        """Numbers, NaN where missing."""
        return np.array([np.nan if value is None else value for value in values], dtype=np.float64)

    def checked(self, targets: Any) -> Array:
        """Numbers ``[n]`` or ``[n, 1]``; NaN is missing.

        Raises:
            InputError: a number is infinite, or they are no numbers.
        """
        found = np.asarray(targets)
        if found.ndim == 2 and found.shape[1] == 1:
            found = found[:, 0]
        if found.ndim != 1 or found.dtype.kind not in "iuf":
            raise InputError(f"labels must be numbers [n], not {found.dtype} {found.shape}")
        found = found.astype(np.float64)
        wrong = np.flatnonzero(np.isinf(found))
        if len(wrong):
            raise InputError(f"label {found[wrong[0]]} of row {wrong[0]} is not a finite number")
        return found

    def known(self, targets: Array) -> BoolArray:
        """Rows that are not NaN."""
        return np.asarray(~np.isnan(targets))

    def values(self, targets: Array) -> list[float | None]:
        """Numbers; None where missing."""
        return [None if math.isnan(value) else value for value in targets.tolist()]

    def settle(self, values: Sequence[float]) -> float:
        """The mean.

        >>> Reals().settle([1.0, 2.0])
        1.5
        """
        return math.fsum(values) / len(values)


def are_labels(targets: TargetKind, values: Sequence[Any]) -> bool:
    """Whether values, as a journal holds them, are labels; None, for a missing one, is.

    >>> are_labels(Classes(("crow", "rook")), [1, None]), are_labels(Classes(("crow",)), [1])
    (True, False)
    """
    try:
        found = targets.values(targets.checked(targets.array(values)))
    except (TypeError, ValueError, LookupError, OverflowError, InputError):
        return False
    return all(map(_is_same, values, found))


def _is_same(value: Any, found: Any) -> bool:
    if isinstance(value, list | tuple):
        return isinstance(found, list | tuple) and sorted(value) == sorted(found)
    return bool(value == found) and not isinstance(value, bool)


def as_name(value: Any) -> str:
    """The name of a class: text without blanks around it, a whole number, or a truth value.

    Letters are composed (Unicode's NFC), so that ``ü`` is one name however it was typed.

    >>> as_name(" rook"), as_name(1.0), as_name(True)
    ('rook', '1', 'True')
    """
    if isinstance(value, bool | np.bool_ | int | np.integer):
        return str(value)
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    if isinstance(value, str):
        return composed(value.strip())
    if isinstance(value, Decimal) and value.is_finite() and value == int(value):
        return str(int(value))
    raise InputError(f"{value!r} of type {type(value).__name__} is not the name of a class")


def whole_name(name: str) -> str:
    """The name without the decimals of a whole number, which pandas writes in columns with gaps.

    >>> whole_name("2.0"), whole_name("2.5"), whole_name("crow")
    ('2', '2.5', 'crow')
    """
    match = _WHOLE.fullmatch(name)
    return match[1] if match else name


def merged_names(names: Iterable[str]) -> Mapping[str, str]:
    """The class that each name stands for: where all are whole numbers, ``1.0`` is ``1``.

    >>> dict(merged_names(["1.0", "2"])), dict(merged_names(["1.0", "2.5"]))
    ({'1.0': '1', '2': '2'}, {'1.0': '1.0', '2.5': '2.5'})
    """
    whole = {name: whole_name(name) for name in names}
    if all(name.removeprefix("-").isdecimal() for name in whole.values()):
        return whole
    return {name: name for name in whole}


def names_in(value: Any) -> list[str] | None:
    """The names of the classes of a row; None where there is no label."""
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, list | tuple | set | frozenset):
        return [as_name(each) for each in value]
    if is_missing(value):
        return None
    if isinstance(value, str):
        return _separated(value.strip())
    return [as_name(value)]


def _separated(text: str) -> list[str]:
    if text.startswith("["):
        try:
            listed = json.loads(text)
        except ValueError as error:
            raise InputError(f"{text!r} is not a list of classes in JSON: {error}") from error
        return [as_name(each) for each in listed]
    for separator in _SEPARATORS:
        text = text.replace(separator, "\0")
    names = [name for part in text.split("\0") if (name := part.strip())]
    if not names:
        raise InputError("separators alone name no class; write [] where no class applies")
    return names


def _unknown(name: str, names: Sequence[str]) -> str:
    close = close_matches(name, names)
    listed = ", ".join(map(repr, names[:20])) + (", …" if len(names) > 20 else "")
    hint = f"did you mean {close[0]!r}?" if close else f"the classes are {listed}"
    return f"unknown class {name!r}; {hint}"
