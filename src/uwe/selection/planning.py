"""What a selection would do and take, before it does it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from uwe.errors import require_known
from uwe.points import Array, Points, as_points
from uwe.selection._herd_plan import plan_herd
from uwe.selection._plan import Memory, Plan, plan_k_center
from uwe.selection._validation import checked_candidates

__all__ = ["plan_selection"]


def plan_selection(
    x: Points | Array,
    k: int,
    *,
    anchors: Points | Array | None = None,
    candidates: Any = None,
    max_memory: Memory = None,
    method: str = "k_center",
) -> Plan:
    """What a kernel would do, before it does it.

    Args:
        x: n rows.
        k: how many to pick.
        anchors: rows that count as picked before.
        candidates: rows that may be picked, as numbers or as a mask; `herd` only.
        max_memory: bytes beyond ``x``, as a number or as text such as ``"2GB"``.
        method: ``k_center``, than which ``k_means_pp`` takes no more memory, or ``herd``.

    Raises:
        InputError: no such method, the memory is not a number of bytes, or too little for any plan.

    >>> import torch
    >>> plan_selection(torch.zeros(1000, 8), 10, max_memory="50MB").bytes < 50_000_000
    True
    >>> plan_selection(torch.zeros(1000, 8), 10, method="herd").passes
    14
    """
    require_known(method, _METHODS, "method")
    points = as_points(x)
    known = len(anchors) if anchors is not None else 0
    return _METHODS[method](points, k, known, candidates, max_memory)


def _k_center(points: Points, k: int, known: int, candidates: Any, memory: Memory) -> Plan:
    del candidates
    return plan_k_center(points, k, k + known, memory)


def _herd(points: Points, k: int, known: int, candidates: Any, memory: Memory) -> Plan:
    del known
    return plan_herd(points, k, len(checked_candidates(candidates, len(points), k)), memory)


_METHODS: Mapping[str, Callable[[Points, int, int, Any, Memory], Plan]] = {
    "k_center": _k_center,
    "herd": _herd,
}
