"""The pairwise penalty matrix."""

from __future__ import annotations

import numpy as np

from uwe._types import FloatArray
from uwe.report.charts import draw_heat
from uwe.report.comparison import Comparison
from uwe.report.document import Column, DataTable, Figure, Section, Text
from uwe.report.sections.words import none_if_nan

__all__ = ["penalty_section"]


def penalty_section(comparison: Comparison) -> Section:
    """Both matrices, uncorrected as published and by Holm over all pairs and budgets."""
    penalty = comparison.penalty
    told = (
        "P[i, j] is the share of budgets, in percent, at which the row's strategy beats the "
        "column's: the row beats the column, so a low column mean is good. Paired t-tests over "
        "seeds at each budget; uncorrected at 5 % as in published matrices, and corrected by Holm "
        f"over all pairs and budgets ({penalty.tests} tests). Budgets of one run are not "
        "independent, so the sentences above rest on the areas instead."
    )
    if not penalty.tests:
        return Section(
            "Pairwise penalty matrix",
            [Text("Fewer than three seeds are paired: nothing is tested, and there is no matrix.")],
        )
    return Section(
        "Pairwise penalty matrix",
        [
            Text(told),
            _figure(
                comparison, "Uncorrected, 5 % each test", "penalty", penalty.plain, penalty.beaten
            ),
            _figure(
                comparison,
                "Corrected by Holm",
                "penalty_holm",
                penalty.corrected,
                penalty.beaten_corrected,
            ),
        ],
    )


def _figure(
    comparison: Comparison, title: str, name: str, matrix: FloatArray, beaten: FloatArray
) -> Figure:
    order = comparison.order
    methods = [comparison.evidence.methods[at] for at in order]
    off = np.where(np.eye(len(matrix), dtype=bool), np.nan, matrix)[np.ix_(order, order)]
    beaten = beaten[order]
    chart = draw_heat(methods, methods, off.tolist(), title=title, foot=beaten.tolist())
    columns = (Column("row", "row beats column"), *(Column(each, each, 2) for each in methods))
    rows = [
        (methods[at], *(none_if_nan(value) for value in row)) for at, row in enumerate(off.tolist())
    ]
    rows.append(("mean of column", *(none_if_nan(value) for value in beaten.tolist())))
    return Figure(title, chart, DataTable(name, title, columns, tuple(rows)))
