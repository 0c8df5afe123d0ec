"""The CSV of a run and of its queries, written from the journal and the saved logits."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from uwe._files import write_text
from uwe.journal import Event, Queried, Trained
from uwe.pool import Pool
from uwe.runs.metric import DEFAULT_TASK
from uwe.tables.csv_text import csv_text
from uwe.tasks import Task

__all__ = [
    "TIMING_COLUMNS",
    "changed_line",
    "columns_of",
    "csv_text",
    "cycle_rows",
    "label_cell",
    "queried_rows",
    "write_cycles",
    "write_query",
]

_LOSSES = ("query_time", "tr_loss", "lb_loss", "unlb_loss", "q_loss", "te_loss")
_COSTS = ("train_seconds", "pass_seconds", "peak_memory_mb", "device")

TIMING_COLUMNS = ("query_time", "train_seconds", "pass_seconds", "peak_memory_mb")
"""The columns that differ when a run is repeated."""

_QUERY_COLUMNS = ("rank", "idx", "label", "pred", "id", "uncertainty")


def columns_of(task: Task) -> tuple[str, ...]:
    """The columns of a run's CSV: the eight of the paper's code, other metrics, then ours.

    >>> from uwe.tasks import regression
    >>> columns_of(regression())[:3], columns_of(regression())[8:11]
    (('n_labeled', 'te_rmse', 'q_rmse'), ('te_loss', 'te_mae', 'te_r2'))
    """
    headline, *others = task.metrics
    return (
        "n_labeled",
        headline.test_column,
        headline.query_column,
        *_LOSSES,
        *(metric.test_column for metric in others),
        *_COSTS,
    )


def label_cell(task: Task, value: Any) -> int | float | str | None:
    """One label as a cell: a class number, class numbers joined by ``|``, or a number.

    Of boxes it is their class numbers, of a mask its name. No class or box at all is ``[]``, and an
    unknown label is an empty cell.

    Args:
        task: what is learnt.
        value: a value of JSON, as in journals; or an element of the task's array of targets.

    >>> from uwe.tasks import multilabel
    >>> label_cell(multilabel(3), [0, 2]), label_cell(multilabel(3), np.array([0, 0, 0]))
    ('0|2', '[]')
    """
    of_targets: Any = getattr(task.targets, "cell", None)
    if of_targets is not None and value is not None:
        return str(of_targets(value))
    if isinstance(value, np.ndarray | np.generic):
        [value] = task.targets.values(np.asarray(value)[None])
    if isinstance(value, list | tuple):
        return "|".join(map(str, value)) or "[]"
    cell: int | float | None = value
    return cell


def cycle_rows(events: Sequence[Event]) -> list[dict[str, Any]]:
    """One row for each trained cycle; a fact that was not measured is empty."""
    asked = {event.cycle: event.facts for event in events if isinstance(event, Queried)}
    return [
        {"query_time": 0.0, **asked.get(event.cycle, {}), **event.facts}
        for event in events
        if isinstance(event, Trained)
    ]


def changed_line(path: Path, events: Sequence[Event], *, task: Task = DEFAULT_TASK) -> int | None:
    """The first line of a run's CSV that contradicts the journal; None where none does.

    A CSV with other columns, as earlier versions wrote, is not compared. Lines that only one of the
    two has are no contradiction.

    Args:
        path: of the CSV.
        events: of the journal.
        task: what is learnt.
    """
    if not path.is_file():
        return None
    there = path.read_bytes().decode(errors="replace").splitlines()
    here = _cycles_text(events, task).splitlines()
    if there[:1] != here[:1]:
        return None
    both = enumerate(zip(there, here, strict=False), start=1)
    return next((line for line, (one, other) in both if one != other), None)


def write_cycles(path: Path, events: Sequence[Event], *, task: Task = DEFAULT_TASK) -> None:
    """Write the CSV of a run, whole; a file that says the same already is left alone."""
    text = _cycles_text(events, task)
    if not path.is_file() or path.read_bytes() != text.encode():
        write_text(path, text)


def _cycles_text(events: Sequence[Event], task: Task) -> str:
    columns = columns_of(task)
    return csv_text(columns, ([row.get(name) for name in columns] for row in cycle_rows(events)))


def write_query(
    path: Path,
    query: Queried,
    *,
    pool: Pool,
    ids: Sequence[str],
    predicted: Sequence[Any] | np.ndarray[Any, Any] | None,
    uncertainty: Sequence[float] | None,
    task: Task = DEFAULT_TASK,
) -> None:
    """Write the rows of one query in the order of picking, with what is known of them.

    Args:
        path: of the CSV.
        query: the query.
        pool: the pool after answers to the query; a label that is not known is left empty.
        ids: what a person calls each pool row.
        predicted: of each pool row by the model that decided, as `Task.predicted` gives it; None
            in cycle 0.
        uncertainty: of each pool row by that model; None in cycle 0.
        task: what is learnt.
    """
    labels = pool.label_of(query.rows)
    rows = (
        [
            rank,
            row,
            label_cell(task, label),
            None if predicted is None else label_cell(task, predicted[row]),
            ids[row],
            None if uncertainty is None else float(uncertainty[row]),
        ]
        for rank, (row, label) in enumerate(zip(query.rows, labels, strict=True))
    )
    write_text(path, csv_text(_QUERY_COLUMNS, rows))


def queried_rows(path: Path) -> list[int] | None:
    """The rows in the CSV of a query, in the order of picking; None where it is damaged."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return [int(line["idx"]) for line in csv.DictReader(file)]
    except (OSError, KeyError, TypeError, ValueError, csv.Error):
        return None
