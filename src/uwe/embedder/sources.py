"""What is to be embedded: a folder of images, a column of texts, a data set of the hub."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from uwe._files import expanded
from uwe._optional import optional
from uwe.data import load_dataset
from uwe.data.folder import SUFFIXES, images_below
from uwe.data.images import decode_image, fit_image
from uwe.data.parquet import parquet_splits
from uwe.data.request import check_image_size
from uwe.data.table import train_and_test
from uwe.errors import DataError, InputError
from uwe.tables import (
    ID_NAMES,
    LABEL_NAMES,
    TABLE_SUFFIXES,
    Table,
    open_shards,
    open_table,
)
from uwe.tables.table import Listed

__all__ = ["EncoderInput", "open_source"]

_HUB = "hub:"


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
    """

    kind: str
    ids: Sequence[str]
    fetch: Callable[[int, int], list[Any]]
    stamp: str
    labels: Sequence[str | None] | None = None


def open_source(
    name: str,
    *,
    text: str | None = None,
    label: str | None = None,
    data_dir: Path | None = None,
    image_size: int | None = None,
) -> EncoderInput:
    """Look at what is to be embedded.

    Args:
        name: a folder of images; with ``text`` a table of `uwe.tables.open_table` or a folder of
            Parquet files; or ``hub:NAME``, of which the pool is taken.
        text: the column of texts.
        label: the column of labels beside the texts; None is ``label`` or ``labels``, if there is
            such a column.
        data_dir: where a data set of the hub lies; without it, it is downloaded.
        image_size: resize the shorter side to this and crop the middle.

    Raises:
        InputError: a name or an option does not fit.
        DataError: there is nothing of that kind, or it cannot be read.
    """
    check_image_size(image_size)
    if text is not None:
        if image_size is not None:
            raise InputError("--image-size is for images, and --text is given; leave one out")
        return _texts(name, text, label, data_dir)
    if label is not None:
        raise InputError(f"--label {label} is for a table of texts; give --text COLUMN, too")
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
    paths = images_below(folder)
    if not paths:
        raise DataError(f"there are no images ({', '.join(sorted(SUFFIXES))}) below {folder}")
    ids = [path.relative_to(folder).as_posix() for path in paths]
    states = [(path.stat().st_size, path.stat().st_mtime_ns) for path in paths]

    def fetch(start: int, end: int) -> list[Any]:
        return [fit_image(decode_image(path, "RGB", str(path)), size) for path in paths[start:end]]

    return EncoderInput("images", ids, fetch, _stamp([ids, states, size]))


def _data_set(name: str, data_dir: Path | None, size: int | None) -> EncoderInput:
    data = load_dataset(name, data_dir=data_dir, image_size=size)
    x = data.train.x
    return EncoderInput(
        "images", data.ids, lambda start, end: list(x[start:end]), _stamp([data.fingerprint, size])
    )


def _texts(name: str, column: str, label: str | None, data_dir: Path | None) -> EncoderInput:
    path = expanded(name.removeprefix(_HUB))
    if data_dir is not None and (data_dir / path).exists():
        path = data_dir / path
    table = _table(path, name)
    texts = table.values(column)
    row = next((row for row, text in enumerate(texts) if not isinstance(text, str)), None)
    if row is not None:
        raise DataError(f"{name}: row {row} of column {column} holds {texts[row]!r}, no text")
    ids = _ids(table) or [str(number) for number in range(len(texts))]
    return EncoderInput(
        "texts",
        ids,
        lambda start, end: texts[start:end],
        _stamp([column, texts, ids]),
        _labels(table, label),
    )


def _ids(table: Table) -> list[str] | None:
    column = table.first(ID_NAMES)
    return None if column is None else [str(value) for value in table.values(column)]


def _labels(table: Table, name: str | None) -> list[str | None] | None:
    """The label of each row as text, None where it is empty; None where no column is named."""
    column = name or table.first(LABEL_NAMES)
    if column is None:
        return None
    classes = table.classes(column)
    values = table.values(column)
    if classes is not None:
        values = [classes[value] if value in range(len(classes)) else None for value in values]
    return [None if value is None or not str(value).strip() else str(value) for value in values]


def _table(path: Path, name: str) -> Table:
    if path.is_dir():
        return open_shards(_parquet_files(path))
    if path.suffix.lower() in TABLE_SUFFIXES and (path.is_file() or not name.startswith(_HUB)):
        return open_table(path)
    if name.startswith(_HUB):
        return _hub_table(path, name.removeprefix(_HUB))
    raise DataError(f"there is no {path}; texts are a column of a file {', '.join(TABLE_SUFFIXES)}")


def _parquet_files(folder: Path) -> list[Path]:
    splits = parquet_splits(folder)
    if not splits:
        raise DataError(f"there are no Parquet files in {folder}")
    return train_and_test(splits, str(folder))[0]


def _hub_table(path: Path, name: str) -> Table:
    split = _hub_split(name)
    cells = Listed(name, lambda column: list(split[column]))
    return Table(path, tuple(split.column_names), len(split), cells, name, range(len(split)))


def _hub_split(name: str) -> Any:
    datasets = optional("datasets", "loading data sets of the hub")
    try:
        splits = datasets.load_dataset(name)
    except Exception as error:  # whatever the network and the hub raise
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise DataError(f"cannot load {name} from the hub: {reason}") from error
    return train_and_test(splits, name)[0]


def _stamp(what: object) -> str:
    return hashlib.blake2b(json.dumps(what).encode(), digest_size=16).hexdigest()
