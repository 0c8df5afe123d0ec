"""The files of runs beside their tables: journals, logits, features; and the data set itself.

Runs of other programs lack these files, and a user may have removed them. The functions then return
None, and the report says what it leaves out.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from uwe import journal
from uwe._files import read_tensors
from uwe._types import FloatArray
from uwe.data import Dataset, load_dataset
from uwe.errors import DataError, UweError
from uwe.journal import Event
from uwe.report.evidence import Evidence
from uwe.runs import Record

__all__ = ["costs", "data_of", "events_of", "pool_tensor", "test_logits"]


_LOCAL = ("digits", "fashion_mnist")
_DEBIAN = Path("/usr/share/datasets/fashion-mnist")
_LOADED_BY = ("data_dir", "image_size", "test_fraction", "pool_size", "test_size")
_MEASURES = ("entropy", "bvsb", "least_confident", "mutual_information", "uncertainty")
"""The measures of runs whose records do not name theirs."""


def events_of(record: Record | None) -> list[Event] | None:
    """The events of a run."""
    if record is None or not record.files.journal.is_file():
        return None
    return journal.read(record.files.journal)


def test_logits(record: Record | None, cycle: int) -> FloatArray | None:
    """Logits ``[n, c]`` of the test rows by the model of a cycle.

    Those of cycle 0 are the run's own, or else of the cycle-0 run that it went on from.
    """
    if record is None:
        return None
    paths = [record.files.test_logits(cycle)]
    if cycle == 0:
        paths.append(record.cycle0_files.test_logits(0))
    path = next((path for path in paths if path.is_file()), None)
    return None if path is None else read_tensors(path)["logits"].double().numpy()


def pool_tensor(record: Record | None, cycle: int, name: str) -> FloatArray | None:
    """Output of the pass over the pool that decided the query of ``cycle``, as it was stored.

    Args:
        record: of the run.
        cycle: of the query.
        name: ``logits``, ``features`` or ``uncertainty``.
    """
    if record is None:
        return None
    files = record.files
    measures = _MEASURES if record.measure is None else (record.measure,)
    paths = {
        "logits": [files.pool_logits(cycle)],
        "features": [files.features(cycle)],
        "uncertainty": [files.uncertainty(cycle, measure) for measure in measures],
    }[name]
    path = next((path for path in paths if path.is_file()), None)
    return None if path is None else read_tensors(path)[name].numpy()


def costs(table: Path, columns: Sequence[str]) -> dict[str, list[float]]:
    """Columns of a run's table, row by row; those that are missing or not filled are left out.

    Raises:
        DataError: a cell is not a number; file and line are named.
    """
    with table.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {
        name: [_number(table, line, name, row[name]) for line, row in enumerate(rows, start=2)]
        for name in columns
        if rows and all(row.get(name) for row in rows)
    }


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
    try:
        data = load_dataset(made["dataset"], **{key: made.get(key) for key in _LOADED_BY})
    except UweError as error:
        return None, str(error)
    if data.fingerprint != record.settings.get("data fingerprint"):
        return None, f"{data.name} is not the data that the runs were made from"
    return data, ""


def _on_this_machine(made: Mapping[str, Any]) -> bool:
    if made.get("data_dir"):
        return Path(made["data_dir"]).is_dir()
    return made.get("dataset") == "digits" or (made.get("dataset") in _LOCAL and _DEBIAN.is_dir())


def _number(table: Path, line: int, name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise DataError(
            f"line {line} of {table}: {name} is {text!r}, which is not a number"
        ) from None
