"""A pool in a file: which of its arrays is what."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from uwe._arrays import as_array
from uwe._types import Progress
from uwe.dense import Reduction
from uwe.errors import DataError, InputError, close_matches, require_known
from uwe.pool_files.arrays import open_npy, open_npy_folder, open_npz, open_safetensors
from uwe.pool_files.columns import open_columns
from uwe.pool_files.container import Container
from uwe.pool_files.dense_outputs import is_detections, is_map_folder, open_outputs
from uwe.pool_files.maps import is_map
from uwe.tables import ID_NAMES, TABLE_SUFFIXES, checked_ids, id_column, is_table
from uwe.tables.labels import known_labels

__all__ = ["KEYS", "PoolFile", "open_pool"]

KEYS = (
    "features",
    "probs",
    "logits",
    "mc_probs",
    "mean",
    "variance",
    "std",
    "mc_mean",
    "mc_variance",
    "uncertainty",
    "ids",
    "labelled",
    "labels",
)
"""What is looked for in a pool."""

_FORMATS: dict[str, Callable[[Path], Container]] = {
    ".npy": open_npy,
    ".npz": open_npz,
    ".safetensors": open_safetensors,
}


@dataclass(frozen=True)
class PoolFile:
    """A pool in a file, or in a folder of files.

    Attributes:
        container: the arrays that are there.
        found: for each of `KEYS` that is there, its name in the container.
    """

    container: Container
    found: Mapping[str, str]

    def __contains__(self, key: str) -> bool:
        return key in self.found

    def read(self, key: str) -> Any:
        """The array of ``key``, mapped where the format allows; None where there is none.

        Raises:
            DataError: it cannot be read, or holds objects.
        """
        if key not in self.found:
            return None
        readers = {"labelled": self.container.read_mask, "labels": self._labels}
        return readers.get(key, self.container.read)(self.found[key])

    def _labels(self, name: str) -> Any:
        table = self.container.table
        return self.container.read(name) if table is None else known_labels(table, name)

    def ids(self, n: int) -> list[str]:
        """What people call each of the ``n`` rows; their numbers where there are no ids.

        Raises:
            DataError: there are more or fewer; one is empty, is not UTF-8 or repeats.
        """
        if "ids" not in self.found:
            if self.container.table is not None:
                self.container.table.id_column()  # it says where one is called ID
            return [str(row) for row in range(n)]
        ids = self.container.read_ids(self.found["ids"])
        if len(ids) != n:
            raise DataError(f"{self.container.path} has {n} rows, but {len(ids)} ids")
        checked_ids(ids, f"{self.container.path}: {self.found['ids']}")
        return ids

    def values(self, name: str, flag: str) -> list[Any]:
        """The values of a column of the source, one a row, whether or not it is one of `KEYS`.

        Args:
            name: of the column.
            flag: the option that asks for it, for an error.

        Raises:
            DataError: there is no such column, or it is an array of another shape than ``[n]``.
        """
        if self.container.table is not None:
            return self.container.table.values(name)
        if name not in self.container.names:
            close = close_matches(name, self.container.names)
            meant = f"; did you mean {' or '.join(map(repr, close))}?" if close else ""
            raise DataError(
                f"{self.container.path} has no {name!r} for {flag}{meant}; its keys are "
                f"{self.shown()}"
            )
        found = self.container.read(name)
        is_tensor = hasattr(found, "layout")  # also of types that numpy lacks
        array = (
            as_array(f"{self.container.path}: {name}", found) if is_tensor else np.asarray(found)
        )
        if array.ndim != 1:
            raise DataError(
                f"{self.container.path}: {name} must be [n] for {flag}, not of shape {array.shape}"
            )
        return list(array.tolist())

    def typed(self, name: str) -> Any:
        """A column of the source as an Arrow array with a type, one value a row.

        Args:
            name: as in `values`; ``id`` and ``ids`` are the ids, also where they are called
                something else.

        Raises:
            DataError: as `values`; or the column mixes types, or holds lists.
        """
        from uwe.tables.typed import as_texts, typed_array, typed_column

        ids = self.found.get("ids")
        if ids is not None and (
            name == ids or (name in ID_NAMES and name not in self.container.names)
        ):
            return as_texts(self.container.read_ids(ids))
        if self.container.table is not None:
            return typed_column(self.container.table, name)
        return typed_array(self.values(name, "a wish"), f"{self.container.path}: {name!r}")

    def plain_rows(self, rows: Sequence[int]) -> list[dict[str, Any]]:
        """Values of some rows of a table: one number or text each, no `KEYS` and no wide blocks.

        Empty where the pool is no table.
        """
        table = self.container.table
        if table is None:
            return []
        wide = {name for of in table.blocks.values() if len(of) > _WIDE for name in of}
        left = [name for name in table.plain if name not in wide | set(self.found.values())]
        return table.at(rows, left)

    def shown(self) -> str:
        """The names that are there, for an error."""
        return ", ".join(map(repr, self.container.names[:_SHOWN])) + (
            ", …" if len(self.container.names) > _SHOWN else ""
        )


_SHOWN = 20
_WIDE = 8  # columns of a block


def open_pool(
    path: Path,
    keys: Mapping[str, str] | None = None,
    encoding: str | None = None,
    *,
    reduction: Reduction | None = None,
    images: Path | None = None,
    progress: Progress | None = None,
) -> PoolFile:
    """Look at a pool; its arrays are read when they are asked for.

    Args:
        path: ``.npz``, ``.safetensors``, a table of `uwe.tables.open_table` or a folder of its
            shards, ``.npy`` (features alone) or a folder of ``.npy`` files; or results of a
            detector in COCO's form (``.json``), or a folder of maps, one ``.npy`` or ``.npz`` an
            image, which are reduced now.
        keys: other names of some of `KEYS` in it, such as ``{"features": "embedding"}``.
        encoding: of a text table; None: recognised.
        reduction: how detections or maps become rows; where it is given, a folder is one of maps.
        images: which images detections are of, as for `open_detections`.
        progress: called with a `Stage` after each image of detections or maps.

    Raises:
        InputError: the format or one of the keys is not known, or ``reduction`` or ``images`` is
            given and the pool is neither detections nor maps.
        DataError: it cannot be read, lacks a name that ``keys`` gives, or has both ``ids`` and
            ``id``, or is a table that has both ``labels`` and ``label``.

    >>> import tempfile
    >>> import numpy as np
    >>> path = Path(tempfile.mkdtemp()) / "pool.npz"
    >>> np.savez(path, embedding=np.ones((3, 2)))
    >>> open_pool(path, {"features": "embedding"}).read("features").shape
    (3, 2)
    """
    given = dict(keys or {})
    names = frozenset({*KEYS, *ID_NAMES, *given.values()})
    if is_detections(path) or is_map_folder(path, names) or (reduction and _has_maps(path)):
        if encoding is not None:
            raise InputError(f"{path} is no table of text; leave --encoding {encoding} out")
        container = open_outputs(path, reduction, images, progress)
    else:
        if reduction is not None or images is not None:
            raise InputError(
                f"{path} holds rows already; how places are reduced (--measure, --reduce, "
                "--place-option, --image-list) is for maps and detections, so leave it out"
            )
        container = _opened(path, encoding)
    for key, name in given.items():
        require_known(key, KEYS, "key")
        if name not in container.names:
            raise DataError(
                f"{path} has no {name!r} for {key}; its keys are {PoolFile(container, {}).shown()}"
            )
    called = {key: given[key] if key in given else _usual(key, container) for key in KEYS}
    return PoolFile(container, {key: of for key, of in called.items() if of in container.names})


def _has_maps(path: Path) -> bool:
    return path.is_dir() and any(map(is_map, path.iterdir()))


def _usual(key: str, container: Container) -> str:
    """The name of ``key`` in a container whose owner says nothing else."""
    if key == "labels" and container.table is not None:
        return container.table.label_column() or key
    return (id_column(container.names, str(container.path)) if key == "ids" else None) or key


def _opened(path: Path, encoding: str | None) -> Container:
    if path.is_dir() and not any(path.glob("*.npy")) and any(map(is_table, path.iterdir())):
        return open_columns(path, encoding)
    if is_table(path) and not path.is_dir():
        if not path.exists():
            raise DataError(f"there is no file {path}")
        return open_columns(path, encoding)
    if encoding is not None:
        raise InputError(f"{path} is no table of text; leave --encoding {encoding} out")
    if path.is_dir():
        return open_npy_folder(path)
    if path.suffix.lower() not in _FORMATS:
        known = ", ".join((*_FORMATS, *TABLE_SUFFIXES, ".json (detections)"))
        raise InputError(
            f"the format of {path} is not known; a pool is {known}, or a folder of .npy files, of "
            "maps or of shards of a table"
        )
    if not path.is_file():
        raise DataError(f"there is no file {path}")
    return _FORMATS[path.suffix.lower()](path)
