"""Facades whose names are imported when they are first used, so that torch loads only if needed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module

__all__ = ["lazily"]


def lazily(
    package: str, homes: Mapping[str, Sequence[str]]
) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """``__getattr__`` and ``__dir__`` of a package (PEP 562).

    Args:
        package: the full name of the package.
        homes: public names by the submodule that defines them.

    >>> getattr_, dir_ = lazily("uwe", {"errors": ["InputError"]})
    >>> dir_(), getattr_("InputError").__name__
    (['InputError'], 'InputError')
    """
    home_of = {name: home for home, names in homes.items() for name in names}

    def __getattr__(name: str) -> object:
        if name not in home_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value: object = getattr(import_module(f"{package}.{home_of[name]}"), name)
        setattr(sys.modules[package], name, value)
        return value

    def __dir__() -> list[str]:
        return sorted(home_of)

    return __getattr__, __dir__
