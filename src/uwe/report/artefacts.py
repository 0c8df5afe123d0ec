"""What runs left beside their tables: records, journals, logits, features; and the data itself.

Runs of other programs, and runs whose files were tidied away, have none of it: then these functions
give None, and the report says what it leaves out.
"""

from __future__ import annotations

import csv
import json
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
from uwe.runs import cycle0_beside, files_of_table

__all__ = ["costs", "data_of", "events_of", "pool_tensor", "test_logits"]


_LOCAL = ("digits", "fashion_mnist")
_DEBIAN = Path("/usr/share/datasets/fashion-mnist")
_LOADED_BY = ("data_dir", "image_size", "test_fraction", "pool_size", "test_size")


def events_of(table: Path) -> list[Event] | None:
    """The events of the run that wrote ``table``."""
    path = files_of_table(table).journal
    return journal.read(path) if path.is_file() else None


def test_logits(table: Path, cycle: int) -> FloatArray | None:
    """Logits ``[n, c]`` of the test rows by the model of a cycle."""
    files = files_of_table(table)
    path = (cycle0_beside(files) if cycle == 0 else files).test_logits(cycle)
    return read_tensors(path)["logits"].double().numpy() if path.is_file() else None


def pool_tensor(table: Path, cycle: int, name: str) -> FloatArray | None:
    """What the pass over the pool before the query of ``cycle`` said of every row, as it is kept.

    Args:
        table: of the run.
        cycle: of the query.
        name: ``logits``, ``features`` or ``uncertainty``.
    """
    files = files_of_table(table)
    path = {
        "logits": files.pool_logits(cycle),
        "features": files.features(cycle),
        "uncertainty": _uncertainty(files.pool_logits(cycle)),
    }[name]
    return read_tensors(path)[name].numpy() if path is not None and path.is_file() else None


def costs(table: Path, columns: Sequence[str]) -> dict[str, list[float]]:
    """The columns of a run's table that are there and filled, row by row.

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
    """The study's data, if it lies ready; otherwise why not.

    Only what is there without a download is loaded, and only if it is what the runs were made
    from: the record's fingerprint is compared.

    Args:
        evidence: the study.
        data_dir: where the user says that the data is; None: where the runs had it from.
    """
    record = next(filter(None, (_record(path) for _, _, path in evidence.runs())), None)
    if record is None:
        return None, "the runs have no record of their data"
    made = {**record["experiment"], **({} if data_dir is None else {"data_dir": str(data_dir)})}
    if not _lies_ready(made):
        return (
            None,
            f"{made.get('dataset')} does not lie ready here; name its folder with --data-dir",
        )
    try:
        data = load_dataset(made["dataset"], **{key: made.get(key) for key in _LOADED_BY})
    except UweError as error:
        return None, str(error)
    if data.fingerprint != record["settings"].get("data fingerprint"):
        return None, f"{data.name} is not the data that the runs were made from"
    return data, ""


def _lies_ready(made: Mapping[str, Any]) -> bool:
    if made.get("data_dir"):
        return Path(made["data_dir"]).is_dir()
    return made.get("dataset") == "digits" or (made.get("dataset") in _LOCAL and _DEBIAN.is_dir())


def _record(table: Path) -> dict[str, Any] | None:
    try:
        record = json.loads(files_of_table(table).record.read_text(encoding="utf-8"))
        return {"experiment": dict(record["experiment"]), "settings": dict(record["settings"])}
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _uncertainty(logits: Path) -> Path | None:
    """The file of uncertainties beside the logits of a query, whatever its measure."""
    stem = logits.name.removesuffix("trlogits.safetensors")
    found = sorted(logits.parent.glob(f"{stem}tr*.safetensors"))
    others = (f"{stem}trlogits.safetensors", f"{stem}trfeat.safetensors")
    return next((path for path in found if path.name not in others), None)


def _number(table: Path, line: int, name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise DataError(f"line {line} of {table}: {name} is {text!r}, which is no number") from None
