"""What sqlglot makes of a condition: its tree, and parts of it as text."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from uwe._optional import optional
from uwe.errors import InputError

__all__ = ["cut", "parsed", "shown", "too_deep"]

_SHOWN = 60  # letters


def parsed(condition: str, flag: str) -> Any:
    """The tree of a condition.

    Args:
        condition: in the syntax of SQL.
        flag: what an error calls it.

    Raises:
        InputError: it is empty or not understood, or sqlglot is not installed.
    """
    sqlglot = optional("sqlglot", flag, extra="where")
    if not condition.strip():
        raise InputError(f'{flag} is empty; give a condition such as "blur < 0.3"')
    try:
        with _silent("sqlglot"):
            return sqlglot.exp.condition(condition)
    except RecursionError:
        raise too_deep(flag) from None
    except sqlglot.errors.SqlglotError as error:
        raise InputError(
            f"{flag} {cut(condition)} is not understood{_near(error)}; text stands in "
            "'single quotes', a name with blanks or that is a word of SQL in \"double quotes\""
        ) from None


def shown(node: Any) -> str:
    """A part of a condition as it is written, for an error."""
    return cut(_written(node))


def cut(text: str) -> str:
    """The start of a text, quoted, on one line."""
    plain = " ".join(text.split())
    return repr(plain if len(plain) <= _SHOWN else f"{plain[:_SHOWN]}…")


def too_deep(flag: str) -> InputError:
    """The error about a condition that cannot be walked through."""
    return InputError(f"{flag} has too many parts inside each other; write a shorter condition")


def _written(node: Any) -> str:
    from sqlglot.errors import SqlglotError

    try:
        return str(node.sql())
    except (SqlglotError, RecursionError, ValueError):
        return type(node).__name__


def _near(error: Any) -> str:
    found: Mapping[str, Any] = next(iter(getattr(error, "errors", ())), {})
    place, text = found.get("col"), found.get("highlight")
    return f" near {text!r}, letter {place}" if text and place else ""


@contextmanager
def _silent(name: str) -> Iterator[None]:
    """Keep a library from writing to the log what an error says."""
    logger = logging.getLogger(name)
    former, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = former
