"""Which key stands for which class."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from string import ascii_lowercase

__all__ = ["RESERVED", "class_keys"]

RESERVED = frozenset("g")
"""Letters that the page itself needs: the guidelines."""

_DIGITS = "123456789"
_MOST_WITH_LETTERS = 24


def class_keys(names: Sequence[str], taken: Collection[str] = RESERVED) -> list[list[str]]:
    """The keys of each class: 1 to 9 for the first nine, and a letter of its name.

    A class gets its first letter; where an earlier class has it, the next letter of its name that
    is free, and then any free letter. Lists of more than 24 classes have no letters, as nobody
    remembers them; a person searches instead.

    Args:
        names: of the classes.
        taken: letters that mean something else.

    >>> class_keys(["crow", "rook", "raven"])
    [['1', 'c'], ['2', 'r'], ['3', 'a']]
    """
    digits = [[_DIGITS[at]] if at < len(_DIGITS) else [] for at in range(len(names))]
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


def _is_free(letter: str, used: Collection[str]) -> bool:
    return letter in ascii_lowercase and letter not in used
