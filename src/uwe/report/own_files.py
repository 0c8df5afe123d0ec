"""Reports, tables and pictures of uwe itself: they may be written anew without asking."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from uwe.report.markdown import MARK as _MARKDOWN
from uwe.report.page import MARK as _PAGE
from uwe.report.summary import COLUMNS

__all__ = ["is_own_file"]

_HEAD_BYTES = 4_000
_EARLIER_PAGE = (
    '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<meta name="viewport"',
    '<meta name="color-scheme" content="light dark">\n<title>',
    '<link rel="icon" href="data:,">\n<style>\n',
)
"""What pages of earlier versions begin with; they have no mark."""


def is_own_file(path: Path) -> bool:
    """Whether a file is empty, or was written by `uwe report`, `uwe results` or `uwe demo`.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES).decode("utf-8", "replace")
        file.seek(max(0, path.stat().st_size - _HEAD_BYTES))
        tail = file.read().decode("utf-8", "replace")
    known = _OWN.get(path.suffix.lower())
    return not head or (known is not None and known(head, tail))


def _is_page(head: str, _: str) -> bool:
    return _PAGE in head or all(part in head for part in _EARLIER_PAGE)


def _is_picture(head: str, _: str) -> bool:
    return head.startswith("<?xml") and 'aria-label="Learning curves: ' in head


_OWN: Mapping[str, Callable[[str, str], bool]] = {
    ".html": _is_page,
    ".md": lambda _, tail: tail.rstrip().endswith(_MARKDOWN),
    ".json": lambda head, _: head.startswith('{\n "uwe_report":'),
    ".csv": lambda head, _: head.startswith(",".join(COLUMNS)),
    ".svg": _is_picture,
}
"""By suffix: whether the beginning and the end of a file are those of ours."""
