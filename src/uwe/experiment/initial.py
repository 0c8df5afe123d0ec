"""The initial rows: drawn once for each seed and shared by all strategies."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import numpy as np

from uwe._files import remove_unfinished_of, write_text
from uwe._random import derive_seed
from uwe._types import Rows
from uwe.errors import RunError
from uwe.experiment.prepared import Prepared, oracle_of
from uwe.experiment.settings import as_json
from uwe.runs import initial_rows_file
from uwe.runs.cycles import csv_text, label_cell
from uwe.runs.record import open_record
from uwe.selection import uniform

__all__ = ["draw_rows", "initial_rows", "initial_rows_path"]

_COLUMNS = ("rank", "idx", "label", "id")


def draw_rows(prepared: Prepared) -> Rows:
    """The rows of cycle 0, which the seed alone decides."""
    experiment = prepared.experiment
    seed = derive_seed(experiment.seed, 0, "initial rows")
    return uniform(len(prepared.dataset.train), experiment.labels[0], seed=seed)


def initial_rows(prepared: Prepared) -> Rows:
    """The rows of cycle 0: drawn and written, or read and compared.

    Raises:
        RunError: the file does not fit the experiment, or was edited.
    """
    experiment, dataset = prepared.experiment, prepared.dataset
    path = initial_rows_path(prepared)
    settings = {
        "dataset": dataset.name,
        "pool size": len(dataset.train),
        "data fingerprint": dataset.fingerprint,
        "seed": experiment.seed,
        "rows of cycle 0": experiment.labels[0],
    }
    remove_unfinished_of(path, path.with_suffix(".json"))
    open_record(
        path.with_suffix(".json"),
        settings,
        experiment=as_json(experiment),
        fixed={},
        name=None,
    )
    if path.exists():
        rows = _read(path, prepared)
        if not prepared.cycle0_files.journal.exists() and list(rows) != list(draw_rows(prepared)):
            raise RunError(
                f"{path} names other rows than seed {experiment.seed} draws; was it edited, or is "
                "it of another run? Remove it to draw the rows again"
            )
        return rows
    rows = draw_rows(prepared)
    answers = oracle_of(prepared)(rows)
    named = enumerate(zip(rows, answers, strict=True))
    lines = (
        (rank, row, label_cell(dataset.task, answer), dataset.ids[row])
        for rank, (row, answer) in named
    )
    write_text(path, csv_text(_COLUMNS, lines))
    return rows


def initial_rows_path(prepared: Prepared) -> Path:
    """The file of the initial rows."""
    experiment = prepared.experiment
    return initial_rows_file(
        experiment.run.results,
        prepared.run.dataset,
        seed=experiment.seed,
        budget_id=experiment.budget_id,
    )


def _read(path: Path, prepared: Prepared) -> Rows:
    k, n = prepared.experiment.labels[0], len(prepared.dataset.train)
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = [int(line["idx"]) for line in csv.DictReader(file)]
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise RunError(f"{path} is not a file of initial rows: {error}") from error
    if len(rows) != k:
        raise RunError(f"{path} holds {len(rows)} rows, but cycle 0 has {k}; was it edited?")
    times = Counter(rows)
    wrong = [row for row in rows if not 0 <= row < n or times[row] > 1]
    if wrong:
        raise RunError(
            f"{path} names row {wrong[0]}, which is outside the pool of {n} rows or listed twice; "
            "was it edited?"
        )
    return np.array(rows, dtype=np.int64)
