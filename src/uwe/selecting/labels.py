"""Labels that the owner of a pool knows: which rows have one, and of which class it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from uwe._arrays import as_array
from uwe._types import Rows
from uwe.errors import InputError
from uwe.pool import Pool
from uwe.tasks import Task, is_missing

__all__ = ["joined_labels", "labelled_pool", "listed_labels"]

_NO_CLASS = -1
_FLAGS = 2  # axes of flags [n, c]


def listed_labels(labels: Any, task: Task) -> list[Any]:
    """The label of each row as it was given; None where there is none.

    None, NaN, an empty text and, of class numbers, -1 are no label. A row of flags has none if all
    of its flags are missing.

    Args:
        labels: ``[n]``, or flags ``[n, c]``; an array, a tensor or a list.
        task: what they are labels of.

    Raises:
        InputError: they have another shape.

    >>> from uwe.tasks import classification
    >>> listed_labels([2, -1, 0], classification(3)), listed_labels(["a", ""], classification(3))
    ([2, None, 0], ['a', None])
    """
    is_tensor = hasattr(labels, "layout")
    array = as_array("labels", labels) if is_tensor else _objects(labels)
    if array.ndim == _FLAGS and task.name == "multilabel":
        return [row if any(not _is_missing(flag, -1) for flag in row) else None
                for row in array.tolist()]  # fmt: skip
    if array.ndim != 1:
        raise InputError(f"labels must be [n], one for each row, not of shape {array.shape}")
    no_label = None if task.name == "regression" else _NO_CLASS
    return [None if _is_missing(value, no_label) else value for value in array.tolist()]


def labelled_pool(
    n: int,
    labels: Sequence[Any] | None,
    rows: Rows | None,
    task: Task,
    classes: Sequence[Any] | None = None,
) -> tuple[Pool, bool]:
    """The pool with its labelled rows, and whether their labels are class numbers that are known.

    Args:
        n: rows of the pool.
        labels: of each row, from `listed_labels`; or None.
        rows: that are labelled; None: those that have a label.
        task: what is learnt; only labels of classes are kept.
        classes: of the model, in the order of its outputs; None: the numbers themselves, or the
            names that occur, sorted.

    Raises:
        InputError: there is another number of labels, or one of them is no class.

    >>> from uwe.tasks import classification
    >>> pool, known = labelled_pool(4, ["b", None, "a", "b"], None, classification(2))
    >>> pool.labelled.tolist(), pool.values, known
    ([0, 2, 3], [1, 0, 1], True)
    """
    none = np.zeros(0, dtype=np.int64)
    if labels is None:
        marked = none if rows is None else rows
        return Pool.untouched(n).answer_unasked(marked, np.zeros_like(marked)), False
    if len(labels) != n:
        raise InputError(f"the pool has {n} rows, but labels has {len(labels)}; they must be equal")
    if rows is None:
        rows = np.array([row for row, of in enumerate(labels) if of is not None], dtype=np.int64)
    given = [labels[row] for row in rows.tolist()]
    if "logits" not in task.outputs:
        return Pool.untouched(n).answer_unasked(rows, [None] * len(rows)), False
    numbers = _numbers(given, rows, task, classes)
    return Pool.untouched(n).answer_unasked(rows, numbers), any(of is not None for of in numbers)


def joined_labels(own: Sequence[Any] | None, named: Mapping[int, Any], n: int) -> list[Any] | None:
    """The pool's own labels and those of files, one for each row; None where none is known.

    Args:
        own: from `listed_labels`, or None.
        named: the labels of files by row; None where a file says only that a row is labelled.
        n: rows of the pool.

    Raises:
        InputError: the pool and a file give a row different labels.

    >>> joined_labels(["a", None, None], {2: "b", 1: None}, 3)
    ['a', None, 'b']
    """
    from uwe.data.label_columns import class_name

    joined = [None] * n if own is None else list(own)
    for row, label in named.items():
        if label is None or row >= len(joined):
            continue
        if joined[row] is not None and class_name(joined[row]) != class_name(label):
            raise InputError(
                f"row {row} has the label {joined[row]!r} in the pool and {label!r} in a file of "
                "--labelled; correct one"
            )
        joined[row] = label
    return joined if any(label is not None for label in joined) else None


def _objects(labels: Any) -> np.ndarray[Any, Any]:
    if isinstance(labels, np.ndarray):
        return labels
    given = list(labels) if hasattr(labels, "__iter__") else labels
    if isinstance(given, list) and not any(isinstance(each, list | tuple) for each in given):
        array = np.empty(len(given), dtype=object)
        array[:] = given
        return array
    return np.asarray(given, dtype=object)


def _is_missing(value: Any, no_label: int | None) -> bool:
    if is_missing(value):
        return True
    return no_label is not None and not isinstance(value, str | bool) and value == no_label


def _numbers(
    given: Sequence[Any], rows: Rows, task: Task, classes: Sequence[Any] | None
) -> list[int | None]:
    """The class number of each label; None where there is no label."""
    from uwe.data.label_columns import class_name

    names = [None if of is None else class_name(_plain(of, row)) for of, row in
             zip(given, rows.tolist(), strict=True)]  # fmt: skip
    known = sorted({name for name in names if name is not None})
    if classes is not None:
        own = [class_name(_plain(of, None)) for of in classes]
        place = {name: at for at, name in enumerate([*own, *(of for of in known if of not in own)])}
    elif all(name.isascii() and name.isdigit() for name in known):
        _require_columns(given, names, rows, task)
        place = {name: int(name) for name in known}
    else:
        if task.classes and len(known) > task.width:
            raise InputError(
                f"labels name {len(known)} classes, but the model has {task.width}; give the class "
                "numbers, from 0 in the order of the columns"
            )
        place = {name: at for at, name in enumerate(known)}
    return [None if name is None else place[name] for name in names]


def _plain(value: Any, row: int | None) -> Any:
    """A label of a class: text or a whole number."""
    if isinstance(value, bool | np.bool_):
        raise InputError(
            "labels are booleans, which may be a mask; give class numbers or names as labels, and "
            "a mask as labelled"
        )
    if isinstance(value, int | np.integer) and value < 0:
        whose = "the estimator was fitted on" if row is None else f"row {row} is"
        raise InputError(f"labels: {whose} class {value}; class numbers are 0 and up, and -1 "
                         "is no label. Use names, such as 'no' and 'yes'")  # fmt: skip
    return value


def _require_columns(
    given: Sequence[Any], names: Sequence[str | None], rows: Rows, task: Task
) -> None:
    """Class numbers have a column of the model's outputs, where these are known."""
    if not task.classes:
        return
    for value, name, row in zip(given, names, rows.tolist(), strict=True):
        if name is not None and int(name) >= task.width:
            raise InputError(
                f"labels: row {row} is class {value!r}, but the model has {task.width} classes, "
                f"0 to {task.width - 1}; number the classes by the columns of probs or logits"
            )
