"""Which rows to label next, in order, with a reason for each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from uwe._types import FloatArray, IntArray, Rows

__all__ = ["Picks"]


@dataclass(frozen=True, eq=False)
class Picks:
    """The rows to label next, in the order of picking, and the reasons for each.

    Picks are array-like: ``numpy.asarray(picks)``, ``x[picks]``, ``len``, iteration and indexing
    give the rows. A strategy fills ``rows``; `uwe.select` adds the reasons.

    Attributes:
        rows: int64 ``[k]``.
        strategy: the strategy's name.
        measure: what the uncertainty is, or None where none is known.
        uncertainty: float64 ``[k]``, or None.
        percentile: float64 ``[k]``, percent of the unlabelled rows that are at most as uncertain;
            or None.
        distance: float64 ``[k]``, Euclidean in the given features, to the nearest earlier pick or
            labelled row; infinite where there is none; None without features.
        nearest: int64 ``[k]``, that row; -1 where there is none; None without features.
        stands_for: int64 ``[k]``, how many rows of the pool, labelled ones and itself included, are
            nearest to this pick among the picks; None without features.
        source: where the features come from.
        seconds: what each part of the query took: ``representation``, ``selection``.
    """

    rows: Rows
    strategy: str = ""
    measure: str | None = None
    uncertainty: FloatArray | None = None
    percentile: FloatArray | None = None
    distance: FloatArray | None = None
    nearest: IntArray | None = None
    stands_for: IntArray | None = None
    source: str = "as given"
    seconds: Mapping[str, float] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[int]:
        return iter(self.rows.tolist())

    def __getitem__(self, at: Any) -> Any:
        return self.rows[at]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        return np.array(self.rows, dtype=dtype, copy=copy)
