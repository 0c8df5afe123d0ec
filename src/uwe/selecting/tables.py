"""Picks as files: CSV, JSON lines, Parquet or a list of ids."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from uwe._unicode import is_one_line
from uwe.errors import InputError
from uwe.strategies import Picks
from uwe.tables import PICK_COLUMNS, shown_id
from uwe.tables.csv_text import csv_text, say_formulas

__all__ = [
    "COLUMNS",
    "check_further",
    "check_ids",
    "check_suffix",
    "encoded_picks",
    "pick_rows",
    "picks_csv",
]

COLUMNS = tuple(PICK_COLUMNS)
"""The columns of every table of picks, in order."""


_LIST_OF_IDS = ".txt"
_BYTE_ORDER_MARK = "\ufeff"


def pick_rows(
    picks: Picks, ids: Sequence[str], more: Mapping[str, Sequence[Any]] | None = None
) -> list[dict[str, Any]]:
    """One row for each pick, in order; what is not known is None.

    Args:
        picks: with the reasons.
        ids: of all rows of the pool.
        more: further columns, one value for each row of the pool.

    Raises:
        InputError: a further column has the name of one of `COLUMNS`, or another length.

    >>> from uwe.selecting import select
    >>> picks = select([[0.0], [2.0]], 1, uncertainty=[0.1, 0.3])
    >>> pick_rows(picks, ["a", "b"])[0]["id"]
    'b'
    """
    further = dict(more or {})
    check_further(further)
    for name, values in further.items():
        if len(values) != len(ids):
            raise InputError(f"column {name} has {len(values)} rows, but the pool has {len(ids)}")
    columns: dict[str, list[Any]] = {
        "rank": list(range(len(picks))),
        "idx": picks.rows.tolist(),
        "id": [ids[row] for row in picks],
        "uncertainty": _known(picks, picks.uncertainty),
        "percentile": _known(picks, picks.percentile),
        "distance": _known(picks, picks.distance),
        "nearest_idx": _known(picks, picks.nearest),
        "stands_for": _known(picks, picks.stands_for),
        "how": picks.how or [None] * len(picks),
    }
    columns["nearest_id"] = [None if row is None else ids[row] for row in columns["nearest_idx"]]
    columns |= {name: [values[row] for row in picks] for name, values in further.items()}
    names = (*COLUMNS, *further)
    ordered = (columns[name] for name in names)
    return [dict(zip(names, row, strict=True)) for row in zip(*ordered, strict=True)]


def check_further(names: Iterable[str]) -> None:
    """Refuse a further column that has the name of a column of picks.

    Raises:
        InputError: it has.
    """
    for name in names:
        if name in COLUMNS:
            raise InputError(
                f"picks have a column {name!r} of their own, so the pool's column {name!r} cannot "
                "stand beside it; rename it in the pool"
            )


def picks_csv(rows: Sequence[dict[str, Any]]) -> str:
    """The rows as CSV; the log says where a spreadsheet would compute an id."""
    names = list(rows[0]) if rows else list(COLUMNS)
    say_formulas("id", (row[name] for row in rows for name in ("id", "nearest_id")))
    return csv_text(names, ([_as_cell(value) for value in row.values()] for row in rows))


def check_suffix(path: Path) -> None:
    """Refuse a file whose suffix tells no format.

    Raises:
        InputError: it does not.
    """
    if path.suffix.lower() not in _FORMATS:
        raise InputError(
            f"the format of {path} is not known; picks are written as {', '.join(_FORMATS)}"
        )


def check_ids(path: Path, ids: Sequence[str]) -> None:
    """Refuse before the work ids that the format of ``path`` could not give back.

    A list of ids has one on each line, so an id with a line break would be read as several.

    Raises:
        InputError: an id does not fit; its row is named.
    """
    if path.suffix.lower() != _LIST_OF_IDS:
        return
    for row, name in enumerate(ids):
        marked = name.startswith(_BYTE_ORDER_MARK)
        if marked or not is_one_line(name):
            what = "begins with a byte-order mark" if marked else "holds a line break"
            raise InputError(
                f"{path} holds one id a line, but the id {shown_id(name)} of row {row} {what}; "
                "write .csv, .jsonl or .parquet"
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


def _as_cell(value: Any) -> Any:
    return _json(value) if isinstance(value, list | dict | bool) else value


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def _json_lines(rows: Sequence[dict[str, Any]]) -> bytes:
    return "".join(_json(row) + "\n" for row in rows).encode()


def _parquet(rows: Sequence[dict[str, Any]]) -> bytes:
    import pyarrow as arrow
    import pyarrow.parquet as parquet

    of = {int: arrow.int64(), float: arrow.float64(), str: arrow.string()}
    columns = {
        name: arrow.array([row[name] for row in rows], of[kind])
        for name, kind in PICK_COLUMNS.items()
    }
    further = [name for name in (rows[0] if rows else ()) if name not in COLUMNS]
    for name in further:
        columns[name] = _inferred(arrow, name, [row[name] for row in rows])
    sink = io.BytesIO()
    parquet.write_table(arrow.table(columns), sink)
    return sink.getvalue()


def _inferred(arrow: Any, name: str, values: list[Any]) -> Any:
    try:
        return arrow.array(values)
    except (arrow.ArrowInvalid, arrow.ArrowTypeError) as error:
        raise InputError(
            f"column {name} mixes types, which Parquet cannot hold ({error}); write .jsonl or .csv"
        ) from error


def _ids(rows: Sequence[dict[str, Any]]) -> bytes:
    check_ids(Path(f"picks{_LIST_OF_IDS}"), [row["id"] for row in rows])
    return "".join(f"{row['id']}\n" for row in rows).encode()


_FORMATS: dict[str, Callable[[Sequence[dict[str, Any]]], bytes]] = {
    ".csv": lambda rows: picks_csv(rows).encode(),
    ".jsonl": _json_lines,
    ".parquet": _parquet,
    _LIST_OF_IDS: _ids,
}
