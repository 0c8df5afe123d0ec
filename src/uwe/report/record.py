"""A report as JSON, every number at full precision."""

from __future__ import annotations

import json
import math
from typing import Any

from uwe.report.document import Cell, DataTable, Figure, Gallery, Report, Section

__all__ = ["FORMAT", "as_json"]

FORMAT = 1


def as_json(report: Report) -> str:
    """Sentences, warnings, and each table as a list of records.

    A value that is not there is null; one beyond the last budget is the text ``beyond``.
    """
    value = {
        "uwe_report": FORMAT,
        "title": report.title,
        "sentences": report.sentences,
        "warnings": report.warnings,
        "summary": [_table(table) for table in report.summary],
        "sections": [
            {"title": section.title, "tables": _tables(section), "picks": _picks(section)}
            for section in report.sections
        ],
    }
    return json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _tables(section: Section) -> list[dict[str, Any]]:
    found = [b.table if isinstance(b, Figure) else b for b in section.blocks]
    return [_table(table) for table in found if isinstance(table, DataTable)]


def _picks(section: Section) -> dict[str, list[tuple[str, ...]]]:
    return {
        block.title: [picture.lines for picture in block.pictures]
        for block in section.blocks
        if isinstance(block, Gallery)
    }


def _table(table: DataTable) -> dict[str, Any]:
    keys = [column.key for column in table.columns]
    return {
        "name": table.name,
        "title": table.title,
        "rows": [dict(zip(keys, map(_plain, row), strict=True)) for row in table.rows],
    }


def _plain(cell: Cell) -> Cell:
    if not isinstance(cell, float) or math.isfinite(cell):
        return cell
    return None if math.isnan(cell) else "beyond"
