"""How the work is cut to its size and to the memory, and what it will take at most."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, replace
from typing import TypeAlias

import torch

from uwe.errors import InputError
from uwe.points import Points

__all__ = ["Memory", "Plan", "make_plan", "parse_memory", "plan_k_center", "product_rate"]

Memory: TypeAlias = "int | str | None"  # bytes, "2GB" or None: what serves speed best

_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_STATE = 120  # bytes that are kept for each row: norms, bounds, counters, copies for sorting
_ASKED = 200  # bytes for each row of those that are brought up to date together
ASKED_TILES = 16  # tiles of rows that are brought up to date together
_SIZES = ((1024, 1024), (512, 512), (256, 256), (128, 128), (64, 64), (32, 32), (16, 16), (4, 4))
_CELLS = (512, 256, 128, 64, 32, 16)
_NARROW = 8  # columns up to which products in float64 cost hardly more
_WIDE = 256  # columns from which float32 leaves many rows to the judge
_HELD = 2**22  # bytes of rows in float64 that stay in the cache
_COPIED = 2**27  # bytes of a copy of all rows in another precision, where no limit is set

# Costs in nanoseconds, measured on two cores. They choose between ways to the same picks, so that
# a machine on which they are wrong is slower, never different.
_PRODUCT = 0.02  # of a multiplication and an addition in a matrix product
_PAIR = 1.5  # of a pair of rows in what surrounds its product
_STREAM = 0.045  # of a byte read from memory for one centre
_CACHE = 0.01  # of a byte read from the cache
_CACHED = 2**23  # bytes that stay in it
_PASS = 1.3  # of a row in what surrounds a centre's distances
_STEP = 15_000.0  # of a pick, one at a time
_PICK = 30_000.0  # of a pick in a block
_BLOCK = 4_000_000.0  # of a block, with what leads to it
_ROW = 60.0  # of a row of the pool in a block
VISIT = 250_000.0  # of a cell in a block
_MET = 0.2  # pairs that are met, of all
_FIRST_BLOCKS = 8  # that give few picks each


@dataclass(frozen=True)
class Plan:
    """The sizes of the pieces, and what the work takes at most.

    Attributes:
        tile_rows: rows of a tile.
        tile_centres: centres that a tile meets at once.
        pairs: pairs of rows whose float64 distances are taken at once.
        block: rows among which the picks of one block are found, at most; k-center only.
        columns: bytes of what candidates may cover that are kept, at most; herding only.
        cells: cells of rows with which centres are ruled out; 1 is none.
        patience: nanoseconds that cells may have cost more than they saved before they are
            given up.
        steps: the precision in which k-center picks one at a time, or None: in blocks.
        bytes: what is allocated beyond the input, at most.
        passes: readings of the whole pool, at most: one for each block that is expected, and two
            before the first; in single steps one for each pick.
        pairs_at_most: pairs of a row and a centre, were none to be skipped.
        seconds: what is expected, from how many pairs are met as a rule and this machine's rate; 0
            where it was not measured.
        seconds_at_most: their products at this machine's rate; 0 where it was not measured.
    """

    tile_rows: int
    tile_centres: int
    pairs: int
    block: int
    cells: int = 1
    patience: float = 0.0
    steps: torch.dtype | None = None
    columns: int = 0
    bytes: int = 0
    passes: int = 0
    pairs_at_most: int = 0
    seconds: float = 0.0
    seconds_at_most: float = 0.0


def plan_k_center(points: Points, k: int, centres: int, max_memory: Memory) -> Plan:
    """What `k_center` would do, and how long that may take."""
    plan = make_plan(points, k, centres, max_memory)
    met = len(points) * centres
    most = 2.0 * met * points.width / product_rate(points.device)
    passes = k if plan.steps else 2 + int(_blocks(plan, k))
    around = 1e-9 * (k * _PICK + _blocks(plan, k) * _BLOCK)
    expected = 1e-9 * _step_cost(points, k, plan.steps) if plan.steps else _MET * most + around
    return replace(plan, passes=passes, pairs_at_most=met, seconds=expected, seconds_at_most=most)


def make_plan(points: Points, k: int, centres: int, max_memory: Memory) -> Plan:
    """The fastest plan that fits."""
    limit = parse_memory(max_memory)
    tall = min(8, max(1, 256 // points.width))  # narrow rows: fewer, taller tiles
    for size, block in _SIZES:
        plan = _sized(points, tall * size, max(1, size // tall), min(block, _block_for(k)))
        if limit is None or plan.bytes <= limit:
            return _shaped(plan, points, k, centres, limit)
    raise InputError(
        f"max_memory is {limit:,} bytes, but {len(points):,} rows of {points.width} numbers need "
        f"{plan.bytes:,} at least"
    )


def _block_for(k: int) -> int:
    """Few picks want small blocks, of which less is wasted."""
    return 1 << max(6, min(10, int(k).bit_length() - 1))


def _sized(points: Points, rows: int, centres: int, block: int) -> Plan:
    pairs = max(1, min(rows, 2**18 // points.width))
    row = points.row_bytes()
    tile = 4 * rows * row + 4 * centres * row + 16 * rows * centres
    table = 8 * block**2 + 5 * block * row
    exact = 16 * pairs * row
    asked = _ASKED * min(len(points), ASKED_TILES * rows)
    fitted = 8 * row * min(256, max(32, len(points) // 64))
    need = _STATE * len(points) + max(tile, table) + exact + asked + fitted
    return Plan(rows, centres, pairs, block, bytes=need)


def _shaped(plan: Plan, points: Points, k: int, centres: int, limit: int | None) -> Plan:
    """With cells, or one pick at a time, where that is faster and fits."""
    room = max(plan.bytes, _COPIED) if limit is None else limit
    if points.device.type != "cpu":
        return plan
    steps, copied = _steps_for(plan, points, room)
    cells = _cells_for(plan, points, k, centres, limit)
    extra = cells * (8 * centres + 64 * points.row_bytes()) if cells > 1 else 0
    if steps and _step_cost(points, k, steps) <= _block_cost(plan, points, k, centres, cells):
        return replace(plan, steps=steps, bytes=plan.bytes + copied)
    patience = 0.1 * _pairs_cost(points, centres)
    return replace(plan, cells=cells, patience=patience, bytes=plan.bytes + extra)


def _steps_for(plan: Plan, points: Points, room: int) -> tuple[torch.dtype | None, int]:
    """The precision of single steps, and the bytes of the rows in it."""
    size = len(points) * points.row_bytes()
    state = 40 * len(points)
    held = points.width >= _WIDE and 2 * size <= _HELD
    in_float64 = points.width <= _NARROW or held
    if in_float64 and plan.bytes + 2 * size + state <= room:
        return torch.float64, 2 * size + state
    return (torch.float32, size + state) if plan.bytes + size + state <= room else (None, 0)


def _step_cost(points: Points, k: int, dtype: torch.dtype) -> float:
    size = len(points) * points.row_bytes() * (2 if dtype == torch.float64 else 1)
    return k * (size * (_CACHE if size <= _CACHED else _STREAM) + len(points) * _PASS + _STEP)


def pair_cost(points: Points) -> float:
    """What a pair of rows costs in blocks, in nanoseconds."""
    return points.width * _PRODUCT + _PAIR


def _pairs_cost(points: Points, centres: int) -> float:
    return _MET * len(points) * centres * pair_cost(points)


def _block_cost(plan: Plan, points: Points, k: int, centres: int, cells: int) -> float:
    products = _pairs_cost(points, centres)
    block = _BLOCK + len(points) * _ROW + (cells > 1) * cells * VISIT
    return products + _blocks(plan, k) * block + k * _PICK


def _blocks(plan: Plan, k: int) -> float:
    return _FIRST_BLOCKS + k / (0.6 * plan.block)


def _cells_for(plan: Plan, points: Points, k: int, centres: int, limit: int | None) -> int:
    """As many as cost little beside the products that they may save."""
    products = _pairs_cost(points, centres)
    for cells in _CELLS:
        extra = cells * (8 * centres + 64 * points.row_bytes())
        fits = limit is None or plan.bytes + extra <= limit
        if fits and _blocks(plan, k) * cells * VISIT < 0.4 * products:
            return cells
    return 1


def parse_memory(text: Memory) -> int | None:
    """A number of bytes.

    >>> parse_memory("2GB"), parse_memory("512 MB"), parse_memory(100)
    (2000000000, 512000000, 100)
    """
    if text is None or (isinstance(text, int) and not isinstance(text, bool)):
        return text
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?)i?b?\s*", str(text).lower())
    if not found:
        raise InputError(f"max_memory is {text!r}; give bytes, or text such as '2GB'")
    return int(float(found[1]) * _UNITS[found[2]])


def product_rate(device: torch.device) -> float:
    """Operations a second of a float32 product of the size that a tile has."""
    x = torch.ones(1024, 512, device=device)
    for _ in range(2):
        start = time.perf_counter()
        float((x @ x[:512].T)[0, 0])
        seconds = time.perf_counter() - start
    return 2.0 * 1024 * 512 * 512 / max(seconds, 1e-9)
