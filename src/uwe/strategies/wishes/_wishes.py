"""What a user wishes of the picks, as one value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any

import numpy as np

from uwe._arrays import as_array, marked_rows
from uwe._types import FloatArray, Rows, is_real
from uwe.errors import InputError
from uwe.strategies._question import Needs
from uwe.strategies.wishes._quota import Quota, digested

__all__ = ["Wishes"]

_ROWS = ("where", "like", "unlike")
_LISTED = 20  # values that a record lists, at most
_LARGEST_POWER = 1000.0


@dataclass(frozen=True, eq=False)
class Wishes:
    """What the picks must keep to, and what weighs more; `wished` says how the wishes combine.

    Attributes:
        where: a mask ``[n]`` of booleans or row numbers: the only rows that may be picked. All rows
            stay in the pool: they are covered, and labelled ones are kept away from.
        min_distance: no pick is closer than this to another pick or a labelled row: Euclidean in
            the features as given, in float64; a distance that is equal is allowed.
        quota: how many picks each group gets.
        weight: ``[n]``, at least 0: how much a row's importance counts. A row of weight 0 is never
            picked.
        power: to which the weight is raised, above 0 and at most 1,000.
        like: a mask or row numbers of examples; rows that are similar to one weigh more.
        unlike: likewise; rows that are similar to one weigh less.
        radius: the distance, between rows of unit length, at which the similarity to an example has
            fallen to 1/e. None: the median distance from a row to the nearest different one.
        random_share: this share of the picks, from 0 to 1, is drawn at random, and marked.
        words: how a wish was worded, by its name, such as a condition; for the record.

    Raises:
        InputError: a number is out of its range, or an array is of another shape.

    >>> Wishes(where=[0, 2, 5], random_share=0.1).record
    {'where': [0, 2, 5], 'random_share': 0.1}
    """

    where: Any = None
    min_distance: float | None = None
    quota: Quota | None = None
    weight: Any = None
    power: float = 1.0
    like: Any = None
    unlike: Any = None
    radius: float | None = None
    random_share: float = 0.0
    words: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in _ROWS:
            if getattr(self, name) is not None:
                object.__setattr__(self, name, _listed(name, getattr(self, name)))
        if self.quota is not None and not isinstance(self.quota, Quota):
            raise InputError(f"quota must be a uwe.Quota, not {type(self.quota).__name__}")
        if self.weight is not None:
            object.__setattr__(self, "weight", _checked_weight(self.weight))
        if self.min_distance is not None:
            _require_number("min_distance", self.min_distance, _number(self.min_distance) >= 0)
        if self.radius is not None:
            _require_number("radius", self.radius, _number(self.radius) > 0)
        if not 0 < _number(self.power) <= _LARGEST_POWER:
            raise InputError(
                f"power must be a number above 0 and at most {_LARGEST_POWER:g}, not "
                f"{self.power!r:.40}"
            )
        share = self.random_share
        if not 0 <= _number(share) <= 1:
            raise InputError(f"random_share must be a number from 0 to 1, not {share!r:.40}")

    @property
    def are_none(self) -> bool:
        """Whether nothing is wished.

        >>> Wishes().are_none, Wishes(min_distance=0.5).are_none
        (True, False)
        """
        given = (self.where, self.min_distance, self.quota, self.weight, self.like, self.unlike)
        return all(each is None for each in given) and not self.random_share

    @property
    def needs(self) -> Needs:
        """What the wishes read of the predictions."""
        return Needs(
            frozenset(set(self.reads.values()) - {"features"}), "features" in self.reads.values()
        )

    @property
    def reads(self) -> dict[str, str]:
        """By wish, the field of the predictions that it reads."""
        geometric = [
            name for name in ("min_distance", "like", "unlike") if getattr(self, name) is not None
        ]
        by_class = {"quota": "logits"} if self.quota is not None and self.quota.is_predicted else {}
        return {**dict.fromkeys(geometric, "features"), **by_class}

    def require(self, known: frozenset[str], advice: str = "") -> None:
        """Refuse a wish that reads what is not known.

        Args:
            known: names of the fields of `Predictions` that are known.
            advice: what to do, behind the error.

        Raises:
            InputError: a wish needs features or predicted classes, and there are none.
        """
        for wish, read in self.reads.items():
            if read not in known:
                what = {"features": "features", "logits": "predicted classes"}[read]
                raise InputError(f"{wish} needs {what}, and there are none{advice}")

    def rows(self, name: str, n: int) -> Rows | None:
        """The rows of ``where``, ``like`` or ``unlike``, rising; None where it is not given.

        Raises:
            InputError: a mask has another length, or a row is outside the pool or named twice.
        """
        marks = getattr(self, name)
        if marks is None:
            return None
        if marks.dtype.kind == "b" and len(marks) != n:
            raise InputError(
                f"{name} has {len(marks):,} rows, but the pool has {n:,}; they must be equal"
            )
        found = np.sort(marked_rows(name, n, marks))
        if name != "where" and not len(found):
            raise InputError(f"{name} names no row; give one example at least")
        return found

    @cached_property
    def record(self) -> dict[str, Any]:
        """What is wished, in the types of JSON: few rows, or a digest of many; and its words."""
        given = {of.name: getattr(self, of.name) for of in fields(self) if of.name != "words"}
        defaults = {of.name: of.default for of in fields(self)}
        found = {
            name: _recorded(value)
            for name, value in given.items()
            if not _is_default(value, defaults[name])
        }
        return {**found, "words": dict(self.words)} if self.words else found


def _recorded(value: Any) -> Any:
    if isinstance(value, Quota):
        return value.record
    if isinstance(value, np.ndarray):
        values = np.flatnonzero(value) if value.dtype.kind == "b" else value
        return values.tolist() if len(values) <= _LISTED else digested(values)
    return float(value)


def _is_default(value: Any, default: Any) -> bool:
    return value is default or (isinstance(value, int | float) and value == default)


def _listed(name: str, rows: Any) -> np.ndarray[Any, Any]:
    array = as_array(name, rows)
    if array.ndim != 1:
        raise InputError(
            f"{name} must be a mask [n] or a list of row numbers, not of shape {array.shape}"
        )
    return array


def _checked_weight(weight: Any) -> FloatArray:
    array = as_array("weight", weight)
    if array.ndim != 1:
        raise InputError(f"weight must be one number for each row, [n], not of shape {array.shape}")
    numbers = array.astype(np.float64)
    wrong = np.flatnonzero(~(np.isfinite(numbers) & (numbers >= 0)))
    if len(wrong):
        raise InputError(
            f"weight: row {wrong[0]} holds {numbers[wrong[0]]:g}; give finite numbers of at least 0"
        )
    return numbers


def _number(value: Any) -> float:
    """The value, or NaN where it is no finite number."""
    return float(value) if is_real(value) and np.isfinite(value) else float("nan")


def _require_number(name: str, value: Any, holds: bool) -> None:
    if not holds:
        least = "of at least 0" if name == "min_distance" else "above 0"
        raise InputError(f"{name} must be a finite number {least}, not {value!r:.40}")
