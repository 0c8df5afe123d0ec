"""The schema of picks in every format."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["PICK_COLUMNS"]

PICK_COLUMNS: Mapping[str, type] = {
    "rank": int,
    "idx": int,
    "id": str,
    "uncertainty": float,
    "percentile": float,
    "distance": float,
    "nearest_idx": int,
    "nearest_id": str,
    "stands_for": int,
    "how": str,
}
"""Columns of a table of picks, in order, with their types; a value that is not known is None."""
