"""What a project is about: images in a folder, a table, texts, or a pool of embeddings.

Nothing is decoded or read as a whole when a source is opened; a learner gets its rows from `learn`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from uwe._files import make_folder, write_whole
from uwe._optional import optional
from uwe._types import Progress, Rows, Stage
from uwe.data import IMAGENET, UNPREPARED, Preparation
from uwe.data.folder import images_below
from uwe.data.images import decode_image, fit_image
from uwe.data.labelled_rows import tf_idf
from uwe.errors import DataError, InputError
from uwe.pool_files import PoolFile, open_pool
from uwe.project.ids import Ids, Names, RowNumbers
from uwe.selecting.items import Image, Item, Text, Values
from uwe.selecting.sheet import thumbnail
from uwe.tables import ID_NAMES, LABEL_NAMES, TABLE_SUFFIXES, Table, open_table

__all__ = ["Items", "ItemsKind", "handed_over", "open_items"]

ItemsKind: TypeAlias = str
_BLOCK = 65_536
_DIGEST = 8
_SHOWN_NUMBERS = 12
_SPLIT_OF_POOL = "features"


@dataclass(frozen=True)
class Items:
    """The rows of a pool that is to be labelled.

    Attributes:
        kind: ``images``, ``texts``, ``rows`` or ``vectors``.
        ids: what people call the rows.
        stamps: size and time of each file that was looked at, by id or by name.
        digests: gives a digest of each of some rows or blocks; of all for None.
        learn: gives what a learner takes, ``[n, ...]``; images are decoded into the folder.
        preview: what is shown of a row.
        column: gives a column of the source by its name, for tables of picks.
        labels: the source's own labels, one a row, or None where it has none.
        preparation: of images for networks.
        block: rows of a digest.
        check: raises where the items cannot be learnt from, as far as can be told quickly.
    """

    kind: ItemsKind
    ids: Ids
    stamps: Mapping[str, Sequence[int]]
    digests: Callable[[Sequence[int] | None], list[str]]
    learn: Callable[[Path, Progress | None], Any]
    preview: Callable[[int], Item]
    column: Callable[[str], Sequence[Any]]
    labels: Callable[[], Sequence[Any] | None] = field(default=lambda: None)
    preparation: Preparation = UNPREPARED
    block: int = 1
    check: Callable[[], None] = field(default=lambda: None)

    def __len__(self) -> int:
        return len(self.ids)

    def only(self, ids: Ids) -> Items:
        """The rows of ``ids``, in that order; all of them must be there."""
        if ids == self.ids:
            return self
        at = _places(self.ids, ids)
        return Items(
            self.kind,
            ids,
            self.stamps,
            lambda some: self.digests([int(at[row]) for row in _all(some, len(at))]),
            lambda folder, progress: _taken(self.learn(folder, progress), at),
            lambda row: self.preview(int(at[row])),
            lambda name: [self.column(name)[row] for row in at.tolist()],
            lambda: _labels_of(self.labels(), at),
            self.preparation,
        )


def open_items(
    source: Path,
    *,
    label: str | None = None,
    text: str | None = None,
    image_size: int | None = None,
) -> Items:
    """Open what is to be labelled.

    Args:
        source: a folder of images, a table, or a pool file with embeddings.
        label: the column of labels of a table, some or all of them empty; ``label`` by default.
        text: the column of texts of a table; None for a table of numbers.
        image_size: side of the square images that are learnt from; None for their own size.

    Raises:
        InputError: an option does not fit the source.
        DataError: there is nothing of that kind, or it cannot be read.
    """
    if not source.exists():
        raise DataError(
            f"there is no {source}; the source is a folder of images, a table or a pool"
        )
    if source.is_dir() and not any(source.glob("*.npy")):
        for option, value in (("--text", text), ("--label", label)):
            if value is not None:
                raise InputError(f"{source} is a folder of images, so {option} is not used")
        return _images(source, image_size)
    if image_size is not None:
        raise InputError(f"--image-size is for images, and {source} is none; leave it out")
    if source.suffix.lower() in TABLE_SUFFIXES:
        table = open_table(source)
        if text is not None:
            return _texts(table, text, label)
        if "features" not in table.columns and "features" not in table.blocks:
            return _numbers(table, label)
    if text is not None:
        raise InputError(f"{source} is a pool of embeddings, so --text is not used; leave it out")
    return _vectors(open_pool(source), source)


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
        lambda blocks: _block_digests(x, blocks),
        _ready(lambda: _learnt(x)),
        lambda row: _shown(x[row]),
        _no_column,
        preparation=preparation,
        block=_BLOCK,
    )


def _images(folder: Path, image_size: int | None) -> Items:
    files = images_below(folder)
    if not files:
        raise DataError(f"there are no images below {folder}")
    names = [file.relative_to(folder).as_posix() for file in files]
    ids = Names(tuple(names))
    return Items(
        "images",
        ids,
        {name: _stamp(file) for name, file in zip(names, files, strict=True)},
        lambda rows: [_digest(files[row].read_bytes()) for row in _all(rows, len(files))],
        lambda cache, progress: _decoded(files, cache, image_size, progress),
        lambda row: Image(thumbnail(files[row])),
        _no_column,
        preparation=IMAGENET,
        check=lambda: check_images(files, image_size),
    )


def _texts(table: Table, text: str, label: str | None) -> Items:
    texts = [_text(table, text, row, value) for row, value in enumerate(table.values(text))]
    return _of_table(
        "texts", table, label, _ready(lambda: tf_idf(texts)), lambda row: Text(texts[row])
    )


def _numbers(table: Table, label: str | None) -> Items:
    left_out = {*ID_NAMES, *([label] if label else LABEL_NAMES)}
    names = [name for name in table.columns if name not in left_out]
    if not names:
        raise DataError(f"{table.name} has no columns of numbers; --text COLUMN takes texts")
    try:
        x = np.column_stack([table.numbers(name) for name in names]).astype(np.float64)
    except DataError as error:
        raise DataError(f"{error}, or name a column of texts with --text COLUMN") from error
    broken = np.argwhere(~np.isfinite(x))
    if len(broken):
        row = int(broken[0, 0])
        raise DataError(f"{table.name}: {table.where(row)} holds NaN or infinity; correct the row")
    return _of_table(
        "rows", table, label, _ready(lambda: x),
        lambda row: Values(table.at([row], names)[0]),
    )  # fmt: skip


def _of_table(
    kind: ItemsKind,
    table: Table,
    label: str | None,
    learn: Callable[[Path, Progress | None], Any],
    preview: Callable[[int], Item],
) -> Items:
    ids = table.ids()
    if label is not None:
        table.require(label)
    column = label or table.first(LABEL_NAMES)
    told = [name for name in table.columns if name != column]
    return Items(
        kind,
        RowNumbers(len(table)) if ids is None else Names(tuple(ids)),
        {table.path.name: _stamp(table.path)},
        lambda rows: [
            _digest(json.dumps(values, default=str).encode())
            for values in table.at(_all(rows, len(table)), told)
        ],
        learn,
        preview,
        table.values,
        lambda: None if column is None else table.values(column),
    )


def _vectors(pool: PoolFile, path: Path) -> Items:
    x = pool.read("features")
    if x is None:
        raise DataError(
            f"{path} holds no features; its keys are {pool.shown()}. 'uwe embed' makes a pool of "
            "images or texts"
        )
    ids: Ids = Names(tuple(pool.ids(len(x)))) if "ids" in pool else RowNumbers(len(x))
    return Items(
        "vectors",
        ids,
        {file.name: _stamp(file) for file in _files_of(path)},
        (lambda rows: [_digest(np.ascontiguousarray(x[row]).tobytes())
                       for row in _all(rows, len(x))])
        if isinstance(ids, Names)
        else (lambda blocks: _block_digests(x, blocks)),
        _ready(lambda: _as_numpy(x)),
        lambda row: _shown(x[row]),
        _no_column,
        block=1 if isinstance(ids, Names) else _BLOCK,
    )  # fmt: skip


def _decoded(
    files: Sequence[Path], cache: Path, size: int | None, progress: Progress | None
) -> Any:
    """The images as an array on disk, decoded once for the same files and size."""
    key = _digest(json.dumps([[str(file), *_stamp(file)] for file in files]).encode())
    path = cache / f"images-{size or 'own'}-{key}.npy"
    if not path.is_file():
        make_folder(cache)
        for earlier in cache.glob("images-*.npy"):
            earlier.unlink()
        write_whole(path, lambda beside: _write_images(beside, files, size, progress))
    return np.load(path, mmap_mode="r")


def _write_images(
    path: Path, files: Sequence[Path], size: int | None, progress: Progress | None
) -> None:
    with path.open("wb") as out:
        shape: tuple[int, ...] | None = None
        for at, image in enumerate(_fitted(files, size)):
            if shape is None:
                shape = image.shape
                header = {"descr": "|u1", "fortran_order": False, "shape": (len(files), *shape)}
                np.lib.format.write_array_header_1_0(out, header)
            if image.shape != shape:
                raise DataError(
                    f"images differ in size: {files[0].name} is {shape[1]}x{shape[0]}, "
                    f"{files[at].name} is {image.shape[1]}x{image.shape[0]}; make the project with "
                    "--image-size N"
                )
            out.write(np.ascontiguousarray(image).data)
            if progress is not None:
                progress(Stage("", 0, "decode images", at + 1, len(files)))


def _fitted(files: Sequence[Path], size: int | None) -> Iterator[Any]:
    for file in files:
        yield fit_image(decode_image(file, "RGB", str(file)), size)


def check_images(files: Sequence[Path], size: int | None) -> None:
    """Check by their headers that images can be opened, and have one size where that is needed.

    Raises:
        DataError: one cannot be opened, or two differ in size and no size is given.
    """
    pillow = optional("PIL.Image", "reading images")
    first: tuple[int, int] | None = None
    for file in files:
        try:
            with pillow.open(file) as image:
                found = image.size
        except Exception as error:  # each of Pillow's many decoders raises errors of its own
            reason = " ".join(str(error).split()) or type(error).__name__
            raise DataError(f"cannot read the image {file}: {reason}; remove it") from error
        first = first or found
        if size is None and found != first:
            raise DataError(
                f"images differ in size: {files[0].name} is {first[0]}x{first[1]}, {file.name} is "
                f"{found[0]}x{found[1]}; give --image-size N, such as --image-size 96"
            )


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
    array = np.asarray(pool)
    if array.dtype.kind in "OUS":
        texts = np.empty(len(array), dtype=object)
        texts[:] = [str(each) for each in array.tolist()]
        return texts, None, UNPREPARED
    if array.ndim < 2 or array.dtype.kind not in "biuf":
        raise DataError(
            f"a pool is rows of numbers [n, d], a list of texts, a path or a Dataset, not an "
            f"array of {array.dtype} {array.shape}"
        )
    return array, None, UNPREPARED


def _ready(give: Callable[[], Any]) -> Callable[[Path, Progress | None], Any]:
    """Rows that need no folder and no time."""

    def learn(cache: Path, progress: Progress | None) -> Any:
        del cache, progress
        return give()

    return learn


def _has_objects(x: Any) -> bool:
    kind = getattr(getattr(x, "dtype", None), "kind", "")
    return bool(kind == "O")


def _learnt(x: Any) -> Any:
    return tf_idf(x.tolist()) if _has_objects(x) else x


def _shown(row: Any) -> Item:
    if isinstance(row, str):
        return Text(row)
    numbers = (row.toarray() if hasattr(row, "toarray") else np.asarray(row)).ravel()
    if len(numbers) > _SHOWN_NUMBERS:
        first = ", ".join(f"{number:.3g}" for number in numbers[:_SHOWN_NUMBERS].tolist())
        return Text(f"{len(numbers):,} numbers: {first}, …")
    return Values({str(at): number for at, number in enumerate(numbers.tolist())})


def _files_of(path: Path) -> list[Path]:
    return sorted(path.glob("*.npy")) if path.is_dir() else [path]


def _stamp(file: Path) -> list[int]:
    try:
        state = file.stat()
    except OSError as error:
        raise DataError(f"cannot read {file}: {error.strerror}") from error
    return [state.st_size, state.st_mtime_ns]


def _block_digests(x: Any, blocks: Sequence[int] | None) -> list[str]:
    count = -(-x.shape[0] // _BLOCK)
    return [_digest(_bytes_of(x[at * _BLOCK : (at + 1) * _BLOCK])) for at in _all(blocks, count)]


def _bytes_of(block: Any) -> bytes:
    if hasattr(block, "tocsr"):
        return bytes(block.data.tobytes() + block.indices.tobytes() + block.indptr.tobytes())
    if _has_objects(block):
        return json.dumps(block.tolist()).encode()
    return bytes(np.ascontiguousarray(_as_numpy(block)).tobytes())


def _as_numpy(x: Any) -> Any:
    return x.numpy() if hasattr(x, "numpy") else x


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=_DIGEST).hexdigest()


def _all(some: Sequence[int] | None, count: int) -> Sequence[int]:
    return range(count) if some is None else some


def _places(there: Ids, wanted: Ids) -> Rows:
    """The rows of the wanted ids."""
    if isinstance(wanted, RowNumbers):
        return np.arange(len(wanted))
    rows = [there.row_of(name) for name in wanted]
    return np.array([row for row in rows if row is not None], dtype=np.int64)


def _taken(x: Any, at: Rows) -> Any:
    return x if np.array_equal(at, np.arange(x.shape[0])) else x[at]


def _labels_of(labels: Sequence[Any] | None, at: Rows) -> Sequence[Any] | None:
    return None if labels is None else [labels[row] for row in at.tolist()]


def _no_column(name: str) -> Sequence[Any]:
    raise InputError(f"the source has no columns, so there is no column {name!r}; leave it out")
