"""What one curve over budgets says: its area, and where it reaches a target."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from uwe._types import FloatArray
from uwe.errors import InputError, require_known

__all__ = ["area", "labels_to_target", "rising"]


SCALES: dict[str, Callable[[FloatArray], FloatArray]] = {"log": np.log, "linear": np.asarray}
"""How budgets are spread along the axis, by name."""


def area(
    labels: Sequence[int] | npt.NDArray[np.int64],
    accuracy: Sequence[float] | FloatArray,
    *,
    scale: str = "log",
) -> FloatArray:
    """Area under budget curves, divided by its width: a mean accuracy over the budgets.

    Formula: trapezoid, sum over steps of (x[i+1] - x[i]) (a[i] + a[i+1]) / 2 / (x[b-1] - x[0]),
    with x the logarithm of the labels, or the labels themselves.

    Args:
        labels: rising, ``[b]``, at least 1, two or more.
        accuracy: ``[..., b]``; NaN anywhere in a curve makes its area NaN.
        scale: ``log`` or ``linear``.

    Returns:
        float64 ``[...]`` in the unit of ``accuracy``.

    Raises:
        InputError: the lengths disagree, the labels do not rise, or the scale is unknown.

    Source: the area under the budget curve of Zhan et al. (2021), A comparative survey of deep
    active learning; there over linear budgets.

    >>> round(float(area([100, 200, 400], [50.0, 60.0, 70.0])), 6)
    60.0
    """
    require_known(scale, SCALES, "scale")
    x, y = _budgets(labels), np.asarray(accuracy, dtype=np.float64)
    if len(x) < 2 or y.shape[-1:] != x.shape:
        raise InputError(
            f"{len(x)} budgets, but accuracies of shape {y.shape}; an area needs the same number "
            "of both, and two budgets or more"
        )
    at = SCALES[scale](x)
    result: FloatArray = np.trapezoid(y, at, axis=-1) / (at[-1] - at[0])
    return result


def rising(values: Sequence[float] | FloatArray) -> FloatArray:
    """The non-decreasing sequence nearest to ``values`` in least squares.

    Formula: pool adjacent violators: neighbours that fall are replaced by their mean.

    Source: Ayer, Brunk, Ewing, Reid, Silverman (1955), An empirical distribution function for
    sampling with incomplete information.

    >>> rising([1.0, 3.0, 2.0, 4.0]).tolist()
    [1.0, 2.5, 2.5, 4.0]
    """
    blocks: list[tuple[float, int]] = []  # mean and length
    for value in values:
        mean, length = float(value), 1
        while blocks and blocks[-1][0] > mean:
            before, count = blocks.pop()
            mean = (mean * length + before * count) / (length + count)
            length += count
        blocks.append((mean, length))
    return np.repeat([mean for mean, _ in blocks], [length for _, length in blocks])


def labels_to_target(
    labels: Sequence[int] | npt.NDArray[np.int64],
    accuracy: Sequence[float] | FloatArray,
    target: float,
) -> float | None:
    """How many labels a curve needs to reach ``target``; None if it does not.

    The curve is made non-decreasing (`rising`) and read linearly in the logarithm of the labels.

    Args:
        labels: rising, ``[b]``, at least 1.
        accuracy: at each of them, ``[b]``, in the unit of ``target``.
        target: the accuracy to reach.

    Raises:
        InputError: the lengths disagree, the labels do not rise, or an accuracy is no number.

    >>> round(labels_to_target([100, 200, 400], [50.0, 60.0, 70.0], 65.0))
    283
    """
    x = _budgets(labels)
    if len(x) != len(accuracy):
        raise InputError(f"{len(x)} budgets, but {len(accuracy)} accuracies")
    if not np.isfinite([*accuracy, target]).all():
        raise InputError(f"accuracies must be finite, not {list(accuracy)} and {target}")
    y = rising(accuracy)
    reached = np.flatnonzero(y >= target)
    if not len(reached):
        return None
    at = int(reached[0])
    if at == 0:
        return float(x[0])
    share = (target - y[at - 1]) / (y[at] - y[at - 1])
    return float(np.exp((1 - share) * np.log(x[at - 1]) + share * np.log(x[at])))


def _budgets(labels: Sequence[int] | npt.NDArray[np.int64]) -> FloatArray:
    x = np.asarray(labels, dtype=np.float64)
    if len(x) and (x[0] < 1 or np.any(np.diff(x) <= 0)):
        raise InputError(f"labels must rise from at least 1, not {list(labels)}")
    return x
