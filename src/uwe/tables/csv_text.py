"""CSV as the project writes it: every cell is read back as it was."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Sequence
from functools import cache

__all__ = ["csv_text", "say_formulas"]

log = logging.getLogger("uwe")

_QUOTED = re.compile('[,"\r\n]')
_COMPUTED = re.compile(r"[=@\t\r]|[+-](?![\d.,]*$)")


def csv_text(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    r"""A CSV file's text; None is empty, a float has all its digits.

    A cell with a comma, a quotation mark or a line break is quoted. Python up to 3.11.8 leaves a
    carriage return without quotes, so that a reader finds a line more; hence this writer.

    >>> csv_text(["id", "x"], [["a\rb", 0.1], [None, "c"]])
    'id,x\n"a\rb",0.1\n,c\n'
    """
    return "".join(map(_line, (columns, *rows)))


def say_formulas(what: str, texts: Iterable[str | None]) -> None:
    """Warn once, in the log, of a text that a spreadsheet computes instead of showing it.

    Args:
        what: the column, for the warning.
        texts: of the column.
    """
    found = next((text for text in texts if text and _COMPUTED.match(text)), None)
    if found is not None:
        _say_formula(what, found)


@cache
def _say_formula(what: str, found: str) -> None:
    log.warning(
        "the %s %r begins with %r, so a spreadsheet computes it as a formula; import the "
        "column as text there",
        what, found, found[0],
    )  # fmt: skip


def _line(cells: Sequence[object]) -> str:
    if len(cells) == 1 and cells[0] in ("", None):
        return '""\n'  # a blank line would be no row
    return ",".join(map(_cell, cells)) + "\n"


def _cell(value: object) -> str:
    text = "" if value is None else str(value)
    return '"' + text.replace('"', '""') + '"' if _QUOTED.search(text) else text
