"""How the cells of a text file are separated, recognised from its first lines."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

__all__ = ["SEPARATORS", "USUAL_SEPARATORS", "Dialect", "recognised"]

SEPARATORS = (",", ";", "\t", "|")

USUAL_SEPARATORS: Mapping[str, str] = {".csv": ",", ".tsv": "\t", ".txt": "\t"}
"""Suffixes of text tables, and the separator that each lets expect."""

_SAMPLE = 1 << 16  # bytes
_ROWS = 50
_SEP_LINE = re.compile(rb"\s*\"?sep=(.)\"?\r?\n?", re.IGNORECASE)
_NAMES = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}


@dataclass(frozen=True)
class Dialect:
    """How cells are written.

    Attributes:
        separator: between two cells.
        blanks: whether blanks follow the separators and belong to no cell.
        skipped: bytes before the header: a line ``sep=;``.
        rivals: other separators by which all of the first rows have as many cells as the header.
    """

    separator: str = ","
    blanks: bool = False
    skipped: int = 0
    rivals: tuple[str, ...] = ()

    def adapted(self, usual: str) -> str:
        """What an announcement calls the separator; empty if it is the usual one."""
        told = f"cells separated by {_NAMES.get(self.separator, repr(self.separator))}"
        if self.rivals:
            return f"{told}, although {' or '.join(map(_NAMES.__getitem__, self.rivals))} fit, too"
        return "" if self.separator == usual else told


def recognised(content: bytes, usual: str) -> Dialect:
    r"""The dialect of a text.

    The separator is the usual one unless the header has no two cells by it, or the first rows
    have other numbers of cells than the header and agree by another separator.

    Args:
        content: the text in UTF-8.
        usual: the separator that the file's name lets expect.

    >>> recognised(b"id;x\na;1,5\n", ",").separator
    ';'
    """
    told = _SEP_LINE.match(content)
    skipped = told.end() if told else 0
    sample = content[skipped : skipped + _SAMPLE].decode("utf-8", "replace")
    is_cut = len(content) > skipped + _SAMPLE
    separator, rivals = (
        (told[1].decode("ascii", "replace"), ()) if told else _separator(sample, usual, is_cut)
    )
    return Dialect(separator, _has_blanks(sample, separator), skipped, rivals)


def _separator(sample: str, usual: str, is_cut: bool) -> tuple[str, tuple[str, ...]]:
    """The separator, and those that would fit as well."""
    widths = {each: _widths(sample, each, is_cut) for each in SEPARATORS}
    found = [each for each in SEPARATORS if widths[each] and widths[each][0] > 1]
    if len(found) < 2:
        return (found[0] if found else usual), ()
    agreed = [each for each in found if len(set(widths[each])) == 1]
    best = max(agreed or found, key=lambda each: (each == usual, widths[each][0]))
    return best, tuple(each for each in agreed if each != best)


def _widths(sample: str, separator: str, is_cut: bool) -> Sequence[int]:
    """The number of cells of the first rows; the last of a cut text may be cut itself."""
    widths: list[int] = []
    reader = csv.reader(io.StringIO(sample, newline=""), delimiter=separator)
    try:
        for cells in reader:
            if cells:
                widths.append(len(cells))
            if len(widths) > _ROWS:
                break
    except csv.Error:  # a cell that is longer than the sample
        return widths
    return widths[:-1] if is_cut and 1 < len(widths) <= _ROWS else widths


def _has_blanks(sample: str, separator: str) -> bool:
    """Whether each name but the first follows a blank, or a quote stands behind one."""
    try:
        header = next((each for each in csv.reader([_head(sample)], delimiter=separator)), [])
    except csv.Error:
        header = []
    later = header[1:]
    if later and all(name.startswith(" ") and name.strip() for name in later):
        return True
    outside = sample.split('"')[0:-1:2]
    return any(
        each.endswith(" ") and each.rstrip(" ").endswith(separator) for each in outside if each
    )


def _head(sample: str) -> str:
    return next((line for line in re.split(r"\r\n|\n|\r", sample) if line.strip()), "")
