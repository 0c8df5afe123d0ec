"""Labelled tables and texts as data sets: files of tables, and the data sets of scikit-learn."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from uwe import tables
from uwe._arrays import say_rounded
from uwe._files import expanded
from uwe._optional import optional
from uwe._types import BoolArray, Labels
from uwe.data.dataset import Dataset
from uwe.data.label_columns import LabelSource, read_targets
from uwe.data.parquet import table_splits
from uwe.data.source import held_out
from uwe.data.table import train_and_test
from uwe.errors import DataError, InputError, require_known
from uwe.tables import (
    ID_NAMES,
    TABLE_SUFFIXES,
    Table,
    encoding_of,
    open_shards,
    open_table,
    stem_of,
)
from uwe.tasks import Array, Classes, Task, find_task

__all__ = ["check_table", "is_table", "load_labelled_rows", "tf_idf"]

_PREFIX = "sklearn:"
_BUNDLED = {
    "digits": "load_digits",
    "breast_cancer": "load_breast_cancer",
    "wine": "load_wine",
    "iris": "load_iris",
    "diabetes": "load_diabetes",
}
_FORMATS = ", ".join(TABLE_SUFFIXES[:-1]) + f" or {TABLE_SUFFIXES[-1]}"


def load_labelled_rows(
    name: str,
    *,
    data_dir: Path | None = None,
    label: str | None = None,
    text: str | None = None,
    test_fraction: float | None = None,
    labels: Path | None = None,
    task: str | None = None,
    task_options: Mapping[str, Any] | None = None,
    encoding: str | None = None,
    text_rows: str = "tf-idf",
) -> Dataset:
    """A data set of rows of numbers, or of texts.

    Every column of numbers except the label and ``ids`` is a feature. A text column becomes sparse
    TF-IDF with sublinear counts, whose words and their frequencies are those of the pool; or its
    texts are the rows. Rows without a label stay in the pool.

    Args:
        name: a table of `uwe.tables.open_table`, a folder of shards with splits or without, or
            ``sklearn:digits``, ``sklearn:breast_cancer``, ``sklearn:wine``, ``sklearn:iris``,
            ``sklearn:diabetes``.
        data_dir: folder that is searched for the file or folder first.
        label: the column of labels; ``label`` or ``labels`` if it is None; several names with
            commas are columns of 0 and 1 of a multi-label task.
        text: the column of texts; None for a table of numbers.
        test_fraction: share of each class that is held out if there is one split; None is a fifth.
        labels: a file of ids and labels instead of a column.
        task: name of the task; None: guessed where the labels leave no doubt.
        task_options: options of the task.
        encoding: of text tables; None: recognised.
        text_rows: ``tf-idf``, or ``texts``: as they are.

    Raises:
        InputError: a name or an option does not fit.
        DataError: a file is broken, or a column is missing or holds something else.

    >>> len(load_labelled_rows("sklearn:wine").classes)
    3
    """
    if name.startswith(_PREFIX):
        _refuse_columns(name, label, text, labels)
        return _bundled(name, _fraction(test_fraction), task, task_options)
    path = _place(name, data_dir)
    (train, test), notes = _splits(
        path, encoding if labels is None else encoding_of(path, encoding)
    )
    fraction = _fraction(test_fraction)
    if test is not None and test_fraction is not None:
        raise InputError(f"{path} has a test split; leave --test-fraction out")
    given = [table for table in (train, test) if table is not None]
    source = LabelSource(
        label, labels, task, task_options, None if labels is None else encoding_of(labels, encoding)
    )
    ids = [table.checked_ids() for table in given]
    found = read_targets(given, source, ids)
    left_out = set(source.columns(train))
    rows = [_as_texts(table.texts(text)) if text else _numbers(table, left_out) for table in given]
    targets = found.targets
    notes = (*notes, *([found.note] if found.note else []))
    names = ids[0]
    if test is None:
        is_test = _test_rows(path, _by_class(found.task, targets[0]), fraction)
        parts = (~is_test, is_test)
        rows, targets = [rows[0][part] for part in parts], [targets[0][part] for part in parts]
        names = None if names is None else [names[row] for row in np.flatnonzero(~is_test)]
        notes = (*notes, _note(path.name, is_test))
    if text:
        rows = _TEXT_ROWS[require_known(text_rows, _TEXT_ROWS, "kind of text rows")](rows)
    return Dataset.from_rows(
        stem_of(path),
        (rows[0], targets[0]),
        (rows[1], targets[1]),
        task=found.task,
        ids=names,
        notes=notes,
    )


def tf_idf(texts: Sequence[str]) -> Any:
    """Sparse TF-IDF with sublinear counts, float32 ``[n, words]``.

    Raises:
        DataError: the texts hold no words.

    >>> tf_idf(["a red car", "a blue car"]).shape
    (2, 3)
    """
    return _tf_idf([texts])[0]


def check_table(name: str, data_dir: Path | None) -> None:
    """Check that a table exists.

    Raises:
        InputError: it is an unknown data set of scikit-learn.
        DataError: there is no such file or folder.
    """
    if name.startswith(_PREFIX):
        require_known(name.removeprefix(_PREFIX), _BUNDLED, "data set of scikit-learn")
    else:
        _place(name, data_dir)


def is_table(name: str, data_dir: Path | None) -> bool:
    """Whether ``name`` stands for a table: by its prefix or suffix, or because it exists.

    >>> is_table("sklearn:wine", None), is_table("digits", None)
    (True, False)
    """
    if not name:
        return False
    if name.startswith(_PREFIX) or tables.is_table(Path(name)):
        return True
    return any(path.exists() for path in _places(name, data_dir))


def _by_class(task: Task, targets: Array) -> Labels:
    """What the test rows are drawn evenly from: classes, or all rows; -1 without a label."""
    if isinstance(task.targets, Classes):
        return targets
    return np.where(task.targets.known(targets), 0, -1)


def _test_rows(path: Path, y: Labels, fraction: Fraction) -> BoolArray:
    is_test = held_out(y, fraction)
    tests, known = int(is_test.sum()), int((y >= 0).sum())
    if not 0 < tests < len(is_test):
        raise DataError(
            f"of {known} rows of {path} {tests} would be test rows, since a share of each "
            "class is held out; add rows of each label"
        )
    return is_test


def _note(name: str, is_test: BoolArray) -> str:
    return f"{name}: {int(is_test.sum()):,} rows are held out for testing"


def _refuse_columns(name: str, label: str | None, text: str | None, labels: Path | None) -> None:
    for option, value in (("--label", label), ("--text", text), ("--labels", labels)):
        if value is not None:
            raise InputError(f"{name} knows its labels; leave {option} {value} out")


def _fraction(fraction: float | None) -> Fraction:
    if fraction is not None and not 0 < fraction < 1:
        raise InputError(f"test fraction is {fraction}; it must be between 0 and 1")
    return Fraction(1, 5) if fraction is None else Fraction(str(fraction))


def _bundled(
    name: str, fraction: Fraction, task: str | None, task_options: Mapping[str, Any] | None
) -> Dataset:
    which = require_known(name.removeprefix(_PREFIX), _BUNDLED, "data set of scikit-learn")
    loader: Callable[[], Any] = getattr(
        optional("sklearn.datasets", "a data set of scikit-learn"), _BUNDLED[which]
    )
    bunch = loader()
    names = [str(each) for each in getattr(bunch, "target_names", ())]
    own = "classification" if names else "regression"
    if task not in (None, own):
        raise InputError(f"the task of {name} is {own}, not {task}; leave --task out")
    made = find_task(own, names, **dict(task_options or {}))
    x, y = bunch.data.astype(np.float64), made.targets.checked(bunch.target)
    is_test = held_out(_by_class(made, y), fraction)
    return Dataset.from_rows(
        which,
        (x[~is_test], y[~is_test]),
        (x[is_test], y[is_test]),
        task=made,
        ids=[str(row) for row in np.flatnonzero(~is_test)],
        notes=(_note(name, is_test),),
    )


def _place(name: str, data_dir: Path | None) -> Path:
    places = _places(name, data_dir)
    for path in places:
        if path.exists():
            return path
    raise DataError(
        f"there is no {places[0]}; rows are a file {_FORMATS}, a folder of Parquet files, or "
        + ", ".join(f"{_PREFIX}{each}" for each in _BUNDLED)
    )


def _places(name: str, data_dir: Path | None) -> list[Path]:
    here = expanded(name)
    return [here] if data_dir is None else [data_dir / name, here]


def _splits(path: Path, encoding: str | None) -> tuple[tuple[Table, Table | None], tuple[str, ...]]:
    if path.is_dir():
        train, test, notes = train_and_test(table_splits(path), str(path))
        shards = open_shards(train, encoding)
        return (shards, None if test is None else open_shards(test, encoding)), notes
    if not tables.is_table(path):
        raise InputError(f"the format of {path} is not known; rows are {_FORMATS}")
    return (open_table(path, encoding), None), ()


def _numbers(table: Table, left_out: Collection[str]) -> Any:
    """The columns of numbers, without those of the labels."""
    names = [name for name in table.columns if name not in left_out and name not in ID_NAMES]
    label = ", ".join(left_out)
    if not names:
        raise DataError(f"{table.name} has no columns beside the label {label!r}")
    return np.column_stack([_as_numbers(table, name, label) for name in names])


def _as_numbers(table: Table, name: str, label: str) -> Any:
    try:
        numbers = table.numbers(name)
    except DataError as error:
        raise DataError(f"{error}{_hint(table, name, label)}") from None
    say_rounded(f"{table.name}: column {name!r}", numbers)
    numbers = numbers.astype(np.float64, copy=False)
    if not np.isfinite(numbers).all():
        row = int(np.flatnonzero(~np.isfinite(numbers.reshape(len(numbers), -1)).all(1))[0])
        value = "NaN" if np.isnan(numbers[row]).any() else "an infinite number"
        raise table.bad_cell(row, name, f"holds {value}")
    return numbers


def _hint(table: Table, name: str, label: str) -> str:
    """What to do with a column of texts."""
    if not table.is_text(name):
        return ""
    return (
        f"; --text {name} takes it as text, --label names another label than {label!r}, or leave "
        "the column out"
    )


def _as_texts(values: list[str]) -> Any:
    texts = np.empty(len(values), dtype=object)
    texts[:] = values
    return texts


def _tf_idf(rows: Sequence[Any]) -> list[Any]:
    text = optional("sklearn.feature_extraction.text", "TF-IDF")
    vectorizer = text.TfidfVectorizer(sublinear_tf=True, dtype=np.float32)
    try:
        return [vectorizer.fit_transform(rows[0]), *map(vectorizer.transform, rows[1:])]
    except ValueError as error:
        raise DataError(f"the texts hold no words: {error}") from error


_TEXT_ROWS: Mapping[str, Callable[[Sequence[Any]], list[Any]]] = {"tf-idf": _tf_idf, "texts": list}
"""What the texts of a column become."""
