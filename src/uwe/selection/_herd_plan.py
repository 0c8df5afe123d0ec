"""How the work of `herd` is cut to the memory."""

from __future__ import annotations

from dataclasses import replace

from uwe.errors import InputError
from uwe.points import Points
from uwe.selection._plan import Memory, Plan, parse_memory, product_rate
from uwe.selection._scene import Sizes

__all__ = ["make_sizes", "plan_herd"]

_STATE = 200  # bytes that are kept for each row
_TILES = (1024, 512, 256, 128, 64, 32, 16, 4)
_ROOMY = 3  # parts of the memory beside what rows take, of which one is for tiles
_COLUMNS = 2**29  # bytes of columns that are kept where no limit is set


_FORESEEN = 12  # readings of the pool before all candidates meet all rows
_MET = 1.5  # times that all pairs are met, as a rule
_AROUND = 3.0  # times that a pair costs what its product does
_PICK = 0.7e-3  # seconds of a pick


def plan_herd(points: Points, k: int, candidates: int, max_memory: Memory) -> Plan:
    """What `herd` would do, and how long that may take.

    Most passes read the pool once for each block of candidates.
    """
    sizes = make_sizes(points, max_memory)
    _, need = _sized(points, sizes.rows)
    once = len(points) * candidates
    product = 2.0 * once * points.width / product_rate(points.device)
    return Plan(
        tile_rows=sizes.rows,
        tile_centres=sizes.centres,
        pairs=sizes.pairs,
        block=0,
        columns=sizes.columns,
        bytes=need + sizes.columns,
        passes=3 + min(k, _FORESEEN) + -(-candidates // sizes.centres),
        pairs_at_most=once * k,
        seconds=_MET * _AROUND * product + _PICK * k,
        seconds_at_most=_AROUND * product * max(1, k),
    )


def make_sizes(points: Points, max_memory: Memory) -> Sizes:
    """The largest pieces that fit."""
    limit = parse_memory(max_memory)
    for size in _TILES:
        sizes, need = _sized(points, size)
        spare = 0 if limit is None else limit - _STATE * len(points)
        if _ROOMY * (need - _STATE * len(points)) <= spare or _fits_at_last(size, need, limit):
            room = _COLUMNS if limit is None else limit - need
            return replace(sizes, columns=room)
    raise InputError(
        f"max_memory is {limit:,} bytes, but {len(points):,} rows of {points.width} numbers need "
        f"{need:,} at least"
    )


def _fits_at_last(size: int, need: int, limit: int | None) -> bool:
    return limit is None or (size == _TILES[-1] and need <= limit)


def _sized(points: Points, size: int) -> tuple[Sizes, int]:
    row = points.row_bytes()
    pairs = max(1, min(size, 2**16 // points.width))
    need = _STATE * len(points) + 4 * size * row + 48 * size**2 + 16 * pairs * row
    return Sizes(size, size, pairs), need
