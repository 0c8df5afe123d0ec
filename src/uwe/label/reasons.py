"""Why an item was picked, read back from the tables of picks."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from uwe.errors import UweError
from uwe.journal import Queried
from uwe.label.cards import Why
from uwe.project.files import ProjectFiles
from uwe.project.ids import Ids
from uwe.tables import open_table

__all__ = ["Reasons"]

_COLUMNS = ("idx", "percentile", "nearest_idx", "stands_for", "how")
_AUDIT = "drawn at random, to measure the model"
_FIRST = "drawn at random, as there was no model yet"


class Reasons:
    """The reasons of picks; each table is read when an item of it is first shown.

    Args:
        files: of the project.
        ids: of the pool.
    """

    def __init__(self, files: ProjectFiles, ids: Ids) -> None:
        self._files = files
        self._ids = ids
        self._tables: dict[int, Mapping[int, Mapping[str, str]]] = {}

    def nearest(self, row: int, batch: Queried | None) -> int | None:
        """The row next to a pick that was labelled or picked before, or None."""
        number = _number(self._cells(row, batch).get("nearest_idx"))
        return int(number) if number is not None and 0 <= number < len(self._ids) else None

    def of(self, row: int, batch: Queried | None, *, is_audit: bool, label: Any) -> Why:
        """Why a row was picked.

        Args:
            row: of the pool.
            batch: that it was given out in, or None.
            is_audit: whether it was drawn to measure the model.
            label: of the row next to it, or None.
        """
        cells, nearest = self._cells(row, batch), self.nearest(row, batch)
        percentile, stands_for = _number(cells.get("percentile")), _number(cells.get("stands_for"))
        lines = []
        if is_audit:
            lines.append(_AUDIT)
        elif batch is not None and percentile is None and stands_for is None:
            is_random = str(batch.facts.get("strategy", "")).startswith("random")
            lines.append(_FIRST if is_random and not batch.cycle else f"picked by {_by(batch)}")
        if percentile is not None and not is_audit:
            lines.append(f"at least as uncertain as {percentile:.0f} % of the unlabelled items")
        if stands_for is not None and stands_for > 1 and not is_audit:
            lines.append(f"stands for {stands_for:,.0f} similar items")
        if cells.get("how") == "random" and not is_audit and not lines:
            lines.append("drawn at random")
        return Why(
            tuple(lines),
            None if nearest is None else self._ids[nearest],
            label,
            None if stands_for is None else int(stands_for),
            percentile,
            is_audit,
        )

    def _cells(self, row: int, batch: Queried | None) -> Mapping[str, str]:
        if batch is None:
            return {}
        if batch.cycle not in self._tables:
            self._tables[batch.cycle] = self._read(batch.cycle)
        return self._tables[batch.cycle].get(row, {})

    def _read(self, cycle: int) -> Mapping[int, Mapping[str, str]]:
        """The cells of a table by row; none where it was removed or edited."""
        try:
            table = open_table(self._files.picks(cycle + 1))
            cells = table.at(range(len(table)), list(_COLUMNS))
            return {int(each["idx"]): each for each in cells}
        except (UweError, KeyError, ValueError):
            return {}


def _by(batch: Queried) -> str:
    return str(batch.facts.get("strategy") or "the strategy of an earlier batch")


def _number(text: str | None) -> float | None:
    """The number of a cell; None of an empty one and of one that is no finite number."""
    try:
        number = float(text or "nan")
    except ValueError:
        return None
    return number if math.isfinite(number) else None
