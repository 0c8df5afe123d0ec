"""Values of Python in the types of JSON, for records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["json_value"]


def json_value(value: Any) -> Any:
    """``value`` in the types of JSON; a function becomes its module and qualified name.

    >>> json_value({"share": 0.5, "measure": max})
    {'share': 0.5, 'measure': 'builtins.max'}
    """
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping):
        return {str(key): json_value(of) for key, of in value.items()}
    if isinstance(value, set | frozenset):
        return sorted((json_value(of) for of in value), key=str)
    if isinstance(value, list | tuple):
        return [json_value(of) for of in value]
    if isinstance(value, Path):
        return str(value)
    if callable(listed := getattr(value, "tolist", None)):  # an array or a tensor
        return json_value(listed())
    return _object(value)


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
