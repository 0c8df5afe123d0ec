"""The layout ``imagefolder`` of Hugging Face: images beside a ``metadata.jsonl``."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from uwe.data.image_files import SUFFIXES, find_images, image_id
from uwe.errors import DataError, InputError
from uwe.formats._format import IMAGES, Format
from uwe.formats.export import Export
from uwe.formats.json_text import json_lines_bytes
from uwe.formats.peek import Peek
from uwe.formats.reading import Destination, Found, Unreadable, as_text, rows_of
from uwe.tables import ID_NAMES, LABEL_NAMES, LabelRows, is_table, open_table, shown_id
from uwe.tables.labels import known_labels

__all__ = ["FORMAT"]

_METADATA = ("metadata.jsonl", "metadata.csv", "metadata.parquet")
_FILE_NAME = "file_name"
_CARD = """---
configs:
- config_name: default
  data_files:
  - split: train
    path: "**"
---
Written by uwe from the project {name}. Load it with `datasets.load_dataset("FOLDER")`.
"""
"""Without it, `datasets` takes images whose path holds a word such as ``test`` for a split."""


def _fill(export: Export, folder: Path) -> None:
    """Write the images, as links or as copies, and their labels in ``metadata.jsonl``.

    Raises:
        InputError: an image has no suffix, by which `datasets` finds images.
    """
    for entry in export.entries:
        image, place = export.image(entry), folder / entry.id
        if place.suffix.lower() not in SUFFIXES:
            raise InputError(
                f"the image {shown_id(entry.id)} has no suffix of an image, so imagefolder would "
                "not find it; rename it"
            )
        place.parent.mkdir(parents=True, exist_ok=True)
        if export.copies:
            shutil.copyfile(image, place)
        else:
            place.symlink_to(os.path.abspath(image))  # noqa: PTH100  (a link stays a link)
    records = [{_FILE_NAME: entry.id, "label": entry.label} for entry in export.entries]
    (folder / _METADATA[0]).write_bytes(json_lines_bytes(records))
    (folder / "README.md").write_text(_CARD.format(name=export.name), encoding="utf-8")


def _is_image_folder(peek: Peek) -> bool:
    """Whether there is a table of metadata, or folders that are named after classes hold images."""
    if not peek.is_folder:
        return False
    if _metadata_in(peek.path):
        return True
    if any(is_table(Path(name)) for name in peek.names):
        return False
    return any("/" in image_id(file, peek.path) for file in find_images(peek.path).files[:1])


def _read(path: Path, into: Destination) -> LabelRows:
    """The labels of images: those of the metadata, or the names of their folders.

    Raises:
        DataError: the metadata have no column of file names, or none of labels.
    """
    if not (tables := _metadata_in(path)):
        return _by_folder(path, into)
    read = [_by_metadata(table, into) for table in tables]
    return LabelRows(
        path,
        tuple(row for rows in read for row in rows),
        read[0].unit,
        tuple(problem for rows in read for problem in rows.problems),
    )


def _metadata_in(path: Path) -> list[Path]:
    return sorted(file for name in _METADATA for file in path.rglob(name) if file.is_file())


def _by_metadata(path: Path, into: Destination) -> LabelRows:
    table = open_table(path)
    named = next((name for name in ID_NAMES if name in table.columns), None)
    label = table.label_column()
    if _FILE_NAME not in table.columns or label is None:
        lacking = _FILE_NAME if _FILE_NAME not in table.columns else " or ".join(LABEL_NAMES)
        raise DataError(f"{path} has no column {lacking}; add it")
    files = table.values(_FILE_NAME)
    ids = table.values(named) if named else [None] * len(files)
    labels = _names(known_labels(table, label), table.classes(label))

    def found(row: int) -> Iterator[Found]:
        names = (as_text(ids[row], "id"), as_text(files[row], _FILE_NAME))
        yield Found(tuple(name for name in names if name is not None), labels[row])

    rows = ((table.lines[row], row) for row in range(len(files)))
    return rows_of(path, into, rows, found, unit=table.unit)


def _names(values: list[Any], classes: tuple[str, ...] | None) -> list[Any]:
    """Class numbers by their names, where the file has names."""
    if classes is None:
        return values
    return [None if value is None else classes[value] for value in values]


def _by_folder(path: Path, into: Destination) -> LabelRows:
    images = [image_id(file, path) for file in find_images(path).files]

    def found(name: str) -> Iterator[Found]:
        folder, slash, _ = name.partition("/")
        if not slash:
            raise Unreadable(f"{shown_id(name)} is in no folder that is named after its class")
        label = [folder] if into.task.widget == "choices" else folder
        yield Found((name,), label)

    return rows_of(path, into, enumerate(images, start=1), found, unit="image")


FORMAT = Format(
    "imagefolder",
    "a folder of images with metadata.jsonl, as Hugging Face reads it",
    _is_image_folder,
    _read,
    fill=_fill,
    kinds=IMAGES,
    holds_people=False,
)
