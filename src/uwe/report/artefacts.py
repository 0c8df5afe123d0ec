"""The files of runs beside their tables: journals, outputs, features; and the data set itself.

Runs of other programs lack these files, and a user may have removed them. The functions then return
None, and the report says what it leaves out. A file that is there must be the one that the run's
journal vouches for.
"""

from __future__ import annotations

import csv
import inspect
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

from uwe._files import expanded
from uwe._types import FloatArray
from uwe.data import Dataset, dataset_names, load_dataset
from uwe.errors import DataError, UweError, damaged
from uwe.journal import Event, Queried, Trained
from uwe.journal import read as read_journal
from uwe.report.evidence import Evidence, EvidentRun
from uwe.runs import Record, RunFiles
from uwe.runs.digests import digests_of, read_recorded
from uwe.runs.intact import events_of_run
from uwe.tables import open_table
from uwe.tasks import Task

__all__ = [
    "costs",
    "data_of",
    "events_of",
    "last_row",
    "pool_predicted",
    "pool_tensor",
    "test_logits",
    "test_predicted",
]


if TYPE_CHECKING:
    import torch

Array: TypeAlias = np.ndarray[Any, Any]

_LOCAL = ("digits", "fashion_mnist")
_DEBIAN = Path("/usr/share/datasets/fashion-mnist")
_BUNDLED = "sklearn:"
_NOT_OPTIONS = ("name", "progress")
_MEASURES = ("entropy", "bvsb", "least_confident", "mutual_information", "uncertainty")
"""The measures of runs whose records do not name theirs."""


def events_of(record: Record | None) -> list[Event] | None:
    """The events of a run."""
    if record is None or not record.files.journal.is_file():
        return None
    return events_of_run(record)


def test_logits(record: Record | None, cycle: int, name: str) -> FloatArray | None:
    """Output ``[n, ...]`` of the model of a cycle for the test rows, by its name.

    Those of cycle 0 are the run's own, or else of the cycle-0 run that it went on from.
    """
    if record is None:
        return None
    found = _tensor(_of_test(record, cycle), name)
    return None if found is None else found.double().numpy()


def test_predicted(record: Record | None, cycle: int, task: Task) -> Array | None:
    """The predicted target of each test row by the model of a cycle."""
    return None if record is None else _predicted(_of_test(record, cycle), task)


def pool_predicted(record: Record | None, cycle: int, task: Task) -> Array | None:
    """The predicted target of each pool row by the model that decided the query of ``cycle``."""
    if record is None:
        return None
    files = record.files
    return _predicted(_Stored(files.pool_logits(cycle), "pool_logits", files, cycle), task)


def pool_tensor(record: Record | None, cycle: int, name: str) -> FloatArray | None:
    """Output of the pass over the pool that decided the query of ``cycle``, as it was stored.

    Args:
        record: of the run.
        cycle: of the query.
        name: ``features``, ``uncertainty``, or that of an output, such as ``logits``.
    """
    if record is None:
        return None
    files = record.files
    measures = _MEASURES if record.measure is None else (record.measure,)
    what = name if name in ("features", "uncertainty") else "pool_logits"
    paths = {
        "features": [files.features(cycle)],
        "uncertainty": [files.uncertainty(cycle, measure) for measure in measures],
        "pool_logits": [files.pool_logits(cycle)],
    }[what]
    path = next(filter(Path.is_file, paths), paths[0])
    found = _tensor(_Stored(path, what, files, cycle), name)
    return None if found is None else found.numpy()


def costs(run: EvidentRun, columns: Sequence[str]) -> dict[str, list[float]]:
    """Columns of a run's table, row by row; those that are missing or not filled are left out.

    The table of another program is read like any table, in any dialect and encoding.

    Raises:
        DataError: a cell is not a number; file and line are named.
    """
    read = _cells_of_other if run.record is None else _cells
    lines, columns_read = read(run.table, columns)
    return {
        name: [_number(run.table, line, name, cell) for line, cell in zip(lines, of, strict=True)]
        for name, of in columns_read.items()
        if of and all(of)
    }


def last_row(run: EvidentRun, columns: Sequence[str], *, rows: int) -> dict[str, float]:
    """The cells of the last row of a run's table; those that are missing or empty are left out.

    Args:
        run: whose table is read.
        columns: names.
        rows: of a whole table; one with fewer has no cells here, as its run goes on or was cut.

    Raises:
        DataError: a cell is not a number; file and line are named.
    """
    read = _cells_of_other if run.record is None else _cells
    lines, columns_read = read(run.table, columns)
    if len(lines) < rows:
        return {}
    return {
        name: _number(run.table, lines[-1], name, of[-1])
        for name, of in columns_read.items()
        if of and of[-1]
    }


def _cells(table: Path, columns: Sequence[str]) -> tuple[Sequence[int], dict[str, list[str]]]:
    """Lines and cells of a table of ours, whose dialect is known."""
    try:
        with table.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise damaged(table, error) from error
    cells = {name: [row.get(name) or "" for row in rows] for name in columns}
    return range(2, len(rows) + 2), cells


def _cells_of_other(
    table: Path, columns: Sequence[str]
) -> tuple[Sequence[int], dict[str, list[str]]]:
    """Lines and cells of a table of another program."""
    opened = open_table(table)
    there = [name for name in columns if name in opened.columns]
    cells = {
        name: ["" if cell is None else str(cell) for cell in opened.values(name)] for name in there
    }
    return opened.lines, cells


def data_of(evidence: Evidence, data_dir: Path | None) -> tuple[Dataset | None, str]:
    """The study's data set, if it is on this machine; otherwise the reason why not.

    Nothing is downloaded. The data's fingerprint must be the one in the record.

    Args:
        evidence: the study.
        data_dir: the folder of the data; None: the folder that the runs used.
    """
    record = next(filter(None, (run.record for run in evidence.runs())), None)
    if record is None:
        return None, "the runs have no record of their data"
    made = {**record.experiment, **({} if data_dir is None else {"data_dir": str(data_dir)})}
    if not _on_this_machine(made):
        return (
            None,
            f"dataset {made.get('dataset')} was not found on this machine; pass --data-dir",
        )
    made["labels"] = made.get("label_file")  # as `load_dataset` calls it
    if made.get("ignore") is not None:
        made["task_options"] = {**(made.get("task_options") or {}), "ignore": made["ignore"]}
    options = [key for key in _loading_options() if made.get(key) is not None]
    try:
        data = load_dataset(made["dataset"], **{key: made[key] for key in options}).answerable()
    except UweError as error:
        return None, str(error)
    if data.fingerprint != record.settings.get("data fingerprint"):
        return None, f"{data.name} is not the data that the runs were made from"
    return data, ""


class _Stored(NamedTuple):
    """A file of tensors, the run that wrote it, and the event that vouches for it."""

    path: Path
    what: str
    of: RunFiles
    cycle: int
    kind: type[Queried | Trained] = Queried


def _of_test(record: Record, cycle: int) -> _Stored:
    files = record.files
    if cycle == 0 and not files.test_logits(0).is_file():
        files = record.cycle0_files
    return _Stored(files.test_logits(cycle), "test_logits", files, cycle, Trained)


def _tensor(stored: _Stored, name: str) -> torch.Tensor | None:
    """The tensor of that name; None where the file is not there."""
    if not stored.path.is_file():
        return None
    its = stored.of.journal
    events = read_journal(its, run=stored.of.stem)
    digest = digests_of(events, stored.kind, stored.cycle).get(stored.what)
    return read_recorded(stored.path, digest, its).get(name)


def _predicted(stored: _Stored, task: Task) -> Array | None:
    """Targets that a task predicts from stored outputs; None where one is not stored."""
    from uwe.predictions import Predictions  # here, so that reading tables needs no torch

    outputs = {name: _tensor(stored, name) for name in task.outputs}
    there = {name: tensor for name, tensor in outputs.items() if tensor is not None}
    return task.predicted(Predictions(outputs=there)) if next(iter(outputs)) in there else None


def _loading_options() -> list[str]:
    """The options of `load_dataset` that a record may hold."""
    return [key for key in inspect.signature(load_dataset).parameters if key not in _NOT_OPTIONS]


def _on_this_machine(made: Mapping[str, Any]) -> bool:
    """Whether the data can be loaded without a download."""
    name = str(made.get("dataset"))
    if made.get("data_dir"):
        return Path(made["data_dir"]).is_dir()
    if name in dataset_names():
        return name == "digits" or (name in _LOCAL and _DEBIAN.is_dir())
    return name.startswith(_BUNDLED) or expanded(name).exists()


def _number(table: Path, line: int, name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise DataError(
            f"line {line} of {table}: {name} is {text!r}, which is not a number"
        ) from None
