"""Which pick each row of a pool stands behind, as a table: whose label it would inherit."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from uwe.errors import InputError
from uwe.strategies import Picks
from uwe.tables.csv_text import csv_text, say_formulas

__all__ = ["COLUMNS", "assignment", "check_assignment_suffix", "encoded_assignment"]

COLUMNS = ("idx", "id", "pick_idx", "pick_id", "distance")
"""The columns of the table, in order."""

Columns = Mapping[str, Sequence[Any]]


def assignment(picks: Picks, ids: Sequence[str], features: Any) -> Columns:
    """The columns of the table, one entry for each row of the pool.

    Args:
        picks: of `uwe.select`, with features.
        ids: of all rows of the pool.
        features: ``[n, d]``, as they were given for the picks; for the distance of each row to its
            pick.

    Raises:
        InputError: the picks were made without features.

    >>> from uwe.selecting import select
    >>> x = [[0.0], [1.0], [5.0]]
    >>> assignment(select(x, 2, strategy="coreset"), "abc", x)["pick_id"]
    ['a', 'a', 'c']
    """
    from uwe.selecting.offer import features_of_pool  # loads torch
    from uwe.selecting.reasons import distances_between

    if picks.assigned is None:
        raise InputError("the pool holds no features, so no row is nearer to one pick than another")
    rows = np.arange(len(picks.assigned))
    apart = distances_between(features_of_pool(features), rows, picks.assigned)
    return {
        "idx": rows.tolist(),
        "id": list(ids),
        "pick_idx": picks.assigned.tolist(),
        "pick_id": [ids[row] for row in picks.assigned],
        "distance": apart.tolist(),
    }


def check_assignment_suffix(path: Path) -> None:
    """Refuse a file whose suffix tells no format.

    Raises:
        InputError: it does not.
    """
    if path.suffix.lower() not in _FORMATS:
        raise InputError(
            f"the format of {path} is not known; --assign writes {', '.join(_FORMATS)}"
        )


def encoded_assignment(path: Path, columns: Columns) -> bytes:
    """The table in the format of the file's suffix, to be written."""
    check_assignment_suffix(path)
    return _FORMATS[path.suffix.lower()](columns)


def _csv(columns: Columns) -> bytes:
    say_formulas("id", columns["id"])
    return csv_text(tuple(columns), zip(*columns.values(), strict=True)).encode()


def _json_lines(columns: Columns) -> bytes:
    rows = (dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True))
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def _parquet(columns: Columns) -> bytes:
    import pyarrow as arrow
    import pyarrow.parquet as parquet

    sink = io.BytesIO()
    parquet.write_table(arrow.table({name: list(of) for name, of in columns.items()}), sink)
    return sink.getvalue()


_FORMATS: dict[str, Callable[[Columns], bytes]] = {
    ".csv": _csv,
    ".jsonl": _json_lines,
    ".parquet": _parquet,
}
