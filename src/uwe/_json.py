"""Values of Python in the types of JSON, for records."""

from __future__ import annotations

import datetime
import decimal
import fractions
import json
import uuid
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import partial
from pathlib import PurePath
from typing import Any

import numpy as np

from uwe.errors import InputError

__all__ = ["json_value", "require_recordable", "same_json"]

_AS_TEXT = (
    PurePath,
    complex,
    datetime.date,
    datetime.time,
    datetime.timedelta,
    decimal.Decimal,
    fractions.Fraction,
    range,
    uuid.UUID,
)
"""Types whose values are written as texts that say all about them."""

_TORCH_AS_TEXT = ("torch.dtype", "torch.device")
_DEEPEST = 50


def json_value(value: Any) -> Any:
    """``value`` in the types of JSON; a function becomes its module and qualified name.

    >>> json_value({"share": 0.5, "measure": max})
    {'share': 0.5, 'measure': 'builtins.max'}
    """
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, Enum):
        return json_value(value.value)
    if isinstance(value, np.generic):
        return json_value(value.item())
    if isinstance(value, Mapping):
        return {str(key): json_value(of) for key, of in value.items()}
    if isinstance(value, set | frozenset):
        return sorted((json_value(of) for of in value), key=str)
    if isinstance(value, list | tuple):
        return [json_value(of) for of in value]
    if _is_text(value):
        return str(value)
    if isinstance(value, bytes | bytearray):
        return bytes(value).hex()
    if callable(listed := getattr(value, "tolist", None)):  # an array or a tensor
        return json_value(listed())
    return _object(value)


def require_recordable(value: Any, what: str) -> None:
    """Refuse a value that a record cannot hold, or holds like another one.

    Args:
        value: to be recorded.
        what: it is called so in the error.

    Raises:
        InputError: it holds an object of which only the type would be recorded, two keys that are
            written alike, or itself.

    >>> require_recordable({"rates": (0.1, 0.2)}, "settings of mine")
    """
    _require(value, what, 0)


def _require(value: Any, what: str, depth: int) -> None:
    if depth > _DEEPEST:
        raise InputError(f"{what} has more than {_DEEPEST} levels, or holds itself")
    if isinstance(value, Mapping):
        keys = [str(key) for key in value]
        if twice := [key for at, key in enumerate(keys) if key in keys[:at]]:
            raise InputError(f"{what} has two keys that are written {twice[0]!r}; rename one")
        for key, of in value.items():
            _require(of, f"{what}, {key!r}", depth + 1)
    elif isinstance(value, list | tuple | set | frozenset):
        for of in value:
            _require(of, what, depth + 1)
    elif _is_lost(value):
        raise InputError(
            f"{what} is a {type(value).__name__}, of which a record can hold the type only; give "
            "numbers, texts, lists or mappings"
        )


def _is_lost(value: Any) -> bool:
    """Whether `json_value` keeps no more than the type of an object."""
    if value is None or isinstance(value, str | bool | int | float | bytes | bytearray | Enum):
        return False
    if isinstance(value, np.generic) or _is_text(value) or is_dataclass(value) or callable(value):
        return False
    if callable(getattr(value, "tolist", None)):
        return False
    return not isinstance(getattr(value, "record", None), Mapping)


def same_json(one: Any, other: Any) -> bool:
    """Whether two values are written alike; NaN is like NaN.

    >>> same_json({"a": (1, 2)}, {"a": [1, 2]})
    True
    """
    texts = [json.dumps(json_value(value), sort_keys=True) for value in (one, other)]
    return texts[0] == texts[1]


def _is_text(value: Any) -> bool:
    kind = f"{type(value).__module__}.{type(value).__qualname__}"
    return isinstance(value, _AS_TEXT) or kind in _TORCH_AS_TEXT


def _object(value: Any) -> Any:
    if isinstance(own := getattr(value, "record", None), Mapping):
        return json_value(own)
    if isinstance(value, partial):
        args, keywords = json_value(value.args), json_value(value.keywords)
        return {"function": json_value(value.func), "arguments": args, "keywords": keywords}
    if hasattr(value, "__qualname__"):
        return f"{value.__module__}.{value.__qualname__}"
    kind = f"{type(value).__module__}.{type(value).__qualname__}"
    if not is_dataclass(value):
        return kind
    return {
        "kind": kind,
        **{each.name: json_value(getattr(value, each.name)) for each in fields(value)},
    }
