"""Opens what is to be labelled: a folder of images, a table, texts, or a pool of embeddings."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from uwe._types import Progress
from uwe.data import UNPREPARED, Preparation
from uwe.data.image_files import find_images
from uwe.data.labelled_rows import tf_idf
from uwe.errors import DataError, InputError
from uwe.pool_files import PoolFile, open_pool
from uwe.project.digests import (
    BLOCK,
    block_digests,
    chosen,
    digest,
    has_objects,
    row_digests,
    stamp,
)
from uwe.project.ids import Ids, Names, RowNumbers
from uwe.project.images import images_in
from uwe.project.items import Items, ItemsKind, no_column
from uwe.selecting.items import Item, Text, Values
from uwe.tables import ID_NAMES, LABEL_NAMES, Table, is_table, open_table, tables_in
from uwe.tables.frames import as_array
from uwe.tables.labels import known_labels
from uwe.tasks import is_missing

__all__ = ["handed_over", "is_image_folder", "open_items"]

_SHOWN_NUMBERS = 12
_IMAGE_AXES = 3


def open_items(
    source: Path,
    *,
    label: str | None = None,
    text: str | None = None,
    image_size: int | None = None,
    encoding: str | None = None,
    is_whole: bool = False,
) -> Items:
    """Open what is to be labelled.

    Args:
        source: a folder of images, a table, or a pool file with embeddings.
        label: the column of labels of a table, some or all of them empty; ``label`` by default.
        text: the column of texts of a table; None for a table of numbers.
        image_size: side of the square images that are learnt from; None for their own size.
        encoding: of a text table; None: recognised.
        is_whole: whether images stay whole: ``image_size`` is then their shorter side.

    Raises:
        InputError: an option does not fit the source.
        DataError: there is nothing of that kind, or it cannot be read.
    """
    if not source.exists():
        raise DataError(
            f"{source} does not exist; a source is a folder of images, a table or a pool"
        )
    if is_image_folder(source):
        if encoding is not None:
            raise InputError(f"{source} is a folder of images, so --encoding is not used")
        for option, value in (("--text", text), ("--label", label)):
            if value is not None:
                raise InputError(f"{source} is a folder of images, so {option} is not used")
        return images_in(source, image_size, is_whole=is_whole)
    if image_size is not None:
        raise InputError(f"--image-size is for images, and {source} is none; leave it out")
    if is_table(source) or (source.is_dir() and not any(source.glob("*.npy"))):
        table = open_table(source, encoding)
        if text is not None:
            return _texts(table, text, label)
        if "features" not in table.columns and "features" not in table.blocks:
            return _numbers(table, label)
    if text is not None:
        raise InputError(f"{source} is a pool of embeddings, so --text is not used; leave it out")
    return _vectors(open_pool(source, encoding=encoding), source, label)


def is_image_folder(source: Path) -> bool:
    """Whether a source is a folder of images: no arrays are in it, and no shards of a table."""
    if not source.is_dir() or any(source.glob("*.npy")):
        return False
    return not any(map(is_table, source.iterdir())) or bool(find_images(source).files)


def handed_over(pool: Any) -> Items:
    """Items from Python: rows of numbers, a list of texts, or a `Dataset`.

    Raises:
        DataError: the pool is none of these.
    """
    x, ids, preparation = _as_rows(pool)
    n = x.shape[0]
    return Items(
        "images" if preparation != UNPREPARED else "texts" if x.dtype == object else "vectors",
        ids or RowNumbers(n),
        {},
        partial(block_digests if ids is None else row_digests, x),
        _ready(lambda: _learnt(x)),
        lambda row: _shown(x[row]),
        no_column,
        preparation=preparation,
        block=BLOCK if ids is None else 1,
        size=lambda row: _size(x[row]),
        learnt_size=lambda row: _size(x[row]),
        texts=(lambda: x) if has_objects(x) else None,
    )


def _texts(table: Table, text: str, label: str | None) -> Items:
    texts = [_text(table, text, row, value) for row, value in enumerate(table.values(text))]
    found = _of_table(
        "texts", table, label, _ready(lambda: tf_idf(texts)), lambda row: Text(texts[row])
    )
    return replace(found, texts=lambda: _as_texts(texts))


def _numbers(table: Table, label: str | None) -> Items:
    if label is not None:
        table.require(label)
    left_out = {*ID_NAMES, *([label] if label else LABEL_NAMES)}
    names = [name for name in table.columns if name not in left_out]
    if not names:
        raise DataError(f"{table.name} has no columns of numbers; --text COLUMN takes texts")
    x = np.column_stack([_column(table, name) for name in names])
    return _of_table(
        "rows", table, label, _ready(lambda: x),
        lambda row: Values(table.at([row], names)[0]),
    )  # fmt: skip


def _column(table: Table, name: str) -> Any:
    """The numbers of a column, all of them finite."""
    try:
        numbers = table.numbers(name).astype(np.float64)
    except DataError as error:
        hint = f", or name it as a column of texts: --text {name}" if table.is_text(name) else ""
        raise DataError(f"{error}{hint}") from error
    broken = np.argwhere(~np.isfinite(numbers))
    if len(broken):
        raise table.bad_cell(int(broken[0, 0]), name, "holds NaN or an infinite number")
    return numbers


def _of_table(
    kind: ItemsKind,
    table: Table,
    label: str | None,
    learn: Callable[[Path, Progress | None], Any],
    preview: Callable[[int], Item],
) -> Items:
    ids = table.checked_ids()
    if label is not None:
        table.require(label)
    column = label or table.label_column()
    told = [name for name in table.columns if name != column]
    return Items(
        kind,
        RowNumbers(len(table)) if ids is None else Names(tuple(ids)),
        {file.name: stamp(file) for file in table.files},
        lambda rows, n: [
            digest(json.dumps(values, default=str).encode())
            for values in table.at(chosen(rows, n), told)
        ],
        learn,
        preview,
        table.values,
        partial(_typed, table),
        lambda: None if column is None else known_labels(table, column),
    )


def _typed(table: Table, name: str) -> Any:
    from uwe.tables.typed import typed_column

    return typed_column(table, name)


def _vectors(pool: PoolFile, path: Path, label: str | None) -> Items:
    x = pool.read("features")
    if x is None:
        raise DataError(
            f"{path} holds no features; its keys are {pool.shown()}. 'uwe embed' makes a pool of "
            "images or texts"
        )
    table = pool.container.table
    column = label if table is None else label or table.label_column()
    if label is not None:
        pool.values(label, "--label")
    ids: Ids = Names(tuple(pool.ids(len(x)))) if "ids" in pool else RowNumbers(len(x))
    return Items(
        "vectors",
        ids,
        {file.name: stamp(file) for file in _files_of(path)},
        partial(row_digests if isinstance(ids, Names) else block_digests, x),
        _ready(lambda: _as_numpy(x)),
        lambda row: _shown(x[row]),
        lambda name: pool.values(name, "--with"),
        pool.typed,
        lambda: None if column is None else _labels_in(pool, column),
        block=1 if isinstance(ids, Names) else BLOCK,
    )


def _labels_in(pool: PoolFile, column: str) -> list[Any]:
    table = pool.container.table
    return pool.values(column, "--label") if table is None else known_labels(table, column)


def _text(table: Table, column: str, row: int, value: Any) -> str:
    if not isinstance(value, str):
        raise DataError(
            f"{table.name}: {table.where(row)} of column {column} holds {value!r}, not text"
        )
    return value


def _as_rows(pool: Any) -> tuple[Any, Ids | None, Preparation]:
    if hasattr(pool, "train") and hasattr(pool, "preparation"):
        return pool.train.x, Names(tuple(pool.ids)), pool.preparation
    if hasattr(pool, "tocsr"):
        return pool.tocsr(), None, UNPREPARED
    if isinstance(pool, list | tuple) and any(isinstance(each, str) for each in pool):
        return _as_texts(pool), None, UNPREPARED  # an array would cost n times the longest
    array = as_array(pool)
    if array.dtype.kind in "OUS" and array.shape[1:] in ((), (1,)):  # a column of texts
        return _as_texts(array.ravel().tolist()), None, UNPREPARED
    if array.ndim < 2 or array.dtype.kind not in "biuf":
        raise DataError(
            f"a pool is rows of numbers [n, d], a list of texts, a path or a Dataset, not an "
            f"array of {array.dtype} {array.shape}"
        )
    return array, None, UNPREPARED


def _as_texts(values: Sequence[Any]) -> Any:
    missing = next((row for row, value in enumerate(values) if is_missing(value)), None)
    if missing is not None:
        raise DataError(f"row {missing} of the pool has no text (the first such row); leave it out")
    texts = np.empty(len(values), dtype=object)
    texts[:] = [str(value) for value in values]
    return texts


def _ready(give: Callable[[], Any]) -> Callable[[Path, Progress | None], Any]:
    """Rows that need no folder and no time."""

    def learn(cache: Path, progress: Progress | None) -> Any:
        del cache, progress
        return give()

    return learn


def _learnt(x: Any) -> Any:
    return tf_idf(x.tolist()) if has_objects(x) else x


def _size(row: Any) -> tuple[int, int] | None:
    """Width and height of an image ``[h, w, channels]``; None of any other row."""
    shape: tuple[int, ...] = getattr(row, "shape", ())
    return (int(shape[1]), int(shape[0])) if len(shape) == _IMAGE_AXES else None


def _shown(row: Any) -> Item:
    if isinstance(row, str):
        return Text(row)
    numbers = (row.toarray() if hasattr(row, "toarray") else np.asarray(row)).ravel()
    if len(numbers) > _SHOWN_NUMBERS:
        first = ", ".join(f"{number:.3g}" for number in numbers[:_SHOWN_NUMBERS].tolist())
        return Text(f"{len(numbers):,} numbers: {first}, …")
    return Values({str(at): number for at, number in enumerate(numbers.tolist())})


def _files_of(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    return sorted(path.glob("*.npy")) or tables_in(path)


def _as_numpy(x: Any) -> Any:
    return x.numpy() if hasattr(x, "numpy") else x
