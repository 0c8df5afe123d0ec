"""Shares by strategy and class, as a figure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from uwe._types import FloatArray
from uwe.report.charts import draw_heat
from uwe.report.document import Column, DataTable, Figure
from uwe.report.sections.words import none_if_nan

__all__ = ["by_class"]


def by_class(
    empty: DataTable,
    rows: Sequence[str],
    values: Sequence[FloatArray],
    classes: Sequence[str],
    *,
    most: float,
) -> Figure:
    """Shares by strategy and class, as a heat map and as the table behind it in percent."""
    chart = draw_heat(classes, rows, np.transpose(values).tolist(), title=empty.title, most=most)
    columns = (Column(_ROWS, _ROWS), *(Column(_key(each), each, 1) for each in classes))
    cells = tuple(
        (row, *(none_if_nan(100 * value) for value in its.tolist()))
        for row, its in zip(rows, values, strict=True)
    )
    return Figure(empty.title, chart, replace(empty, columns=columns, rows=cells))


_ROWS = "strategy"


def _key(name: str) -> str:
    """The column of a class, beside that of the strategies."""
    return f"class {name}" if name == _ROWS else name
