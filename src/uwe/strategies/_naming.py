"""What a strategy is called in file names, and its options as a run's record holds them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import partial
from typing import Any

import numpy as np

from uwe.errors import InputError

__all__ = ["checked_name", "name_of", "recorded"]

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


def checked_name(name: str) -> str:
    """``name``, if it can be part of a file name.

    Raises:
        InputError: it is empty or holds other characters than letters, digits, ``-``, ``_``, ``.``.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise InputError(
            f"{name!r} cannot name a strategy; use letters, digits, '-', '_' and '.', and begin "
            "with none of '-' and '.'"
        )
    return name


def name_of(value: Any) -> str:
    """A short name of a function or an object, to be part of a strategy's name.

    >>> name_of(len), name_of(lambda x: x), name_of("bvsb")
    ('len', 'lambda', 'bvsb')
    """
    text = value if isinstance(value, str) else getattr(value, "__name__", type(value).__name__)
    return re.sub(r"[^A-Za-z0-9_.]+", "-", text).strip("-.") or "own"


def recorded(value: Any) -> Any:
    """``value`` in the types of JSON; a function becomes its module and qualified name.

    >>> recorded({"share": 0.5, "measure": max})
    {'share': 0.5, 'measure': 'builtins.max'}
    """
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping):
        return {str(key): recorded(of) for key, of in value.items()}
    if isinstance(value, set | frozenset):
        return [recorded(of) for of in sorted(value)]
    if isinstance(value, list | tuple):
        return [recorded(of) for of in value]
    return _object(value)


def _object(value: Any) -> Any:
    if isinstance(own := getattr(value, "record", None), Mapping):
        return recorded(own)
    if isinstance(value, partial):
        args, keywords = recorded(value.args), recorded(value.keywords)
        return {"function": recorded(value.func), "arguments": args, "keywords": keywords}
    if hasattr(value, "__qualname__"):
        return f"{value.__module__}.{value.__qualname__}"
    kind = f"{type(value).__module__}.{type(value).__qualname__}"
    if not is_dataclass(value):
        return kind
    return {
        "kind": kind,
        **{each.name: recorded(getattr(value, each.name)) for each in fields(value)},
    }
