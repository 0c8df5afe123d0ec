"""Kernels of distance, and gains of coverage as whole numbers.

A gain is a sum over rows. Each term is rounded down to a multiple of a power of two, the quantum,
that depends on the number of rows and the largest weight alone. Sums of such multiples are exact in
int64: the same in any order, and never larger than before when the terms fall.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from uwe._types import FloatArray, IntArray

__all__ = ["KERNELS", "Similarity", "quantum_of", "units"]

_BITS = 53  # a sum of that many bits is exact in int64 and, as a bound, in float64


@dataclass(frozen=True)
class Similarity:
    """A kernel of distance that falls from 1 towards 0.

    Attributes:
        name: as the caller gives it.
        of: K of float64 ``d²`` and ``r²``, element by element.
        raise_: turns upper bounds of ``-d²/r²`` into upper bounds of K, in place.
    """

    name: str
    of: Callable[[FloatArray, float], FloatArray]
    raise_: Callable[[Any], Any]


def _rbf(sqdist: FloatArray, sqradius: float) -> FloatArray:
    with np.errstate(under="ignore", over="ignore"):
        return np.exp(-(np.ascontiguousarray(sqdist) / sqradius))


def _rbf_bound(minus: Any) -> Any:
    return np.exp(minus, out=minus)


def _tophat(sqdist: FloatArray, sqradius: float) -> FloatArray:
    return (sqdist <= sqradius).astype(np.float64)


def _tophat_bound(minus: Any) -> Any:
    minus[...] = minus >= -1.0
    return minus


KERNELS: Mapping[str, Similarity] = {
    "rbf": Similarity("rbf", _rbf, _rbf_bound),
    "tophat": Similarity("tophat", _tophat, _tophat_bound),
}
"""``rbf`` is ``exp(-d²/r²)``; ``tophat`` is 1 where ``d² <= r²`` and 0 beyond."""


def quantum_of(n: int, largest: float) -> float:
    """The power of two of which every term is a multiple.

    Formula: ``2^(⌈log₂ n⌉ + ⌈log₂ max w⌉ - 53)``; n terms of at most max w stay below 2⁵³ quanta.

    >>> quantum_of(8, 1.0) == 2.0**-50
    True
    """
    if not largest:
        return 1.0
    mantissa, exponent = math.frexp(largest)
    above = exponent - (mantissa == 0.5)
    return math.ldexp(1.0, max(-1000, (n - 1).bit_length() + above - _BITS))


def units(weights: FloatArray, rise: FloatArray, quantum: float) -> IntArray:
    """Terms ``w · max(0, rise)`` in whole quanta, rounded down.

    >>> units(np.array([1.0, 1.0]), np.array([0.25, -1.0]), 0.125)
    array([2, 0])
    """
    terms: IntArray = np.floor(weights * np.maximum(rise, 0.0) / quantum).astype(np.int64)
    return terms
