"""Labels as tables: CSV, JSON lines and Parquet, a row for each answer."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from uwe.formats._format import ANY_LABELS, Format
from uwe.formats.export import Entry, Export, Said
from uwe.formats.json_text import json_lines_bytes
from uwe.formats.peek import Peek
from uwe.formats.reading import Destination
from uwe.project.shapes import label_in_json
from uwe.tables import LabelRows, is_table, readable_labels
from uwe.tables.csv_text import csv_text, say_formulas
from uwe.tasks import SHAPE_WIDGETS, Mask

__all__ = ["CSV", "JSON_LINES", "PARQUET", "written_label"]

_SEPARATORS = ("|", ";", "[")
_KINDS: Mapping[str, str] = {
    "id": "string",
    "label": "string",
    "by": "string",
    "seconds": "float64",
    "note": "string",
    "skip": "bool_",
    "settled": "string",
    "flagged": "bool_",
    "at": "string",
    "batch": "int64",
}
"""The columns in their order, and their Arrow types; that of ``label`` depends on the task."""

_LABELS = {"choice": "string", "number": "float64", "boxes": "string", "mask": "string"}
_NO_WORDS = Said("", None)


def _csv_bytes(export: Export) -> bytes:
    """The answers as CSV."""
    rows = _rows(export)
    for name in ("id", "label", "note"):
        say_formulas(name, (_cell(name, row[name]) for row in rows))
    cells = [[_cell(name, value) for name, value in row.items()] for row in rows]
    return csv_text(list(_KINDS), cells).encode()


def _json_lines_bytes(export: Export) -> bytes:
    """The answers as JSON lines; labels are names, lists of names or numbers."""
    return json_lines_bytes(_rows(export))


def _parquet_bytes(export: Export) -> bytes:
    """The answers as Parquet; labels are names, lists of names or numbers."""
    import pyarrow as arrow
    import pyarrow.parquet as parquet

    label = _LABELS.get(export.task.widget)
    is_shapes = export.task.widget in SHAPE_WIDGETS
    of = {name: getattr(arrow, kind)() for name, kind in _KINDS.items()}
    of["label"] = arrow.list_(arrow.string()) if label is None else getattr(arrow, label)()
    rows = _rows(export)
    if is_shapes:
        rows = [{**row, "label": written_label(row["label"]) or None} for row in rows]
    columns = {name: arrow.array([row[name] for row in rows], of[name]) for name in _KINDS}
    sink = io.BytesIO()
    parquet.write_table(arrow.table(columns), sink)
    return sink.getvalue()


def _read(path: Path, into: Destination) -> LabelRows:
    """The answers of a table with the columns id and label."""
    return readable_labels(path, into.encoding)


def _is_csv(peek: Peek) -> bool:
    """Whether the name is that of a text table."""
    return _ends_in(peek, ".csv", ".tsv", ".txt")


def _is_json_lines(peek: Peek) -> bool:
    """Whether the name is that of JSON lines."""
    return _ends_in(peek, ".jsonl", ".ndjson")


def _is_parquet(peek: Peek) -> bool:
    """Whether the name is that of a typed table, or the folder holds shards of tables."""
    if peek.is_folder:
        return any(is_table(Path(name)) for name in peek.names)
    return _ends_in(peek, ".parquet", ".feather", ".arrow")


def written_label(label: Any) -> str:
    """A label as text that `uwe tell` reads; a list of names becomes ``a|b`` or JSON.

    >>> [written_label(label) for label in ("crow", ["sea", "sky"], [], ["a|b"])]
    ['crow', 'sea|sky', '[]', '["a|b"]']
    """
    if label is None:
        return ""
    if is_drawn(label):
        return json.dumps(label_in_json(label))
    if not isinstance(label, Sequence) or isinstance(label, str):
        return str(label)
    if not label or any(sign in name for name in label for sign in _SEPARATORS):
        return json.dumps(list(label), ensure_ascii=False)
    return "|".join(label)


def is_drawn(label: Any) -> bool:
    """Whether a label is boxes or a mask; a list without an entry is neither."""
    if isinstance(label, Mask | Mapping):
        return True
    return isinstance(label, list) and bool(label) and isinstance(label[0], Mapping)


def _ends_in(peek: Peek, *suffixes: str) -> bool:
    name = peek.path.name.lower().removesuffix(".gz")
    return not peek.is_folder and name.endswith(suffixes)


def _rows(export: Export) -> list[dict[str, Any]]:
    return [_row(entry, said) for entry in export.entries for said in entry.said or (_NO_WORDS,)]


def _row(entry: Entry, said: Said) -> dict[str, Any]:
    return {
        "id": entry.id,
        "label": label_in_json(said.label),
        "by": said.by or None,
        "seconds": said.seconds,
        "note": said.note or None,
        "skip": said.skip,
        "settled": said.settled,
        "flagged": said.flagged,
        "at": said.at or None,
        "batch": entry.batch,
    }


def _cell(name: str, value: Any) -> Any:
    if name == "label":
        return written_label(value)
    if isinstance(value, bool):
        return "true" if value else ""
    return value


CSV = Format(
    "csv",
    "a table as text, a row for each answer",
    _is_csv,
    _read,
    encode=_csv_bytes,
    suffixes=(".csv",),
    widgets=ANY_LABELS,
    shows_items=False,
)
JSON_LINES = Format(
    "jsonl",
    "JSON lines, a line for each answer",
    _is_json_lines,
    _read,
    encode=_json_lines_bytes,
    suffixes=(".jsonl", ".ndjson"),
    widgets=ANY_LABELS,
    shows_items=False,
)
PARQUET = Format(
    "parquet",
    "a typed table, a row for each answer",
    _is_parquet,
    _read,
    encode=_parquet_bytes,
    suffixes=(".parquet",),
    widgets=ANY_LABELS,
    shows_items=False,
)
