"""Rows of a pool that lists of ids name: those that are labelled, and those that are kept out."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from uwe._files import expanded
from uwe.errors import InputError
from uwe.tables import encoding_of, matched, read_ids, read_labels_by_id, shown_id

if TYPE_CHECKING:
    from uwe.pool_files import PoolFile
    from uwe.tasks import Task

__all__ = ["joined_with", "labels_named"]


def labels_named(
    flag: str,
    files: Sequence[Path] | None,
    ids: Sequence[str],
    source: PoolFile,
    encoding: str | None,
) -> dict[int, Any]:
    """The rows that the ids in some files name, and their labels; None where a file has none.

    Raises:
        InputError: an id is not in the pool.
    """
    rows: dict[int, Any] = {}
    for file in files or ():
        path = expanded(file)
        named = _READERS[flag](path, encoding_of(path, encoding))
        found = list(matched(named, ids))
        unknown = [name for name, row in zip(named, found, strict=True) if row is None]
        if unknown:
            others = f" and {len(unknown) - 1:,} more" if len(unknown) > 1 else ""
            raise InputError(
                f"{flag} {file} has the id {shown_id(unknown[0])}{others}, but "
                f"{source.container.path} has no such id; {_hint(unknown[0], ids)}"
            )
        for row, label in zip(found, named.values(), strict=True):
            if row is not None and rows.get(row) is None:
                rows[row] = label
    return rows


def _ids_alone(path: Path, encoding: str | None) -> dict[str, Any]:
    return dict.fromkeys(read_ids(path, encoding))


_READERS = {"--labelled": read_labels_by_id, "--exclude": _ids_alone}
_COMPARED = 20_000
"""Ids that are compared with one that is not known, at most: a comparison is slow."""


def _hint(name: str, ids: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, ids[:_COMPARED], n=3, cutoff=0.6)
    if close:
        return f"did you mean {' or '.join(map(shown_id, close))}?"
    return f"its ids are {', '.join(map(shown_id, ids[:3]))}{', …' if len(ids) > _FEW else ''}"


_FEW = 3


def joined_with(
    own: Any, labels: Any, named: Mapping[int, Any], n: int, task: Task
) -> dict[str, Any]:
    """The pool's own labelled rows and labels, and those that files name."""
    from uwe._arrays import marked_rows
    from uwe.selecting.labels import joined_labels, listed_labels

    listed = None if labels is None else listed_labels(labels, task)
    if own is not None:
        rows = marked_rows("labelled", n, np.asarray(own))
    else:
        rows = np.flatnonzero([label is not None for label in listed or ()])
    files = np.array(sorted(named), dtype=np.int64)
    joined = {"labelled": np.union1d(rows, files), "labels": joined_labels(listed, named, n)}
    return {name: of for name, of in joined.items() if of is not None}
