"""The rows of a pool that is to be labelled, as a project sees them.

Nothing is decoded or read as a whole before it is needed; a learner gets its rows from `learn`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from uwe._types import Progress, Rows
from uwe.data import UNPREPARED, Preparation
from uwe.errors import InputError
from uwe.learners import takes_texts
from uwe.project.digests import chosen
from uwe.project.ids import Ids, RowNumbers
from uwe.project.pictures import Picture
from uwe.selecting.items import Item

__all__ = ["Items", "ItemsKind", "no_column"]

ItemsKind: TypeAlias = str


@dataclass(frozen=True)
class Items:
    """The rows of a pool that is to be labelled.

    Attributes:
        kind: ``images``, ``texts``, ``rows`` or ``vectors``.
        ids: what people call the rows.
        stamps: size and time of each file that was looked at, by id or by name.
        digests: gives a digest of each of some rows or blocks among the first n rows; of all for
            None.
        learn: gives what a learner takes, ``[n, ...]``; images are decoded into the folder.
        preview: what is shown of a row.
        picture: the image of a row, large; None where the row has none.
        column: gives a column of the source by its name, for tables of picks.
        typed: gives a column of the source as an Arrow array with a type, for wishes.
        labels: the source's own labels, one a row, or None where it has none.
        preparation: of images for networks.
        block: rows of a digest.
        check: raises where the items cannot be learnt from, as far as can be told quickly.
        sample: gives a few rows as ``learn`` does, without writing anything; None where ``learn``
            writes nothing.
        size: width and height of the image of a row in pixels; None where the row has none.
        learnt_size: width and height of what ``learn`` gives of it; None where that is no image.
        texts: gives the texts themselves, ``[n]``, where ``learn`` gives features of them; None
            for other items.
        notes: what people should know of the source, such as files that are left out.
        broken: gives, by row, why an item cannot be learnt from, as far as the folder of what
            ``learn`` made knows; ``learn`` gives zeros for it, and the row must be skipped.
    """

    kind: ItemsKind
    ids: Ids
    stamps: Mapping[str, Sequence[int]]
    digests: Callable[[Sequence[int] | None, int], list[str]]
    learn: Callable[[Path, Progress | None], Any]
    preview: Callable[[int], Item]
    column: Callable[[str], Sequence[Any]]
    typed: Callable[[str], Any] = field(default=lambda name: _no_typed_column(name))
    labels: Callable[[], Sequence[Any] | None] = field(default=lambda: None)
    preparation: Preparation = UNPREPARED
    block: int = 1
    check: Callable[[], None] = field(default=lambda: None)
    sample: Callable[[], Any] | None = None
    picture: Callable[[int], Picture | None] = field(default=lambda row: _no_picture(row))
    size: Callable[[int], tuple[int, int] | None] = field(default=lambda row: _no_size(row))
    learnt_size: Callable[[int], tuple[int, int] | None] = field(default=lambda row: _no_size(row))
    texts: Callable[[], Any] | None = None
    notes: tuple[str, ...] = ()
    broken: Callable[[Path], Mapping[int, str]] = field(default=lambda _: {})

    def __len__(self) -> int:
        return len(self.ids)

    def read_by(self, model: str) -> Items:
        """The items as ``model`` learns from them: one that reads texts gets the texts."""
        give = self.texts
        if give is None or not takes_texts(model):
            return self
        return replace(self, learn=lambda *_: give())

    def only(self, ids: Ids) -> Items:
        """The rows of ``ids``, in that order; all of them must be there."""
        if ids == self.ids:
            return self
        if isinstance(ids, RowNumbers):  # the first rows: no list of all of them
            n = len(ids)
            return replace(
                self,
                ids=ids,
                learn=lambda folder, progress: self.learn(folder, progress)[:n],
                column=lambda name: self.column(name)[:n],
                typed=lambda name: self.typed(name)[:n],
                labels=lambda: _first(self.labels(), n),
            )
        at = _places(self.ids, ids)
        return replace(
            self,
            ids=ids,
            digests=lambda some, n: self.digests(
                [int(at[row]) for row in chosen(some, n)], len(self)
            ),
            learn=lambda folder, progress: _taken(self.learn(folder, progress), at),
            preview=lambda row: self.preview(int(at[row])),
            picture=lambda row: self.picture(int(at[row])),
            size=lambda row: self.size(int(at[row])),
            learnt_size=lambda row: self.learnt_size(int(at[row])),
            column=lambda name: _at(self.column(name), at),
            typed=lambda name: self.typed(name).take(at),
            labels=lambda: _labels_of(self.labels(), at),
            broken=lambda folder: _broken_of(self.broken(folder), at),
        )


def _places(there: Ids, wanted: Ids) -> Rows:
    """The rows of the wanted ids."""
    rows = [there.row_of(name) for name in wanted]
    return np.array([row for row in rows if row is not None], dtype=np.int64)


def _taken(x: Any, at: Rows) -> Any:
    return x if np.array_equal(at, np.arange(x.shape[0])) else x[at]


def _at(values: Sequence[Any], at: Rows) -> Sequence[Any]:
    return [values[row] for row in at.tolist()]


def _labels_of(labels: Sequence[Any] | None, at: Rows) -> Sequence[Any] | None:
    return None if labels is None else _at(labels, at)


def _broken_of(broken: Mapping[int, str], at: Rows) -> dict[int, str]:
    return {row: broken[there] for row, there in enumerate(at.tolist()) if there in broken}


def _first(labels: Sequence[Any] | None, n: int) -> Sequence[Any] | None:
    return None if labels is None else labels[:n]


def no_column(name: str) -> Sequence[Any]:
    """Refuse a column of a source that has none.

    Raises:
        InputError: always.
    """
    raise InputError(f"the source has no columns, so there is no column {name!r}; leave it out")


def _no_typed_column(name: str) -> Any:
    raise InputError(
        f"the source has no columns, so there is no column {name!r}; --columns-from gives it those "
        "of a table"
    )


def _no_size(row: int) -> tuple[int, int] | None:
    del row
    return None


def _no_picture(row: int) -> Picture | None:
    del row
    return None
