"""How the work of `herd` is cut to the memory."""

from __future__ import annotations

from uwe.errors import InputError
from uwe.points import Points
from uwe.selection._coverage import Sizes
from uwe.selection._plan import Memory, parse_memory

__all__ = ["make_sizes"]

_STATE = 120  # bytes that are kept for each row
_TILES = (1024, 512, 256, 128, 64, 32, 16, 4)
_COLUMNS = 2**28  # bytes of columns that are kept where no limit is set


def make_sizes(points: Points, max_memory: Memory) -> Sizes:
    """The largest pieces that fit."""
    limit = parse_memory(max_memory)
    for size in _TILES:
        sizes, need = _sized(points, size)
        if limit is None or need + 2 * need // 8 <= limit:
            room = _COLUMNS if limit is None else min(_COLUMNS, limit - need)
            return Sizes(size, size, sizes.pairs, room)
    raise InputError(
        f"max_memory is {limit:,} bytes, but {len(points):,} rows of {points.width} numbers need "
        f"{need:,} at least"
    )


def _sized(points: Points, size: int) -> tuple[Sizes, int]:
    row = points.row_bytes()
    pairs = max(1, min(size, 2**18 // points.width))
    need = _STATE * len(points) + 8 * size * row + 24 * size**2 + 32 * pairs * row
    return Sizes(size, size, pairs), need
