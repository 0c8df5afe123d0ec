"""Picks as files: CSV, JSON lines, Parquet or a list of ids."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from uwe._optional import optional
from uwe.errors import InputError
from uwe.strategies import Picks

__all__ = ["check_suffix", "encoded_picks", "pick_rows", "picks_csv"]

COLUMNS = (
    "rank",
    "idx",
    "id",
    "uncertainty",
    "percentile",
    "distance",
    "nearest_idx",
    "nearest_id",
    "stands_for",
)


def pick_rows(picks: Picks, ids: Sequence[str]) -> list[dict[str, Any]]:
    """One row for each pick, in order; what is not known is None.

    >>> from uwe.selecting import select
    >>> picks = select([[0.0], [2.0]], 1, uncertainty=[0.1, 0.3])
    >>> pick_rows(picks, ["a", "b"])[0]["id"]
    'b'
    """
    columns = {
        "rank": list(range(len(picks))),
        "idx": picks.rows.tolist(),
        "id": [ids[row] for row in picks],
        "uncertainty": _known(picks, picks.uncertainty),
        "percentile": _known(picks, picks.percentile),
        "distance": _known(picks, picks.distance),
        "nearest_idx": _known(picks, picks.nearest),
        "stands_for": _known(picks, picks.stands_for),
    }
    columns["nearest_id"] = [None if row is None else ids[row] for row in columns["nearest_idx"]]
    ordered = (columns[name] for name in COLUMNS)
    return [dict(zip(COLUMNS, row, strict=True)) for row in zip(*ordered, strict=True)]


def picks_csv(rows: Sequence[dict[str, Any]]) -> str:
    """The rows as CSV."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def check_suffix(path: Path) -> None:
    """Refuse a file whose suffix tells no format.

    Raises:
        InputError: it does not.
    """
    if path.suffix.lower() not in _FORMATS:
        raise InputError(
            f"the format of {path} is not known; picks are written as {', '.join(_FORMATS)}"
        )


def encoded_picks(path: Path, rows: Sequence[dict[str, Any]]) -> bytes:
    """The picks in the format of the file's suffix, to be written."""
    check_suffix(path)
    return _FORMATS[path.suffix.lower()](rows)


def _known(picks: Picks, values: np.ndarray[Any, Any] | None) -> list[Any]:
    """Numbers; None where nothing comes before (an infinite distance, row -1) or is known."""
    if values is None:
        return [None] * len(picks)
    there = np.isfinite(values) & (values >= 0 if values.dtype.kind == "i" else True)
    return [value if known else None for value, known in zip(values.tolist(), there, strict=True)]


def _json_lines(rows: Sequence[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def _parquet(rows: Sequence[dict[str, Any]]) -> bytes:
    arrow = optional("pyarrow", "writing Parquet files", extra="tables")
    parquet = optional("pyarrow.parquet", "writing Parquet files", extra="tables")
    whole, real = arrow.int64(), arrow.float64()
    kinds = (whole, whole, arrow.string(), real, real, real, whole, arrow.string(), whole)
    schema = arrow.schema(list(zip(COLUMNS, kinds, strict=True)))
    sink = io.BytesIO()
    parquet.write_table(arrow.Table.from_pylist(list(rows), schema=schema), sink)
    return sink.getvalue()


def _ids(rows: Sequence[dict[str, Any]]) -> bytes:
    return "".join(f"{row['id']}\n" for row in rows).encode()


_FORMATS: dict[str, Callable[[Sequence[dict[str, Any]]], bytes]] = {
    ".csv": lambda rows: picks_csv(rows).encode(),
    ".jsonl": _json_lines,
    ".parquet": _parquet,
    ".txt": _ids,
}
