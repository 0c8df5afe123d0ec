"""Who answers a query."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from uwe._types import Labels, Rows

__all__ = ["Oracle", "simulated"]

Oracle: TypeAlias = Callable[[Rows], Labels]


def simulated(y: Labels) -> Oracle:
    """An oracle that knows every label.

    >>> import numpy as np
    >>> simulated(np.array([7, 8, 9]))(np.array([2, 0])).tolist()
    [9, 7]
    """
    return lambda indices: y[indices]
