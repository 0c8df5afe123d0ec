"""Labels as their owner has them, and the same in the form of a task."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np

from uwe.errors import DataError, InputError
from uwe.tables.frames import as_array, is_frame
from uwe.tasks import Array, Boxes, Mask, Task, is_missing
from uwe.tasks.targets import as_name, merged_names, names_in

__all__ = ["as_targets", "checked_targets", "classes_of", "odd_classes", "plain_labels"]

log = logging.getLogger("uwe")

_NAMES = {str, np.str_, type(None), list, tuple, set, frozenset}
_GAPS = ("NAType", "NaTType")  # of pandas
_MISSING = -1
_TRUTHS = {bool, np.bool_}
_MOST_NUMBERED = 1_000_000


def plain_labels(labels: Any) -> Any:
    """Labels without what is special in pandas, polars and torch; the order is that of the rows.

    Whole numbers with gaps become floating ones with NaN, truth values the names ``False`` and
    ``True``, a frame of one column that column.

    >>> plain_labels(np.array([True, False])).tolist()
    ['True', 'False']
    """
    if isinstance(labels, list | tuple):
        return _without_minus_one(labels)
    if labels is None:
        return None
    array = labels if isinstance(labels, np.ndarray) else as_array(labels)
    if array.ndim == 2 and array.shape[1] == 1 and is_frame(labels):
        array = array[:, 0]
    if array.dtype.kind == "b" and array.ndim == 1:
        return array.astype(str).astype(object)
    if array.dtype.kind != "O" or array.ndim != 1:
        return array
    values = array.tolist()
    known = [value for value in values if not is_missing(value)]
    if known and None not in values and all(type(value) in (int, float) for value in known):
        return np.array([np.nan if is_missing(of) else of for of in values], dtype=np.float64)
    cells = np.empty(len(values), dtype=object)
    cells[:] = _without_minus_one(values)
    return cells


def _without_minus_one(values: Sequence[Any]) -> Sequence[Any]:
    """None for -1 in a list of numbers that has None, too: both say that there is no label.

    Raises:
        DataError: truth values stand beside numbers.
    """
    kinds = {type(value) for value in values}
    if kinds & _TRUTHS and kinds & {int, float}:
        raise DataError("the labels are truth values and numbers; write them alike")
    if kinds and kinds <= _TRUTHS:
        return [str(value) for value in values]
    if type(None) not in kinds or not kinds <= {int, float, type(None)}:
        return values
    return [None if value == _MISSING else value for value in values]


def classes_of(labels: Sequence[Any], task: str) -> tuple[str, ...]:
    """The classes that labels name: the numbers up to the largest, or the names that occur.

    Args:
        labels: of each split, as their owner has them.
        task: name of the task.

    Raises:
        DataError: the numbers are -1 and one other, or too large to be class numbers.

    >>> classes_of([["rook", None], ["crow"]], "classification"), classes_of([[2, 0]], "")
    (('crow', 'rook'), ('0', '1', '2'))
    """
    arrays = [np.asarray(each) for each in labels if not _has_names(each)]
    if task == "regression":
        return ()
    if arrays and len(arrays) == len(labels):
        flags = [each.shape[1] for each in arrays if each.ndim == 2]
        return tuple(map(str, range(max([*flags, _numbered(arrays)], default=0))))
    read = _several if task == "multilabel" else _one
    names = {name for each in labels for value in each for name in read(value)}
    classes = tuple(sorted(set(merged_names(names).values())))
    if odd := odd_classes(classes):
        log.warning(odd)
    return classes


def _numbered(arrays: Sequence[Array]) -> int:
    """How many classes class numbers make: those from 0 to the largest."""
    numbers = [each for each in arrays if each.ndim == 1 and each.dtype.kind in "iuf"]
    known = [np.unique(each[np.isfinite(each)] if each.dtype.kind == "f" else each)
             for each in numbers]  # fmt: skip
    found = sorted({value for each in known for value in each.tolist()})
    classes = [value for value in found if value >= 0]
    if not classes:
        return 0
    if found == [_MISSING, classes[0]] and classes[0] > 0:
        raise DataError(
            f"the labels are {int(found[0])} and {int(found[1])}, and -1 stands for no label; "
            "write 0 and 1, or the names of the classes"
        )
    most = int(classes[-1])
    if most >= _MOST_NUMBERED:
        raise DataError(
            f"the label {most} would make {most + 1:,} classes, one for each number from 0 on; "
            "give names of classes, or task='regression'"
        )
    unseen = sorted(set(range(most + 1)) - set(classes))
    if unseen:
        more = f" and {len(unseen) - 1:,} more of them" if len(unseen) > 1 else ""
        log.warning(
            "the classes are the numbers 0 to %d, but no row has the label %d%s; if the labels "
            "begin elsewhere, give the names of the classes as labels",
            most, unseen[0], more,
        )  # fmt: skip
    return most + 1


_ODD = frozenset({"-1", "nan", "none", "null", "na", "n/a", "<na>", "nat"})


def odd_classes(classes: Sequence[str]) -> str:
    """What to say of a class whose name often stands for rows without a label; empty if none does.

    >>> odd_classes(["crow", "rook"]), odd_classes(["crow", "nan"])[:26]
    ('', "'nan' is taken for a class")
    """
    odd = next((name for name in classes if name.lower() in _ODD), None)
    if odd is None or (odd == "-1" and len(classes) == _SIGNS):
        return ""
    return f"{odd!r} is taken for a class; where a row has no label, leave its cell empty"


_SIGNS = 2  # -1 and 1


def as_targets(which: str, labels: Any, n: int, task: Task) -> Array:
    """Labels as their owner has them in the form of the task; None is no label at all.

    Raises:
        DataError: a label is of another kind than the task's; split and row are named.
    """
    if labels is None:
        return task.targets.array([None] * n)
    if not _has_names(labels) or any(isinstance(each, Mask | Boxes) for each in labels):
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
    named = bool(kinds & _NAMES) or any(kind.__name__ in _GAPS for kind in kinds)
    return named and not _are_rows(values)


def _are_rows(values: Sequence[Any]) -> bool:
    """Whether each value is a row of numbers of one length, as flags are."""
    rows = [each for each in values if isinstance(each, list | tuple)]
    numbers = all(isinstance(of, int | float) for each in rows for of in each)
    return len(rows) == len(values) and numbers and len({len(each) for each in rows}) == 1


def _several(value: Any) -> list[str]:
    return names_in(value) or []


def _one(value: Any) -> list[str]:
    return [] if is_missing(value) else [as_name(value)]
