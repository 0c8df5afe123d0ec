"""Labels as their owner has them, and the same in the form of a task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from uwe.errors import DataError, InputError
from uwe.tasks import Array, Task, is_missing
from uwe.tasks.targets import as_name, names_in

__all__ = ["as_targets", "checked_targets", "classes_of"]


def classes_of(labels: Sequence[Any], task: str) -> tuple[str, ...]:
    """The classes that labels name: the numbers up to the largest, or the names that occur.

    Args:
        labels: of each split, as their owner has them.
        task: name of the task.

    >>> classes_of([["rook", None], ["crow"]], "classification"), classes_of([[2, 0]], "")
    (('crow', 'rook'), ('0', '1', '2'))
    """
    arrays = [np.asarray(each) for each in labels if not _has_names(each)]
    if task == "regression":
        return ()
    if arrays and len(arrays) == len(labels):
        flags = [each.shape[1] for each in arrays if each.ndim == 2]
        known = (each[~np.isnan(each)] if each.dtype.kind == "f" else each for each in arrays)
        tops = [int(each.max()) + 1 for each in known if each.ndim == 1 and each.size]
        return tuple(map(str, range(max([*flags, *tops], default=0))))
    read = _several if task == "multilabel" else _one
    names = {name for each in labels for value in each for name in read(value)}
    return tuple(sorted(names))


def as_targets(which: str, labels: Any, n: int, task: Task) -> Array:
    """Labels as their owner has them in the form of the task; None is no label at all.

    Raises:
        DataError: a label is of another kind than the task's; split and row are named.
    """
    if labels is None:
        return task.targets.array([None] * n)
    if not _has_names(labels):
        return checked_targets(which, labels, task)
    values = []
    for row, label in enumerate(labels):
        try:
            values.append(task.targets.encode(label))
        except InputError as error:
            raise DataError(f"{which} row {row}: {error}") from error
    return task.targets.array(values)


def checked_targets(which: str, targets: Any, task: Task) -> Array:
    """Targets in the form of the task, checked.

    Raises:
        DataError: type, shape or a value does not fit; split and row are named.
    """
    try:
        return task.targets.checked(targets)
    except InputError as error:
        raise DataError(f"{which} {error}") from error


def _has_names(labels: Any) -> bool:
    """Whether labels are names, lists of names or None, and not an array of numbers."""
    if isinstance(labels, np.ndarray) and labels.dtype.kind not in "OUS":
        return False
    if hasattr(labels, "dtype") and not isinstance(labels, np.ndarray):
        labels = np.asarray(labels)
    values = labels.tolist() if isinstance(labels, np.ndarray) else list(labels)
    kinds = {type(each) for each in values}
    return bool(kinds & {str, type(None), list, tuple, set, frozenset}) and not _are_rows(values)


def _are_rows(values: Sequence[Any]) -> bool:
    """Whether each value is a row of numbers of one length, as flags are."""
    rows = [each for each in values if isinstance(each, list | tuple)]
    numbers = all(isinstance(of, int | float) for each in rows for of in each)
    return len(rows) == len(values) and numbers and len({len(each) for each in rows}) == 1


def _several(value: Any) -> list[str]:
    return names_in(value) or []


def _one(value: Any) -> list[str]:
    return [] if is_missing(value) else [as_name(value)]
