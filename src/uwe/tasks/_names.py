"""Names of classes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from uwe.errors import InputError

__all__ = ["named"]


def named(classes: Sequence[str] | int) -> tuple[str, ...]:
    """The classes' names; of a number of classes, the numbers from 0.

    Raises:
        InputError: a name repeats, is empty or is no text, or it is no list.
    """
    if isinstance(classes, int | np.integer):
        if classes < 0:
            raise InputError(f"the number of classes is {classes}; it must be at least 0")
        return tuple(map(str, range(int(classes))))
    if isinstance(classes, str):
        raise InputError(f"classes must be a list of names, not the text {classes!r}")
    given: object = classes
    if not isinstance(given, Iterable):
        kind = type(classes).__name__
        raise InputError(f"classes must be a list of names, or their number, not a {kind}")
    names = tuple(given)
    seen: set[str] = set()
    for at, name in enumerate(names):
        if not isinstance(name, str) or not name.strip():
            raise InputError(f"class {at} is {name!r}; the name of a class must be text")
        if name.strip() in seen:
            raise InputError(f"the class {name!r} is named twice; names of classes must differ")
        seen.add(name.strip())
    return names
