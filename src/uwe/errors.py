"""What can go wrong, as one small tree.

    Exception
     └─ UweError            a mistake that the user can correct; the command line prints one line
         ├─ InputError      (ValueError) an option, a name, a number or a file does not fit
         ├─ DataError       (ValueError) a data set is missing, broken or inconsistent
         └─ RunError        (RuntimeError) a run cannot start, go on or be mixed with another

``except uwe.UweError`` catches them all.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path

__all__ = [
    "DataError",
    "InputError",
    "RunError",
    "UweError",
    "close_matches",
    "damaged",
    "require_known",
]


class UweError(Exception):
    """A mistake that the user can correct; the text says what is wrong and what to do."""


class InputError(UweError, ValueError):
    """An option, a name, a number or a file does not fit."""


class DataError(UweError, ValueError):
    """A data set is missing, broken or inconsistent."""


class RunError(UweError, RuntimeError):
    """A run cannot start, cannot go on, or would be mixed with another."""


def require_known(name: object, known: Iterable[str], what: str) -> str:
    """Return ``name`` if it is one of ``known``; otherwise raise with the close matches.

    >>> require_known("badge", ["uwe", "badge"], "strategy")
    'badge'
    >>> require_known("bagde", ["uwe", "badge"], "strategy")
    Traceback (most recent call last):
        ...
    uwe.errors.InputError: unknown strategy 'bagde'; did you mean 'badge'?
    """
    names = list(known)
    if not isinstance(name, str):
        raise InputError(f"a {what} must be text, not {name!r} of type {type(name).__name__}")
    if name in names:
        return name
    close = close_matches(name, names)
    hint = (
        "did you mean " + " or ".join(repr(match) for match in close) + "?"
        if close
        else "choose one of " + ", ".join(names)
    )
    raise InputError(f"unknown {what} {name!r}; {hint}")


def close_matches(name: str, known: Iterable[str]) -> list[str]:
    """Up to three of ``known`` that ``name`` may have been meant for, the closest first.

    >>> close_matches("rok", ["crow", "rook"])
    ['rook', 'crow']
    """
    return difflib.get_close_matches(name, list(known), n=3, cutoff=0.5)


def damaged(path: Path, error: Exception) -> DataError:
    """What cannot be read, and why, in one line."""
    reason = " ".join(str(error).split()) or type(error).__name__
    return DataError(f"cannot read {path}: {reason}; the file may be incomplete; write it again")
