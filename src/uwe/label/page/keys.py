"""Which key stands for which class."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from string import ascii_lowercase

__all__ = ["RESERVED", "class_keys"]

RESERVED = frozenset("g")
"""Letters that the page itself needs: the guidelines."""

_DIGITS = "123456789"
_MOST_WITH_LETTERS = 24
_NUMBER = re.compile(r"[0-9]+")


def class_keys(names: Sequence[str], taken: Collection[str] = RESERVED) -> list[list[str]]:
    """The keys of each class: 1 to 9 for the first nine, and a letter of its name.

    Where a name begins with a number, a digit is the key of the class that begins with it, and of
    no other: a person who sees a 3 presses 3.

    A class gets its first letter; where an earlier class has it, the next letter of its name that
    is free, and then any free letter. Lists of more than 24 classes have no letters, as nobody
    remembers them; a person searches instead.

    Args:
        names: of the classes.
        taken: letters that mean something else.

    >>> class_keys(["crow", "rook", "raven"])
    [['1', 'c'], ['2', 'r'], ['3', 'a']]
    >>> class_keys(["0", "1", "other"])
    [['0', 'a'], ['1', 'b'], ['o']]
    """
    digits = _digits(names, taken)
    if len(names) > _MOST_WITH_LETTERS:
        return digits
    used = set(taken)
    letters: list[str | None] = [None] * len(names)
    for at, name in enumerate(names):  # first letters first, so that few need another one
        first = name[:1].lower()
        if first in ascii_lowercase and first and first not in used:
            letters[at] = first
            used.add(first)
    for at, name in enumerate(names):
        if letters[at] is None:
            free = [each for each in [*name.lower(), *ascii_lowercase] if _is_free(each, used)]
            letters[at] = free[0] if free else None
            used.update(free[:1])
    return [
        [*digit, *([] if letter is None else [letter])]
        for digit, letter in zip(digits, letters, strict=True)
    ]


def _digits(names: Sequence[str], taken: Collection[str]) -> list[list[str]]:
    """The digit of each class, as a list of one or none."""
    numbers = [_NUMBER.match(name) for name in names]
    if not any(numbers):
        return [[_DIGITS[at]] if at < len(_DIGITS) else [] for at in range(len(names))]
    own: dict[str, int] = {}
    for at, number in enumerate(numbers):
        if number and len(number[0]) == 1 and number[0] not in taken:
            own.setdefault(number[0], at)
    return [[digit for digit, of in own.items() if of == at] for at in range(len(names))]


def _is_free(letter: str, used: Collection[str]) -> bool:
    return letter in ascii_lowercase and letter not in used
