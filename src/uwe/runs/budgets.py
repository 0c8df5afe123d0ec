"""Budgets: the numbers of labelled rows after each cycle."""

from __future__ import annotations

import operator
import re
from itertools import pairwise
from typing import Any

from uwe.errors import InputError, require_known

__all__ = ["BUDGETS", "as_budgets", "budget_id", "parse_budgets"]

BUDGETS: dict[str, tuple[int, ...]] = {
    "exp05k": (500, 1000, 2000, 4000, 8000, 16000),
    "exp1k": (1000, 2000, 4000, 8000),
    "exp5k": (5000, 6000, 8000, 12000, 20000, 28000),
}
"""Labelled rows after each cycle, by the names of the paper's code."""

_NUMBER = re.compile(r"-?[0-9]{1,15}")


def as_budgets(given: Any) -> str | tuple[int, ...]:
    """A name of `BUDGETS` as it is, anything else as rising whole numbers.

    Raises:
        InputError: they are no whole numbers, do not rise, or start below 1.

    >>> as_budgets([20, 40]), as_budgets("exp1k")
    ((20, 40), 'exp1k')
    """
    if isinstance(given, str) and given in BUDGETS:
        return given
    budgets = parse_budgets(given) if isinstance(given, str) else _whole_numbers(given)
    if not budgets:
        raise InputError("there are no budgets; give a name or numbers such as 100,200,400")
    if budgets[0] < 1:
        raise InputError(f"the first budget is {budgets[0]}; at least 1 label is needed")
    for before, after in pairwise(budgets):
        if after <= before:
            raise InputError(f"budgets must rise, but {after} comes after {before}")
    return budgets


def parse_budgets(text: str) -> tuple[int, ...]:
    """Budgets from a name or a list of numbers.

    Raises:
        InputError: it is neither.

    >>> parse_budgets("exp1k")
    (1000, 2000, 4000, 8000)
    """
    if text in BUDGETS:
        return BUDGETS[text]
    parts = [part.strip() for part in text.split(",")]
    if not all(_NUMBER.fullmatch(part) for part in parts):
        if any(character.isalpha() for character in text):
            require_known(text, BUDGETS, "budget")
        raise InputError(f"budgets are a name or numbers such as 100,200,400, not {text!r}")
    return tuple(int(part) for part in parts)


def budget_id(budgets: str | tuple[int, ...]) -> str:
    """The budgets as in file names.

    >>> budget_id((100, 200))
    '100-200'
    """
    return budgets if isinstance(budgets, str) else "-".join(map(str, budgets))


def _whole_numbers(values: Any) -> tuple[int, ...]:
    try:
        budgets = tuple(operator.index(value) for value in values)
        if any(isinstance(value, bool) for value in values):
            raise TypeError("True and False are no numbers")
        return budgets
    except TypeError as error:
        raise InputError(f"budgets must be whole numbers, not {values!r}") from error
