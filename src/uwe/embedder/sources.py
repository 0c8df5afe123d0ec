"""What is to be embedded: a folder of images, a column of texts, a data set of the hub."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from uwe._optional import optional
from uwe.data import load_dataset
from uwe.data.csv_file import read_csv
from uwe.data.images import decode_image, fit_image
from uwe.data.parquet import parquet_splits, parquet_table
from uwe.data.table import train_and_test
from uwe.errors import DataError, InputError

__all__ = ["EncoderInput", "open_source"]

_SUFFIXES = frozenset(
    [".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"]
)
_HUB = "hub:"
_IDS = ("ids", "id")


@dataclass(frozen=True)
class EncoderInput:
    """Items to be embedded, fetched a batch at a time.

    Attributes:
        kind: ``images`` (uint8 ``[h, w, 3]`` each) or ``texts`` (str each).
        ids: what people call each of them.
        fetch: gives the items from a row up to another.
        stamp: tells whether the items are still the same.
    """

    kind: str
    ids: Sequence[str]
    fetch: Callable[[int, int], list[Any]]
    stamp: str


def open_source(
    name: str,
    *,
    text: str | None = None,
    data_dir: Path | None = None,
    image_size: int | None = None,
) -> EncoderInput:
    """Look at what is to be embedded.

    Args:
        name: a folder of images; with ``text`` a file ``.csv`` or ``.parquet`` or a folder of
            Parquet files; or ``hub:NAME``, of which the pool is taken.
        text: the column of texts.
        data_dir: where a data set of the hub lies; without it, it is downloaded.
        image_size: resize the shorter side to this and crop the middle.

    Raises:
        InputError: a name or an option does not fit.
        DataError: there is nothing of that kind, or it cannot be read.
    """
    if text is not None:
        if image_size is not None:
            raise InputError("--image-size is for images, and --text is given; leave one out")
        return _texts(name, text, data_dir)
    if name.startswith(_HUB):
        return _data_set(name, data_dir, image_size)
    folder = Path(name).expanduser()
    if not folder.is_dir():
        raise DataError(
            f"there is no folder {folder} of images; texts need --text COLUMN, a data set of the "
            f"hub begins with {_HUB}"
        )
    if parquet_splits(folder):
        return _data_set(f"{_HUB}{folder}", data_dir, image_size)
    return _images(folder, image_size)


def _images(folder: Path, size: int | None) -> EncoderInput:
    paths = sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in _SUFFIXES
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )
    if not paths:
        raise DataError(f"there are no images ({', '.join(sorted(_SUFFIXES))}) below {folder}")
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


def _texts(name: str, column: str, data_dir: Path | None) -> EncoderInput:
    path = Path(name.removeprefix(_HUB)).expanduser()
    if data_dir is not None and (data_dir / path).exists():
        path = data_dir / path
    columns, given = _columns(path, name, column)
    row = next((row for row, text in enumerate(columns) if not isinstance(text, str)), None)
    if row is not None:
        raise DataError(f"{name}: row {row} of column {column} holds {columns[row]!r}, no text")
    ids = given or [str(number) for number in range(len(columns))]
    return EncoderInput(
        "texts", ids, lambda start, end: columns[start:end], _stamp([column, columns, ids])
    )


def _columns(path: Path, name: str, column: str) -> tuple[list[Any], list[str] | None]:
    """The texts, and the ids if there are any."""
    if path.suffix.lower() == ".csv" and path.is_file():
        table = read_csv(path)
        names: Sequence[str] = list(table)
        values: Callable[[str], list[Any]] = lambda of: list(table[of])  # noqa: E731
    elif path.is_dir() or path.suffix.lower() == ".parquet":
        files = _parquet_files(path)
        found = parquet_table(files)
        names, values = list(found.features), lambda of: list(found.values(of))
    elif name.startswith(_HUB):
        split = _hub_split(name.removeprefix(_HUB))
        names, values = split.column_names, lambda of: list(split[of])
    else:
        raise DataError(f"there is no {path}; texts are a column of a .csv or .parquet file")
    if column not in names:
        raise DataError(f"{name} has no column {column!r}; its columns are {', '.join(names)}")
    ids = next((each for each in _IDS if each in names), None)
    return values(column), None if ids is None else [str(value) for value in values(ids)]


def _parquet_files(path: Path) -> list[Path]:
    if not path.is_dir():
        if not path.is_file():
            raise DataError(f"there is no file {path}")
        return [path]
    splits = parquet_splits(path)
    if not splits:
        raise DataError(f"there are no Parquet files in {path}")
    return train_and_test(splits, str(path))[0]


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
