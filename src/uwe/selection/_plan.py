"""How the work is cut to the memory, and what it will take at most."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

import torch

from uwe.errors import InputError
from uwe.points import Array, Points, as_points

__all__ = ["Advance", "Memory", "Plan", "plan_selection"]

Memory: TypeAlias = "int | str | None"  # bytes, "2GB" or None: a few tens of megabytes
Advance: TypeAlias = Callable[[int, int], None]  # picks so far, picks in all

_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_STATE = 48  # bytes that are kept for each row: bounds, counters, one copy for partial sorting
_KEPT = 2**26  # bytes of centres that are kept where no limit is set
_SIZES = ((1024, 512, 1024), (512, 512, 512), (512, 256, 256), (256, 128, 128))
_LEAST = ((128, 64, 64), (64, 32, 32), (16, 16, 16), (4, 4, 4))


@dataclass(frozen=True)
class Plan:
    """The sizes of the pieces, and what the work takes at most.

    Attributes:
        tile_rows: rows of a tile.
        tile_centres: centres that a tile meets at once.
        pairs: pairs of rows whose float64 distances are taken at once.
        block: rows among which the picks of one block are found, at most.
        kept: centres that stay in memory, ready for products.
        bytes: what is allocated beyond the input, at most.
        pairs_at_most: pairs of a row and a centre, were none to be skipped.
        seconds_at_most: their products at this machine's rate; 0 where it was not measured.
    """

    tile_rows: int
    tile_centres: int
    pairs: int
    block: int
    kept: int = 0
    bytes: int = 0
    pairs_at_most: int = 0
    seconds_at_most: float = 0.0


def plan_selection(
    x: Points | Array,
    k: int,
    *,
    anchors: Points | Array | None = None,
    max_memory: Memory = None,
) -> Plan:
    """What ``k_center`` and ``k_means_pp`` would do, before they do it.

    Args:
        x: n rows.
        k: how many to pick.
        anchors: rows that count as picked before.
        max_memory: bytes beyond ``x``, as a number or as text such as ``"2GB"``.

    Raises:
        InputError: the memory is not a number of bytes, or too little for any plan.

    >>> plan_selection(torch.zeros(1000, 8), 10, max_memory="50MB").bytes < 50_000_000
    True
    """
    points = as_points(x)
    plan = make_plan(points, max_memory)
    met = len(points) * (k + (len(anchors) if anchors is not None else 0))
    seconds = 2.0 * met * points.width / _product_rate(points.device)
    return replace(plan, pairs_at_most=met, seconds_at_most=seconds)


def make_plan(points: Points, max_memory: Memory) -> Plan:
    """The largest sizes that fit."""
    limit = parse_memory(max_memory)
    sizes = _SIZES if limit is None else _SIZES + _LEAST
    tall = min(8, max(1, 256 // points.width))  # narrow rows: fewer, taller tiles
    for rows, centres, block in sizes:
        plan = _sized(points, tall * rows, max(1, centres // tall), block)
        if limit is None or plan.bytes <= limit:
            room = (_KEPT if limit is None else limit - plan.bytes) // (points.row_bytes() + 16)
            return replace(plan, kept=min(room, len(points)) // 2)
    raise InputError(
        f"max_memory is {limit:,} bytes, but {len(points):,} rows of {points.width} numbers need "
        f"{plan.bytes:,} at least"
    )


def _sized(points: Points, rows: int, centres: int, block: int) -> Plan:
    pairs = max(1, min(rows, 2**16 // points.width))
    row = points.row_bytes()
    tile = 4 * rows * row + 3 * centres * row + 16 * rows * centres
    table = 64 * block**2 + 10 * block * row
    exact = 16 * pairs * row + 40 * rows
    least = _STATE * len(points) + max(tile, table) + exact + 8 * 256 * row
    return Plan(rows, centres, pairs, block, bytes=least)


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


def _product_rate(device: torch.device) -> float:
    """Operations a second of a float32 product of the size that a tile has."""
    x = torch.ones(1024, 512, device=device)
    for _ in range(2):
        start = time.perf_counter()
        float((x @ x[:512].T)[0, 0])
        seconds = time.perf_counter() - start
    return 2.0 * 1024 * 512 * 512 / max(seconds, 1e-9)
