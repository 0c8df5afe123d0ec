"""What is to be embedded: a folder of images, a column of texts, a data set of the hub."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from uwe._files import expanded
from uwe._optional import optional
from uwe._types import Progress, Stage
from uwe.data import load_dataset
from uwe.data.image_files import find_images, image_id
from uwe.data.images import decode_image, fit_image, size_of_image
from uwe.data.parquet import parquet_splits, table_splits
from uwe.data.request import check_image_size
from uwe.data.table import train_and_test
from uwe.embedder.digests import json_digest
from uwe.embedder.ids import check_ids
from uwe.errors import DataError, InputError, text_of
from uwe.tables import (
    TABLE_SUFFIXES,
    Table,
    is_table,
    open_shards,
    open_table,
)
from uwe.tables.labels import known_labels
from uwe.tables.table import Listed

__all__ = ["EncoderInput", "open_source"]

_HUB = "hub:"
_ROWS_A_REPORT = 256


@dataclass(frozen=True)
class EncoderInput:
    """Items to be embedded, fetched a batch at a time.

    Attributes:
        kind: ``images`` (uint8 ``[h, w, 3]`` each) or ``texts`` (str each).
        ids: what people call each of them.
        fetch: gives the items from a row up to another.
        stamp: tells whether the items are still the same.
        labels: the label of each item as text, None where it has none; None where no labels are
            known.
        parts: what ``stamp`` is about, by name: values, or digests of long ones.
        check: gives, by row, why an item cannot be read, as far as can be told quickly; None where
            all of them are read already.
        notes: what people should know of the items.

    Raises:
        DataError: an id is empty, holds a line break, is not UTF-8 or repeats.
    """

    kind: str
    ids: Sequence[str]
    fetch: Callable[[int, int], list[Any]]
    stamp: str
    labels: Sequence[str | None] | None = None
    parts: Mapping[str, object] = field(default_factory=dict)
    check: Callable[[Progress | None], dict[int, str]] | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_ids(self.ids)


def open_source(
    name: str,
    *,
    text: str | None = None,
    label: str | None = None,
    data_dir: Path | None = None,
    image_size: int | None = None,
    encoding: str | None = None,
) -> EncoderInput:
    """Look at what is to be embedded.

    Args:
        name: a folder of images; with ``text`` a table of `uwe.tables.open_table` or a folder of
            its shards; or ``hub:NAME``, of which the pool is taken.
        text: the column of texts.
        label: the column of labels beside the texts; None is ``label`` or ``labels``, if there is
            such a column.
        data_dir: where a data set of the hub lies; without it, it is downloaded.
        image_size: resize the shorter side to this and crop the middle.
        encoding: of a text table; None: recognised.

    Raises:
        InputError: a name or an option does not fit.
        DataError: there is nothing of that kind, or it cannot be read.
    """
    check_image_size(image_size)
    if text is not None:
        if image_size is not None:
            raise InputError("--image-size is for images, and --text is given; leave one out")
        return _texts(name, text, label, data_dir, encoding)
    if label is not None:
        raise InputError(f"--label {label} is for a table of texts; give --text COLUMN, too")
    if encoding is not None:
        raise InputError(f"--encoding {encoding} is for a table of texts; give --text COLUMN, too")
    if name.startswith(_HUB):
        return _data_set(name, data_dir, image_size)
    folder = expanded(name)
    if not folder.is_dir():
        raise DataError(
            f"there is no folder {folder} of images; texts need --text COLUMN, a data set of the "
            f"hub begins with {_HUB}"
        )
    if parquet_splits(folder):
        return _data_set(f"{_HUB}{folder}", data_dir, image_size)
    return _images(folder, image_size)


def _images(folder: Path, size: int | None) -> EncoderInput:
    found = find_images(folder).required(folder)
    paths = found.files
    ids = [image_id(path, folder) for path in paths]
    states = [(path.stat().st_size, path.stat().st_mtime_ns) for path in paths]

    def fetch(start: int, end: int) -> list[Any]:
        return [fit_image(decode_image(path, "RGB", str(path)), size) for path in paths[start:end]]

    parts = {"image size": size, "ids": json_digest(ids), "images": json_digest(states)}
    return EncoderInput(
        "images",
        ids,
        fetch,
        json_digest([ids, states, size]),
        parts=parts,
        check=lambda progress: _broken(paths, progress),
        notes=found.notes(folder),
    )


def _broken(paths: Sequence[Path], progress: Progress | None) -> dict[int, str]:
    """Why images cannot be opened, by row, as their headers tell."""
    reasons: dict[int, str] = {}
    for row, path in enumerate(paths):
        try:
            size_of_image(path, str(path))
        except DataError as error:
            reasons[row] = str(error)
        if progress is not None and (row + 1) % _ROWS_A_REPORT == 0:
            progress(Stage("", 0, "look at images", row + 1, len(paths)))
    return reasons


def _data_set(name: str, data_dir: Path | None, size: int | None) -> EncoderInput:
    data = load_dataset(name, data_dir=data_dir, image_size=size)
    x = data.train.x
    return EncoderInput(
        "images",
        data.ids,
        lambda start, end: list(x[start:end]),
        json_digest([data.fingerprint, size]),
        parts={"image size": size, "data set": data.fingerprint, "ids": json_digest(data.ids)},
        notes=data.notes,
    )


def _texts(
    name: str, column: str, label: str | None, data_dir: Path | None, encoding: str | None
) -> EncoderInput:
    path = expanded(name.removeprefix(_HUB))
    if data_dir is not None and (data_dir / path).exists():
        path = data_dir / path
    table = _table(path, name, encoding)
    texts = table.texts(column)
    ids = table.ids() or [str(number) for number in range(len(texts))]
    labels = _labels(table, label)
    parts = {
        "column of texts": column,
        "texts": json_digest(texts),
        "ids": json_digest(ids),
        "labels": json_digest(labels),
    }
    return EncoderInput(
        "texts", ids, lambda start, end: texts[start:end], json_digest(parts), labels, parts
    )


def _labels(table: Table, name: str | None) -> list[str | None] | None:
    """The label of each row as text, None where it is empty; None where no column is named."""
    column = name or table.label_column()
    if column is None:
        return None
    classes = table.classes(column)
    values = known_labels(table, column)
    if classes is not None:
        values = [None if value is None else classes[value] for value in values]
    return [None if value is None else str(value) for value in values]


def _table(path: Path, name: str, encoding: str | None) -> Table:
    if path.is_dir():
        return open_shards(train_and_test(table_splits(path), str(path))[0], encoding)
    if is_table(path) and (path.exists() or not name.startswith(_HUB)):
        return open_table(path, encoding)
    if name.startswith(_HUB):
        return _hub_table(path, name.removeprefix(_HUB))
    raise DataError(f"there is no {path}; texts are a column of a file {', '.join(TABLE_SUFFIXES)}")


def _hub_table(path: Path, name: str) -> Table:
    split = _hub_split(name)
    cells = Listed(lambda column: list(split[column]))
    return Table(path, tuple(split.column_names), len(split), cells, name, range(len(split)))


def _hub_split(name: str) -> Any:
    datasets = optional("datasets", "loading data sets of the hub")
    try:
        splits = datasets.load_dataset(name, trust_remote_code=False)
    except Exception as error:  # whatever the network and the hub raise
        reason = text_of(error, longest=200)
        raise DataError(f"cannot load {name} from the hub: {reason}") from error
    return train_and_test(splits, name)[0]
