"""Names and categories in outputs of a model: which rows and classes of a project they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path, PurePosixPath

import numpy as np

from uwe._types import Rows
from uwe.errors import InputError
from uwe.project.ids import Ids

__all__ = ["classes_of", "names_by_row", "note_on_numbers", "notes_on", "rows_of"]


def classes_of(
    path: Path, names: Sequence[str], used: Collection[int], classes: Sequence[str]
) -> tuple[Rows, tuple[str, ...]]:
    """The project's class number of each category of detections, and what is said of it.

    Categories are known by their names; without names their numbers count the classes from 1, or
    from 0 where there is a 0. A category without a detection may be none of the classes; its number
    is -1 then.

    Args:
        path: of the detections.
        names: of the categories.
        used: numbers of the categories that have detections.
        classes: of the project.

    Raises:
        InputError: a category that has detections is none of the classes.

    >>> classes_of(Path("found.json"), ["cells", "rbc", "wbc"], {1, 2}, ["wbc", "rbc"])[0].tolist()
    [-1, 1, 0]
    """
    unknown = [names[at] for at in sorted(used) if names[at] not in classes]
    if not unknown:
        found = [classes.index(name) if name in classes else -1 for name in names]
        return np.array(found, dtype=np.int64), ()
    if not all(name.isdigit() for name in names):
        lost = unknown[0]
        raise InputError(
            f"{path} has the category {lost!r}, and the classes are {', '.join(classes)}; name "
            "them alike"
        )
    first = 0 if "0" in names else 1
    numbers = np.array([int(name) - first for name in names], dtype=np.int64)
    if len(numbers) and numbers.max() >= len(classes):
        raise InputError(
            f"{path} has the category {numbers.max() + first}, and there are {len(classes)} "
            "classes; --image-list takes annotations of COCO that name the categories"
        )
    told = ", ".join(f"{name} {classes[at]}" for name, at in zip(names, numbers, strict=True))
    return numbers, (f"categories of {path} are taken by their numbers: {told}",)


def notes_on(path: Path, names: Sequence[str], ids: Ids, known: int) -> list[str]:
    """What is said where names and rows do not agree."""
    lost, lacking = len(names) - known, len(ids) - known
    notes = []
    if lost:
        first = next(
            name for name, row in zip(names, rows_of(names, ids), strict=True) if row is None
        )
        are = "id is" if lost == 1 else "ids are"
        notes.append(f"{lost:,} {are} not of the project, such as {first!r}, and left out")
    if lacking:
        have = "row has" if lacking == 1 else "rows have"
        notes.append(f"{lacking:,} {have} no outputs in {path} and cannot be picked")
    return notes


def note_on_numbers(path: Path, names: Sequence[str], ids: Ids) -> list[str]:
    """What is said where numbers of images are matched with the numbers in names of files."""
    for row, name in names_by_row(names, ids).items():
        if name.isdigit() and name not in (ids[row], PurePosixPath(ids[row]).stem):
            return [
                f"images of {path} are known by the numbers in names of files: {name} is "
                f"{ids[row]!r}; --image-list takes annotations of COCO that say which they are"
            ]
    return []


def names_by_row(names: Sequence[str], ids: Ids) -> dict[int, str]:
    """The name of each row that names are about, as `rows_of` finds them."""
    rows = rows_of(names, ids)
    return {row: name for name, row in zip(names, rows, strict=True) if row is not None}


def rows_of(names: Sequence[str], ids: Ids) -> list[int | None]:
    """The row of each name: an id; or the path, the file name or its stem, that one row alone has.

    A name that may mean the same row as another one means none. Names that are numbers are also
    the numbers in names of files, as ``000012.jpg`` of COCO.
    """
    found = [ids.row_of(name) for name in names]
    if all(row is not None for row in found):
        return found
    by_alias: dict[str, list[int]] = {}
    for row in range(len(ids)):
        for alias in _aliases(ids[row]):
            by_alias.setdefault(alias, []).append(row)
    sole = {alias: rows[0] for alias, rows in by_alias.items() if len(rows) == 1}
    rows = [
        row if row is not None else next((sole[a] for a in _aliases(name) if a in sole), None)
        for row, name in zip(found, names, strict=True)
    ]
    repeated = {row for row, count in Counter(rows).items() if count > 1}
    return [None if row in repeated else row for row in rows]


def _aliases(name: str) -> list[str]:
    """Other names of an item, the most exact first."""
    path = PurePosixPath(name)
    found = [name, path.with_suffix("").as_posix() if path.suffix else name, path.name, path.stem]
    numbers = [path.stem.lstrip("0") or "0"] if path.stem.isdigit() else []
    return list(dict.fromkeys([*found, *numbers]))
