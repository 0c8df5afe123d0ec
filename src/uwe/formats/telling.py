"""Takes the answers of a file into a project."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from uwe.errors import InputError
from uwe.formats._format import Format
from uwe.formats.reading import Destination
from uwe.formats.tables import is_drawn
from uwe.project.outlines import Outlines
from uwe.tables import LabelRow, LabelRows
from uwe.tasks.targets import as_name, names_in

if TYPE_CHECKING:
    from uwe.project import Project

__all__ = ["Read", "read_answers", "renamed"]


@dataclass(frozen=True)
class Read:
    """The answers of a file.

    Attributes:
        rows: that are to be told.
        known: how many are left out, as the project has their labels already and the format does
            not say who gave them.
    """

    rows: LabelRows
    known: int = 0


def read_answers(
    path: Path,
    format: Format,
    project: Project,
    *,
    rename: Mapping[str, str] | None = None,
    encoding: str | None = None,
    is_complete: bool = False,
) -> Read:
    """The answers of a file, for a project.

    Args:
        path: of the file or folder.
        format: that it is of.
        project: that is open.
        rename: classes of the file that have another name in the project.
        encoding: of a text table; None: recognised.
        is_complete: of boxes and masks, whether every image of the file was looked at.

    Raises:
        DataError: the file cannot be read.
        InputError: it does not fit the task.
    """
    if project.task.widget not in format.widgets:
        raise InputError(
            f"{path} is of the format {format.name}, which cannot hold the labels of "
            f"{project.task.name}"
        )
    into = Destination.of(project, encoding, is_complete=is_complete)
    rows = renamed(format.read(path, into), rename or {})
    if project.task.widget == "mask":
        rows = replace(rows, rows=tuple(_beside(path, row) for row in rows))
    if format.holds_people:
        return Read(rows)
    labels = project.labels()
    fresh = tuple(row for row in rows if not _is_known(project, row, labels))
    return Read(replace(rows, rows=fresh), len(rows) - len(fresh))


def _beside(path: Path, row: LabelRow) -> LabelRow:
    """A row whose label is the path of a mask, which is beside the table unless it is absolute."""
    label = row.label
    if not isinstance(label, str) or not label.strip() or label.lstrip().startswith("{"):
        return row
    return replace(row, label=str(path.parent / label))


def renamed(rows: LabelRows, names: Mapping[str, str]) -> LabelRows:
    """The rows with other names of classes.

    >>> rows = LabelRows(Path("a.csv"), (LabelRow("a", "Crow", 2), LabelRow("b", "x|Crow", 3)))
    >>> [row.label for row in renamed(rows, {"Crow": "crow"})]
    ['crow', ['x', 'crow']]
    """
    if not names:
        return rows
    return replace(rows, rows=tuple(_renamed(rows.rows, names)))


def _renamed(rows: Iterable[LabelRow], names: Mapping[str, str]) -> Iterable[LabelRow]:
    for row in rows:
        yield replace(row, label=_renamed_label(row.label, names))


def _renamed_label(label: Any, names: Mapping[str, str]) -> Any:
    """A label with other names of classes; one that is none stays as it is, to be refused."""
    if isinstance(label, Outlines):
        return label.renamed(names)
    if is_drawn(label) and isinstance(label, list):
        return [{**each, "class": names.get(each.get("class"), each.get("class"))}
                for each in label]  # fmt: skip
    try:
        if not isinstance(label, list | tuple) and as_name(label) in names:
            return names[as_name(label)]
        several: Sequence[str] = names_in(label) or ()
    except InputError:
        return label
    if not any(name in names for name in several):
        return label
    return [names.get(name, name) for name in several]


def _is_known(project: Project, row: LabelRow, labels: Mapping[str, Any]) -> bool:
    """Whether a row says what the project says already."""
    if row.by is not None or row.skip or row.settled is not None or row.id not in labels:
        return False
    encode = project.task.targets.encode
    try:
        label = project.prepared(project.ids.require(row.id), row.label)
        return bool(encode(label) == encode(labels[row.id]))
    except InputError:
        return False
