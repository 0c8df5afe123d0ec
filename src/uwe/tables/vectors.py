"""Vectors that are written as text, as pgvector, PostgreSQL, JSON and NumPy write them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from uwe._types import FloatArray
from uwe.tables.cells import BadCell, number_of

__all__ = ["is_vector", "read_vectors"]

_BRACKETS = {"[": "]", "{": "}"}
_BLANKS = re.compile(r"\s+")
_SHOWN = 40


def is_vector(cell: Any) -> bool:
    """Whether a cell is text in brackets.

    >>> is_vector(" [0.1, 0.2]"), is_vector("0.1")
    (True, False)
    """
    return isinstance(cell, str) and cell.strip()[:1] in _BRACKETS


def read_vectors(cells: Sequence[Any]) -> FloatArray:
    """Vectors of one length as ``[n, d]``.

    Numbers are separated by commas, or all by blanks, as NumPy prints them.

    Raises:
        BadCell: a cell is no vector, is cut, or differs in length from the first.

    >>> read_vectors(["[0.5, 1]", "{2,3}", "[4. 5.]"]).tolist()
    [[0.5, 1.0], [2.0, 3.0], [4.0, 5.0]]
    """
    vectors: FloatArray | None = None
    for row, cell in enumerate(cells):
        numbers = _numbers(row, cell)
        if vectors is None:
            vectors = np.empty((len(cells), len(numbers)))
        if len(numbers) != vectors.shape[1]:
            raise BadCell(
                row, f"holds {len(numbers)} numbers, but the first row holds {vectors.shape[1]}"
            )
        vectors[row] = numbers
    return np.empty((0, 0)) if vectors is None else vectors


def _numbers(row: int, cell: Any) -> Sequence[float]:
    if cell is None or not str(cell).strip():
        raise BadCell(row, "is empty")
    text = str(cell).strip()
    shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
    if not is_vector(cell) or text[-1] != _BRACKETS[text[0]]:
        raise BadCell(row, f"holds {shown!r}, not a vector such as [0.1, 0.2]")
    inner = text[1:-1].strip()
    if "..." in inner:
        raise BadCell(row, f"holds {shown!r}, which was shortened ('...') when it was written")
    parts = inner.split(",") if "," in inner else _BLANKS.split(inner)
    try:
        return [number_of(part) for part in parts]
    except ValueError:
        raise BadCell(row, f"holds {shown!r}, which is not all numbers") from None
