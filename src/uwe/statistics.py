"""What curves over budgets say, as pure functions on arrays."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from uwe.errors import InputError

__all__ = ["labels_to_target", "rising"]

FloatArray = npt.NDArray[np.float64]


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
    x = np.asarray(labels, dtype=np.float64)
    if len(x) != len(accuracy):
        raise InputError(f"{len(x)} budgets, but {len(accuracy)} accuracies")
    if len(x) and (x[0] < 1 or np.any(np.diff(x) <= 0)):
        raise InputError(f"labels must rise from at least 1, not {list(labels)}")
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
