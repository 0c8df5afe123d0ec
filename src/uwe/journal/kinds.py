"""What the fields of events hold: a journal that was edited is not believed."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["wrong_field"]

_LARGEST = 2**63 - 1


def wrong_field(values: Mapping[str, Any]) -> str | None:
    """The name of the first field whose value is not of its kind; None where all are.

    >>> wrong_field({"cycle": 1, "rows": (3, -1)})
    'rows'
    """
    return next((name for name, value in values.items() if not _KINDS[name](value)), None)


def _is_whole(value: Any) -> bool:
    return type(value) is int and 0 <= value <= _LARGEST


def _are_rows(value: Any) -> bool:
    return isinstance(value, tuple) and all(map(_is_whole, value))


def _is_time(value: Any) -> bool:
    """Whether a value is a number of seconds."""
    return type(value) in (int, float) and 0 <= value < math.inf


def _are_seconds(value: Any) -> bool:
    return all(map(_is_time, value)) if isinstance(value, tuple) else _is_time(value)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _or_none(kind: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or kind(value)


_KINDS: Mapping[str, Callable[[Any], bool]] = {
    "id": _is_whole,
    "at": _is_text,
    "cycle": _is_whole,
    "rows": _are_rows,
    "values": lambda value: isinstance(value, tuple),
    "by": _is_text,
    "query": _or_none(_is_whole),
    "seen": _or_none(_is_whole),
    "seconds": _or_none(_are_seconds),
    "reason": _is_text,
    "rule": _is_text,
    "facts": lambda value: isinstance(value, dict),
}
"""Whether a value is of the kind of a field, by the name of the field."""
