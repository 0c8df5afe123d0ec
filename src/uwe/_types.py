"""Aliases of array types, the glossary of axes, what a number is, and the report of progress.

===== ===========================================
axis  meaning
===== ===========================================
n     rows of a data set
u     unlabelled rows
c     classes
d     features
t     stochastic passes
k     picks
h, w  rows and columns of an image, a mask or a map
p     places of an image: pixels, cells of a map, or objects
b     images of a batch
m, j  rows of two sets between which distances are taken
===== ===========================================

Rows are always dataset rows (0 to n - 1), int64.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, TypeGuard

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import torch

__all__ = [
    "BoolArray",
    "FloatArray",
    "Images",
    "IntArray",
    "Labels",
    "Logits",
    "Progress",
    "Rows",
    "Scores",
    "Stage",
    "is_finite",
    "is_integral",
    "is_real",
]

BoolArray: TypeAlias = npt.NDArray[np.bool_]
FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]
Rows: TypeAlias = IntArray  # [k] dataset rows
Labels: TypeAlias = IntArray  # [n] class numbers, 0 to c - 1
Images: TypeAlias = npt.NDArray[Any]  # uint8[n, height, width, channels]
Logits: TypeAlias = "torch.Tensor"  # f32[n, c]
Scores: TypeAlias = "torch.Tensor"  # f64[n], higher is more uncertain


@dataclass(frozen=True)
class Stage:
    """Where long work stands: ``done`` of ``total`` units of ``name`` in a run's cycle.

    Work that belongs to no run leaves ``run`` empty; the caller that knows the run fills it in.
    """

    run: str
    cycle: int
    name: str
    done: int
    total: int


Progress: TypeAlias = Callable[[Stage], None]
"""The one callback that long work of any kind reports to."""


def is_real(value: object) -> TypeGuard[float]:
    """Whether a value is a real number of Python or numpy; True and False are none.

    >>> is_real(2), is_real(np.float32(0.5)), is_real(True), is_real("2")
    (True, True, False, False)
    """
    return isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)


def is_finite(value: object) -> TypeGuard[float]:
    """Whether a value is a real number that float64 holds: neither NaN nor infinite nor too large.

    >>> is_finite(2), is_finite(float("nan")), is_finite(10**400), is_finite("2")
    (True, False, False, False)
    """
    try:
        return is_real(value) and math.isfinite(value)
    except OverflowError:
        return False


def is_integral(value: object) -> TypeGuard[int]:
    """Whether a value is a whole number of Python or numpy; 2.0 and True are none.

    >>> is_integral(2), is_integral(np.int8(2)), is_integral(2.0), is_integral(True)
    (True, True, False, False)
    """
    return isinstance(value, int | np.integer) and not isinstance(value, bool)
