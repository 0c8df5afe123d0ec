"""Splits in columns, as the Hugging Face hub has them: encoded images and labels."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from uwe._types import Images, Labels
from uwe.data.images import decode_image
from uwe.data.request import Request
from uwe.data.source import EncodedRows, LazyImage, Source, as_source
from uwe.errors import DataError
from uwe.tasks import is_missing

__all__ = [
    "IMAGE_NAMES",
    "SPLIT_NAMES",
    "Columns",
    "Table",
    "encoded_image",
    "find_columns",
    "kind_of_column",
    "only_column",
    "read_tables",
    "require_columns",
    "train_and_test",
]

IMAGE_NAMES = ("image", "img")
"""Names of the column of images, where there are several."""
_LABEL_NAMES = ("label", "fine_label")
_PLAIN_LABEL_NAMES = (*_LABEL_NAMES, "labels", "class", "target")
_PLAIN_LABEL_TYPES = ("int", "uint", "string", "large_string", "bool")
_TEST_NAMES = ("test", "validation", "valid", "val")
SPLIT_NAMES = frozenset({"train", "training", "dev", "eval", "unlabeled", *_TEST_NAMES})
"""Names by which files of splits are known."""

T = TypeVar("T")


@dataclass(frozen=True)
class Table:
    """One split in columns.

    Attributes:
        name: what an error calls it.
        features: the description of each column, in the hub's form.
        values: gives the values of a column, one after another.
        downloads: folders to which the library of the hub downloads; a path in a column of images
            is followed into these alone, and nowhere in other files.
    """

    name: str
    features: Mapping[str, Any]
    values: Callable[[str], Iterator[Any]]
    downloads: tuple[Path, ...] = ()

    def columns(self) -> str:
        """The columns and what they hold, for an error."""
        return ", ".join(f"{name} ({kind_of_column(of)})" for name, of in self.features.items())


@dataclass(frozen=True)
class Columns:
    """Which columns hold the images and the labels, and the colours that images have.

    Attributes:
        image: the column of images.
        label: the column of labels.
        mode: "RGB" or "L" (grey).
    """

    image: str
    label: str
    mode: str = "RGB"


def train_and_test(splits: Mapping[str, T], where: str) -> tuple[T, T | None, tuple[str, ...]]:
    """Choose the pool, the test rows (None if there is one split), and say what is left out.

    Raises:
        DataError: there are several splits, but no train or none to test on.
    """
    if len(splits) == 1:
        return next(iter(splits.values())), None, ()
    test = next((name for name in _TEST_NAMES if name in splits), None)
    if "train" not in splits or test is None:
        raise DataError(
            f"{where} has the splits {', '.join(sorted(splits)) or '(none)'}; "
            f"train and one of {', '.join(_TEST_NAMES)} are needed, or one split only"
        )
    unused = sorted(set(splits) - {"train", test})
    notes = (f"{where}: the splits {', '.join(unused)} are left out",) if unused else ()
    return splits["train"], splits[test], notes


def find_columns(table: Table) -> Columns:
    """Find the image column and the label column by what they hold.

    One column of images is taken whatever its name; of several, ``image`` or ``img``. Labels:
    of the columns of class labels ``label``, then ``fine_label``, then the only one; without
    any, numbers or strings called label, fine_label, labels, class or target.

    Raises:
        DataError: there is none, or several and no name decides.
    """
    images = [name for name, of in table.features.items() if kind_of_column(of) == "Image"]
    labels = [name for name, of in table.features.items() if kind_of_column(of) == "ClassLabel"]
    plain = [name for name in _PLAIN_LABEL_NAMES if _is_plain_label(table.features.get(name))]
    if images and not labels and not plain and (len(images) > 1 or "objects" in table.features):
        raise DataError(
            f"{table.name} has no column of class labels; its columns are {table.columns()}; give "
            "--task segmentation or --task detection if they hold masks or boxes"
        )
    return Columns(
        image=only_column(table, "image", images, IMAGE_NAMES),
        label=only_column(table, "class label", labels or plain[:1], _LABEL_NAMES),
    )


def require_columns(table: Table, columns: Columns, classes: int, name: str) -> None:
    """Raise unless the table has the columns and the number of classes of data set ``name``.

    Raises:
        DataError: it has not.
    """
    found = (
        kind_of_column(table.features.get(columns.image)),
        kind_of_column(table.features.get(columns.label)),
    )
    if found != ("Image", "ClassLabel"):
        raise DataError(
            f"{table.name} is not {name}: images in {columns.image} and class labels in "
            f"{columns.label} are expected, but the columns are {table.columns()}"
        )
    there = len(table.features[columns.label]["names"])
    if there != classes:
        raise DataError(f"{table.name} is not {name}: it has {there} classes, not {classes}")


def read_tables(
    request: Request,
    train: Table,
    test: Table | None,
    columns: Columns,
    notes: tuple[str, ...] = (),
) -> Source:
    """Read the labels of one or two splits; their images are decoded later.

    Raises:
        DataError: a label is missing or unknown, or the splits' columns differ.
    """
    tables = (train,) if test is None else (train, test)
    for table in tables:
        _check_same_columns(train, table, columns)
    values = [list(table.values(columns.label)) for table in tables]
    classes, known = _classes(train, columns.label, values[0])
    rows = [
        _rows(table, columns, _labels(table, known, of))
        for table, of in zip(tables, values, strict=True)
    ]
    return as_source(request, classes, rows[0], rows[1] if test is not None else None, notes)


def _rows(table: Table, columns: Columns, y: Labels) -> EncodedRows:
    return EncodedRows(y, tuple(map(str, range(len(y)))), lambda: _images(table, columns))


def _images(table: Table, columns: Columns) -> Iterator[LazyImage]:
    for row, value in enumerate(table.values(columns.image)):
        name = f"in row {row} of {table.name}"
        yield partial(_image, value, columns.mode, name, table.downloads)


def _image(value: Any, mode: str, name: str, downloads: Sequence[Path]) -> Images:
    return decode_image(encoded_image(value, name, downloads), mode, name)


def encoded_image(value: Any, name: str, downloads: Sequence[Path]) -> bytes | Path:
    """What a cell of a column of images holds, for `uwe.data.images.decode_image`.

    Raises:
        DataError: it is no image, or a path that is not followed.
    """
    if isinstance(value, bytes):
        return value
    if isinstance(value, dict) and value.get("bytes") is not None:
        return bytes(value["bytes"])
    if isinstance(value, dict) and value.get("path"):
        return _downloaded(str(value["path"]), name, downloads)
    raise DataError(f"there is no image {name}; repair or remove the row")


def _downloaded(path: str, name: str, downloads: Sequence[Path]) -> Path:
    """A file that the hub's library downloaded.

    Raises:
        DataError: it is anywhere else; a table could name any file of this machine.
    """
    whole = Path(os.path.normpath(path))
    if not any(whole.is_relative_to(folder) for folder in downloads):
        raise DataError(
            f"the image {name} is only a path, {path!r}, which is not followed; write the images' "
            "bytes into the column"
        )
    return whole


def _classes(
    table: Table, column: str, values: Sequence[Any]
) -> tuple[tuple[str, ...], Mapping[Any, int]]:
    """The class names, and the class number of each value that a label may have."""
    if kind_of_column(table.features[column]) == "ClassLabel":
        names = tuple(map(str, table.features[column]["names"]))
        return names, {number: number for number in range(len(names))}
    distinct = sorted({value for value in values if not is_missing(value)})
    return tuple(map(str, distinct)), {value: at for at, value in enumerate(distinct)}


def _labels(table: Table, known: Mapping[Any, int], values: Sequence[Any]) -> Labels:
    unknown = next((row for row, value in enumerate(values) if value not in known), None)
    if unknown is not None:
        raise DataError(
            f"row {unknown} of {table.name} has the label {values[unknown]!r}, which is none of "
            f"the {len(known)} classes; repair or remove the row"
        )
    return np.array([known[value] for value in values], dtype=np.int64)


def _check_same_columns(train: Table, table: Table, columns: Columns) -> None:
    for column in (columns.image, columns.label):
        ours, theirs = train.features.get(column), table.features.get(column)
        if ours != theirs:
            raise DataError(
                f"the column {column} of {train.name} and {table.name} differs "
                f"({kind_of_column(ours)} and {kind_of_column(theirs)}, or other classes); make "
                "them alike"
            )


def only_column(table: Table, what: str, found: Sequence[str], preferred: Sequence[str]) -> str:
    """The one column of a kind; of several, the first of the preferred names.

    Raises:
        DataError: there is none, or several and no name decides.
    """
    named = [name for name in preferred if name in found] or list(found)
    if found and (len(found) == 1 or named[0] in preferred):
        return named[0]
    problem = f"several columns of {what}s" if found else f"no column of {what}s"
    raise DataError(f"{table.name} has {problem}; its columns are {table.columns()}")


def _is_plain_label(feature: Any) -> bool:
    return kind_of_column(feature).startswith(_PLAIN_LABEL_TYPES)


def kind_of_column(feature: Any) -> str:
    """What the description of a column says that it holds, in a word."""
    if feature is None:
        return "missing"
    if not isinstance(feature, Mapping):
        return "list"
    kind = feature.get("_type")
    return str(feature["dtype"] if kind == "Value" else kind or "struct")
