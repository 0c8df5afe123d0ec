"""A format as a value: what it holds, how it is written, recognised and read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from uwe.formats.export import Export
from uwe.formats.peek import Peek
from uwe.formats.reading import Destination
from uwe.tables import LabelRows
from uwe.tasks import SHAPE_WIDGETS

__all__ = ["ANY_LABELS", "IMAGES", "NAMED_CLASSES", "WHOLE_ITEMS", "Format"]

WHOLE_ITEMS = frozenset({"choice", "choices", "number"})
NAMED_CLASSES = frozenset({"choice", "choices"})
ANY_LABELS = WHOLE_ITEMS | SHAPE_WIDGETS
IMAGES = frozenset({"images"})


@dataclass(frozen=True)
class Format:
    """Labels as one tool writes them.

    Attributes:
        name: as in ``--format``.
        about: one line for people.
        recognises: whether a file or folder is of this format, by its content.
        read: the answers in a file or folder, for a project.
        encode: the bytes of a file; None where the format is a folder, or is only read.
        fill: writes into a new, empty folder; None where the format is a file, or is only read.
        suffixes: of its files; the first is the usual one.
        widgets: how people are asked in the tasks that it holds: ``choice``, ``choices``,
            ``number``, ``boxes``, ``mask``.
        kinds: of the items that it holds; empty where it holds every kind.
        shows_items: whether it holds the items, and so needs the source.
        holds_people: whether it says who answered; otherwise it holds the label that counts.
    """

    name: str
    about: str
    recognises: Callable[[Peek], bool]
    read: Callable[[Path, Destination], LabelRows]
    encode: Callable[[Export], bytes] | None = None
    fill: Callable[[Export, Path], None] | None = None
    suffixes: tuple[str, ...] = ()
    widgets: frozenset[str] = WHOLE_ITEMS
    kinds: frozenset[str] = frozenset()
    shows_items: bool = True
    holds_people: bool = True
