"""Labels as other tools write them: each format is a view of the journal, out and in.

`FORMATS` is the table of formats, `export_of` makes a value of what a project says, `write` writes
it, `recognised` finds the format of a file, and `read_answers` reads one for a project.
"""

from typing import TYPE_CHECKING

from uwe._lazy import lazily

if TYPE_CHECKING:
    from uwe.formats._format import IMAGES, NAMED_CLASSES, WHOLE_ITEMS, Format
    from uwe.formats._table import FORMATS, find_format, format_of_suffix, recognised
    from uwe.formats.export import Entry, Export, Said, export_of, recorded_export
    from uwe.formats.peek import Peek, require_there
    from uwe.formats.reading import Destination, Found, Unreadable, rows_of
    from uwe.formats.telling import Read, read_answers
    from uwe.formats.writing import require_name, require_replaceable, write

__all__ = [
    "FORMATS",
    "IMAGES",
    "NAMED_CLASSES",
    "WHOLE_ITEMS",
    "Destination",
    "Entry",
    "Export",
    "Format",
    "Found",
    "Peek",
    "Read",
    "Said",
    "Unreadable",
    "export_of",
    "find_format",
    "format_of_suffix",
    "read_answers",
    "recognised",
    "recorded_export",
    "require_name",
    "require_replaceable",
    "require_there",
    "rows_of",
    "write",
]

__getattr__, __dir__ = lazily(
    __name__,
    {
        "_format": ["WHOLE_ITEMS", "IMAGES", "NAMED_CLASSES", "Format"],
        "_table": ["FORMATS", "find_format", "format_of_suffix", "recognised"],
        "export": ["Entry", "Export", "Said", "export_of", "recorded_export"],
        "peek": ["Peek", "require_there"],
        "reading": ["Destination", "Found", "Unreadable", "rows_of"],
        "telling": ["Read", "read_answers"],
        "writing": ["require_name", "require_replaceable", "write"],
    },
)
