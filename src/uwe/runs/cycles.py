"""The CSV of a run and of its queries, written from the journal and the saved logits."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from uwe._files import write_text
from uwe._types import Labels
from uwe.journal import Event, Queried, Trained
from uwe.pool import Pool

__all__ = [
    "COLUMNS",
    "TIMING_COLUMNS",
    "csv_text",
    "cycle_rows",
    "write_cycles",
    "write_query",
]

COLUMNS = (
    "n_labeled",
    "te_accuracy",
    "q_accuracy",
    "query_time",
    "tr_loss",
    "lb_loss",
    "unlb_loss",
    "q_loss",
    "te_loss",
    "train_seconds",
    "pass_seconds",
    "peak_memory_mb",
    "device",
)
"""The eight columns of the paper's code, then ours. Accuracies lie in 0..1."""

TIMING_COLUMNS = ("query_time", "train_seconds", "pass_seconds", "peak_memory_mb")
"""The columns that differ when a run is repeated."""

_QUERY_COLUMNS = ("rank", "idx", "label", "pred", "id", "uncertainty")


def cycle_rows(events: Sequence[Event]) -> list[dict[str, Any]]:
    """One row for each trained cycle; a fact that was not measured is empty."""
    asked = {event.cycle: event.facts for event in events if isinstance(event, Queried)}
    return [
        {"query_time": 0.0, **asked.get(event.cycle, {}), **event.facts}
        for event in events
        if isinstance(event, Trained)
    ]


def write_cycles(path: Path, events: Sequence[Event]) -> None:
    """Write the CSV of a run, whole; a file that says the same already is left alone."""
    text = csv_text(COLUMNS, ([row.get(name) for name in COLUMNS] for row in cycle_rows(events)))
    if not path.is_file() or path.read_bytes() != text.encode():
        write_text(path, text)


def write_query(
    path: Path,
    query: Queried,
    *,
    pool: Pool,
    ids: Sequence[str],
    predicted: Labels | None,
    uncertainty: Sequence[float] | None,
) -> None:
    """Write the rows of one query in the order of picking, with what is known of them.

    Args:
        path: of the CSV.
        query: the query.
        pool: the pool after answers to the query; a label that is not known is left empty.
        ids: what a person calls each pool row.
        predicted: class of each pool row by the model that decided; None in cycle 0.
        uncertainty: of each pool row by that model; None in cycle 0.
    """
    labels = pool.label_of(query.rows)
    rows = (
        [
            rank,
            row,
            label,
            None if predicted is None else int(predicted[row]),
            ids[row],
            None if uncertainty is None else float(uncertainty[row]),
        ]
        for rank, (row, label) in enumerate(zip(query.rows, labels, strict=True))
    )
    write_text(path, csv_text(_QUERY_COLUMNS, rows))


def csv_text(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A CSV file's text; None is empty, a float has all its digits."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue()
