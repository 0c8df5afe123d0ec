"""Packages of the extras, imported at the moment of use."""

from __future__ import annotations

import importlib
from types import ModuleType

from uwe.errors import InputError

__all__ = ["optional"]


def optional(module: str, purpose: str, *, extra: str = "images") -> ModuleType:
    """Import ``module``, or say what it is needed for and how to install it.

    Raises:
        InputError: it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise InputError(
            f"{purpose} needs {package} ({error}); install it: pip install 'uwe[{extra}]'"
        ) from error
