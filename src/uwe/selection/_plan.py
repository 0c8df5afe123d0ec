"""How the work is cut to the memory."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Plan"]


@dataclass(frozen=True)
class Plan:
    """Sizes of the pieces.

    Attributes:
        tile_rows: rows of a tile.
        tile_centres: centres that a tile meets at once.
        pairs: pairs of rows whose float64 distances are taken at once.
        block: rows among which the picks of one block are found, at most.
    """

    tile_rows: int
    tile_centres: int
    pairs: int
    block: int
